// Package term has contexts that end at a time, and start a timer only if somebody
// asks to be told of it.
package term

import (
	"context"
	"errors"
	"sync"
	"time"
)

// Term is a context with an end: its caller's, or its own if that is earlier. Most
// of what is made within one knows deadlines itself, as a connection does, or is done
// before it would have to wait; that needs no timer. It has to be released.
type Term struct {
	context.Context // the caller's
	end             time.Time

	mu     sync.Mutex
	armed  context.Context // what Done is of; nil until then; guarded by mu
	cancel context.CancelFunc
	err    error // what it was when it was released; nil until then; guarded by mu
}

// Within returns ctx with an end, or the one that it has, if that is earlier; and the
// same as what is to be released.
func Within(ctx context.Context, end time.Time) (context.Context, *Term) {
	if its, ok := ctx.Deadline(); ok && its.Before(end) {
		end = its
	}
	t := &Term{Context: ctx, end: end}
	return t, t
}

// Caller returns the context that ends when the caller's does, and not at the
// term's own end.
func (t *Term) Caller() context.Context { return t.Context }

// Deadline implements [context.Context].
func (t *Term) Deadline() (time.Time, bool) { return t.end, true }

// Done implements [context.Context].
func (t *Term) Done() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.armed != nil:
	case t.err == nil:
		t.armed, t.cancel = context.WithDeadline(t.Context, t.end)
	default: // whatever has ended since it was released is not why
		t.armed, t.cancel = ended(context.WithoutCancel(t.Context), t.err)
	}
	return t.armed.Done()
}

// ended returns ctx as one that has ended with err.
func ended(ctx context.Context, err error) (context.Context, context.CancelFunc) {
	if errors.Is(err, context.DeadlineExceeded) {
		return context.WithDeadline(ctx, time.Time{})
	}
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	return ctx, cancel
}

// Err implements [context.Context].
func (t *Term) Err() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.state()
}

// state is Err with the lock held.
func (t *Term) state() error {
	switch {
	case t.armed != nil:
		return t.armed.Err()
	case t.err != nil:
		return t.err
	case t.Context.Err() != nil:
		return t.Context.Err()
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

// Release ends it. There may be none.
func (t *Term) Release() {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.armed != nil {
		t.cancel()
	}
	if t.err = t.state(); t.err == nil {
		t.err = context.Canceled
	}
}
