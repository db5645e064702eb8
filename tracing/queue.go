package tracing

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	sdk "go.opentelemetry.io/otel/sdk/trace"
)

// queue holds the spans that are over until the collector has them. It takes the
// place of the SDK's own, which does not tell what it drops.
type queue struct {
	exporter sdk.SpanExporter
	log      *slog.Logger
	size     int // of a batch
	delay    time.Duration
	timeout  time.Duration // of one batch

	spans  chan sdk.ReadOnlySpan
	closed atomic.Bool
	stop   chan struct{}
	once   sync.Once
	done   chan struct{}
	ctx    context.Context // of what is being sent
	cancel context.CancelFunc

	exported, failed, dropped atomic.Uint64
	troubled                  bool // the last batch failed; of run
}

func newQueue(s Settings, exporter sdk.SpanExporter, log *slog.Logger) *queue {
	q := &queue{
		exporter: exporter, log: log, size: s.batch, delay: s.delay, timeout: s.timeout,
		spans: make(chan sdk.ReadOnlySpan, s.queue), stop: make(chan struct{}), done: make(chan struct{}),
	}
	q.ctx, q.cancel = context.WithCancel(context.Background())
	go q.run()
	return q
}

// OnStart implements [sdk.SpanProcessor].
func (*queue) OnStart(context.Context, sdk.ReadWriteSpan) {}

// OnEnd implements [sdk.SpanProcessor]. It never waits.
func (q *queue) OnEnd(s sdk.ReadOnlySpan) {
	if q.closed.Load() {
		q.dropped.Add(1)
		return
	}
	select {
	case q.spans <- s:
	default:
		q.dropped.Add(1)
	}
}

// ForceFlush implements [sdk.SpanProcessor]. Nobody asks for it.
func (*queue) ForceFlush(context.Context) error { return nil }

// Shutdown implements [sdk.SpanProcessor]: it sends what is queued until ctx ends.
func (q *queue) Shutdown(ctx context.Context) error {
	q.once.Do(func() {
		q.closed.Store(true)
		close(q.stop)
		defer context.AfterFunc(ctx, q.cancel)()
		<-q.done
		q.cancel()
	})
	return q.exporter.Shutdown(ctx)
}

// run sends batches, when one is full or for some time after its first span.
func (q *queue) run() {
	defer close(q.done)
	batch := make([]sdk.ReadOnlySpan, 0, q.size)
	timer := time.NewTimer(q.delay)
	defer timer.Stop()
	for {
		due := len(batch) == q.size
		if !due {
			select {
			case s := <-q.spans:
				batch = append(batch, s)
				continue
			case <-timer.C:
				due = true
			case <-q.stop:
				q.rest(batch)
				return
			}
		}
		q.send(batch)
		clear(batch) // the spans are not to be held
		batch = batch[:0]
		timer.Reset(q.delay)
	}
}

// rest sends what is left at the end.
func (q *queue) rest(batch []sdk.ReadOnlySpan) {
	for {
		select {
		case s := <-q.spans:
			batch = append(batch, s)
			if len(batch) < q.size {
				continue
			}
		default:
			q.send(batch)
			return
		}
		q.send(batch)
		batch = batch[:0]
	}
}

// send hands a batch to the collector. Its trouble is logged when it begins and
// ends; the text of the error may hold what a stranger answered, and is not.
func (q *queue) send(batch []sdk.ReadOnlySpan) {
	if len(batch) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(q.ctx, q.timeout)
	defer cancel()
	err := q.exporter.ExportSpans(ctx, batch)
	if err != nil {
		q.failed.Add(uint64(len(batch)))
	} else {
		q.exported.Add(uint64(len(batch)))
	}
	switch {
	case err != nil && !q.troubled:
		q.log.Warn("traces cannot be sent", "reason", why(err))
	case err == nil && q.troubled:
		q.log.Info("traces can be sent again")
	}
	q.troubled = err != nil
}

// why names a failure in the words that the failures of sources have.
func why(err error) string {
	if e, ok := errors.AsType[net.Error](err); ok && e.Timeout() || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) { // the end of the process cuts it off
		return "timeout"
	}
	if _, ok := errors.AsType[*net.OpError](err); ok {
		return "refused"
	}
	return "upstream_error"
}
