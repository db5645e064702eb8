package main

import (
	"context"
	"errors"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"github.com/weft-gateway/weft/tracing"
)

// readTraces reads where traces go, and how, from the variables of
// OpenTelemetry. They are not part of the configuration, and not read again.
func readTraces(getenv func(string) string) (tracing.Settings, error) {
	s, err := tracing.Read(getenv)
	if err != nil {
		return s, &usageError{err}
	}
	return s, nil
}

// newTraces makes what the variables say; nil: they say nothing.
func newTraces(getenv func(string) string, log *slog.Logger) (*tracing.Tracer, error) {
	s, err := readTraces(getenv)
	if err != nil {
		return nil, err
	}
	return tracing.New(s, version(), log)
}

// traces publishes what became of the spans.
func (m *metrics) traces(stats func() tracing.Stats) {
	for outcome, n := range map[string]func(tracing.Stats) uint64{
		"exported": func(s tracing.Stats) uint64 { return s.Exported },
		"failed":   func(s tracing.Stats) uint64 { return s.Failed },
		"dropped":  func(s tracing.Stats) uint64 { return s.Dropped },
	} {
		m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "weft_trace_spans_total", Help: "Spans that the collector of traces took, that it did not take, and that there was no room for.",
			ConstLabels: prometheus.Labels{"outcome": outcome},
		}, func() float64 { return float64(n(stats())) }))
	}
}

// redisTracer tells of each visit of Redis, a pipeline being one.
type redisTracer struct{ traces *tracing.Tracer }

// DialHook implements [redis.Hook].
func (*redisTracer) DialHook(next redis.DialHook) redis.DialHook { return next }

// ProcessHook implements [redis.Hook].
func (t *redisTracer) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		return t.visit(ctx, cmd, 1, func(ctx context.Context) error { return next(ctx, cmd) })
	}
}

// ProcessPipelineHook implements [redis.Hook].
func (t *redisTracer) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		return t.visit(ctx, cmds[0], len(cmds), func(ctx context.Context) error { return next(ctx, cmds) })
	}
}

func (t *redisTracer) visit(ctx context.Context, first redis.Cmder, commands int, next func(context.Context) error) error {
	op := operationOf(first)
	if op == "" {
		return next(ctx)
	}
	along, end := t.traces.Visit(ctx, op, commands)
	err := next(along)
	end(err != nil && !errors.Is(err, redis.Nil))
	return err
}
