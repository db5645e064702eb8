package cache

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestOneLoadForManyCallers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, Config{})
		l := newLoader(t, c, testPolicy)
		src := &fakeSource{docs: map[string]string{"a": "A"}, took: 200 * time.Millisecond}
		var wg sync.WaitGroup
		for range 300 {
			wg.Go(func() {
				got := see(l.Load(t.Context(), "t", []string{"a"}, Options{}, src.load))
				if diff := cmp.Diff([]seen{{"A", Loaded, nil}}, got); diff != "" {
					t.Errorf("results (-want +got):\n%s", diff)
				}
			})
		}
		wg.Wait()
		if n := len(src.asked()); n != 1 {
			t.Errorf("%d loads for 300 callers, want 1", n)
		}
		if got := c.Stats().Kinds[0].Coalesced; got != 299 {
			t.Errorf("Coalesced = %d, want 299", got)
		}
	})
}

func TestLeaderLeavesFollowersStay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLoader(t, newCache(t, Config{}), testPolicy)
		src := &fakeSource{docs: map[string]string{"a": "A"}, took: 200 * time.Millisecond}
		ctx, cancel := context.WithCancel(t.Context())
		var leader, follower []seen
		var wg sync.WaitGroup
		wg.Go(func() { leader = see(l.Load(ctx, "t", []string{"a"}, Options{}, src.load)) })
		synctest.Wait()
		wg.Go(func() { follower = see(l.Load(t.Context(), "t", []string{"a"}, Options{}, src.load)) })
		synctest.Wait()
		cancel()
		wg.Wait()
		if diff := cmp.Diff([]seen{{"", Failed, context.Canceled}}, leader, cmpopts.EquateErrors()); diff != "" {
			t.Errorf("leader (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]seen{{"A", Loaded, nil}}, follower); diff != "" {
			t.Errorf("follower (-want +got):\n%s", diff)
		}
		if n := len(src.asked()); n != 1 {
			t.Errorf("%d loads, want 1", n)
		}
	})
}

func TestCallerThatLeavesGetsStaleAndLoadFillsCache(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLoader(t, newCache(t, Config{}), testPolicy)
		l.Put("t", "a", doc{"old"})
		time.Sleep(2 * time.Minute)
		src := &fakeSource{docs: map[string]string{"a": "new"}, took: 500 * time.Millisecond}
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		got := see(l.Load(ctx, "t", []string{"a"}, Options{}, src.load))
		if diff := cmp.Diff([]seen{{"old", Stale, context.DeadlineExceeded}}, got, cmpopts.EquateErrors()); diff != "" {
			t.Errorf("caller whose time was up (-want +got):\n%s", diff)
		}
		time.Sleep(time.Second)
		got = see(l.Peek(t.Context(), "t", []string{"a"}, false))
		if diff := cmp.Diff([]seen{{"new", Cached, nil}}, got); diff != "" {
			t.Errorf("after the load (-want +got):\n%s", diff)
		}
	})
}

func TestCallerWithoutTimeBeginsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLoader(t, newCache(t, Config{}), testPolicy)
		l.Put("t", "a", doc{"A"})
		src := &fakeSource{}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		got := see(l.Load(ctx, "t", []string{"a", "b"}, Options{}, src.load))
		want := []seen{{"A", Cached, nil}, {"", Failed, context.Canceled}}
		if diff := cmp.Diff(want, got, cmpopts.EquateErrors()); diff != "" {
			t.Errorf("results (-want +got):\n%s", diff)
		}
		if n := len(src.asked()); n != 0 {
			t.Errorf("%d loads, want 0", n)
		}
	})
}

func TestBatchesOverlap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLoader(t, newCache(t, Config{}), testPolicy)
		src := &fakeSource{docs: map[string]string{"1": "one", "2": "two", "3": "three"}, took: 100 * time.Millisecond}
		var first, second []seen
		var wg sync.WaitGroup
		wg.Go(func() { first = see(l.Load(t.Context(), "t", []string{"1", "2"}, Options{}, src.load)) })
		synctest.Wait()
		wg.Go(func() { second = see(l.Load(t.Context(), "t", []string{"2", "3"}, Options{}, src.load)) })
		wg.Wait()
		if diff := cmp.Diff([]seen{{"one", Loaded, nil}, {"two", Loaded, nil}}, first); diff != "" {
			t.Errorf("first (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]seen{{"two", Loaded, nil}, {"three", Loaded, nil}}, second); diff != "" {
			t.Errorf("second (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([][]string{{"1", "2"}, {"3"}}, src.asked()); diff != "" {
			t.Errorf("calls of the source (-want +got):\n%s", diff)
		}
	})
}

// The caller's first look is left out here, as if it had been made before the
// record came: the claim alone must not lead to a load.
func TestSecondLookAfterTheClaim(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLoader(t, newCache(t, Config{}), testPolicy)
		l.Put("t", "a", doc{"A"})
		src := &fakeSource{}
		got := l.kind.load(t.Context(), "t", []string{"a"}, Options{}, l.source(src.load))
		if n := len(src.asked()); got[0].state != Cached || n != 0 {
			t.Errorf("state %v after %d loads, want cached after 0", got[0].state, n)
		}
	})
}

func TestStaleNow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLoader(t, newCache(t, Config{}), testPolicy)
		l.Put("t", "a", doc{"old"})
		time.Sleep(2 * time.Minute)
		src := &fakeSource{docs: map[string]string{"a": "new", "b": "B"}, took: 100 * time.Millisecond}
		opt := Options{StaleNow: true, StaleErr: errTripped}
		begun := time.Now()
		got := see(l.Load(t.Context(), "t", []string{"a"}, opt, src.load))
		if diff := cmp.Diff([]seen{{"old", Stale, errTripped}}, got, cmpopts.EquateErrors()); diff != "" {
			t.Errorf("with a copy (-want +got):\n%s", diff)
		}
		if took := time.Since(begun); took != 0 {
			t.Errorf("waited %v although there was a copy", took)
		}
		got = see(l.Load(t.Context(), "t", []string{"b"}, opt, src.load))
		if diff := cmp.Diff([]seen{{"B", Loaded, nil}}, got); diff != "" {
			t.Errorf("without a copy (-want +got):\n%s", diff)
		}
		synctest.Wait()
		got = see(l.Peek(t.Context(), "t", []string{"a"}, false))
		if diff := cmp.Diff([]seen{{"new", Cached, nil}}, got); diff != "" {
			t.Errorf("after the load behind it (-want +got):\n%s", diff)
		}
	})
}

func TestLoadThatEndsBadly(t *testing.T) {
	tests := []struct {
		name string
		load Load[doc]
		want error
	}{
		{"panics", func(context.Context, []string) (map[string]doc, error) { panic("boom") }, errAborted},
		{"leaves its goroutine", func(context.Context, []string) (map[string]doc, error) { runtime.Goexit(); return nil, nil }, errAborted},
		{"passes its deadline", func(ctx context.Context, _ []string) (map[string]doc, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}, context.DeadlineExceeded},
		{"ignores its deadline", func(context.Context, []string) (map[string]doc, error) {
			time.Sleep(time.Hour)
			return map[string]doc{"a": {"late"}}, nil
		}, errAbandoned},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLoader(t, newCache(t, Config{}), testPolicy)
				results := make([][]seen, 3)
				var wg sync.WaitGroup
				for i := range results {
					wg.Go(func() { results[i] = see(l.Load(t.Context(), "t", []string{"a"}, Options{}, tt.load)) })
				}
				wg.Wait()
				for _, got := range results {
					if diff := cmp.Diff([]seen{{"", Failed, tt.want}}, got, cmpopts.EquateErrors()); diff != "" {
						t.Errorf("results (-want +got):\n%s", diff)
					}
				}
				src := &fakeSource{docs: map[string]string{"a": "A"}}
				got := see(l.Load(t.Context(), "t", []string{"a"}, Options{}, src.load))
				if diff := cmp.Diff([]seen{{"A", Loaded, nil}}, got); diff != "" {
					t.Errorf("the next load (-want +got):\n%s", diff)
				}
				time.Sleep(2 * time.Hour) // the one that ignores everything has to end within the test
			})
		})
	}
}

func TestDropDuringLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLoader(t, newCache(t, Config{}), testPolicy)
		src := &fakeSource{docs: map[string]string{"a": "before"}, took: 100 * time.Millisecond}
		var wg sync.WaitGroup
		wg.Go(func() { l.Load(t.Context(), "t", []string{"a"}, Options{}, src.load) })
		synctest.Wait()
		l.Drop("t", "a")
		src.set(map[string]string{"a": "after"}, nil)
		got := see(l.Load(t.Context(), "t", []string{"a"}, Options{}, src.load))
		wg.Wait()
		if diff := cmp.Diff([]seen{{"after", Loaded, nil}}, got); diff != "" {
			t.Errorf("asked after the drop (-want +got):\n%s", diff)
		}
		if n := len(src.asked()); n != 2 {
			t.Errorf("%d loads, want 2", n)
		}
		l.Drop("t", "a")
		wg.Go(func() { l.Load(t.Context(), "t", []string{"a"}, Options{}, src.load) })
		synctest.Wait()
		l.Drop("t", "a")
		wg.Wait()
		if got := l.Peek(t.Context(), "t", []string{"a"}, false)[0].State; got != Failed {
			t.Errorf("the load brought back what was dropped: %v", got)
		}
	})
}

func TestPutDuringLoadWins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLoader(t, newCache(t, Config{}), testPolicy)
		src := &fakeSource{docs: map[string]string{"a": "loaded"}, took: 100 * time.Millisecond}
		var wg sync.WaitGroup
		wg.Go(func() { l.Load(t.Context(), "t", []string{"a"}, Options{}, src.load) })
		time.Sleep(50 * time.Millisecond)
		l.Put("t", "a", doc{"put"})
		wg.Wait()
		got := see(l.Peek(t.Context(), "t", []string{"a"}, false))
		if diff := cmp.Diff([]seen{{"put", Cached, nil}}, got); diff != "" {
			t.Errorf("an older record replaced a newer one (-want +got):\n%s", diff)
		}
	})
}

func TestCloseCancelsLoads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, Config{})
		l := newLoader(t, c, testPolicy)
		src := &fakeSource{took: time.Hour}
		var got []seen
		var wg sync.WaitGroup
		wg.Go(func() { got = see(l.Load(t.Context(), "t", []string{"a"}, Options{}, src.load)) })
		synctest.Wait()
		c.Close()
		wg.Wait()
		if diff := cmp.Diff([]seen{{"", Failed, context.Canceled}}, got, cmpopts.EquateErrors()); diff != "" {
			t.Errorf("results (-want +got):\n%s", diff)
		}
	})
}

// Many callers, keys and drops at once, for the race detector; a source that
// is consistent must never be contradicted.
func TestConcurrentUse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, Config{MemoryBytes: 64 << 10})
		l := newLoader(t, c, Policy{Fresh: time.Nanosecond, Stale: time.Hour, Missing: time.Nanosecond})
		ids := []string{"a", "b", "c", "d", "e", "f"}
		load := func(_ context.Context, ids []string) (map[string]doc, error) {
			out := map[string]doc{}
			for _, id := range ids {
				out[id] = doc{id}
			}
			return out, nil
		}
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				for n := range 500 {
					want := slices.Clone(ids[:1+(n+i)%len(ids)])
					for j, r := range l.Load(t.Context(), "t", want, Options{StaleNow: n%3 == 0}, load) {
						if r.Value.Name != want[j] || r.Err != nil {
							t.Errorf("asked for %q, got %q, %v", want[j], r.Value.Name, r.Err)
						}
					}
					if n%7 == 0 {
						l.Drop("t", ids[n%len(ids)])
					}
					time.Sleep(time.Nanosecond) // no record is fresh next time
				}
			})
		}
		wg.Wait()
		synctest.Wait()
		if n := len(l.kind.claims); n != 0 {
			t.Errorf("%d claims left", n)
		}
	})
}
