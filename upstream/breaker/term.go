package breaker

import (
	"context"
	"sync"
	"time"
)

// term is the context of a call: its caller's, with the breaker's deadline. A
// timer is started when somebody asks to be told of its end. A connection knows
// deadlines itself, so over one that has [term.Caller] to watch none is needed.
type term struct {
	context.Context // the caller's
	end             time.Time

	mu     sync.Mutex
	armed  context.Context // what Done is of; nil until then; guarded by mu
	cancel context.CancelFunc
	over   bool // the call is; guarded by mu
}

// Caller returns the context that ends when the caller's does, and not with the
// deadline.
func (t *term) Caller() context.Context { return t.Context }

// Deadline implements [context.Context].
func (t *term) Deadline() (time.Time, bool) { return t.end, true }

// Done implements [context.Context].
func (t *term) Done() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.armed == nil {
		t.armed, t.cancel = context.WithDeadline(t.Context, t.end)
		if t.over {
			t.cancel()
		}
	}
	return t.armed.Done()
}

// Err implements [context.Context].
func (t *term) Err() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.armed != nil:
		return t.armed.Err()
	case t.Context.Err() != nil:
		return t.Context.Err()
	case t.over:
		return context.Canceled
	case !time.Now().Before(t.end):
		return context.DeadlineExceeded
	}
	return nil
}

// Value implements [context.Context]. Once Done has been asked for, contexts
// below this one find by it what they are to follow, without a goroutine.
func (t *term) Value(key any) any {
	t.mu.Lock()
	from := t.armed
	t.mu.Unlock()
	if from == nil {
		from = t.Context
	}
	return from.Value(key)
}

// close ends the context with the call. There may be none.
func (t *term) close() {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.over = true
	if t.armed != nil {
		t.cancel()
	}
}

// bound returns ctx if it ends by then at the latest, and else a term, which has
// to be closed when the call is over.
func bound(ctx context.Context, end time.Time) (context.Context, *term) {
	if its, ok := ctx.Deadline(); ok && !its.After(end) {
		return ctx, nil
	}
	t := &term{Context: ctx, end: end}
	return t, t
}
