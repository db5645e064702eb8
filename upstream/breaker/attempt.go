package breaker

import (
	"context"
	"errors"
	"log/slog"
	"runtime"
	"runtime/debug"
	"time"
)

// attempt is one admitted call that is over.
type attempt struct {
	caller   context.Context // the caller's own
	bounded  context.Context // the same with the breaker's deadline
	ample    bool            // the caller came with time enough for the deadline
	held     bounds          // what it was held to
	took     time.Duration
	returned bool  // fn came back in time; else it was left behind
	err      error // what fn returned
}

// runner calls fn, and reports whether fn returned.
type runner func(ctx context.Context, log *slog.Logger, fn func(context.Context) error) (returned bool, err error)

// runApart calls fn in a goroutine of its own, so that one that does not heed
// its context can be left behind. The channel has room for the result that
// nobody waits for any more.
func runApart(ctx context.Context, log *slog.Logger, fn func(context.Context) error) (returned bool, err error) {
	result := make(chan error, 1)
	go func() {
		var err error
		finished := false // still false after a panic or runtime.Goexit
		defer func() {
			if v := recover(); v != nil || !finished {
				err = logged(log, &PanicError{Value: v, Stack: debug.Stack()})
			}
			result <- err
		}()
		err = fn(ctx)
		finished = true
	}()
	select {
	case err = <-result:
		return true, err
	case <-ctx.Done():
	}
	select { // an answer that came at the same instant is an answer
	case err = <-result:
		return true, err
	default:
		return false, nil
	}
}

// runInPlace calls fn here. A runtime.Goexit in it ends the caller as well.
func runInPlace(ctx context.Context, log *slog.Logger, fn func(context.Context) error) (returned bool, err error) {
	defer func() {
		if v := recover(); v != nil {
			returned, err = true, logged(log, &PanicError{Value: v, Stack: debug.Stack()})
		}
	}()
	return true, fn(ctx)
}

// logged logs e, without the value unless it is the runtime's own text.
func logged(log *slog.Logger, e *PanicError) error {
	text := e.Error()
	if r, ok := e.Value.(runtime.Error); ok {
		text = r.Error()
	}
	log.Error("a guarded call panicked", "panic", text, "stack", string(e.Stack))
	return e
}

// verdict is what becomes of an attempt.
type verdict struct {
	outcome Outcome
	kind    string // why it failed
	err     error  // what the caller gets
}

// judge decides in the order in which blame falls: the caller, the deadline,
// the upstream.
func (b *Breaker) judge(a attempt) verdict {
	outcome := b.classify(a)
	late := a.bounded.Err() != nil // before the caller's, whose end would show here too
	if ended := a.caller.Err(); ended != nil {
		switch {
		case a.ample && outcome != Success && errors.Is(ended, context.DeadlineExceeded):
			return b.overdue(a)
		case a.returned:
			return verdict{outcome: Ignored, err: a.err}
		}
		return verdict{outcome: Ignored, err: ended}
	}
	switch {
	case outcome == Success && a.held.slowAfter > 0 && a.took > a.held.slowAfter:
		return verdict{outcome: Failure, kind: kindTimeout, err: a.err}
	case outcome == Success:
		return verdict{outcome: Success, err: a.err}
	case late: // whatever fn made of its context's end
		return b.overdue(a)
	case outcome == Ignored:
		return verdict{outcome: Ignored, err: a.err}
	}
	return verdict{outcome: Failure, kind: b.cfg.Reason(a.err), err: a.err}
}

func (b *Breaker) overdue(a attempt) verdict {
	return verdict{
		outcome: Failure,
		kind:    kindTimeout,
		err:     &DeadlineError{Name: b.cfg.Name, After: a.held.deadline},
	}
}

// classify says what fn's own result means, without regard to contexts.
func (b *Breaker) classify(a attempt) Outcome {
	if !a.returned {
		return Failure
	}
	if a.err == nil {
		return Success
	}
	if _, ok := errors.AsType[*PanicError](a.err); ok {
		return Failure
	}
	return b.cfg.Classify(a.err)
}

// ample reports whether ctx leaves nine tenths of the deadline. A caller who
// sets the same deadline a moment earlier must not hide every timeout.
func ample(ctx context.Context, now time.Time, deadline time.Duration) bool {
	end, ok := ctx.Deadline()
	return !ok || end.Sub(now) >= deadline-deadline/10
}
