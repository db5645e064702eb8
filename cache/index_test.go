package cache

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// onBoth runs a test without Redis and with a real one.
func onBoth(t *testing.T, test func(t *testing.T, c *Cache)) {
	t.Run("memory", func(t *testing.T) { test(t, newCache(t, Config{})) })
	t.Run("redis", func(t *testing.T) {
		c := startRedis(t).cacheWith(Config{RedisDeadline: patient})
		test(t, c)
	})
}

type known struct{ Has, Complete bool }

func lookup(t *testing.T, x *Index, tenant, id string) known {
	t.Helper()
	has, complete, err := x.Lookup(t.Context(), tenant, id)
	if err != nil {
		t.Fatal(err)
	}
	return known{has, complete}
}

// must fails the test on an error.
func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestIndex(t *testing.T) {
	onBoth(t, func(t *testing.T, c *Cache) {
		x := c.Index()
		check := func(step, tenant, id string, want known) {
			t.Helper()
			if diff := cmp.Diff(want, lookup(t, x, tenant, id)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", step, diff)
			}
		}
		complete := func(walk string, want bool) {
			t.Helper()
			ok, err := x.MarkComplete(t.Context(), "t", walk, time.Hour)
			if ok != want || err != nil {
				t.Errorf("MarkComplete(%s) = %v, %v; want %v", walk, ok, err, want)
			}
		}
		check("empty", "t", "a", known{false, false})
		complete("never begun", false)
		must(t, x.Begin(t.Context(), "t", "w1"))
		must(t, x.Add(t.Context(), "t", []string{"a", "b"}))
		must(t, x.Add(t.Context(), "t", nil))
		check("during the walk", "t", "a", known{true, false})
		complete("w1", true)
		check("known", "t", "a", known{true, true})
		check("unknown", "t", "c", known{false, true})
		check("another tenant", "u", "a", known{false, false})
		must(t, x.Add(t.Context(), "t", []string{"c"}))
		check("added later", "t", "c", known{true, true})
		check("the marks are no ids", "t", fieldComplete, known{false, true})
		complete("w1", false)
		must(t, x.Begin(t.Context(), "t", "w2"))
		must(t, x.Begin(t.Context(), "t", "w3"))
		complete("w2", false)
		x.Withdraw(t.Context(), "t")
		check("withdrawn", "t", "a", known{true, false})
		complete("w3", true)
		check("walked again", "t", "c", known{true, true})
	})
}

func TestIndexManyIDs(t *testing.T) {
	onBoth(t, func(t *testing.T, c *Cache) {
		ids := make([]string, 3*addChunk+1)
		for i := range ids {
			ids[i] = fmt.Sprint(i)
		}
		must(t, c.Index().Add(t.Context(), "t", ids))
		for _, id := range []string{ids[0], ids[addChunk], ids[len(ids)-1]} {
			if !lookup(t, c.Index(), "t", id).Has {
				t.Errorf("%s is not known", id)
			}
		}
	})
}

func TestIndexCompletenessEnds(t *testing.T) {
	onBoth(t, func(t *testing.T, c *Cache) {
		x := c.Index()
		must(t, x.Begin(t.Context(), "t", "w"))
		if ok, err := x.MarkComplete(t.Context(), "t", "w", 50*time.Millisecond); !ok || err != nil {
			t.Fatal(ok, err)
		}
		must(t, x.Add(t.Context(), "t", []string{"a"})) // does not make it last longer
		eventually(t, "completeness to end", func() bool { return !lookup(t, x, "t", "a").Complete })
	})
}

func TestIndexLosesCompletenessWithItsIDs(t *testing.T) {
	r := startRedis(t)
	c := r.cacheWith(Config{RedisDeadline: patient})
	x := c.Index()
	lose := func() { must(t, r.admin.Del(t.Context(), indexKey("t")).Err()) }

	must(t, x.Begin(t.Context(), "t", "w1"))
	must(t, x.Add(t.Context(), "t", []string{"a"}))
	lose()
	must(t, x.Add(t.Context(), "t", []string{"b"}))
	if ok, err := x.MarkComplete(t.Context(), "t", "w1", time.Hour); ok || err != nil {
		t.Errorf("a walk that lost an id completed: %v, %v", ok, err)
	}

	must(t, x.Begin(t.Context(), "t", "w2"))
	if ok, err := x.MarkComplete(t.Context(), "t", "w2", time.Hour); !ok || err != nil {
		t.Fatal(ok, err)
	}
	lose()
	must(t, x.Add(t.Context(), "t", []string{"c"}))
	if diff := cmp.Diff(known{true, false}, lookup(t, x, "t", "c")); diff != "" {
		t.Errorf("after the key was lost (-want +got):\n%s", diff)
	}

	must(t, r.admin.Set(t.Context(), indexKey("t"), "not a set", 0).Err())
	if diff := cmp.Diff(known{}, lookup(t, x, "t", "c")); diff != "" {
		t.Errorf("of another type (-want +got):\n%s", diff)
	}
	must(t, x.Add(t.Context(), "t", []string{"c"}))
	if diff := cmp.Diff(known{true, false}, lookup(t, x, "t", "c")); diff != "" {
		t.Errorf("after that (-want +got):\n%s", diff)
	}
}

func TestIndexDoubtsAfterAFailedAdd(t *testing.T) {
	r := startRedis(t)
	one, two := r.cacheWith(Config{RedisDeadline: patient}), r.cacheWith(Config{RedisDeadline: patient})
	must(t, one.Index().Begin(t.Context(), "t", "w"))
	if ok, err := one.Index().MarkComplete(t.Context(), "t", "w", time.Hour); !ok || err != nil {
		t.Fatal(ok, err)
	}
	must(t, one.Index().Begin(t.Context(), "t", "w1"))
	r.config("maxmemory", "1")
	if err := one.Index().Add(t.Context(), "t", []string{"a"}); err == nil {
		t.Fatal("Add of a full Redis: no error")
	}
	if lookup(t, one.Index(), "t", "a").Complete {
		t.Error("the index is complete although an Add failed")
	}
	if lookup(t, two.Index(), "t", "a").Complete {
		t.Error("another replica still believes that it is")
	}
	r.config("maxmemory", "0")
	if ok, err := one.Index().MarkComplete(t.Context(), "t", "w1", time.Hour); ok || err != nil {
		t.Errorf("the walk of that time completes: %v, %v", ok, err)
	}
	must(t, one.Index().Begin(t.Context(), "t", "w2"))
	if ok, err := one.Index().MarkComplete(t.Context(), "t", "w2", time.Hour); !ok || err != nil {
		t.Errorf("a new walk does not complete: %v, %v", ok, err)
	}
}

func TestIndexWithoutRedisThatIsConfigured(t *testing.T) {
	client, err := RedisClient("unix:///nowhere/redis.sock", 0)
	must(t, err)
	t.Cleanup(func() { client.Close() })
	c := newCache(t, Config{Redis: client})
	if _, _, err := c.Index().Lookup(t.Context(), "t", "a"); err == nil {
		t.Error("Lookup: no error")
	}
	if err := c.Index().Add(t.Context(), "t", []string{"a"}); err == nil {
		t.Error("Add: no error")
	}
	if ok, err := c.Index().MarkComplete(t.Context(), "t", "w", time.Hour); ok {
		t.Errorf("MarkComplete = true, %v", err)
	}
}

func TestLocalIndexIsBounded(t *testing.T) {
	x := newLocalIndex()
	x.limit = 3
	x.add("t", []string{"a"})
	x.begin("t", "w1")
	x.add("u", []string{"a", "b"})
	if !x.markComplete("t", "w1", time.Hour) {
		t.Fatal("cannot be completed below the limit")
	}
	x.begin("t", "w2")
	x.add("t", []string{"a", "b"})
	if has, complete := x.lookup("t", "b"); has || complete {
		t.Errorf("id past the limit: known %v, index complete %v", has, complete)
	}
	if x.markComplete("t", "w2", time.Hour) {
		t.Error("a walk that lost an id completed")
	}
	if has, _ := x.lookup("t", "a"); !has {
		t.Error("an id below the limit is gone")
	}
}

func TestLease(t *testing.T) {
	onBoth(t, func(t *testing.T, c *Cache) {
		take := func(want bool) *Lease {
			t.Helper()
			l, ok, err := c.Lease(t.Context(), "walk", time.Hour)
			if ok != want || err != nil {
				t.Fatalf("Lease = %v, %v; want %v", ok, err, want)
			}
			return l
		}
		first := take(true)
		take(false)
		if ok, err := first.Extend(t.Context(), 20*time.Millisecond); !ok || err != nil {
			t.Fatalf("Extend = %v, %v", ok, err)
		}
		var second *Lease
		eventually(t, "the lease to run out", func() bool {
			l, ok, err := c.Lease(t.Context(), "walk", time.Hour)
			must(t, err)
			second = l
			return ok
		})
		if ok, err := first.Extend(t.Context(), time.Hour); ok || err != nil {
			t.Errorf("Extend of a lost lease = %v, %v", ok, err)
		}
		must(t, first.Release(t.Context()))
		take(false) // the first holder has released nothing
		must(t, second.Release(t.Context()))
		take(true)
	})
}

func TestCheckpoint(t *testing.T) {
	onBoth(t, func(t *testing.T, c *Cache) {
		check := func(name, want string) {
			t.Helper()
			if got, err := c.Checkpoint(t.Context(), name); got != want || err != nil {
				t.Errorf("Checkpoint(%s) = %q, %v; want %q", name, got, err, want)
			}
		}
		check("walk", "")
		must(t, c.SetCheckpoint(t.Context(), "walk", "page 7", time.Hour))
		check("walk", "page 7")
		check("other", "")
		must(t, c.SetCheckpoint(t.Context(), "walk", "page 8", 20*time.Millisecond))
		eventually(t, "the checkpoint to end", func() bool {
			got, err := c.Checkpoint(t.Context(), "walk")
			return got == "" && err == nil
		})
	})
}
