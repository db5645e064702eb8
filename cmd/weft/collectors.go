package main

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/weft-gateway/weft/cache"
)

// cacheCollector publishes the cache's counters as they are when scraped.
type cacheCollector struct{ stats func() cache.Stats }

// cacheDescs are the cache's metrics; a function, since none may be changed.
func cacheDescs() map[string]*prometheus.Desc {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, labels, nil)
	}
	return map[string]*prometheus.Desc{
		"records":   desc("weft_cache_records_total", "Records that were asked for, by what answered.", "kind", "result"),
		"loads":     desc("weft_cache_loads_total", "Calls of a source to fill the cache.", "kind"),
		"errors":    desc("weft_cache_load_errors_total", "Calls of a source that failed, in whole or in part.", "kind"),
		"coalesced": desc("weft_coalesced_requests_total", "Records that waited for a load that somebody else had begun.", "kind"),
		"refreshes": desc("weft_cache_refreshes_total", "Copies that were shown while, or in place of, loading them again.", "kind", "result"),
		"leases":    desc("weft_cache_leases_total", "Records to load, by whether one replica loads them for all.", "result"),
		"redis":     desc("weft_cache_redis_records_total", "Records that Redis was asked for.", "kind", "result"),
		"ops":       desc("weft_cache_redis_operations_total", "What went to Redis, and what did not.", "operation"),
		"entries":   desc("weft_cache_memory_entries", "Records in the memory tier, about."),
		"bytes":     desc("weft_cache_memory_bytes", "Weight of the memory tier."),
		"requests":  desc("weft_cache_requests_total", "Records that a tier was asked for, by what it had of them.", "kind", "tier", "result"),
		"age":       desc("weft_cache_served_age_seconds", "Age of the copies that were shown.", "kind"),
		"oldest":    desc("weft_cache_maximum_age_seconds", "Age from which on a copy is not shown any more, as configured.", "kind"),
		"evictions": desc("weft_cache_memory_evictions_total", "Records that had to leave the memory tier for want of room."),
		"packings":  desc("weft_cache_memory_packings_total", "Records that were packed in memory, for want of room, or unpacked, as they were read often.", "operation"),
		"maximum":   desc("weft_cache_memory_maximum_bytes", "What the memory tier may weigh now; less than configured under a memory limit."),
	}
}

// Describe implements [prometheus.Collector].
func (c *cacheCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range cacheDescs() {
		ch <- d
	}
}

// Collect implements [prometheus.Collector].
func (c *cacheCollector) Collect(ch chan<- prometheus.Metric) {
	d, s := cacheDescs(), c.stats()
	count := func(name string, n uint64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d[name], prometheus.CounterValue, float64(n), labels...)
	}
	var waited, expired uint64
	for _, k := range s.Kinds {
		count("refreshes", k.Ahead, k.Kind, "ahead")
		count("refreshes", k.Behind, k.Kind, "behind")
		count("refreshes", k.Skipped, k.Kind, "skipped")
		count("refreshes", k.BackedOff, k.Kind, "backed_off")
		waited, expired = waited+k.TurnsWaited, expired+k.TurnsExpired
		c.tiers(count, k)
		ch <- prometheus.MustNewConstMetric(d["oldest"], prometheus.GaugeValue, k.Oldest.Seconds(), k.Kind)
		ch <- ages(d["age"], k)
		count("records", k.Loaded, k.Kind, "loaded")
		count("records", k.Cached, k.Kind, "hit")
		count("records", k.Stale, k.Kind, "stale_hit")
		count("records", k.Absent, k.Kind, "negative_hit")
		count("records", k.Failed, k.Kind, "miss")
		count("loads", k.Loads, k.Kind)
		count("errors", k.LoadErrors, k.Kind)
		count("coalesced", k.Coalesced, k.Kind)
		count("redis", k.RedisHits, k.Kind, "hit")
		count("redis", k.RedisMisses, k.Kind, "miss")
	}
	r := s.Redis
	for result, n := range map[string]uint64{"won": r.TurnsWon, "waited": waited, "expired": expired, "failed": r.TurnsRefused} {
		count("leases", n, result)
	}
	for operation, n := range map[string]uint64{
		"read": r.Reads, "shared": r.Shared, "read_error": r.ReadErrors, "bypassed": r.Bypassed, "corrupt": r.Corrupt,
		"write": r.Writes, "write_error": r.WriteErrors, "dropped": r.Dropped, "too_large": r.TooLarge,
		"unknown_key": r.UnknownKeys, "told": r.Told, "heard": r.Heard, "gap": r.Gaps,
	} {
		count("ops", n, operation)
	}
	count("evictions", s.Memory.Evicted)
	count("packings", s.Memory.Packed, "pack")
	count("packings", s.Memory.Unpacked, "unpack")
	ch <- prometheus.MustNewConstMetric(d["entries"], prometheus.GaugeValue, float64(s.Memory.Entries))
	ch <- prometheus.MustNewConstMetric(d["maximum"], prometheus.GaugeValue, float64(s.Memory.Maximum))
	ch <- prometheus.MustNewConstMetric(d["bytes"], prometheus.GaugeValue, float64(s.Memory.Bytes))
}

// tiers publishes what each tier had of a kind's records.
func (c *cacheCollector) tiers(count func(name string, n uint64, labels ...string), k cache.KindStats) {
	for tier, s := range map[string]cache.TierStats{"memory": k.InMemory, "redis": k.InRedis} {
		count("requests", s.Hit, k.Kind, tier, "hit")
		count("requests", s.Stale, k.Kind, tier, "stale_hit")
		count("requests", s.Negative, k.Kind, tier, "negative_hit")
		count("requests", s.Miss, k.Kind, tier, "miss")
	}
	count("requests", k.RedisErrors, k.Kind, "redis", "error")
	count("requests", k.RedisBypassed, k.Kind, "redis", "bypass")
}

// ages publishes how old what was shown of a kind was.
func ages(d *prometheus.Desc, k cache.KindStats) prometheus.Metric {
	below, total := make(map[float64]uint64), uint64(0)
	bounds := cache.AgeBounds()
	for i, n := range k.Ages {
		total += n
		if i < len(bounds) {
			below[bounds[i].Seconds()] = total
		}
	}
	return prometheus.MustNewConstHistogram(d, total, k.AgeSeconds, below, k.Kind)
}
