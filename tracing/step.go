package tracing

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/weft-gateway/weft/enrich"
)

// Begin implements [enrich.Watcher]. Look-ups and walks are spans. What the
// breaker said, and whether there was a copy, are events of the span around them,
// and a call has the span of [Tracer.Calls].
func (t *Tracer) Begin(ctx context.Context, s enrich.Step) (along context.Context, end func(enrich.Step)) {
	switch s.Kind {
	case enrich.StepCall:
		return ctx, func(enrich.Step) {}
	case enrich.StepBreaker, enrich.StepPrefetch:
		return ctx, func(s enrich.Step) {
			trace.SpanFromContext(ctx).AddEvent(string(s.Kind), trace.WithAttributes(said(s)...))
		}
	}
	ctx, span := t.tracer.Start(ctx, string(s.Kind)+" "+s.Name)
	return ctx, func(s enrich.Step) {
		defer span.End()
		span.SetAttributes(said(s)...)
		if s.Outcome == "failed" {
			span.SetStatus(codes.Error, string(s.Reason))
		}
	}
}

// said is what there is to say of a step.
func said(s enrich.Step) []attribute.KeyValue {
	attrs := make([]attribute.KeyValue, 0, 8)
	attrs = append(attrs, attribute.String("weft.name", s.Name), attribute.String("weft.outcome", s.Outcome), attribute.Int("weft.records", s.Records))
	if s.Source != "" {
		attrs = append(attrs, attribute.String("weft.source", s.Source))
	}
	if s.Reason != "" {
		attrs = append(attrs, attribute.String("weft.reason", string(s.Reason)))
	}
	if s.Shared {
		attrs = append(attrs, attribute.Bool("weft.from_redis", true))
	}
	if s.Age > 0 {
		attrs = append(attrs, attribute.Float64("weft.age_seconds", s.Age.Seconds()))
	}
	if s.Retry > 0 {
		attrs = append(attrs, attribute.Float64("weft.retry_after_seconds", s.Retry.Seconds()))
	}
	return attrs
}
