package breaker

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// A call is held to the bounds of when it began.
func TestTune(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t, func(c *Config) { c.SlowAfter = 750 * time.Millisecond })
		defer b.Close()
		work := func(context.Context) error { time.Sleep(500 * time.Millisecond); return nil }
		done := make(chan error)
		go func() { done <- b.Do(t.Context(), work) }()
		synctest.Wait()
		if err := b.Tune(600*time.Millisecond, 450*time.Millisecond); err != nil {
			t.Fatal(err)
		}
		if err := <-done; err != nil {
			t.Errorf("the call under way: %v", err)
		}
		if s := b.Snapshot(); s.Totals.Successes != 1 || s.Totals.Failures != 0 {
			t.Errorf("the call under way counts as %+v", s.Totals)
		}
		if err := b.Do(t.Context(), work); err != nil {
			t.Errorf("a slow call keeps its result: %v", err)
		}
		if s := b.Snapshot(); s.Totals.Failures != 1 {
			t.Errorf("a slow call counts as %+v", s.Totals)
		}
		if b.Tune(16*time.Second, 0) == nil || b.Tune(0, 0) == nil {
			t.Error("a deadline that the window cannot hold is accepted")
		}
	})
}

// A breaker that is taken out makes room for another, and for itself again.
func TestSetRemove(t *testing.T) {
	set := NewSet()
	a, b := newBreaker(t, nil), newBreaker(t, nil)
	if err := set.Add(a); err != nil {
		t.Fatal(err)
	}
	set.Remove(b) // is not in it
	if len(set.Snapshots()) != 1 || set.Add(b) == nil {
		t.Error("a breaker that is in no set takes another's place")
	}
	set.Remove(a)
	if err := set.Add(b); err != nil {
		t.Error(err)
	}
	set.Remove(b)
	if err := set.Add(a); err != nil {
		t.Error(err)
	}
}
