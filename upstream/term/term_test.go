package term

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// What a term says of its end is the same whether or not anybody has asked to be
// told of it before, and whether or not it is within another one.
func TestTerm(t *testing.T) {
	type key struct{}
	const length = time.Second
	tests := []struct {
		name string
		ends func(*Term, context.CancelFunc)
		want error
	}{
		{"nothing", func(*Term, context.CancelFunc) { time.Sleep(length - 1) }, nil},
		{"its time", func(*Term, context.CancelFunc) { time.Sleep(length) }, context.DeadlineExceeded},
		{"the caller goes", func(_ *Term, gone context.CancelFunc) { gone() }, context.Canceled},
		{"it is over", func(c *Term, _ context.CancelFunc) { c.Release() }, context.Canceled},
		{"over, and its time", func(c *Term, _ context.CancelFunc) { c.Release(); time.Sleep(length) }, context.Canceled},
	}
	for _, tt := range tests {
		for _, asked := range []bool{false, true} {
			for _, outer := range []time.Duration{0, length, 2 * length} {
				t.Run(tt.name, func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						caller, gone := context.WithCancel(context.WithValue(t.Context(), key{}, "value"))
						defer gone()
						ctx, end := context.Context(caller), time.Now().Add(length)
						if outer > 0 {
							_, around := Within(ctx, time.Now().Add(outer))
							defer around.Release()
							ctx = around
						}
						if outer == length { // which then is what it ends by
							end = end.Add(length)
						}
						_, c := Within(ctx, end)
						defer c.Release()
						below := context.Context(c)
						if asked {
							var cancel context.CancelFunc
							below, cancel = context.WithCancel(c)
							defer cancel()
						}
						tt.ends(c, gone)
						synctest.Wait()
						for _, ctx := range []context.Context{c, below} {
							if err := ctx.Err(); !errors.Is(err, tt.want) {
								t.Errorf("asked %t, outer %v: Err() = %v, want %v", asked, outer, err, tt.want)
							}
							select {
							case <-ctx.Done():
								if tt.want == nil {
									t.Errorf("asked %t, outer %v: it is done", asked, outer)
								}
							default:
								if tt.want != nil {
									t.Errorf("asked %t, outer %v: it is not done", asked, outer)
								}
							}
							if got := ctx.Value(key{}); got != "value" {
								t.Errorf("asked %t, outer %v: a value is %v", asked, outer, got)
							}
						}
					})
				})
			}
		}
	}
}

// One that was released does not come back to life within another.
func TestTermOfOneThatIsOver(t *testing.T) {
	_, outer := Within(t.Context(), time.Now().Add(time.Hour))
	outer.Release()
	_, c := Within(outer, time.Now().Add(time.Hour))
	defer c.Release()
	if err := c.Err(); !errors.Is(err, context.Canceled) {
		t.Errorf("Err() = %v", err)
	}
}

// What follows a term ends with it.
func TestTermIsFollowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, c := Within(t.Context(), time.Now().Add(time.Second))
		defer c.Release()
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
