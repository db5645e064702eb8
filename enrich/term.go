package enrich

import (
	"context"
	"sync"
	"time"
)

// Term is the context of a request: its caller's, with an end. A timer is started
// when somebody asks to be told of the end, which most documents that are in the cache
// get along without.
type Term struct {
	context.Context // the caller's
	end             time.Time

	mu     sync.Mutex
	armed  context.Context // what Done is of; nil until then; guarded by mu
	cancel context.CancelFunc
	over   bool // the request is; guarded by mu
}

// Within returns ctx with an end, or the one that it has, if that is earlier. It has to
// be released.
func Within(ctx context.Context, end time.Time) (context.Context, *Term) {
	if its, ok := ctx.Deadline(); ok && its.Before(end) {
		end = its
	}
	if outer, ok := ctx.(*Term); ok && outer.Err() == nil { // it ends later, and is released later
		ctx = outer.Context
	}
	t := &Term{Context: ctx, end: end}
	return t, t
}

// Caller returns the context that ends when the caller's does, and not with the
// request's time.
func (t *Term) Caller() context.Context { return t.Context }

// Deadline implements [context.Context].
func (t *Term) Deadline() (time.Time, bool) { return t.end, true }

// Done implements [context.Context].
func (t *Term) Done() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.armed != nil:
	case t.over: // and its end may have passed since, which is not why
		t.armed, t.cancel = context.WithCancel(t.Context)
		t.cancel()
	default:
		t.armed, t.cancel = context.WithDeadline(t.Context, t.end)
	}
	return t.armed.Done()
}

// Err implements [context.Context].
func (t *Term) Err() error {
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
func (t *Term) Value(key any) any {
	t.mu.Lock()
	from := t.armed
	t.mu.Unlock()
	if from == nil {
		from = t.Context
	}
	return from.Value(key)
}

// Release says that the request is over.
func (t *Term) Release() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.over = true
	if t.armed != nil {
		t.cancel()
	}
}
