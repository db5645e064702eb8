package tracing

import (
	"context"
	"errors"
	"net/http"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/weft-gateway/weft/upstream"
)

// within reports whether something is part of a request that is traced. What is
// done for nobody, such as a probe or the backfill, has no trace.
func within(ctx context.Context) bool { return trace.SpanContextFromContext(ctx).IsSampled() }

// Calls returns what is to be told of each call of a source. nil: nobody is.
func (t *Tracer) Calls(source, host string) func(context.Context, upstream.Op) (context.Context, func(tries int, err error)) {
	if t == nil {
		return nil
	}
	common := []attribute.KeyValue{attribute.String("weft.source", source), attribute.String("server.address", host)}
	return func(ctx context.Context, op upstream.Op) (context.Context, func(int, error)) {
		if !within(ctx) {
			return ctx, nil
		}
		ctx, span := t.tracer.Start(ctx, "call "+source+" "+string(op), trace.WithSpanKind(trace.SpanKindClient),
			trace.WithAttributes(common...), trace.WithAttributes(attribute.String("weft.name", string(op))))
		return ctx, func(tries int, err error) {
			defer span.End()
			span.SetAttributes(attribute.Int("weft.attempts", tries))
			ended(span, err)
		}
	}
}

// ended notes how a call ended. That there is no such record is an answer.
func ended(span trace.Span, err error) {
	outcome := "ok"
	if err != nil {
		outcome = string(upstream.KindOf(err))
	}
	span.SetAttributes(attribute.String("weft.outcome", outcome))
	if e, ok := errors.AsType[*upstream.Error](err); ok && e.Status != 0 {
		span.SetAttributes(attribute.Int("http.response.status_code", e.Status))
	}
	if err != nil && outcome != string(upstream.NotFound) {
		span.SetAttributes(attribute.String("error.type", outcome))
		span.SetStatus(codes.Error, outcome)
	}
}

// Propagate returns what tells a source which trace a request of ours is part
// of, be it one that is not sampled. nil: nothing does.
func (t *Tracer) Propagate() func(ctx context.Context, header http.Header) {
	if t == nil {
		return nil
	}
	return func(ctx context.Context, header http.Header) { t.format.Inject(ctx, propagation.HeaderCarrier(header)) }
}

// Visit begins the span of a visit of Redis: a read, a write or a script, of so
// many commands. The other function ends it, and is never nil.
func (t *Tracer) Visit(ctx context.Context, operation string, commands int) (along context.Context, end func(failed bool)) {
	if !within(ctx) {
		return ctx, func(bool) {}
	}
	ctx, span := t.tracer.Start(ctx, "redis "+operation, trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(
		attribute.String("db.system.name", "redis"), attribute.String("db.operation.name", operation), attribute.Int("db.operation.batch.size", commands)))
	return ctx, func(failed bool) {
		if failed {
			span.SetStatus(codes.Error, "")
		}
		span.End()
	}
}
