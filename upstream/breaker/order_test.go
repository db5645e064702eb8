package breaker

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func ordered(d time.Duration) Order {
	return Order{By: "oncall", Reason: "CRM is being moved", Until: time.Now().Add(d)}
}

func force(t *testing.T, b *Breaker, s State, d time.Duration) {
	t.Helper()
	if err := b.Force(s, ordered(d)); err != nil {
		t.Fatal(err)
	}
}

func TestForcedOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t, nil)
		force(t, b, ForcedOpen, 10*time.Minute)
		wantState(t, b, ForcedOpen)
		made := false
		err := b.Do(t.Context(), func(context.Context) error { made = true; return nil })
		refusal, ok := errors.AsType[*OpenError](err)
		if !ok || made {
			t.Fatalf("made %t, error %v; want a refusal", made, err)
		}
		if refusal.RetryAfter != time.Minute || b.RetryAfter() != time.Minute {
			t.Errorf("retry after %v and %v, want no more than a minute", refusal.RetryAfter, b.RetryAfter())
		}
		s := b.Snapshot()
		if s.Reason != "ordered by oncall: CRM is being moved" || s.Forced == nil || s.Forced.Until.Sub(s.Forced.At) != 10*time.Minute {
			t.Errorf("reason %q, order %+v", s.Reason, s.Forced)
		}
		if s.Rejected != 1 || s.Window.Rejected != 1 || s.NextProbeAt != nil {
			t.Errorf("snapshot %+v", s)
		}
		time.Sleep(10*time.Minute - time.Second)
		wantState(t, b, ForcedOpen)
		time.Sleep(time.Second + time.Millisecond)
		wantState(t, b, Closed)
		if err := b.Do(t.Context(), answers(nil)); err != nil {
			t.Errorf("after the order: %v", err)
		}
		if s := b.Snapshot(); s.Forced != nil || s.Reason != "" {
			t.Errorf("after the order: %+v", s)
		}
	})
}

func TestForcedClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t, nil)
		open(t, b)
		if err := b.Force(ForcedClosed, ordered(time.Minute)); err != nil {
			t.Fatal(err)
		}
		for range 100 {
			if err := b.Do(t.Context(), answers(errDown)); !errors.Is(err, errDown) {
				t.Fatalf("got %v, want the call's own error", err)
			}
		}
		s := b.Snapshot()
		if s.State != ForcedClosed || b.Tripped() || s.Window.Failures != 105 || s.LastError == nil {
			t.Errorf("tripped %t, snapshot %+v", b.Tripped(), s)
		}
		time.Sleep(time.Minute + time.Millisecond)
		open(t, b) // the upstream is down still, and now it counts
	})
}

func TestReset(t *testing.T) {
	bring := map[State]func(*testing.T, *Breaker){
		Closed: func(t *testing.T, b *Breaker) {
			for range 4 {
				_ = b.Do(t.Context(), answers(errDown))
			}
		},
		Open:         open,
		HalfOpen:     func(t *testing.T, b *Breaker) { open(t, b); untilProbe(b); _ = b.Do(t.Context(), answers(nil)) },
		ForcedOpen:   func(t *testing.T, b *Breaker) { force(t, b, ForcedOpen, time.Hour) },
		ForcedClosed: func(t *testing.T, b *Breaker) { force(t, b, ForcedClosed, time.Hour) },
	}
	for state, to := range bring {
		t.Run(string(state), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBreaker(t, nil)
				to(t, b)
				if got := b.Snapshot().State; got != state {
					t.Fatalf("state %s", got)
				}
				b.Reset("oncall", "it is well again")
				wantState(t, b, Closed)
				for range 4 { // nothing of before counts
					_ = b.Do(t.Context(), answers(errDown))
				}
				wantState(t, b, Closed)
				_ = b.Do(t.Context(), answers(errDown))
				wantState(t, b, Open)
			})
		})
	}
}

// A call that began before an order says nothing of what came after it.
func TestOrderOutlivesEarlierCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t, nil)
		var calls sync.WaitGroup
		for range 10 {
			calls.Go(func() { _ = b.Do(t.Context(), hangs(2*time.Second)) })
		}
		synctest.Wait()
		force(t, b, ForcedOpen, time.Minute)
		force(t, b, ForcedOpen, time.Hour) // the first order's end is not the second's
		calls.Wait()
		time.Sleep(2 * time.Minute)
		wantState(t, b, ForcedOpen)
		b.Reset("oncall", "done")
		time.Sleep(2 * time.Hour)
		wantState(t, b, Closed)
	})
}

func TestOrdersAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewSet()
		b := newBreaker(t, nil)
		if err := s.Add(b); err != nil {
			t.Fatal(err)
		}
		force(t, b, ForcedOpen, time.Minute)
		force(t, b, ForcedOpen, time.Hour) // the same state: no transition
		b.Reset("second", "over")
		b.Reset("second", "over")
		force(t, b, ForcedClosed, time.Minute)
		time.Sleep(time.Hour)
		var got []string
		for _, tr := range s.Transitions() {
			got = append(got, fmt.Sprintf("%d %s>%s %q %s", tr.ID, tr.From, tr.To, tr.By, tr.Cause))
		}
		want := []string{
			`1 closed>forced_open "oncall" ordered by oncall: CRM is being moved`,
			`2 forced_open>closed "second" reset by second: over`,
			`3 closed>forced_closed "oncall" ordered by oncall: CRM is being moved`,
			`4 forced_closed>closed "" the order of oncall is over`,
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("transitions (-want +got):\n%s", diff)
		}
	})
}

func TestForceRefuses(t *testing.T) {
	b := newBreaker(t, nil)
	for name, f := range map[string]func() error{
		"a state that is no order": func() error { return b.Force(Open, ordered(time.Hour)) },
		"no end":                   func() error { return b.Force(ForcedOpen, Order{By: "a", Reason: "b"}) },
		"an end that is over":      func() error { return b.Force(ForcedOpen, ordered(-time.Second)) },
		"nobody": func() error {
			return b.Force(ForcedOpen, Order{Reason: "b", Until: time.Now().Add(time.Hour)})
		},
		"no reason": func() error { return b.Force(ForcedOpen, Order{By: "a", Until: time.Now().Add(time.Hour)}) },
	} {
		if err := f(); err == nil {
			t.Errorf("%s: no error", name)
		}
		wantState(t, b, Closed)
	}
}

// An order ends probing, and what comes after it is probed anew.
func TestOrdersAndProbes(t *testing.T) {
	for _, kind := range []string{"probe", "nudge"} {
		t.Run(kind, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var well atomic.Bool
				var probes atomic.Int64
				var b *Breaker
				probe := func(context.Context) error {
					probes.Add(1)
					if well.Load() {
						return nil
					}
					return errDown
				}
				b = newBreaker(t, func(c *Config) {
					if kind == "probe" {
						c.Probe = probe
					} else {
						c.Nudge = func(ctx context.Context) { _ = b.Do(ctx, probe) }
					}
				})
				open(t, b)
				force(t, b, ForcedOpen, time.Hour)
				time.Sleep(time.Minute)
				if n := probes.Load(); n > 0 {
					t.Errorf("%d probes while forced open", n)
				}
				b.Reset("oncall", "try it")
				open(t, b)
				well.Store(true)
				time.Sleep(time.Minute)
				wantState(t, b, Closed)
				if n := probes.Load(); n < 3 {
					t.Errorf("%d probes, want three at least", n)
				}
			})
		})
	}
}

func TestWatch(t *testing.T) {
	s := NewSet()
	b := newBreaker(t, nil)
	if err := s.Add(b); err != nil {
		t.Fatal(err)
	}
	open(t, b)
	past, news, stop := s.Watch(2)
	slow, slowNews, slowStop := s.Watch(1)
	defer slowStop()
	if len(past) != 1 || len(slow) != 1 {
		t.Fatalf("%d and %d of the past, want 1", len(past), len(slow))
	}
	b.Reset("oncall", "one")
	open(t, b)
	if a, z := <-news, <-news; a.To != Closed || z.To != Open || z.ID != 3 {
		t.Errorf("got %v and %v", a, z)
	}
	if first, ok := <-slowNews; !ok || first.ID != 2 {
		t.Errorf("the slow one: %v %t", first, ok)
	}
	if _, ok := <-slowNews; ok {
		t.Error("the slow one is not cut off")
	}
	stop()
	stop() // twice is nothing
	b.Reset("oncall", "two")
	if tr, ok := <-news; ok {
		t.Errorf("told of %v after stop", tr)
	}
}

func TestRecent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t, nil)
		time.Sleep(time.Minute)
		for _, err := range []error{nil, nil, nil, errDown, errQuota} {
			_ = b.Do(t.Context(), answers(err))
		}
		want := Recent{Seconds: 27, Successes: 3, Failures: 1, Ignored: 1, CallsPerSecond: 5.0 / 27, FailureRatio: .25}
		if diff := cmp.Diff(want, b.Snapshot().Window); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		time.Sleep(31 * time.Second)
		want = Recent{Seconds: 28}
		if diff := cmp.Diff(want, b.Snapshot().Window); diff != "" {
			t.Errorf("half a minute later (-want +got):\n%s", diff)
		}
	})
}

func TestHalfOpenPlaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t, nil)
		open(t, b)
		untilProbe(b)
		var call sync.WaitGroup
		call.Go(func() { _ = b.Do(t.Context(), hangs(time.Second/2)) })
		synctest.Wait()
		if diff := cmp.Diff(&Places{Places: 3, Free: 2}, b.Snapshot().HalfOpen); diff != "" {
			t.Errorf("one probe is out (-want +got):\n%s", diff)
		}
		call.Wait()
	})
}

// The reason of a ratio is told with its counts.
func TestTripByRatio(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t, nil)
		for range 10 {
			_ = b.Do(t.Context(), answers(nil))
			_ = b.Do(t.Context(), answers(errDown))
		}
		s := b.Snapshot()
		if s.Trip == nil || s.Trip.Rule != RuleRatio || s.Trip.Successes != 10 || s.Trip.Failures != 10 || !strings.HasPrefix(s.Reason, "10 of 20 calls failed") {
			t.Errorf("trip %+v, reason %q", s.Trip, s.Reason)
		}
		untilProbe(b)
		_ = b.Do(t.Context(), answers(errDown))
		if s = b.Snapshot(); s.Trip.Rule != RuleProbe || s.Trip.Failures != 1 {
			t.Errorf("after a probe: %+v", s.Trip)
		}
	})
}

// TestTrouble: when and why it left the closed state outlasts probes that fail
// and orders, and ends where it closes.
func TestTrouble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t, nil)
		if s := b.Snapshot(); s.Trouble != nil {
			t.Errorf("while closed: %+v", s.Trouble)
		}
		began := time.Now().UTC()
		for range 5 {
			_ = b.Do(t.Context(), answers(errDown))
		}
		want := &Trouble{Since: began, Cause: b.Snapshot().Reason}
		check := func(when string) {
			t.Helper()
			if got := b.Snapshot().Trouble; got == nil || *got != *want {
				t.Errorf("%s: %+v, want %+v", when, got, want)
			}
		}
		check("open")
		for range history { // by then the history has forgotten how it began
			untilProbe(b)
			_ = b.Do(t.Context(), answers(errDown))
		}
		check("after many probes")
		force(t, b, ForcedOpen, time.Hour)
		force(t, b, ForcedOpen, 2*time.Hour)
		check("by order")
		b.Reset("oncall", "it is well")
		if s := b.Snapshot(); s.Trouble != nil {
			t.Errorf("after the reset: %+v", s.Trouble)
		}
		began = time.Now().UTC()
		force(t, b, ForcedClosed, time.Minute)
		want = &Trouble{Since: began, Cause: "ordered by oncall: CRM is being moved"}
		check("by an order alone")
	})
}
