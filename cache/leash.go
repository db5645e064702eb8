package cache

import (
	"context"
	"sync"
	"time"
)

// leash is the context of a load. It has the values of the caller's, and not its
// end: it ends with its deadline, with the cache, or with the load. Who holds it
// to its deadline is [deadlines]; a timer of its own is started only when somebody
// asks to be told of its end by a channel.
type leash struct {
	caller context.Context //nolint:containedctx // whose values it has
	end    time.Time

	mu     sync.Mutex
	armed  context.Context // what Done is of; nil until then; guarded by mu
	cancel context.CancelFunc
	err    error  // why it is over; guarded by mu
	errand func() // to be done when it is over; nil: none; guarded by mu
	serial int    // of errand; guarded by mu
}

// Deadline implements [context.Context].
func (l *leash) Deadline() (time.Time, bool) { return l.end, true }

// Done implements [context.Context].
func (l *leash) Done() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.arm().Done()
}

// arm makes the context whose end is told by a channel. mu is held.
func (l *leash) arm() context.Context {
	if l.armed == nil {
		l.armed, l.cancel = context.WithDeadline(context.WithoutCancel(l.caller), l.end)
		if l.err != nil {
			l.cancel()
		}
	}
	return l.armed
}

// Err implements [context.Context].
func (l *leash) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err == nil && l.armed != nil { // its timer may be first
		return l.armed.Err()
	}
	return l.err
}

// Value implements [context.Context]. The caller must not be asked with the key by
// which package context finds what ends a context, of this type: it would find the caller's end.
func (l *leash) Value(key any) any {
	_, private := key.(*int)
	l.mu.Lock()
	from := l.armed
	if from == nil && private {
		from = l.arm()
	}
	l.mu.Unlock()
	if from == nil {
		from = l.caller
	}
	return from.Value(key)
}

// AfterFunc is [context.AfterFunc] for this context, and costs less: there is
// room for one function.
func (l *leash) AfterFunc(f func()) (stop func() bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil || l.errand != nil {
		return context.AfterFunc(l.arm(), f)
	}
	l.errand = f
	l.serial++
	serial := l.serial
	return func() bool { return l.forgo(serial) }
}

// forgo forgets an errand, and reports whether it had not been begun.
func (l *leash) forgo(serial int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.errand == nil || l.serial != serial {
		return false
	}
	l.errand = nil
	return true
}

// finish ends the context, unless it has ended.
func (l *leash) finish(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return
	}
	l.err = err
	if l.armed != nil && err != context.DeadlineExceeded { //nolint:errorlint // ours; that one it finds out itself, at the same moment
		l.cancel()
	}
	if l.errand != nil {
		go l.errand()
		l.errand = nil
	}
}
