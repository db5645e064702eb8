package breaker

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// Whatever becomes of a probe, its place is free again within a deadline, and
// with a sound upstream the breaker closes.
func TestProbePlaceIsFreed(t *testing.T) {
	tests := []struct {
		name  string
		probe func(context.Context) error
		want  State // right after it
	}{
		{"hangs", hangs(24 * time.Hour), Open},
		{"panics", func(context.Context) error { panic("boom") }, Open},
		{"panics with nil", func(context.Context) error { panic(nil) }, Open}, //nolint:govet // on purpose
		{"leaves by Goexit", func(context.Context) error { runtime.Goexit(); return nil }, Open},
		{"fails", answers(errDown), Open},
		{"is ignored", answers(errQuota), HalfOpen},
		{"succeeds", answers(nil), HalfOpen},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBreaker(t, nil)
				open(t, b)
				untilProbe(b)
				start := time.Now()
				err := b.Do(t.Context(), tt.probe)
				if _, refused := errors.AsType[*OpenError](err); refused || time.Since(start) > time.Second {
					t.Fatalf("the probe: %v after %v", err, time.Since(start))
				}
				wantState(t, b, tt.want)
				if tt.want == Open {
					untilProbe(b)
				}
				for range 3 {
					_ = b.Do(t.Context(), answers(nil))
				}
				wantState(t, b, Closed)
				time.Sleep(24 * time.Hour)
			})
		})
	}
}

func TestPanicIsAnError(t *testing.T) {
	b := newBreaker(t, nil)
	err := b.Do(t.Context(), func(context.Context) error { panic("token=secret") })
	p, ok := errors.AsType[*PanicError](err)
	if !ok || p.Value != "token=secret" || len(p.Stack) == 0 {
		t.Fatalf("err = %#v, want a PanicError with its value and stack", err)
	}
	if got, want := err.Error(), "the call panicked with a string"; got != want {
		t.Errorf("text = %q, want %q", got, want)
	}
	err = b.Do(t.Context(), func(context.Context) error { runtime.Goexit(); return nil })
	if p, ok := errors.AsType[*PanicError](err); !ok || p.Value != nil {
		t.Errorf("after Goexit err = %#v, want a PanicError without a value", err)
	}
	if got := b.Snapshot().Totals.Failures; got != 2 {
		t.Errorf("failures = %d, want 2", got)
	}
}

func TestCancelledProbesDoNotWedge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t, nil)
		open(t, b)
		untilProbe(b)
		for n := range 1000 {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
			if _, refused := errors.AsType[*OpenError](b.Do(ctx, heeds)); refused {
				t.Fatalf("probe %d was refused", n)
			}
			cancel()
		}
		wantState(t, b, HalfOpen)
		for range 3 {
			_ = b.Do(t.Context(), answers(nil))
		}
		wantState(t, b, Closed)
	})
}

func TestHalfOpenAdmitsOnlyProbes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t, func(c *Config) { c.Probes = 4 })
		open(t, b)
		untilProbe(b)
		var reached atomic.Int64
		for range 100 {
			go func() {
				_ = b.Do(context.Background(), func(context.Context) error {
					reached.Add(1)
					time.Sleep(500 * time.Millisecond)
					return nil
				})
			}()
		}
		synctest.Wait()
		if got := reached.Load(); got != 4 {
			t.Errorf("%d calls reached the upstream, want 4", got)
		}
		s := b.Snapshot()
		if s.InFlight != 4 || s.Rejected != 96 || s.State != HalfOpen || s.Reason == "" {
			t.Errorf("snapshot = %+v, want 4 in flight, 96 rejected, a reason", s)
		}
		time.Sleep(time.Second)
		wantState(t, b, Closed)
	})
}

func TestRetryAfterInHalfOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t, func(c *Config) { c.Probes = 1 })
		open(t, b)
		untilProbe(b)
		go func() { _ = b.Do(context.Background(), heeds) }()
		synctest.Wait()
		refusal, ok := errors.AsType[*OpenError](b.Do(t.Context(), answers(nil)))
		if !ok || refusal.RetryAfter != time.Second {
			t.Errorf("refusal = %+v, want a retry when the probe is over", refusal)
		}
		time.Sleep(2 * time.Second)
	})
}

// A dashboard that reads the state must not move it: the same traffic makes
// the same transitions, polled or not.
func TestPollingChangesNothing(t *testing.T) {
	transitions := func(poll bool) (out []Transition) {
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			b := newBreaker(t, func(c *Config) {
				c.OnTransition = func(tr Transition) {
					tr.At = time.Time{}.Add(tr.At.Sub(start).Truncate(time.Second))
					out = append(out, tr)
				}
			})
			b.openFor = 5 * time.Second // not jittered, so that two runs can be compared
			b.machine.Store(newMachine(b))
			ctx, cancel := context.WithCancel(t.Context())
			var poller sync.WaitGroup
			defer poller.Wait()
			defer cancel()
			if poll {
				poller.Go(func() {
					for ctx.Err() == nil {
						_ = b.Snapshot()
						_ = b.Tripped()
						time.Sleep(10 * time.Millisecond)
					}
				})
			}
			for n := range 120 { // one call a second: 40 s fail, 40 s nothing, 40 s succeed
				switch {
				case n < 40:
					_ = b.Do(ctx, answers(errDown))
				case n >= 80:
					_ = b.Do(ctx, answers(nil))
				}
				time.Sleep(time.Second + time.Millisecond)
			}
		})
		return out
	}
	got, want := transitions(true), transitions(false)
	if len(want) < 6 || len(got) != len(want) {
		t.Fatalf("%d transitions polled, %d unpolled", len(got), len(want))
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("transition %d: polled %+v, unpolled %+v", i, got[i], want[i])
		}
	}
}

func TestOpenStaysOpenWhileOnlyWatched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t, nil)
		open(t, b)
		before := b.Snapshot()
		for range 1000 {
			time.Sleep(10 * time.Second)
			b.Tripped()
			b.Snapshot()
		}
		after := b.Snapshot()
		if after.State != Open || !after.Since.Equal(before.Since) || after.Openings != 1 {
			t.Errorf("after an hour of watching: %+v, was %+v", after, before)
		}
	})
}
