// Package tracing tells an OpenTelemetry collector what is done for each
// request: the request itself, what was looked up for it, each call of a source
// and each visit of Redis.
//
// The packages that do these things know nothing of spans: they have hooks, which
// are nil while traces are off, and what a span says is decided here alone. That
// is words of closed sets, names that the operator chose, counts and times. No
// span holds an id of a record or of a caller, a path, a query, a header, a body,
// or the text of an error.
//
// Nothing waits for the collector: spans go through a bounded queue, and what has
// no room in it is dropped and counted (queue.go).
package tracing

import (
	"context"
	"log/slog"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// Tracer makes spans, and sends them. Its methods may be called concurrently;
// those that return hooks return none on a nil Tracer, which is one that is off.
type Tracer struct {
	provider *sdk.TracerProvider
	tracer   trace.Tracer
	format   propagation.TraceContext
	queue    *queue
}

// New returns a Tracer that must be closed; nil where traces are off. The
// collector is not asked for anything yet.
func New(s Settings, version string, log *slog.Logger) (*Tracer, error) {
	if s.Endpoint == "" {
		return nil, nil
	}
	exporter, err := otlptrace.New(context.Background(), newUploader(s, version, transport(s)))
	if err != nil {
		return nil, err
	}
	return newTracer(s, version, exporter, log)
}

func newTracer(s Settings, version string, exporter sdk.SpanExporter, log *slog.Logger) (*Tracer, error) {
	// The detectors of the host, its user and the command line are left out.
	res, err := resource.New(context.Background(), resource.WithTelemetrySDK(), resource.WithAttributes(s.attributes(version)...))
	if err != nil {
		return nil, err
	}
	t := &Tracer{queue: newQueue(s, exporter, log)}
	t.provider = sdk.NewTracerProvider(sdk.WithSampler(s.sampler), sdk.WithResource(res), sdk.WithSpanProcessor(t.queue))
	t.tracer = t.provider.Tracer("github.com/weft-gateway/weft", trace.WithInstrumentationVersion(version))
	return t, nil
}

// closing bounds how long the end of the process waits for the collector.
const closing = time.Second

// Close sends what is queued, for a second at most, and stops.
func (t *Tracer) Close() {
	if t == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), closing)
	defer cancel()
	_ = t.provider.Shutdown(ctx) // what is lost is counted and logged
}

// Stats is what became of spans so far.
type Stats struct {
	Exported uint64 // the collector took them
	Failed   uint64 // it did not
	Dropped  uint64 // there was no room in the queue
}

// Stats returns the counts so far.
func (t *Tracer) Stats() Stats {
	if t == nil {
		return Stats{}
	}
	return Stats{t.queue.exported.Load(), t.queue.failed.Load(), t.queue.dropped.Load()}
}
