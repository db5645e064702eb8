package main

import (
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/google/go-cmp/cmp"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/weft-gateway/weft/upstream/sandbox"
)

const longFresh = "cache: {conversation: {fresh: 1h, stale: 24h}, contact: {fresh: 1h}, account: {fresh: 1h}, link: {fresh: 1h}}\n"

// The spans of a document of which nothing is known, of the same one assembled
// of copies, and as it is kept.
func TestTraces(t *testing.T) {
	spans, redis := newCollector(t), miniredis.RunT(t)
	in := install(t, options{redis: "redis://" + redis.Addr() + "/0", extra: longFresh + deadlines(sandbox.Dial{}), env: spans.env()})
	for range 3 {
		in.document(t, keyGlobex, sandbox.ExampleNative)
	}
	in.get(t, "weft_unknown", "/api/conversations/"+sandbox.ExampleNative)
	if err := in.stop(); err != nil {
		t.Fatal(err)
	}
	got := spans.trees("http.response.status_code", "weft.tenant", "weft.part.contact", "db.operation.name", "weft.outcome", "weft.attempts")
	const server = "GET /api/conversations/{id} 200 b7e2f9c4-1d35-4a68-9c0e-5f2a8d41b603 "
	cold := server + `fresh
  * prefetch conversation miss
  lookup account loaded
    * breaker accounts closed
    call rest accounts ok 1
  lookup attention loaded
    * breaker attention-items closed
    call native attention-items ok 1
  lookup contact loaded
    * breaker contacts closed
    call rest contacts ok 1
  lookup conversation loaded
    * breaker conversation closed
    call native conversation ok 1
  lookup messages loaded
    * breaker messages closed
    call native messages ok 1
  redis read read
  redis read read
  redis script script
`
	copies := server + `cached
  * prefetch conversation copy
  lookup account cached
    * breaker accounts closed
  lookup attention cached
    * breaker attention-items closed
  lookup contact cached
    * breaker contacts closed
  lookup conversation cached
    * breaker conversation closed
  lookup messages cached
    * breaker messages closed
`
	want := []string{cold, copies, server + "cached\n", "GET 401\n"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("spans (-want +got):\n%s", diff)
	}
	for _, s := range spans.spans() {
		if server := strings.HasPrefix(s.Name, "GET"); server != (s.Kind == tracepb.Span_SPAN_KIND_SERVER) {
			t.Errorf("%s is of kind %v", s.Name, s.Kind)
		}
	}
	attrs := map[string]string{}
	for _, a := range spans.resources[0].Resource.Attributes {
		attrs[a.Key] = a.Value.GetStringValue()
	}
	if attrs["service.name"] != "weft-under-test" || attrs["deployment.environment.name"] != "test" {
		t.Errorf("the spans are of %v", attrs)
	}
}

// headers are those of the requests that sources got.
type headers struct {
	mu  sync.Mutex
	all []http.Header
}

func (h *headers) between(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.mu.Lock()
		h.all = append(h.all, r.Header.Clone())
		h.mu.Unlock()
		next.ServeHTTP(w, r)
	})
}

// A caller's trace goes on here and at the sources, sampled or not, and nothing
// else of it does.
func TestTraceParent(t *testing.T) {
	const trace = "0af7651916cd43dd8448eb211c80319c"
	for _, flags := range []string{"00", "01"} {
		t.Run(flags, func(t *testing.T) {
			spans, asked := newCollector(t), new(headers)
			in := install(t, options{extra: deadlines(sandbox.Dial{}), env: spans.env(), between: asked.between})
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, in.public+"/api/conversations/"+sandbox.ExampleNative, nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Header = http.Header{
				"Authorization": {"Bearer " + keyGlobex}, "Traceparent": {"00-" + trace + "-b7ad6b7169203331-" + flags}, "Tracestate": {"vendor=x"}, "Baggage": {"user=x"},
			}
			if a := in.do(t, req); a.status != http.StatusOK {
				t.Fatalf("status %d", a.status)
			}
			if err := in.stop(); err != nil {
				t.Fatal(err)
			}
			calls := map[string]bool{}
			for _, s := range spans.spans() {
				if hex.EncodeToString(s.TraceId) == trace {
					calls[hex.EncodeToString(s.SpanId)] = s.Kind == tracepb.Span_SPAN_KIND_CLIENT
				}
			}
			if got := len(calls) > 0; got != (flags == "01") {
				t.Errorf("%d spans", len(calls))
			}
			told := 0
			for _, h := range asked.all {
				if h.Get("Tracestate")+h.Get("Baggage") != "" {
					t.Errorf("a source was told %v", h)
				}
				parts := strings.Split(h.Get("Traceparent"), "-")
				if len(parts) != 4 || parts[1] != trace {
					continue // of the backfill
				}
				told++
				if parts[3] != flags || flags == "01" && !calls[parts[2]] {
					t.Errorf("a source was told %v", parts)
				}
			}
			if told < 5 {
				t.Errorf("%d calls were told of the trace: %v", told, asked.all)
			}
		})
	}
}

// A collector that is gone, or takes and says nothing, changes no answer.
func TestDeadCollector(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	for name, tt := range map[string]struct{ address, outcome string }{
		"gone": {"127.0.0.1:1", "failed"}, "silent": {silent.Addr().String(), "dropped"},
	} {
		t.Run(name, func(t *testing.T) {
			env := map[string]string{
				"OTEL_BSP_SCHEDULE_DELAY": "1", "OTEL_BSP_MAX_QUEUE_SIZE": "4", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://" + tt.address + "/traces",
				"OTEL_EXPORTER_OTLP_TIMEOUT": "1000", // it is tried again for as long
			}
			in := install(t, options{env: maps.Clone(env)})
			for range 20 {
				if d, _ := in.document(t, keyGlobex, sandbox.ExampleNative); !d.Enrichment.Complete {
					t.Error("not complete")
				}
			}
			eventually(t, "spans that are "+tt.outcome, func() bool {
				return in.metric(t, fmt.Sprintf("weft_trace_spans_total{outcome=%q}", tt.outcome)) > 0
			})
			if got := in.metric(t, `weft_trace_spans_total{outcome="exported"}`); got != 0 {
				t.Errorf("%v spans were exported", got)
			}
			if err := in.stop(); err != nil {
				t.Error(err)
			}
		})
	}
}

// What cannot be understood is refused at the start, by its name.
func TestTracesRefused(t *testing.T) {
	file := filepath.Join(t.TempDir(), "weft.yaml")
	if err := os.WriteFile(file, []byte(configFor(sandbox.New(sandbox.Config{}), "http://127.0.0.1:1", options{})), 0o600); err != nil {
		t.Fatal(err)
	}
	for wrong, env := range map[string]map[string]string{
		"OTEL_EXPORTER_OTLP_PROTOCOL": {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
		"OTEL_TRACES_SAMPLER":         {"OTEL_TRACES_SAMPLER": "parent_based"},
		"OTEL_TRACES_SAMPLER_ARG":     {"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "1%"},
	} {
		for _, command := range []string{"check", "serve"} {
			err := run(t.Context(), []string{command, "-config", file}, func(name string) string { return env[name] }, io.Discard)
			if err == nil || exitCode(err) != 2 || !strings.HasPrefix(err.Error(), wrong+": ") {
				t.Errorf("%s with %v: %v", command, env, err)
			}
		}
	}
}
