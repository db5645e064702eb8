package breaker

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// What a call's context says of its end is the same whether or not anybody has
// asked to be told of it before.
func TestTerm(t *testing.T) {
	type key struct{}
	const deadline = time.Second
	tests := []struct {
		name string
		ends func(*term, context.CancelFunc) // what happens
		want error
	}{
		{"nothing", func(*term, context.CancelFunc) { time.Sleep(deadline - 1) }, nil},
		{"the deadline", func(*term, context.CancelFunc) { time.Sleep(deadline) }, context.DeadlineExceeded},
		{"the caller goes", func(_ *term, gone context.CancelFunc) { gone() }, context.Canceled},
		{"the call is over", func(c *term, _ context.CancelFunc) { c.close() }, context.Canceled},
		{"over, and the deadline", func(c *term, _ context.CancelFunc) { c.close(); time.Sleep(deadline) }, context.Canceled},
	}
	for _, tt := range tests {
		for _, asked := range []bool{false, true} {
			t.Run(tt.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					caller, gone := context.WithCancel(context.WithValue(t.Context(), key{}, "value"))
					defer gone()
					c := &term{Context: caller, end: time.Now().Add(deadline)}
					defer c.close()
					if asked {
						c.Done()
					}
					tt.ends(c, gone)
					synctest.Wait()
					if err := c.Err(); !errors.Is(err, tt.want) {
						t.Errorf("asked %t: Err() = %v, want %v", asked, err, tt.want)
					}
					select {
					case <-c.Done():
						if tt.want == nil {
							t.Errorf("asked %t: it is done", asked)
						}
					default:
						if tt.want != nil {
							t.Errorf("asked %t: it is not done", asked)
						}
					}
					if got := c.Value(key{}); got != "value" {
						t.Errorf("asked %t: a value is %v", asked, got)
					}
				})
			})
		}
	}
}

// What follows a call's context ends with it.
func TestTermIsFollowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &term{Context: t.Context(), end: time.Now().Add(time.Second)}
		defer c.close()
		below, cancel := context.WithCancel(c)
		defer cancel()
		struck := false
		context.AfterFunc(c, func() { struck = true })
		time.Sleep(time.Second)
		synctest.Wait()
		if !errors.Is(below.Err(), context.DeadlineExceeded) || !struck {
			t.Errorf("below it: %v, told: %t", below.Err(), struck)
		}
	})
}

// The caller's own context is used where it ends first.
func TestBound(t *testing.T) {
	now := time.Now()
	for after, own := range map[time.Duration]bool{-time.Second: true, 0: true, time.Second: false} {
		ctx, cancel := context.WithDeadline(t.Context(), now.Add(time.Minute+after))
		got, term := bound(ctx, now.Add(time.Minute))
		if (got == ctx) != own {
			t.Errorf("deadline %v after the breaker's: the same context: %t, want %t", after, got == ctx, own)
		}
		if end, _ := got.Deadline(); end.After(now.Add(time.Minute)) {
			t.Errorf("it ends at %v", end)
		}
		term.close()
		cancel()
	}
}
