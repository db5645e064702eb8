package cache

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// What a look ahead found answers although memory has no room for it, but not
// once it has been dropped.
func TestSightOutlastsMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		caches, loaders := replicas(t, 2, sim(t), testPolicy)
		here, l := caches[1], loaders[1]
		ids := []string{"a", "b"}
		for _, id := range ids {
			loaders[0].Put("t", id, doc{id})
		}
		gathered()
		src := &fakeSource{docs: map[string]string{"a": "anew", "b": "bnew"}}
		along, release := here.Prefetch(t.Context(), []Key{{"t", "doc", "a"}, {"t", "doc", "b"}})
		defer release()
		here.memory.items.InvalidateAll()
		here.memory.items.CleanUp()
		reads := here.Stats().Redis.Reads
		ask := func() []seen { return see(l.Load(along, "t", ids, Options{SkipRedis: true}, src.load)) }
		if diff := cmp.Diff([]seen{{"a", Cached, nil}, {"b", Cached, nil}}, ask()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if n := here.Stats().Redis.Reads - reads; n != 0 || len(src.asked()) != 0 {
			t.Errorf("%d reads and %d calls more, want none", n, len(src.asked()))
		}
		l.Drop("t", "a")
		gathered()
		if got := ask()[0]; got.Name != "anew" || got.State != Loaded {
			t.Errorf("after it was dropped: %+v", got)
		}
		time.Sleep(time.Second)
	})
}
