package cache

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// replicas are caches on one simulated Redis, or each without one.
func replicas(t *testing.T, n int, m *miniredis.Miniredis, policy Policy) (caches []*Cache, loaders []*Loader[doc]) {
	t.Helper()
	for range n {
		var c *Cache
		if m == nil {
			c = newCache(t, Config{})
		} else {
			c, _ = simLine(t, m)
		}
		caches, loaders = append(caches, c), append(loaders, newLoader(t, c, policy))
	}
	gathered()
	return caches, loaders
}

// TestHerd: any number of callers of three replicas, and one cold record.
func TestHerd(t *testing.T) {
	const callers = 10_000
	for name, want := range map[string]int{"redis": 1, "no redis": 3} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var m *miniredis.Miniredis
				if name == "redis" {
					m = sim(t)
				}
				caches, loaders := replicas(t, 3, m, testPolicy)
				src := &fakeSource{docs: map[string]string{"a": "A"}, took: 200 * time.Millisecond}
				begun := time.Now()
				var wg sync.WaitGroup
				for i := range callers {
					wg.Go(func() {
						got := l3(loaders, i).Load(t.Context(), "t", []string{"a"}, Options{}, src.load)[0]
						if got.Value.Name != "A" || got.Err != nil {
							t.Errorf("caller %d: %v, %v", i, got.State, got.Err)
						}
					})
				}
				wg.Wait()
				if n := len(src.asked()); n != want {
					t.Errorf("%d loads for %d callers of 3 replicas, want %d", n, callers, want)
				}
				if took := time.Since(begun); took > 250*time.Millisecond {
					t.Errorf("took %v, want the load and a look", took)
				}
				var all KindStats
				for _, c := range caches {
					s := c.Stats()
					all.TurnsWaited += s.Kinds[0].TurnsWaited
					all.TurnsExpired += s.Kinds[0].TurnsExpired
				}
				if name == "redis" && (all.TurnsWaited != 2 || all.TurnsExpired != 0) {
					t.Errorf("%d waited, %d of them in vain; want 2 and none", all.TurnsWaited, all.TurnsExpired)
				}
				gathered()
				if m != nil && m.Exists(Key{"t", "doc", "a"}.turnKey()) {
					t.Error("the turn was not given back")
				}
			})
		})
	}
}

func l3(loaders []*Loader[doc], i int) *Loader[doc] { return loaders[i%len(loaders)] }

// TestTurns: what two, who finds that one is loading the record, comes to.
func TestTurns(t *testing.T) {
	const lasts = time.Second * 5 / 4 // the loader's deadline is a second
	const poll = turnPoll + turnPollSpread
	tests := []struct {
		name  string
		one   *fakeSource // what one's load comes to
		limit time.Duration
		opt   Options
		want  seen
		calls int // of two
		waits time.Duration
		slack time.Duration
	}{
		{"one finds it", &fakeSource{docs: map[string]string{"a": "A"}, took: 500 * time.Millisecond}, 0, Options{}, seen{"A", Cached, nil}, 0, 500 * time.Millisecond, poll},
		{"one finds that there is none", &fakeSource{took: 500 * time.Millisecond}, 0, Options{}, seen{"", Absent, nil}, 0, 500 * time.Millisecond, poll},
		{"one fails", &fakeSource{err: errDown, took: 500 * time.Millisecond}, 0, Options{}, seen{"two's", Loaded, nil}, 1, 500 * time.Millisecond, poll},
		{"one is gone", &fakeSource{took: time.Hour}, 0, Options{}, seen{"two's", Loaded, nil}, 1, lasts, 0},
		{"one is gone, and two in a hurry", &fakeSource{took: time.Hour}, time.Second, Options{}, seen{"two's", Loaded, nil}, 1, 500 * time.Millisecond, 0},
		{"the source is known to be down", &fakeSource{took: time.Hour}, 0, Options{StaleNow: true, StaleErr: errTripped}, seen{"two's", Loaded, nil}, 1, 0, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := sim(t)
				caches, loaders := replicas(t, 2, m, testPolicy)
				if tt.one.took == time.Hour { // as if it had been killed in the middle of it
					key := Key{"t", "doc", "a"}.turnKey()
					if err := m.Set(key, "gone"); err != nil {
						t.Fatal(err)
					}
					m.SetTTL(key, lasts)
				} else {
					go loaders[0].Load(t.Context(), "t", []string{"a"}, Options{}, tt.one.load)
					gathered()
				}
				ctx := t.Context()
				if tt.limit > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, tt.limit)
					defer cancel()
				}
				two := &fakeSource{docs: map[string]string{"a": "two's"}}
				begun := time.Now()
				got := see(loaders[1].Load(ctx, "t", []string{"a"}, tt.opt, two.load))
				if diff := cmp.Diff([]seen{tt.want}, got, cmpopts.EquateErrors()); diff != "" {
					t.Errorf("two has (-want +got):\n%s", diff)
				}
				if n := len(two.asked()); n != tt.calls {
					t.Errorf("%d loads by two, want %d", n, tt.calls)
				}
				if waited := time.Since(begun); waited < tt.waits || waited > tt.waits+tt.slack {
					t.Errorf("two waited %v, want %v and at most %v more", waited, tt.waits, tt.slack)
				}
				s := caches[1].Stats().Kinds[0]
				if gone := tt.one.took == time.Hour && tt.waits > 0; (s.TurnsExpired == 1) != gone {
					t.Errorf("%d expired", s.TurnsExpired)
				}
			})
		})
	}
}

// TestTurnsOfABatch: only what another replica is loading is waited for.
func TestTurnsOfABatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, loaders := replicas(t, 3, sim(t), testPolicy)
		src := &fakeSource{docs: map[string]string{"a": "A", "b": "B", "c": "C"}, took: 500 * time.Millisecond}
		go loaders[0].Load(t.Context(), "t", []string{"a"}, Options{}, src.load)
		gathered()
		time.Sleep(100 * time.Millisecond)
		go loaders[1].Load(t.Context(), "t", []string{"b"}, Options{}, src.load)
		gathered()
		got := see(loaders[2].Load(t.Context(), "t", []string{"c", "a", "b"}, Options{}, src.load))
		want := []seen{{"C", Loaded, nil}, {"A", Cached, nil}, {"B", Cached, nil}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("results (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([][]string{{"a"}, {"b"}, {"c"}}, src.asked()); diff != "" {
			t.Errorf("loads (-want +got):\n%s", diff)
		}
	})
}

// TestTurnsBehind: replicas that all have a copy past its time show it, and one
// of them loads.
func TestTurnsBehind(t *testing.T) {
	tests := []struct {
		name  string
		age   time.Duration
		state State
	}{
		{"past its time", time.Minute, Stale},
		{"ahead of that", time.Minute - time.Second, Cached},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, loaders := replicas(t, 3, sim(t), swift)
				loaders[0].Put("t", "a", doc{"old"})
				gathered()
				for _, l := range loaders {
					l.Peek(t.Context(), "t", []string{"a"}, false)
				}
				time.Sleep(tt.age)
				src := &fakeSource{docs: map[string]string{"a": "new"}, took: 500 * time.Millisecond}
				for range 40 { // in 400 ms
					for i, l := range loaders {
						if got := l.Load(t.Context(), "t", []string{"a"}, Options{}, src.load)[0]; got.State != tt.state || got.Value.Name != "old" {
							t.Fatalf("%d: %v, %q, %v", i, got.State, got.Value.Name, got.Err)
						}
					}
					time.Sleep(10 * time.Millisecond)
				}
				time.Sleep(2 * time.Second)
				for range 2 {
					for _, l := range loaders {
						l.Load(t.Context(), "t", []string{"a"}, Options{}, src.load)
					}
					gathered()
				}
				for i, l := range loaders {
					if got := l.Load(t.Context(), "t", []string{"a"}, Options{}, src.load)[0]; got.State != Cached || got.Value.Name != "new" {
						t.Errorf("%d has it as %v: %q", i, got.State, got.Value.Name)
					}
				}
				if n := len(src.asked()); n != 1 {
					t.Errorf("%d loads, want 1", n)
				}
			})
		})
	}
}

// TestFlushedRedis: with the copies of all replicas due, they are shown as what
// they are, and one replica asks for what Redis has lost.
func TestFlushedRedis(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := sim(t)
		_, loaders := replicas(t, 3, m, swift)
		loaders[0].Put("t", "a", doc{"old"})
		gathered()
		for _, l := range loaders {
			l.Peek(t.Context(), "t", []string{"a"}, false)
		}
		m.FlushAll()
		time.Sleep(recheckAfter)
		src := &fakeSource{docs: map[string]string{"a": "new"}, took: 100 * time.Millisecond}
		load := func() (all []seen) {
			for _, l := range loaders {
				all = append(all, see(l.Load(t.Context(), "t", []string{"a"}, Options{}, src.load))...)
			}
			return all
		}
		old, fresh := seen{"old", Stale, ErrRevalidating}, seen{"new", Cached, nil}
		if diff := cmp.Diff([]seen{old, old, old}, load(), cmpopts.EquateErrors()); diff != "" {
			t.Errorf("at first (-want +got):\n%s", diff)
		}
		time.Sleep(time.Second)
		if diff := cmp.Diff([]seen{fresh, fresh, fresh}, load(), cmpopts.EquateErrors()); diff != "" {
			t.Errorf("then (-want +got):\n%s", diff)
		}
		if n := len(src.asked()); n != 1 {
			t.Errorf("%d loads, want 1", n)
		}
	})
}

// TestTurnCostsNoVisit: a cold record costs one visit of Redis before its load,
// and one after it.
func TestTurnCostsNoVisit(t *testing.T) {
	for _, prefetched := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			m := sim(t)
			client, wire := simClient(t, m.Dial)
			c := newCache(t, Config{Redis: client})
			l := newLoader(t, c, testPolicy)
			src := &fakeSource{docs: map[string]string{"a": "A"}}
			gathered()
			wire.sent()
			release := func() {}
			if prefetched {
				release = prefetch(t.Context(), c, []Key{{"t", "doc", "a"}, {"t", "doc", "unused"}}, Key{"t", "doc", "peeked"})
			}
			if m.Exists(Key{"t", "doc", "peeked"}.turnKey()) {
				t.Error("there is a turn for what is not loaded")
			}
			l.Load(t.Context(), "t", []string{"a"}, Options{SkipRedis: prefetched}, src.load)
			gathered()
			if diff := cmp.Diff(map[string]int{"pipeline of getrange": 1, "pipeline of set": 1}, wire.sent()); diff != "" {
				t.Errorf("prefetched %v: sent (-want +got):\n%s", prefetched, diff)
			}
			if unused := m.Exists(Key{"t", "doc", "unused"}.turnKey()); unused != prefetched {
				t.Errorf("turn of what nobody has loaded yet: %v", unused)
			}
			release()
			gathered()
			for _, key := range m.Keys() {
				if key != (Key{"t", "doc", "a"}).redisKey() {
					t.Errorf("left in Redis: %s", key)
				}
			}
		})
	}
}
