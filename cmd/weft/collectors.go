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
		"coalesced": desc("weft_cache_coalesced_total", "Records that waited for a load that somebody else had begun.", "kind"),
		"refreshes": desc("weft_cache_refreshes_total", "Copies that were shown while, or in place of, loading them again.", "kind", "result"),
		"leases":    desc("weft_cache_leases_total", "Records to load, by whether one replica loads them for all.", "result"),
		"redis":     desc("weft_cache_redis_records_total", "Records that Redis was asked for.", "kind", "result"),
		"ops":       desc("weft_cache_redis_operations_total", "What went to Redis, and what did not.", "operation"),
		"entries":   desc("weft_cache_memory_entries", "Records in the memory tier, about."),
		"bytes":     desc("weft_cache_memory_bytes", "Weight of the memory tier."),
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
		"read": r.Reads, "read_error": r.ReadErrors, "bypassed": r.Bypassed, "corrupt": r.Corrupt,
		"write": r.Writes, "write_error": r.WriteErrors, "dropped": r.Dropped, "too_large": r.TooLarge,
		"unknown_key": r.UnknownKeys, "told": r.Told, "heard": r.Heard, "gap": r.Gaps,
	} {
		count("ops", n, operation)
	}
	ch <- prometheus.MustNewConstMetric(d["entries"], prometheus.GaugeValue, float64(s.Memory.Entries))
	ch <- prometheus.MustNewConstMetric(d["maximum"], prometheus.GaugeValue, float64(s.Memory.Maximum))
	ch <- prometheus.MustNewConstMetric(d["bytes"], prometheus.GaugeValue, float64(s.Memory.Bytes))
}
