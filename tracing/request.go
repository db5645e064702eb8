package tracing

import (
	"context"
	"net/http"
	"strconv"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/weft-gateway/weft/enrich"
)

// Request is the span of one request.
type Request struct{ span trace.Span }

// Request begins the span of a request, as part of the caller's trace if it
// names one. What is done in the context that it returns is part of it.
func (t *Tracer) Request(ctx context.Context, header http.Header) (context.Context, *Request) {
	// The caller's tracestate and baggage could hold anything: they end here.
	if parent := header["Traceparent"]; len(parent) == 1 {
		ctx = t.format.Extract(ctx, propagation.MapCarrier{"traceparent": parent[0]})
	}
	ctx, span := t.tracer.Start(ctx, "HTTP", trace.WithSpanKind(trace.SpanKindServer))
	if span.IsRecording() {
		ctx = enrich.Watched(ctx, t)
	}
	return ctx, &Request{span}
}

// ID returns the id of the trace, as W3C writes it.
func (r *Request) ID() string { return r.span.SpanContext().TraceID().String() }

// Document notes what became of each part.
func (r *Request) Document(parts []enrich.NamedReport) {
	if !r.span.IsRecording() {
		return
	}
	attrs, complete := make([]attribute.KeyValue, 0, 8), true
	for _, p := range parts {
		complete = complete && p.Whole()
		attrs = append(attrs, attribute.String("weft.part."+p.Name, string(p.State)))
		if p.Reason != "" {
			attrs = append(attrs, attribute.String("weft.reason."+p.Name, string(p.Reason)))
		}
	}
	r.span.SetAttributes(append(attrs, attribute.Bool("weft.complete", complete))...)
}

// End ends the span. The route is a template or "", the method a word of a
// closed set.
func (r *Request) End(tenant, route, method string, code int) {
	defer r.span.End()
	if !r.span.IsRecording() {
		return
	}
	if method == "OTHER" {
		method = "_OTHER"
	}
	attrs, name := append(make([]attribute.KeyValue, 0, 5), attribute.String("http.request.method", method)), method
	if method == "_OTHER" {
		name = "HTTP"
	}
	if route != "" {
		name += " " + route
		attrs = append(attrs, attribute.String("http.route", route))
	}
	if code != 0 {
		attrs = append(attrs, attribute.Int("http.response.status_code", code))
	}
	if tenant != "" {
		attrs = append(attrs, attribute.String("weft.tenant", tenant))
	}
	if code >= http.StatusInternalServerError {
		r.span.SetStatus(codes.Error, "")
		attrs = append(attrs, attribute.String("error.type", strconv.Itoa(code)))
	}
	r.span.SetName(name)
	r.span.SetAttributes(attrs...)
}
