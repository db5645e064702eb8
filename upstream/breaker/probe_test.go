package breaker

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// pinged returns a breaker with a prober, and the counters of its probes.
func pinged(t *testing.T, probe func(context.Context) error) *Breaker {
	return newBreaker(t, func(c *Config) {
		c.Name, c.Deadline, c.ConsecutiveFailures = "redis", 50*time.Millisecond, 3
		c.Window, c.Bucket, c.OpenFor = 10*time.Second, time.Second, time.Second
		c.Probe = probe
	})
}

func TestProberClosesWithoutCallers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var down atomic.Bool
		var probes atomic.Int64
		down.Store(true)
		b := pinged(t, func(context.Context) error {
			probes.Add(1)
			if down.Load() {
				return errDown
			}
			return nil
		})
		open(t, b)
		time.Sleep(10 * time.Second)
		if got := probes.Load(); got < 9 || got > 12 {
			t.Errorf("%d probes in 10 s, want one in 0.8 to 1 s", got)
		}
		wantState(t, b, Open)
		if got := b.Snapshot().Rejected; got != 0 {
			t.Errorf("%d probes came too early", got)
		}
		down.Store(false)
		time.Sleep(1300 * time.Millisecond)
		wantState(t, b, Closed)

		open(t, b) // the second time works like the first
		time.Sleep(1300 * time.Millisecond)
		wantState(t, b, Closed)
	})
}

func TestRequestsNeverProbe(t *testing.T) {
	tests := []struct {
		name  string
		probe func(context.Context) error
	}{
		{"the probe fails", answers(errDown)},
		{"the probe hangs", hangs(time.Hour)},
		{"the probe panics", func(context.Context) error { panic("boom") }},
		{"the probe is ignored", answers(errQuota)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := pinged(t, tt.probe)
				open(t, b)
				for range 1000 {
					err := b.Do(t.Context(), func(context.Context) error { t.Error("a request probed"); return nil })
					if o, ok := errors.AsType[*OpenError](err); !ok || o.RetryAfter <= 0 {
						t.Fatalf("err = %v, want a refusal", err)
					}
					time.Sleep(17 * time.Millisecond)
				}
				b.Close()
				time.Sleep(2 * time.Hour)
			})
		})
	}
}

// Close returns while a probe is out, and while the prober waits.
func TestCloseEndsTheProber(t *testing.T) {
	for _, wait := range []time.Duration{0, 500 * time.Millisecond, 1225 * time.Millisecond} {
		synctest.Test(t, func(t *testing.T) {
			b := pinged(t, heeds)
			if wait > 0 {
				open(t, b)
			}
			time.Sleep(wait)
			start := time.Now()
			b.Close()
			b.Close()
			if took := time.Since(start); took != 0 {
				t.Errorf("Close took %v", took)
			}
		})
	}
}
