package cache

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// loaderOf returns a loader of another kind of documents.
func loaderOf(t testing.TB, c *Cache, kind string) *Loader[doc] {
	t.Helper()
	l, err := NewLoader(c, LoaderConfig[doc]{Kind: kind, Policy: testPolicy, Deadline: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// inTiers says what an Inspection has, as "doc cached/stale".
func inTiers(list []Inspection) (out []string) {
	state := func(c *Copy) string {
		if c == nil {
			return "none"
		}
		return c.State.String()
	}
	for _, i := range list {
		out = append(out, i.Kind+" "+state(i.Memory)+"/"+state(i.Redis))
	}
	return out
}

func TestInspect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := sim(t)
		one, _ := simLine(t, m)
		two, _ := simLine(t, m)
		l, l2 := newLoader(t, one, testPolicy), newLoader(t, two, testPolicy)
		stored := time.Now()
		l.Put("t", "a", doc{"A"})
		l.PutAbsent("t", "gone")
		gathered()
		l2.Put("t", "b", doc{"B"})
		gathered()
		before := one.Stats()
		keys := []Key{{"t", "doc", "a"}, {"t", "doc", "gone"}, {"t", "doc", "b"}, {"other", "doc", "a"}, {"t", "nokind", "a"}}
		got := one.Inspect(t.Context(), keys)
		want := []string{"doc cached/cached", "doc absent/absent", "doc none/cached", "doc none/none", "nokind none/none"}
		if diff := cmp.Diff(want, inTiers(got)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if c := got[0].Memory; c.Bytes != len(`{"name":"A"}`) || c.Keep != time.Hour-time.Since(stored) || !c.StoredAt.Equal(stored) {
			t.Errorf("the copy: %+v", c)
		}
		time.Sleep(2 * time.Minute)
		if diff := cmp.Diff([]string{"doc stale/stale"}, inTiers(one.Inspect(t.Context(), keys[:1]))); diff != "" {
			t.Errorf("later (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(before.Kinds, one.Stats().Kinds); diff != "" {
			t.Errorf("it counts as use (-before +after):\n%s", diff)
		}
		if got := l.Peek(t.Context(), "t", []string{"b"}, true)[0]; got.State != Failed {
			t.Error("what was looked at in Redis came into memory")
		}
	})
}

func TestSizes(t *testing.T) {
	c := newCache(t, Config{})
	a, b := loaderOf(t, c, "a"), loaderOf(t, c, "b")
	b.Put("t", "1", doc{"A"})
	a.Put("t", "1", doc{"AA"})
	a.Put("t", "2", doc{"AA"})
	a.Put("other", "2", doc{"AA"})
	want := []KindSize{{"a", 2, 26}, {"b", 1, 12}}
	if diff := cmp.Diff(want, c.Sizes("t")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestPurge(t *testing.T) {
	r := startRedis(t)
	one, two := r.cacheWith(Config{RedisDeadline: patient}), r.cacheWith(Config{RedisDeadline: patient})
	kinds := []string{"a", "b", "kept"}
	for _, c := range []*Cache{one, two} {
		for _, kind := range kinds {
			loaderOf(t, c, kind)
		}
	}
	fill := func(c *Cache, from, to int) {
		for _, kind := range kinds {
			l := loaderOf(t, c, kind)
			for i := from; i < to; i++ {
				l.Put("t", fmt.Sprint(i), doc{"x"})
				l.Put("other", fmt.Sprint(i), doc{"x"})
			}
		}
		written(t, c, uint64(6*(to-from)))
	}
	fill(one, 0, 300)
	fill(two, 300, 400)
	begun, answer, ended := make(chan bool), make(chan bool), make(chan bool)
	go func() {
		defer close(ended)
		loaderOf(t, one, "a").Load(t.Context(), "t", []string{"under-way"}, Options{}, func(context.Context, []string) (map[string]doc, error) {
			close(begun)
			<-answer
			return map[string]doc{"under-way": {"x"}}, nil
		})
	}()
	<-begun
	n, err := one.Purge(t.Context(), "t", []string{"a", "b"})
	if err != nil || n != 801 {
		t.Errorf("%d records, %v; want 800 and the one that is being loaded", n, err)
	}
	close(answer)
	<-ended
	for name, c := range map[string]*Cache{"one": one, "two": two} {
		eventually(t, name+" to forget", func() bool {
			sizes := c.Sizes("t")
			return len(sizes) == 1 && sizes[0].Kind == "kept"
		})
		if len(c.Sizes("other")) != 3 {
			t.Errorf("%s: another tenant has %+v", name, c.Sizes("other"))
		}
	}
	left := map[string]int{}
	for _, key := range r.admin.Keys(t.Context(), "*").Val() {
		for _, tenant := range []string{"t", "other"} {
			if rest, ok := strings.CutPrefix(key, keyPrefix+tenantDigest(tenant)+":"); ok {
				kind, _, _ := strings.Cut(rest, ":")
				left[tenant+" "+kind]++
			}
		}
	}
	want := map[string]int{"t kept": 400, "other a": 400, "other b": 400, "other kept": 400}
	if diff := cmp.Diff(want, left); diff != "" {
		t.Errorf("in Redis (-want +got):\n%s", diff)
	}
}

func TestPurgeWhileRedisIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, line := simLine(t, sim(t))
		l := newLoader(t, c, testPolicy)
		synctest.Wait()
		line.cut(true)
		l.Put("t", "a", doc{"x"})
		if n, err := c.Purge(t.Context(), "t", []string{"doc"}); err == nil || n != 1 {
			t.Errorf("%d, %v; want one from memory and an error", n, err)
		}
		if got := c.Sizes("t"); len(got) > 0 {
			t.Errorf("memory has %+v", got)
		}
		line.cut(false)
	})
}

func TestPurgeRecords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := sim(t)
		one, _ := simLine(t, m)
		two, _ := simLine(t, m)
		l1, l2 := newLoader(t, one, testPolicy), newLoader(t, two, testPolicy)
		for _, id := range []string{"a", "b"} {
			l1.Put("t", id, doc{id})
		}
		gathered()
		l2.Peek(t.Context(), "t", []string{"a", "b"}, false)
		n, err := two.PurgeRecords(t.Context(), []Key{{"t", "doc", "a"}, {"t", "doc", "nothing"}})
		if n != 1 || err != nil {
			t.Errorf("%d records, %v", n, err)
		}
		gathered()
		keys := []Key{{"t", "doc", "a"}, {"t", "doc", "b"}}
		for name, c := range map[string]*Cache{"one": one, "two": two} {
			if diff := cmp.Diff([]string{"doc none/none", "doc cached/cached"}, inTiers(c.Inspect(t.Context(), keys))); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
		}
	})
}

func TestPurgeWithoutRedis(t *testing.T) {
	c := newCache(t, Config{})
	l := newLoader(t, c, testPolicy)
	l.Put("t", "a", doc{"A"})
	if n, err := c.PurgeRecords(t.Context(), []Key{{"t", "doc", "a"}}); n != 1 || err != nil {
		t.Errorf("a record: %d, %v", n, err)
	}
	l.Put("t", "a", doc{"A"})
	if n, err := c.Purge(t.Context(), "t", []string{"doc"}); n != 1 || err != nil {
		t.Errorf("the tenant: %d, %v", n, err)
	}
	if got := c.Sizes("t"); len(got) > 0 {
		t.Errorf("memory has %+v", got)
	}
}

func TestEvictionsAreCounted(t *testing.T) {
	c := newCache(t, Config{MemoryBytes: 64 << 10})
	l := newLoader(t, c, testPolicy)
	for i := range 1000 {
		l.Put("t", fmt.Sprint(i), doc{"x"})
	}
	c.memory.items.CleanUp()
	s := c.Stats().Memory
	if uint64(s.Entries)+s.Evicted != 1000 || s.EvictedBytes < s.Evicted*itemOverhead {
		t.Errorf("%+v", s)
	}
	l.Drop("t", "999")
	if got := c.Stats().Memory.Evicted; got != s.Evicted {
		t.Errorf("a drop counts as %d evictions", got-s.Evicted)
	}
}

func TestTiersAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := sim(t)
		one, _ := simLine(t, m)
		two, _ := simLine(t, m)
		newLoader(t, one, testPolicy).Put("t", "a", doc{"A"})
		gathered()
		l := newLoader(t, two, testPolicy)
		l.Peek(t.Context(), "t", []string{"a", "b"}, false)
		l.Peek(t.Context(), "t", []string{"a"}, false)
		k := two.Stats().Kinds[0]
		if diff := cmp.Diff([]TierStats{{Hit: 1, Miss: 2}, {Hit: 1, Miss: 1}}, []TierStats{k.InMemory, k.InRedis}); diff != "" {
			t.Errorf("memory and Redis (-want +got):\n%s", diff)
		}
	})
}
