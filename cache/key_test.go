package cache

import (
	"strings"
	"testing"
)

func TestRedisKeyIsStable(t *testing.T) {
	// Replicas of one version share Redis: the form must not change under one number.
	want := "weft:1:cc1638bafe56910369de7ce747424178:contact:Y3JtLTE"
	if got := (Key{"a0b1c2d3-4567-89ab-cdef-0123456789ab", "contact", "crm-1"}).redisKey(); got != want {
		t.Errorf("redisKey() = %q, want %q", got, want)
	}
}

func TestKeysOfOtherThingsAreApart(t *testing.T) {
	names := []string{
		Key{"x", "index", "x"}.redisKey(), Key{"x", "lease", "x"}.redisKey(), Key{"x", "checkpoint", "x"}.redisKey(),
		indexKey("x"), leaseKey("x"), checkpointKey("x"),
	}
	seen := map[string]bool{}
	for _, n := range names {
		if seen[n] {
			t.Errorf("key %q is that of two things", n)
		}
		seen[n] = true
	}
}

func FuzzRedisKeys(f *testing.F) {
	f.Add("a", "k", "b", "a", "k", "c")
	f.Add("a", "k:x", "b", "a", "k", "x:b")
	f.Add("a:k", "k", "b", "a", "k:k", "b")
	f.Add("a", "k", "{b}", "a", "k", "b\n ")
	f.Fuzz(func(t *testing.T, tenant1, kind1, id1, tenant2, kind2, id2 string) {
		one, two := Key{tenant1, kind1, id1}, Key{tenant2, kind2, id2}
		if (one == two) != (one.redisKey() == two.redisKey()) {
			t.Errorf("%q and %q have the keys %q and %q", one, two, one.redisKey(), two.redisKey())
		}
		if validKind(kind1) && strings.ContainsAny(one.redisKey(), " \n\r{}*?[]") {
			t.Errorf("key %q has an odd character", one.redisKey())
		}
	})
}
