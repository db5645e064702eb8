package main

import (
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
)

// collector takes what an OpenTelemetry collector takes.
type collector struct {
	*httptest.Server
	mu        sync.Mutex
	resources []*tracepb.ResourceSpans // guarded by mu
}

func newCollector(t *testing.T) *collector {
	t.Helper()
	c := new(collector)
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := c.take(r); err != nil {
			t.Error(err)
			w.WriteHeader(http.StatusBadRequest)
		}
	}))
	t.Cleanup(c.Close)
	return c
}

// env are the variables that lead here.
func (c *collector) env() map[string]string {
	return map[string]string{
		"OTEL_EXPORTER_OTLP_ENDPOINT": c.URL + "/base", "OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20of-traces", "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
		"OTEL_BSP_MAX_QUEUE_SIZE": "65536", "OTEL_SERVICE_NAME": "weft-under-test", "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=test,service.name=other",
	}
}

func (c *collector) take(r *http.Request) error {
	if r.URL.Path != "/base/v1/traces" || r.Header.Get("Content-Type") != "application/x-protobuf" || r.Header.Get("Authorization") != "Bearer of-traces" {
		return fmt.Errorf("%s %s with %v", r.Method, r.URL, r.Header)
	}
	body, err := gzip.NewReader(r.Body)
	if err != nil {
		return err
	}
	b, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	var batch coltracepb.ExportTraceServiceRequest
	if err := proto.Unmarshal(b, &batch); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.resources = append(c.resources, batch.ResourceSpans...)
	return nil
}

// spans are those that have come, of all traces.
func (c *collector) spans() (all []*tracepb.Span) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range c.resources {
		for _, s := range r.ScopeSpans {
			all = append(all, s.Spans...)
		}
	}
	return all
}

// trees are the spans with what they are part of, one text for each request: a line for a span or an
// event, with the attributes named, in the order of the alphabet.
func (c *collector) trees(attributes ...string) (trees []string) {
	all, known := c.spans(), map[string]bool{}
	for _, s := range all {
		known[string(s.SpanId)] = true
	}
	var lines func(of *tracepb.Span, indent string) string
	lines = func(of *tracepb.Span, indent string) string {
		text := indent + of.Name + values(of.Name, of, attributes) + "\n"
		var within []string
		for _, e := range of.Events {
			within = append(within, indent+"  * "+e.Name+" "+e.Attributes[0].Value.GetStringValue()+" "+e.Attributes[1].Value.GetStringValue()+"\n")
		}
		for _, s := range all {
			if string(s.ParentSpanId) == string(of.SpanId) {
				within = append(within, lines(s, indent+"  "))
			}
		}
		slices.Sort(within)
		return text + strings.Join(within, "")
	}
	roots := slices.DeleteFunc(slices.Clone(all), func(s *tracepb.Span) bool { return known[string(s.ParentSpanId)] })
	slices.SortFunc(roots, func(a, b *tracepb.Span) int { return int(a.StartTimeUnixNano) - int(b.StartTimeUnixNano) })
	for _, s := range roots {
		trees = append(trees, lines(s, ""))
	}
	return trees
}

// values are those of a span's attributes that are named.
func values(name string, s *tracepb.Span, attributes []string) (text string) {
	for _, name := range attributes {
		for _, a := range s.Attributes {
			if a.Key == name {
				text += " " + strings.TrimSpace(fmt.Sprint(a.Value.GetStringValue(), digits(a.Value.GetIntValue())))
			}
		}
	}
	return text
}

func digits(n int64) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprint(n)
}

// lookForCanaries reads all that was sent.
func (c *collector) lookForCanaries(t *testing.T) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	spans, kinds := 0, map[string]int{}
	for _, r := range c.resources {
		for line := range strings.Lines(prototext.Format(r)) {
			if hasCanary(line) {
				t.Errorf("traces: %s", line)
			}
		}
		for _, s := range r.ScopeSpans {
			spans += len(s.Spans)
			for _, s := range s.Spans {
				kinds[strings.Fields(s.Name)[0]]++
			}
		}
	}
	if spans < 100 || kinds["GET"] == 0 || kinds["lookup"] == 0 || kinds["call"] == 0 {
		t.Errorf("hardly anything was traced: %v", kinds)
	}
}
