package main

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"github.com/weft-gateway/weft/cache"
)

// gathered are the samples of a metric: the values of its labels, joined -> what
// is counted, of a histogram its observations.
func gathered(t *testing.T, c prometheus.Collector, name string) map[string]float64 {
	t.Helper()
	r := prometheus.NewPedanticRegistry()
	r.MustRegister(c)
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[string]float64)
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			key := ""
			for _, l := range m.GetLabel() {
				key += l.GetValue() + " "
			}
			all[key] = m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	return all
}

func TestCacheCollector(t *testing.T) {
	stats := cache.Stats{Kinds: []cache.KindStats{{
		Kind: "contact", InMemory: cache.TierStats{Hit: 1, Stale: 2, Negative: 3, Miss: 4}, InRedis: cache.TierStats{Hit: 5, Stale: 6, Negative: 7, Miss: 8},
		RedisErrors: 9, RedisBypassed: 10, Ages: []uint64{1, 0, 2, 0, 0, 0, 0, 3, 4}, AgeSeconds: 99, Oldest: time.Hour,
	}}, Memory: cache.MemoryStats{Evicted: 11, Packed: 12, Unpacked: 13}}
	c := &cacheCollector{func() cache.Stats { return stats }}
	want := map[string]float64{ // labels are sorted: kind, result, tier
		"contact hit memory ": 1, "contact stale_hit memory ": 2, "contact negative_hit memory ": 3, "contact miss memory ": 4,
		"contact hit redis ": 5, "contact stale_hit redis ": 6, "contact negative_hit redis ": 7, "contact miss redis ": 8,
		"contact error redis ": 9, "contact bypass redis ": 10,
	}
	if diff := cmp.Diff(want, gathered(t, c, "weft_cache_requests_total")); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
	for name, want := range map[string]map[string]float64{
		"weft_cache_served_age_seconds":     {"contact ": 10},
		"weft_cache_maximum_age_seconds":    {"contact ": 3600},
		"weft_cache_memory_evictions_total": {"": 11},
		"weft_cache_memory_packings_total":  {"pack ": 12, "unpack ": 13},
	} {
		if diff := cmp.Diff(want, gathered(t, c, name)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// The buckets of ages are cumulative, and those older than all bounds are in none.
func TestAgesAreCumulative(t *testing.T) {
	r := prometheus.NewPedanticRegistry()
	r.MustRegister(&cacheCollector{func() cache.Stats {
		return cache.Stats{Kinds: []cache.KindStats{{Kind: "contact", Ages: []uint64{1, 0, 2, 0, 0, 0, 0, 3, 4}, AgeSeconds: 99}}}
	}})
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var got []uint64
	for _, f := range families {
		if f.GetName() != "weft_cache_served_age_seconds" {
			continue
		}
		for _, b := range f.GetMetric()[0].GetHistogram().GetBucket() {
			got = append(got, b.GetCumulativeCount())
		}
	}
	if diff := cmp.Diff([]uint64{1, 1, 3, 3, 3, 3, 3, 6}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestRedisTimer(t *testing.T) {
	visits := newMetrics().visits
	timer := newRedisTimer(visits)
	failed := errors.New("down")
	one := timer.ProcessHook(func(context.Context, redis.Cmder) error { return failed })
	many := timer.ProcessPipelineHook(func(context.Context, []redis.Cmder) error { return nil })
	cmd := func(name string) redis.Cmder { return redis.NewCmd(t.Context(), name, "key") }
	for _, name := range []string{"get", "hmget", "scan", "evalsha", "ping", "del", "publish"} {
		if err := one(t.Context(), cmd(name)); !errors.Is(err, failed) {
			t.Errorf("%s: error %v", name, err)
		}
	}
	for _, name := range []string{"getrange", "set", "hello"} {
		if err := many(t.Context(), []redis.Cmder{cmd(name), cmd("set")}); err != nil {
			t.Errorf("%s: error %v", name, err)
		}
	}
	want := map[string]float64{"read redis ": 4, "script redis ": 1, "ping redis ": 1, "write redis ": 3}
	if diff := cmp.Diff(want, gathered(t, visits, "weft_cache_operation_duration_seconds")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// The timer is on the way of each read: it makes no garbage.
func TestRedisTimerAllocatesNothing(t *testing.T) {
	timer := newRedisTimer(newMetrics().visits)
	cmd := redis.NewCmd(t.Context(), "getrange", "key")
	if n := testing.AllocsPerRun(100, func() { timer.observe(cmd, time.Now()) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// The hash follows the configuration, but nothing that is secret.
func TestConfigHash(t *testing.T) {
	hash := func(change func(*Config)) string {
		cfg := defaultConfig()
		cfg.Tenants = []Tenant{{ID: "acme", Store: Source{Kind: kindNative, URL: "http://store", Token: "one"}}}
		change(&cfg)
		return shortHash(cfg.json())
	}
	same := hash(func(*Config) {})
	if got := hash(func(c *Config) { c.Tenants[0].Store.Token = "two" }); got != same {
		t.Errorf("a token changes the hash: %s and %s", same, got)
	}
	if got := hash(func(c *Config) { c.Cache.Contact.Fresh++ }); got == same {
		t.Errorf("a time does not change the hash: %s", same)
	}
}
