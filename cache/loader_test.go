package cache

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestLifetimes(t *testing.T) {
	tests := []struct {
		name   string
		policy Policy
		first  map[string]string // what the source has at first
		after  time.Duration
		err    error // what it says then
		want   seen
		calls  int
	}{
		{"fresh, and not about to be no longer", testPolicy, map[string]string{"a": "A"}, time.Minute/2 - 1, errDown, seen{"A", Cached, nil}, 1},
		{"no longer fresh, source well", testPolicy, map[string]string{"a": "A"}, time.Minute, nil, seen{"B", Loaded, nil}, 2},
		{"no longer fresh, source down", testPolicy, map[string]string{"a": "A"}, time.Minute, errDown, seen{"A", Stale, errDown}, 2},
		{"last moment of stale", testPolicy, map[string]string{"a": "A"}, time.Hour - 1, errDown, seen{"A", Stale, errDown}, 2},
		{"past stale", testPolicy, map[string]string{"a": "A"}, time.Hour, errDown, seen{"", Failed, errDown}, 2},
		{"absence remembered", testPolicy, nil, 10*time.Second - 1, errDown, seen{"", Absent, nil}, 1},
		{"absence over", testPolicy, nil, 10 * time.Second, errDown, seen{"", Failed, errDown}, 2},
		{"absence never remembered", Policy{Fresh: time.Minute}, nil, 0, errDown, seen{"", Failed, errDown}, 2},
		{"never fresh", Policy{Stale: time.Hour}, map[string]string{"a": "A"}, 0, errDown, seen{"A", Stale, errDown}, 2},
		{"stale not set", Policy{Fresh: time.Minute}, map[string]string{"a": "A"}, time.Minute, errDown, seen{"", Failed, errDown}, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLoader(t, newCache(t, Config{}), tt.policy)
				src := &fakeSource{docs: tt.first}
				begun := time.Now()
				l.Load(t.Context(), "t", []string{"a"}, Options{}, src.load)
				time.Sleep(tt.after)
				src.set(map[string]string{"a": "B"}, tt.err)
				if tt.err != nil {
					src.set(nil, tt.err)
				}
				got := l.Load(t.Context(), "t", []string{"a"}, Options{}, src.load)
				if diff := cmp.Diff([]seen{tt.want}, see(got), cmpopts.EquateErrors()); diff != "" {
					t.Errorf("results (-want +got):\n%s", diff)
				}
				if n := len(src.asked()); n != tt.calls {
					t.Errorf("source was called %d times, want %d", n, tt.calls)
				}
				if s := got[0].State; (s == Cached || s == Stale || s == Absent) && !got[0].StoredAt.Equal(begun) {
					t.Errorf("StoredAt = %v, want %v", got[0].StoredAt, begun)
				}
			})
		})
	}
}

func TestOutcomesOfOneLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLoader(t, newCache(t, Config{}), testPolicy)
		tests := []struct {
			name string
			docs map[string]string
			err  error
			ids  []string
			want []seen
		}{
			{"all there", map[string]string{"a1": "A", "b1": "B"}, nil, []string{"a1", "b1"}, []seen{{"A", Loaded, nil}, {"B", Loaded, nil}}},
			{"order and duplicates", map[string]string{"a2": "A", "b2": "B"}, nil, []string{"b2", "a2", "b2"},
				[]seen{{"B", Loaded, nil}, {"A", Loaded, nil}, {"B", Loaded, nil}}},
			{"one missing", map[string]string{"a3": "A"}, nil, []string{"a3", "b3"}, []seen{{"A", Loaded, nil}, {"", Absent, nil}}},
			{"part failed", map[string]string{"a4": "A"}, errDown, []string{"a4", "b4"}, []seen{{"A", Loaded, nil}, {"", Failed, errDown}}},
			{"not found", nil, errNotFound, []string{"a5"}, []seen{{"", Absent, nil}}},
			{"nothing asked", nil, errDown, nil, []seen{}},
		}
		for _, tt := range tests {
			src := &fakeSource{docs: tt.docs, err: tt.err}
			got := see(l.Load(t.Context(), "t", tt.ids, Options{}, src.load))
			if diff := cmp.Diff(tt.want, got, cmpopts.EquateErrors()); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tt.name, diff)
			}
		}
	})
}

func TestAbsenceReplacesCopy(t *testing.T) {
	for _, missing := range []time.Duration{0, time.Second} {
		synctest.Test(t, func(t *testing.T) {
			l := newLoader(t, newCache(t, Config{}), Policy{Fresh: time.Minute, Stale: time.Hour, Missing: missing})
			src := &fakeSource{docs: map[string]string{"a": "A"}}
			l.Load(t.Context(), "t", []string{"a"}, Options{}, src.load)
			time.Sleep(2 * time.Minute)
			src.set(nil, nil)
			l.Load(t.Context(), "t", []string{"a"}, Options{}, src.load)
			time.Sleep(2 * time.Second)
			src.set(nil, errDown)
			got := see(l.Load(t.Context(), "t", []string{"a"}, Options{}, src.load))
			if diff := cmp.Diff([]seen{{"", Failed, errDown}}, got, cmpopts.EquateErrors()); diff != "" {
				t.Errorf("missing %v: a removed record came back (-want +got):\n%s", missing, diff)
			}
		})
	}
}

func TestTenantsDoNotShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLoader(t, newCache(t, Config{}), testPolicy)
		l.Put("one", "a", doc{"of one"})
		got := see(l.Peek(t.Context(), "two", []string{"a"}, false))
		if diff := cmp.Diff([]seen{{"", Failed, ErrMiss}}, got, cmpopts.EquateErrors()); diff != "" {
			t.Errorf("peek of another tenant (-want +got):\n%s", diff)
		}
	})
}

func TestPutPeekDrop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLoader(t, newCache(t, Config{}), testPolicy)
		peek := func() seen { return see(l.Peek(t.Context(), "t", []string{"a"}, false))[0] }
		check := func(step string, want seen) {
			t.Helper()
			if diff := cmp.Diff(want, peek(), cmpopts.EquateErrors()); diff != "" {
				t.Errorf("%s (-want +got):\n%s", step, diff)
			}
		}
		check("nothing", seen{"", Failed, ErrMiss})
		l.Put("t", "a", doc{"A"})
		check("put", seen{"A", Cached, nil})
		time.Sleep(time.Minute)
		check("a minute later", seen{"A", Stale, nil})
		l.PutAbsent("t", "a")
		check("put absent", seen{"", Absent, nil})
		l.Put("t", "a", doc{"B"})
		check("put again", seen{"B", Cached, nil})
		l.Drop("t", "a")
		check("dropped", seen{"", Failed, ErrMiss})
	})
}

func TestUnencodableIsShownNotKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, Config{})
		l, err := NewLoader(c, LoaderConfig[func()]{Kind: "odd", Policy: testPolicy, Deadline: time.Second})
		if err != nil {
			t.Fatal(err)
		}
		loads := 0
		for range 2 {
			got := l.Load(t.Context(), "t", []string{"a"}, Options{}, func(context.Context, []string) (map[string]func(), error) {
				loads++
				return map[string]func(){"a": func() {}}, nil
			})
			if got[0].State != Loaded || got[0].Value == nil {
				t.Errorf("state = %v, value set: %v", got[0].State, got[0].Value != nil)
			}
		}
		if n := c.Stats().Kinds[0].Unencodable; loads != 2 || n != 2 {
			t.Errorf("%d loads, Unencodable = %d, want 2 of each", loads, n)
		}
	})
}

func TestNewLoaderRefuses(t *testing.T) {
	c := newCache(t, Config{})
	good := LoaderConfig[doc]{Kind: "good", Policy: testPolicy, Deadline: time.Second}
	if _, err := NewLoader(c, good); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name   string
		change func(*LoaderConfig[doc])
	}{
		{"no kind", func(cfg *LoaderConfig[doc]) { cfg.Kind = "" }},
		{"kind with a colon", func(cfg *LoaderConfig[doc]) { cfg.Kind = "a:b" }},
		{"no deadline", func(cfg *LoaderConfig[doc]) { cfg.Kind, cfg.Deadline = "b", 0 }},
		{"stale shorter than fresh", func(cfg *LoaderConfig[doc]) { cfg.Kind, cfg.Policy.Stale = "c", time.Second }},
		{"negative", func(cfg *LoaderConfig[doc]) { cfg.Kind, cfg.Policy.Missing = "d", -1 }},
	}
	for _, tt := range tests {
		cfg := good
		tt.change(&cfg)
		if _, err := NewLoader(c, cfg); err == nil {
			t.Errorf("%s: no error", tt.name)
		}
	}
}

func TestMemoryIsBounded(t *testing.T) {
	c := newCache(t, Config{MemoryBytes: 1 << 20})
	l := newLoader(t, c, testPolicy)
	big, err := json.Marshal(make([]int, 2048))
	if err != nil {
		t.Fatal(err)
	}
	for i := range 4096 {
		l.Put("t", string(rune('a'+i%26))+time.Duration(i).String(), doc{string(big)})
	}
	c.memory.items.CleanUp()
	if got := c.Stats().Memory.Bytes; got > 1<<20 || got == 0 {
		t.Errorf("memory holds %d bytes, want some and at most %d", got, 1<<20)
	}
}

func TestStats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, Config{})
		l := newLoader(t, c, testPolicy)
		src := &fakeSource{docs: map[string]string{"a": "A"}}
		load := func(ids ...string) { l.Load(t.Context(), "t", ids, Options{}, src.load) }
		load("a", "gone") // one loaded, one absent
		load("a", "gone") // one cached, one absent
		time.Sleep(2 * time.Minute)
		src.set(nil, errDown)
		load("a", "gone") // one stale, one failed
		want := KindStats{Kind: "doc", Loaded: 1, Cached: 1, Stale: 1, Absent: 2, Failed: 1, Loads: 2, LoadedIDs: 4, LoadErrors: 1,
			InMemory: TierStats{Hit: 1, Stale: 1, Negative: 1, Miss: 3}, Ages: []uint64{1, 0, 0, 1, 0, 0, 0, 0, 0}, AgeSeconds: 120, Oldest: testPolicy.Stale}
		if diff := cmp.Diff([]KindStats{want}, c.Stats().Kinds); diff != "" {
			t.Errorf("Stats (-want +got):\n%s", diff)
		}
	})
}

// TestMemoryHitAllocatesItsResultsAlone: what is fresh costs no more than that.
func TestMemoryHitAllocatesItsResultsAlone(t *testing.T) {
	l := newLoader(t, newCache(t, Config{}), Policy{Fresh: 24 * time.Hour})
	l.Put("t", "a", doc{"A"})
	ids := []string{"a"}
	if n := testing.AllocsPerRun(100, func() { l.Load(t.Context(), "t", ids, Options{}, nil) }); n != 1 {
		t.Errorf("%v allocations, want 1", n)
	}
}

func BenchmarkMemoryHit(b *testing.B) {
	l := newLoader(b, newCache(b, Config{}), testPolicy)
	l.Put("t", "a", doc{"A"})
	ids := []string{"a"}
	b.ReportAllocs()
	for b.Loop() {
		if r := l.Load(b.Context(), "t", ids, Options{}, nil); r[0].State != Cached {
			b.Fatal(errors.New(r[0].State.String()))
		}
	}
}
