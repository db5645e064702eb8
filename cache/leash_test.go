package cache

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

type leashKey struct{}

// newLeash is one whose load ends with the test, and whose caller is told to go by hangUp.
func newLeash(t *testing.T, wait time.Duration) (l *leash, hangUp context.CancelCauseFunc) {
	ctx, hangUp := context.WithCancelCause(context.WithValue(t.Context(), leashKey{}, "v"))
	l = &leash{caller: ctx, end: time.Now().Add(wait)}
	t.Cleanup(func() { l.finish(context.Canceled); hangUp(nil) })
	return l, hangUp
}

func TestLeashOutlivesTheCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, armed := range map[string]bool{"asked for its end": true, "not asked": false} {
			l, hangUp := newLeash(t, time.Second)
			if armed {
				l.Done()
			}
			hangUp(errors.New("gone"))
			synctest.Wait()
			if err, cause := l.Err(), context.Cause(l); err != nil || cause != nil {
				t.Errorf("%s: ended with the caller: %v, %v", name, err, cause)
			}
			l.finish(context.DeadlineExceeded)
			time.Sleep(time.Second)
			if cause := context.Cause(l); !errors.Is(cause, context.DeadlineExceeded) {
				t.Errorf("%s: ended because of %v, want its own deadline", name, cause)
			}
			if got := l.Value(leashKey{}); got != "v" {
				t.Errorf("%s: value %v, want the caller's", name, got)
			}
			if end, ok := l.Deadline(); !ok || !end.Equal(l.end) {
				t.Errorf("%s: deadline %v, %v", name, end, ok)
			}
		}
	})
}

// Whatever is told of the end of a load is told once, and of the right one.
func TestLeashEnds(t *testing.T) {
	for name, tt := range map[string]struct {
		armed bool
		end   func(*leash)
		want  error
	}{
		"over":                      {false, func(l *leash) { l.finish(context.Canceled) }, context.Canceled},
		"over, and watched":         {true, func(l *leash) { l.finish(context.Canceled) }, context.Canceled},
		"out of time":               {false, func(l *leash) { time.Sleep(time.Second); l.finish(context.DeadlineExceeded) }, context.DeadlineExceeded},
		"out of time, and watched":  {true, func(l *leash) { time.Sleep(time.Second); l.finish(context.DeadlineExceeded) }, context.DeadlineExceeded},
		"told before its own timer": {true, func(l *leash) { l.finish(context.DeadlineExceeded); time.Sleep(time.Second) }, context.DeadlineExceeded},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l, _ := newLeash(t, time.Second)
				var told, stopped, below, late atomic.Int64
				l.AfterFunc(func() { told.Add(1) })
				stop := context.AfterFunc(l, func() { stopped.Add(1) }) // there is no more room for it
				child := context.Context(context.WithValue(l, leashKey{}, "child"))
				if tt.armed {
					l.Done()
					var cancel context.CancelFunc
					child, cancel = context.WithCancel(child)
					defer cancel()
					context.AfterFunc(child, func() { below.Add(1) })
				}
				if !stop() {
					t.Error("it could not be stopped")
				}
				tt.end(l)
				synctest.Wait()
				l.AfterFunc(func() { late.Add(1) })
				l.finish(context.Canceled)
				synctest.Wait()
				if err := l.Err(); !errors.Is(err, tt.want) {
					t.Errorf("ended with %v, want %v", err, tt.want)
				}
				if err := child.Err(); !errors.Is(err, tt.want) {
					t.Errorf("what is below ended with %v, want %v", err, tt.want)
				}
				select {
				case <-l.Done():
				default:
					t.Error("it has not ended")
				}
				if told.Load() != 1 || stopped.Load() != 0 || late.Load() != 1 || tt.armed && below.Load() != 1 {
					t.Errorf("told %d, stopped %d, late %d, below %d", told.Load(), stopped.Load(), late.Load(), below.Load())
				}
			})
		})
	}
}

func TestLeashForgets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, _ := newLeash(t, time.Second)
		var first, second atomic.Int64
		stop := l.AfterFunc(func() { first.Add(1) })
		if !stop() || stop() {
			t.Error("it can be stopped once")
		}
		l.AfterFunc(func() { second.Add(1) })
		if stop() {
			t.Error("the first stopped the second")
		}
		l.finish(context.Canceled)
		synctest.Wait()
		if first.Load() != 0 || second.Load() != 1 {
			t.Errorf("called %d and %d times, want 0 and 1", first.Load(), second.Load())
		}
	})
}

// Nothing of a load's context needs a goroutine, also below wrappers and where the
// caller's context is one that ends.
func TestLeashNeedsNoGoroutine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, _ := newLeash(t, time.Second)
		before := goroutines()
		ctx, cancel := context.WithTimeout(context.WithValue(l, leashKey{}, "below"), time.Minute)
		defer cancel()
		stop := context.AfterFunc(ctx, func() {})
		defer stop()
		synctest.Wait()
		if n := goroutines() - before; n > 0 {
			t.Errorf("%d goroutines", n)
		}
	})
}
