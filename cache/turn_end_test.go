package cache

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestCloseGivesTurnsBack: a replica that ends in the middle of a load does not
// keep the others waiting.
func TestCloseGivesTurnsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := sim(t)
		caches, loaders := replicas(t, 1, m, testPolicy)
		src := &fakeSource{took: time.Hour}
		go loaders[0].Load(t.Context(), "t", []string{"a"}, Options{}, src.load)
		prefetch(t.Context(), caches[0], []Key{{"t", "doc", "b"}})
		gathered()
		if n := len(m.Keys()); n != 2 {
			t.Fatalf("%d turns, want 2", n)
		}
		caches[0].Close()
		if keys := m.Keys(); len(keys) > 0 {
			t.Errorf("left in Redis: %v", keys)
		}
	})
}

// TestLateTurnIsLeftAlone: one that is about to run out may be somebody else's
// by the time Redis reads that it is given back.
func TestLateTurnIsLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := sim(t)
		caches, _ := replicas(t, 1, m, testPolicy)
		r := caches[0].remote
		for left, gone := range map[time.Duration]bool{
			writePatience * r.deadline: false, writePatience*r.deadline + gatherFor + time.Millisecond: true, -time.Second: false,
		} {
			key := Key{"t", "doc", fmt.Sprint(left)}
			if err := m.Set(key.turnKey(), "somebody"); err != nil {
				t.Fatal(err)
			}
			r.enqueue(write{key: key, bare: true, turn: time.Now().Add(left)})
			gathered()
			if m.Exists(key.turnKey()) == gone {
				t.Errorf("with %v left: gone %v, want %v", left, !gone, gone)
			}
		}
	})
}

// TestTurnInTheQueue: it goes with whatever is queued for its key.
func TestTurnInTheQueue(t *testing.T) {
	key, soon, later := Key{"t", "doc", "a"}, time.Now().Add(time.Second), time.Now().Add(time.Minute)
	record := func(turn time.Time) write { return write{key: key, entry: entry{data: []byte("{}")}, turn: turn} }
	bare := func(turn time.Time) write { return write{key: key, bare: true, turn: turn} }
	tests := []struct {
		name string
		add  []write
		want write
	}{
		{"after the record", []write{record(time.Time{}), bare(soon)}, record(soon)},
		{"before it", []write{bare(soon), record(time.Time{})}, record(soon)},
		{"two of them", []write{bare(later), bare(soon)}, bare(later)},
		{"a removal that yields to records", []write{bare(soon), {key: key, remove: true, yield: true}}, write{key: key, remove: true, yield: true, turn: soon}},
		{"a removal", []write{record(soon), {key: key, remove: true}}, write{key: key, remove: true, turn: soon}},
	}
	for _, tt := range tests {
		l := &lane{wake: make(chan struct{}, 1), pending: map[Key]write{}}
		for _, w := range tt.add {
			l.add(w)
		}
		if diff := cmp.Diff(tt.want, l.pending[key], cmp.AllowUnexported(write{}, entry{}, Key{})); diff != "" || len(l.order) != 1 {
			t.Errorf("%s: %d queued (-want +got):\n%s", tt.name, len(l.order), diff)
		}
	}
}

// TestNoTurnFromARedisThatTakesNoWrites: reads go on, and nobody waits.
func TestNoTurnFromARedisThatTakesNoWrites(t *testing.T) {
	tests := []struct {
		name string
		hurt func(r *realRedis) error
	}{
		{"out of memory", func(r *realRedis) error {
			r.config("maxmemory-policy", "noeviction")
			r.config("maxmemory", "1")
			return nil
		}},
		{"replica", func(r *realRedis) error { return r.admin.Do(r.t.Context(), "REPLICAOF", "127.0.0.1", "1").Err() }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := startRedis(t)
			filler, _ := r.cache()
			newLoader(t, filler, testPolicy).Put("t", "there", doc{"T"})
			written(t, filler, 1)
			if err := tt.hurt(r); err != nil {
				t.Fatal(err)
			}
			c := r.cacheWith(Config{RedisDeadline: 3 * time.Second}) // however busy the machine
			l := newLoader(t, c, testPolicy)
			src := &fakeSource{docs: map[string]string{}}
			for i := range 10 {
				id := fmt.Sprint("id", i)
				src.set(map[string]string{id: id}, nil)
				got := see(l.Load(t.Context(), "t", []string{id, "there"}, Options{}, src.load))
				want := []seen{{id, Loaded, nil}, {"T", Cached, nil}}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Fatalf("load %d (-want +got):\n%s", i, diff)
				}
				c.memory.items.InvalidateAll()
			}
			s := c.Stats()
			if s.Redis.TurnsRefused == 0 || s.Redis.TurnsWon != 0 || s.Kinds[0].TurnsWaited != 0 || s.Redis.ReadErrors != 0 {
				t.Errorf("refused %d, won %d, waited %d, read errors %d", s.Redis.TurnsRefused, s.Redis.TurnsWon, s.Kinds[0].TurnsWaited, s.Redis.ReadErrors)
			}
			if c.remote.reads.Tripped() {
				t.Error("refused turns opened the breaker of reads")
			}
		})
	}
}

// TestLeftRead: the turns of a read whose caller has gone are given back.
func TestLeftRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := sim(t)
		caches, _ := replicas(t, 1, m, testPolicy)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		prefetch(ctx, caches[0], []Key{{"t", "doc", "a"}})()
		time.Sleep(time.Second)
		if keys := m.Keys(); len(keys) > 0 || len(caches[0].turns.all()) > 0 {
			t.Errorf("left: %v, %v", keys, caches[0].turns.all())
		}
	})
}

// TestTurnsUnderFire is for the race detector: replicas, drops, failures and
// sources that disagree in time only.
func TestTurnsUnderFire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		caches, loaders := replicas(t, 3, sim(t), Policy{Fresh: 20 * time.Millisecond, Revalidate: 50 * time.Millisecond, Stale: time.Second})
		src := &fakeSource{docs: map[string]string{"a": "a", "b": "b", "c": "c"}, took: 5 * time.Millisecond}
		var wg sync.WaitGroup
		for i := range 12 {
			wg.Go(func() {
				for n := range 100 {
					ids := []string{"a", "b", "c"}[:1+(n+i)%3]
					if n%5 == 0 {
						prefetch(t.Context(), caches[i%3], []Key{{"t", "doc", "a"}, {"t", "doc", "b"}})()
					}
					for j, got := range l3(loaders, i).Load(t.Context(), "t", ids, Options{SkipRedis: n%5 == 0}, src.load) {
						if got.State == Failed && !errors.Is(got.Err, errDown) || got.State != Failed && got.Value.Name != ids[j] {
							t.Errorf("%s: %v, %q, %v", ids[j], got.State, got.Value.Name, got.Err)
						}
					}
					switch {
					case n%13 == i:
						l3(loaders, i).Drop("t", ids[0])
					case n%17 == i:
						src.set(map[string]string{"a": "a"}, errDown)
					case n%19 == i:
						src.set(map[string]string{"a": "a", "b": "b", "c": "c"}, nil)
					}
					time.Sleep(7 * time.Millisecond)
				}
			})
		}
		wg.Wait()
		time.Sleep(5 * time.Second)
		for i, c := range caches {
			k := loaders[i].kind
			k.mu.Lock()
			n := len(k.claims)
			k.mu.Unlock()
			if n != 0 || len(c.turns.all()) != 0 || len(c.behind) != 0 {
				t.Errorf("%d: %d claims, %d turns and %d places left", i, n, len(c.turns.all()), len(c.behind))
			}
		}
	})
}
