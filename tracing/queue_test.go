package tracing

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	sdk "go.opentelemetry.io/otel/sdk/trace"
)

// fake is an exporter that does as it is told.
type fake struct {
	batches []int
	export  func(context.Context) error // nil: at once, and well
}

func (f *fake) ExportSpans(ctx context.Context, spans []sdk.ReadOnlySpan) error {
	f.batches = append(f.batches, len(spans))
	if f.export == nil {
		return nil
	}
	return f.export(ctx)
}

func (*fake) Shutdown(context.Context) error { return nil }

func hang(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }

// tracerOf has a queue of 8, sends batches of 4, and each second.
func tracerOf(t *testing.T, f *fake, log *strings.Builder) *Tracer {
	t.Helper()
	s := Settings{Endpoint: somewhere, sampler: sdk.AlwaysSample(), queue: 8, batch: 4, delay: time.Second, timeout: 10 * time.Second}
	tr, err := newTracer(s, "v1", f, slog.New(slog.NewTextHandler(log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

func (t *Tracer) make(spans int) {
	for range spans {
		_, s := t.tracer.Start(context.Background(), "span")
		s.End()
	}
}

func TestQueue(t *testing.T) {
	tests := []struct {
		name    string
		export  func(context.Context) error
		use     func(*Tracer)
		batches int
		want    Stats
		closing time.Duration
		log     string
	}{
		{"sent in time", nil, func(tr *Tracer) { tr.make(3); time.Sleep(2 * time.Second) }, 1, Stats{Exported: 3}, 0, ""},
		{"sent at the end", nil, func(tr *Tracer) { tr.make(7) }, 2, Stats{Exported: 7}, 0, ""},
		{"refused", func(context.Context) error { return errors.New("secret") }, func(tr *Tracer) { tr.make(3); time.Sleep(2 * time.Second); tr.make(1) }, 2, Stats{Failed: 4}, 0, "reason=upstream_error"},
		// One batch is on its way, and a queue is full behind it.
		{"silent", hang, func(tr *Tracer) { tr.make(4); synctest.Wait(); tr.make(20) }, 3, Stats{Failed: 12, Dropped: 12}, closing, "reason=timeout"},
		{"after the end", nil, func(tr *Tracer) { tr.Close(); tr.queue.OnEnd(nil) }, 0, Stats{Dropped: 1}, 0, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log strings.Builder
				f := &fake{export: tt.export}
				tr := tracerOf(t, f, &log)
				tt.use(tr)
				began := time.Now()
				tr.Close()
				if got := time.Since(began); got != tt.closing {
					t.Errorf("the end took %v, want %v", got, tt.closing)
				}
				if got := tr.Stats(); got != tt.want || len(f.batches) != tt.batches {
					t.Errorf("%+v in batches of %v, want %+v in %d", got, f.batches, tt.want, tt.batches)
				}
				if n := strings.Count(log.String(), "\n"); !strings.Contains(log.String(), tt.log) || strings.Contains(log.String(), "secret") || n > 1 {
					t.Errorf("log: %s", &log)
				}
			})
		})
	}
}
