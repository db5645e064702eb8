package breaker

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// nudged returns a breaker that is nudged with call, and the counter of that.
func nudged(t *testing.T, call func(context.Context) error) (*Breaker, *atomic.Int64) {
	var b *Breaker
	n := new(atomic.Int64)
	b = newBreaker(t, func(c *Config) {
		c.Nudge = func(ctx context.Context) {
			n.Add(1)
			if call != nil {
				_ = b.Do(ctx, call)
			}
		}
	})
	return b, n
}

// longest is how long a source that is well again may go unnoticed, but for the
// time that the calls take: the open time and the callers' part of it.
const longest = 6*time.Second + 6*time.Second/callersFirst + time.Millisecond

// Nobody calls. The breaker tries by itself once in each open time while the
// upstream is down, and closes when it is well again, every time anew.
func TestIdleBreakerCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var down atomic.Bool
		b, n := nudged(t, func(context.Context) error {
			if down.Load() {
				return errDown
			}
			return nil
		})
		for range 2 {
			down.Store(true)
			open(t, b)
			n.Store(0)
			time.Sleep(10 * time.Minute)
			if got := n.Load(); got < 90 || got > 140 {
				t.Errorf("%d tries in 10 minutes, want one in 4.4 to 6.6 s", got)
			}
			wantState(t, b, Open)
			down.Store(false)
			time.Sleep(longest)
			wantState(t, b, Closed)
			n.Store(0)
			time.Sleep(time.Hour)
			if got := n.Load(); got != 0 {
				t.Errorf("%d tries of an upstream that is well", got)
			}
		}
		if got := b.Snapshot().Rejected; got != 0 {
			t.Errorf("%d tries came too early", got)
		}
	})
}

// Where callers come, they probe, and the breaker makes no call of its own.
func TestCallersProbeFirst(t *testing.T) {
	for name, err := range map[string]error{"up": nil, "down": errDown} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, n := nudged(t, answers(nil))
				open(t, b)
				for range 600 {
					_ = b.Do(t.Context(), answers(err))
					time.Sleep(100 * time.Millisecond)
				}
				if got := n.Load(); got != 0 {
					t.Errorf("nudged %d times", got)
				}
				wantState(t, b, map[bool]State{true: Closed, false: Open}[err == nil])
			})
		})
	}
}

// Whatever a try comes to, the next follows in time, and never two at once.
func TestTriesThatDoNotHelp(t *testing.T) {
	tests := []struct {
		name string
		call func(context.Context) error
		most int64 // tries in a minute
	}{
		{"none to make", nil, 150}, // which costs nothing
		{"ignored", answers(errQuota), 15},
		{"hangs", hangs(3 * time.Second), 15},
		{"heeds its context", heeds, 15},
		{"panics", func(context.Context) error { panic("boom") }, 15},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, n := nudged(t, tt.call)
				open(t, b)
				time.Sleep(time.Minute)
				if got := n.Load(); got < 5 || got > tt.most {
					t.Errorf("%d tries in a minute", got)
				}
				if got := b.Snapshot().InFlight; got > 1 {
					t.Errorf("%d tries at once", got)
				}
				for b.Tripped() { // a caller's call still decides
					_ = b.Do(t.Context(), answers(nil))
					time.Sleep(50 * time.Millisecond)
				}
				b.Close()
				time.Sleep(time.Minute)
			})
		})
	}
}

// A try that hangs leaves half-open again within its deadline, and the next one
// finds the upstream well.
func TestHungProbeLeavesHalfOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var well atomic.Bool
		b, n := nudged(t, func(ctx context.Context) error {
			if well.Load() {
				return nil
			}
			return heeds(ctx)
		})
		open(t, b)
		for n.Load() == 0 {
			time.Sleep(time.Millisecond)
		}
		wantState(t, b, HalfOpen)
		time.Sleep(time.Second) // the deadline
		wantState(t, b, Open)
		well.Store(true)
		time.Sleep(longest)
		wantState(t, b, Closed)
	})
}

// Close returns at once and ends the tries, while the breaker is closed, while
// it waits, and while a try is out.
func TestCloseEndsTheTries(t *testing.T) {
	tests := map[string]func(*testing.T, *Breaker, *atomic.Int64){
		"closed": func(*testing.T, *Breaker, *atomic.Int64) {},
		"open":   func(t *testing.T, b *Breaker, _ *atomic.Int64) { open(t, b); time.Sleep(time.Second) },
		"a try is out": func(t *testing.T, b *Breaker, n *atomic.Int64) {
			for open(t, b); n.Load() == 0; {
				time.Sleep(time.Millisecond)
			}
		},
	}
	for name, prepare := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, n := nudged(t, heeds)
				prepare(t, b, n)
				start := time.Now()
				b.Close()
				b.Close()
				if took := time.Since(start); took != 0 {
					t.Errorf("Close took %v", took)
				}
				n.Store(0)
				time.Sleep(time.Minute)
				if n.Load() != 0 {
					t.Error("nudged after Close")
				}
			})
		})
	}
}
