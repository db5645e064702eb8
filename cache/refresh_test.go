package cache

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// swift is a policy under which a copy past its time is shown at once.
var swift = Policy{Fresh: time.Minute, Revalidate: 10 * time.Minute, Stale: time.Hour, Missing: 10 * time.Second}

func TestRevalidate(t *testing.T) {
	tests := []struct {
		name  string
		after time.Duration
		opt   Options
		want  seen
		waits time.Duration
	}{
		{"just past its time", time.Minute, Options{}, seen{"old", Stale, ErrRevalidating}, 0},
		{"at the end of the window", 10*time.Minute - 1, Options{}, seen{"old", Stale, ErrRevalidating}, 0},
		{"past it", 10 * time.Minute, Options{}, seen{"new", Loaded, nil}, time.Second / 2},
		{"source known to be down", time.Minute, Options{StaleNow: true, StaleErr: errTripped}, seen{"old", Stale, errTripped}, 0},
		{"past all", time.Hour, Options{}, seen{"new", Loaded, nil}, time.Second / 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCache(t, Config{})
				l := newLoader(t, c, swift)
				l.Put("t", "a", doc{"old"})
				time.Sleep(tt.after)
				src := &fakeSource{docs: map[string]string{"a": "new"}, took: time.Second / 2}
				var wg sync.WaitGroup
				for range 100 {
					wg.Go(func() {
						begun := time.Now()
						got := see(l.Load(t.Context(), "t", []string{"a"}, tt.opt, src.load))
						if diff := cmp.Diff([]seen{tt.want}, got, cmpopts.EquateErrors()); diff != "" {
							t.Errorf("results (-want +got):\n%s", diff)
						}
						if waited := time.Since(begun); waited != tt.waits {
							t.Errorf("waited %v, want %v", waited, tt.waits)
						}
					})
				}
				wg.Wait()
				time.Sleep(time.Second)
				got := see(l.Load(t.Context(), "t", []string{"a"}, Options{}, src.load))
				if diff := cmp.Diff([]seen{{"new", Cached, nil}}, got); diff != "" {
					t.Errorf("a second later (-want +got):\n%s", diff)
				}
				if n := len(src.asked()); n != 1 {
					t.Errorf("%d loads, want 1", n)
				}
				if n := len(c.behind); n != 0 {
					t.Errorf("%d places are not given up", n)
				}
			})
		})
	}
}

// TestBehindFindsNothing: what a load in the background finds to be missing is
// gone, and no failure brings it back.
func TestBehindFindsNothing(t *testing.T) {
	for _, ahead := range []bool{true, false} {
		for _, missing := range []time.Duration{0, 10 * time.Second} {
			synctest.Test(t, func(t *testing.T) {
				policy := swift
				policy.Missing = missing
				l := newLoader(t, newCache(t, Config{}), policy)
				l.Put("t", "a", doc{"old"})
				src := &fakeSource{}
				load := func() seen {
					defer gathered()
					return see(l.Load(t.Context(), "t", []string{"a"}, Options{}, src.load))[0]
				}
				want := seen{"old", Stale, ErrRevalidating}
				time.Sleep(time.Minute)
				if ahead {
					l.Put("t", "a", doc{"old"})
					time.Sleep(time.Minute - 1)
					want = seen{"old", Cached, nil}
				}
				if diff := cmp.Diff(want, load(), cmpopts.EquateErrors()); diff != "" {
					t.Errorf("before (-want +got):\n%s", diff)
				}
				src.set(nil, errDown)
				if missing > 0 {
					if got := load(); got.State != Absent {
						t.Errorf("then %v, want absent", got)
					}
				}
				time.Sleep(missing)
				for range 3 {
					if got := load(); got.State != Failed || !errors.Is(got.Err, errDown) {
						t.Errorf("ahead %v, missing %v: once the source is down %v, want failed", ahead, missing, got)
					}
					time.Sleep(time.Second)
				}
			})
		}
	}
}

// TestPlacesBehind: loads that nobody waits for are bounded; one for which
// there is no place is made later.
func TestPlacesBehind(t *testing.T) {
	const keys = maxBehind + 10
	for _, age := range []time.Duration{time.Minute - 1, time.Minute} { // ahead, behind
		synctest.Test(t, func(t *testing.T) {
			c := newCache(t, Config{})
			l := newLoader(t, c, swift)
			ids := make([]string, keys)
			docs := map[string]string{}
			for i := range ids {
				ids[i] = fmt.Sprint("id", i)
				docs[ids[i]] = "new"
				l.Put("t", ids[i], doc{"old"})
			}
			src := &fakeSource{docs: docs, took: 500 * time.Millisecond}
			time.Sleep(age)
			waiter := make(chan []seen, 1)
			busy := 0
			for _, id := range ids {
				got := see(l.Load(t.Context(), "t", []string{id}, Options{}, src.load))[0]
				if got.Name != "old" {
					t.Errorf("%s: %v", id, got)
				}
				if errors.Is(got.Err, ErrBusy) {
					busy++
				}
				gathered()
			}
			if n := len(src.asked()); n != maxBehind {
				t.Errorf("%d loads at once, want %d", n, maxBehind)
			}
			if got := c.Stats().Kinds[0].Skipped; got != 10 || age == time.Minute && busy != 10 {
				t.Errorf("%d skipped, %d told so; want 10", got, busy)
			}
			go func() { waiter <- see(l.Load(t.Context(), "t", []string{"none"}, Options{}, src.load)) }()
			gathered()
			if n := len(src.asked()); n != maxBehind+1 {
				t.Errorf("a load that is waited for has to find a place, too")
			}
			<-waiter
			time.Sleep(5 * time.Second)
			for _, id := range ids {
				l.Load(t.Context(), "t", []string{id}, Options{}, src.load)
				gathered()
			}
			time.Sleep(time.Second)
			for i, got := range see(l.Peek(t.Context(), "t", ids, false)) {
				if got.Name != "new" {
					t.Errorf("%s is still %v", ids[i], got)
				}
			}
		})
	}
}

func TestCloseEndsWhatIsBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, Config{})
		l := newLoader(t, c, swift)
		l.Put("t", "a", doc{"old"})
		time.Sleep(time.Minute)
		ended := make(chan error, 1)
		l.Load(t.Context(), "t", []string{"a"}, Options{}, func(ctx context.Context, _ []string) (map[string]doc, error) {
			<-ctx.Done()
			ended <- ctx.Err()
			return nil, ctx.Err()
		})
		gathered()
		c.Close()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("it ended with %v, want by Close", err)
		}
		gathered()
		if n := len(c.behind); n != 0 {
			t.Errorf("%d places are not given up", n)
		}
	})
}

// TestMassExpiry: records that were all stored at one moment, and are read all
// the time, are loaded again at no moment twice as often as on average.
func TestMassExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const keys, bucket, whole = 1000, 20 * time.Second, 15 * time.Minute
		l := newLoader(t, newCache(t, Config{}), Policy{Fresh: 5 * time.Minute, Stale: time.Hour})
		ids := make([]string, keys)
		for i := range ids {
			ids[i] = fmt.Sprint("id", i)
			l.Put("t", ids[i], doc{ids[i]})
		}
		var mu sync.Mutex
		loads := make([]int, whole/bucket)
		begun := time.Now()
		load := func(_ context.Context, ids []string) (map[string]doc, error) {
			mu.Lock()
			defer mu.Unlock()
			loads[time.Since(begun)/bucket] += len(ids)
			return map[string]doc{ids[0]: {ids[0]}}, nil
		}
		for time.Since(begun) < whole-bucket {
			for i, id := range ids {
				if r := l.Load(t.Context(), "t", []string{id}, Options{}, load)[0]; r.State != Cached {
					t.Fatalf("%s is %v after %v", id, r.State, time.Since(begun))
				}
				if i%32 == 0 {
					gathered()
				}
			}
			time.Sleep(5 * time.Second)
		}
		gathered()
		mu.Lock()
		defer mu.Unlock()
		active := loads[5*time.Minute/2/bucket : len(loads)-1] // nothing is due before half of the time
		sum := 0
		for _, n := range active {
			sum += n
		}
		mean := float64(sum) / float64(len(active))
		if peak := slices.Max(loads); float64(peak) > 2*mean || mean < 50 {
			t.Errorf("%d loads in the worst %v, %.0f on average", peak, bucket, mean)
		}
	})
}

// TestAheadInCompany: what is read in one batch stays in one batch.
func TestAheadInCompany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, Config{})
		l := newLoader(t, c, Policy{Fresh: 5 * time.Minute, Stale: time.Hour})
		ids, docs := make([]string, 100), map[string]string{}
		for i := range ids {
			ids[i] = fmt.Sprint("id", i)
			docs[ids[i]] = ids[i]
		}
		src := &fakeSource{docs: docs, took: 100 * time.Millisecond}
		for range 10 * 60 {
			l.Load(t.Context(), "t", ids, Options{}, src.load)
			time.Sleep(time.Second)
		}
		calls := src.asked()
		for _, ids := range calls {
			if len(ids) != 100 {
				t.Errorf("a call for %d ids, want 100", len(ids))
			}
		}
		if n := len(calls); n < 3 || n > 5 {
			t.Errorf("%d calls in ten minutes, want 3 to 5", n)
		}
		if got := c.Stats().Kinds[0].Ahead; got != uint64(100*(len(calls)-1)) {
			t.Errorf("%d counted, want %d", got, 100*(len(calls)-1))
		}
	})
}

func TestAheadOfAFailingSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLoader(t, newCache(t, Config{}), testPolicy)
		l.Put("t", "a", doc{"A"})
		src := &fakeSource{err: errDown}
		for begun := time.Now(); time.Since(begun) < time.Minute; time.Sleep(10 * time.Millisecond) {
			if got := l.Load(t.Context(), "t", []string{"a"}, Options{}, src.load)[0]; got.State != Cached {
				t.Fatalf("%v, %v after %v", got.State, got.Err, time.Since(begun))
			}
		}
		if n := len(src.asked()); n < 1 || n > 8 {
			t.Errorf("%d loads in half a minute, want some and at most 8", n)
		}
	})
}

func TestNothingIsAheadOfAShortTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLoader(t, newCache(t, Config{}), Policy{Fresh: aheadLeast - 1, Stale: time.Hour})
		l.Put("t", "a", doc{"A"})
		src := &fakeSource{}
		time.Sleep(aheadLeast - 2)
		if got := l.Load(t.Context(), "t", []string{"a"}, Options{}, src.load)[0].State; got != Cached {
			t.Errorf("state = %v", got)
		}
		gathered()
		if n := len(src.asked()); n != 0 {
			t.Errorf("%d loads, want none", n)
		}
	})
}

// TestJoinsWhatIsAhead: a copy whose time ends while it is loaded ahead of that
// is no longer fresh for who comes then.
func TestJoinsWhatIsAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLoader(t, newCache(t, Config{}), testPolicy)
		l.Put("t", "a", doc{"old"})
		src := &fakeSource{docs: map[string]string{"a": "new"}, took: 500 * time.Millisecond}
		load := func() []seen { return see(l.Load(t.Context(), "t", []string{"a"}, Options{}, src.load)) }
		time.Sleep(time.Minute - time.Millisecond)
		if diff := cmp.Diff([]seen{{"old", Cached, nil}}, load()); diff != "" {
			t.Errorf("before (-want +got):\n%s", diff)
		}
		time.Sleep(time.Millisecond)
		if diff := cmp.Diff([]seen{{"new", Loaded, nil}}, load()); diff != "" {
			t.Errorf("after (-want +got):\n%s", diff)
		}
		if n := len(src.asked()); n != 1 {
			t.Errorf("%d loads, want 1", n)
		}
	})
}
