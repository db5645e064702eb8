package cache

import (
	"testing"
	"testing/synctest"
	"time"
)

// What comes by again and again is written when it has changed, when it may be
// gone from Redis, and when replicas have something of its time.
func TestNote(t *testing.T) {
	short := Policy{Fresh: 2 * time.Second, Stale: 24 * time.Hour}
	tests := []struct {
		name   string
		policy Policy
		then   func(t *testing.T, l *Loader[doc])
		want   uint64 // writes in all
	}{
		{"the same", short, func(*testing.T, *Loader[doc]) {}, 1},
		{"another", short, func(_ *testing.T, l *Loader[doc]) { l.Note("t", "a", doc{"B"}) }, 2},
		{"another, and back", short, func(_ *testing.T, l *Loader[doc]) {
			l.Note("t", "a", doc{"B"})
			gathered()
			l.Note("t", "a", doc{"A"})
		}, 3},
		{"long after", short, func(_ *testing.T, l *Loader[doc]) {
			time.Sleep(9 * time.Minute)
			l.Note("t", "a", doc{"A"})
			time.Sleep(2 * time.Minute)
			l.Note("t", "a", doc{"A"})
		}, 2},
		{"dropped meanwhile", short, func(_ *testing.T, l *Loader[doc]) {
			l.Drop("t", "a")
			gathered()
			l.Note("t", "a", doc{"A"})
		}, 3},
		{"fresh for long", Policy{Fresh: time.Minute, Stale: time.Hour}, func(*testing.T, *Loader[doc]) {}, 3},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				caches, loaders := replicas(t, 1, sim(t), tt.policy)
				for range 3 {
					loaders[0].Note("t", "a", doc{"A"})
					gathered()
					time.Sleep(time.Second)
				}
				tt.then(t, loaders[0])
				gathered()
				if got := caches[0].Stats().Redis.Writes; got != tt.want {
					t.Errorf("%d writes, want %d", got, tt.want)
				}
				got := loaders[0].Load(t.Context(), "t", []string{"a"}, Options{StaleNow: true}, (&fakeSource{}).load)[0]
				if age := time.Since(got.StoredAt); age > 3*time.Minute || got.State == Failed {
					t.Errorf("%v of %v ago: memory has to know of each", got.State, age)
				}
			})
		})
	}
}

// The parts of a document that come one after another are one batch.
func TestQueueGathers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		caches, loaders := replicas(t, 1, sim(t), testPolicy)
		before := caches[0].remote.writes.Snapshot().Counts.Successes
		for _, id := range []string{"a", "b", "c"} {
			loaders[0].Put("t", id, doc{id})
			synctest.Wait()
		}
		gathered()
		if n := caches[0].remote.writes.Snapshot().Counts.Successes - before; n != 1 {
			t.Errorf("%d batches, want 1", n)
		}
	})
}
