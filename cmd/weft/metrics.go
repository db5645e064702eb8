package main

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/weft-gateway/weft/cache"
	"github.com/weft-gateway/weft/enrich"
	"github.com/weft-gateway/weft/gateway"
	"github.com/weft-gateway/weft/upstream"
)

// metrics is what the gateway publishes. The packages count or report; only
// here are names and labels given. Labels are words of closed sets: never an
// id, a tenant or anything that a caller sends.
type metrics struct {
	registry *prometheus.Registry
	requests *prometheus.HistogramVec
	calls    *prometheus.HistogramVec
	visits   *prometheus.HistogramVec // of Redis; there with it
	parts    *prometheus.CounterVec
	foreigns *prometheus.CounterVec
	oddities *prometheus.CounterVec // rows that were left out
	limited  *prometheus.CounterVec
	reloads  *prometheus.CounterVec
	sound    prometheus.Gauge // whether the last reload succeeded
	soundAt  prometheus.Gauge // when one did last

	answered *children[answerLabels, prometheus.Observer] // of requests
	shown    *children[partLabels, prometheus.Counter]    // of parts
}

type answerLabels struct {
	route, method string
	code          int
}

type partLabels struct {
	part   enrich.Part
	state  enrich.State
	reason upstream.Kind
}

func newMetrics() *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		requests: histogram("weft_http_request_duration_seconds", "Time to answer a request on the public listener.", "route", "method", "code"),
		calls:    histogram("weft_upstream_request_duration_seconds", "Time of one call of an upstream, waiting for its cap included.", "upstream", "op", "outcome"),
		visits:   histogram("weft_cache_operation_duration_seconds", "Time of one round trip to the cache's shared tier.", "tier", "op"),
		parts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "weft_enrichment_parts_total", Help: "Parts of documents and list rows that were answered, by state and reason.",
		}, []string{"part", "state", "reason"}),
		foreigns: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "weft_upstream_foreign_records_total", Help: "Records of another tenant that an upstream answered with, and that were dropped.",
		}, []string{"upstream"}),
		oddities: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "weft_upstream_unreadable_rows_total", Help: "Rows of lists that could not be read, and were left out.",
		}, []string{"upstream"}),
		limited: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "weft_ratelimit_requests_total", Help: "Requests that were counted against a rate limit, and what it said.",
		}, []string{"scope", "outcome"}),
		reloads: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "weft_config_reloads_total", Help: "Times that the configuration was read, the start included.",
		}, []string{"outcome"}),
		sound: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "weft_config_last_reload_successful", Help: "Whether the configuration was sound when it was read last.",
		}),
		soundAt: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "weft_config_last_reload_success_timestamp_seconds", Help: "When the configuration was last read and sound.",
		}),
	}
	m.answered = newChildren(func(l answerLabels) prometheus.Observer {
		return m.requests.WithLabelValues(l.route, l.method, strconv.Itoa(l.code))
	})
	m.shown = newChildren(func(l partLabels) prometheus.Counter {
		return m.parts.WithLabelValues(string(l.part), string(l.state), string(l.reason))
	})
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "weft_build_info", Help: "1, with the version as a label.", ConstLabels: prometheus.Labels{"version": version()},
	})
	build.Set(1)
	m.reloads.WithLabelValues("refused") // there at once, at 0
	m.registry.MustRegister(m.requests, m.calls, m.parts, m.foreigns, m.oddities, m.limited, m.reloads, m.sound, m.soundAt, build,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// histogram has classic buckets for every scraper and native ones for those
// that ask for them.
func histogram(name, help string, labels ...string) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: name, Help: help,
		Buckets:                         []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		NativeHistogramBucketFactor:     1.1,
		NativeHistogramMaxBucketNumber:  100,
		NativeHistogramMinResetDuration: time.Hour,
	}, labels)
}

func (m *metrics) http(route, method string, code int, took time.Duration) {
	m.answered.of(answerLabels{route, method, code}).Observe(took.Seconds())
}

func (m *metrics) upstream(name string) func(upstream.Op, string, time.Duration) {
	return func(op upstream.Op, outcome string, took time.Duration) {
		m.calls.WithLabelValues(name, string(op), outcome).Observe(took.Seconds())
	}
}

// reloaded counts a configuration that was taken over.
func (m *metrics) reloaded(at time.Time) {
	m.reloads.WithLabelValues("success").Inc()
	m.sound.Set(1)
	m.soundAt.Set(float64(at.UnixMilli()) / 1000)
}

// refused counts one that was not.
func (m *metrics) refused() {
	m.reloads.WithLabelValues("refused").Inc()
	m.sound.Set(0)
}

// forget ends the series of an upstream that is no longer there.
func (m *metrics) forget(name string) {
	m.calls.DeletePartialMatch(prometheus.Labels{"upstream": name})
}

func (m *metrics) limit(scope string, passed bool) {
	outcome := "allowed"
	if !passed {
		outcome = "limited"
	}
	m.limited.WithLabelValues(scope, outcome).Inc()
}

func (m *metrics) part(p enrich.Part, s enrich.State, reason upstream.Kind) {
	m.shown.of(partLabels{p, s, reason}).Inc()
}

func (m *metrics) foreign(name string) func() {
	return m.foreigns.WithLabelValues(name).Inc
}

func (m *metrics) unreadable(name string) func(rows int) {
	rows := m.oddities.WithLabelValues(name)
	return func(n int) { rows.Add(float64(n)) }
}

func (m *metrics) cache(stats func() cache.Stats) { m.registry.MustRegister(&cacheCollector{stats}) }

func (m *metrics) audit(stats func() gateway.AuditStats) {
	for outcome, count := range map[string]func(gateway.AuditStats) uint64{
		"written": func(s gateway.AuditStats) uint64 { return s.Written },
		"dropped": func(s gateway.AuditStats) uint64 { return s.Dropped },
		"failed":  func(s gateway.AuditStats) uint64 { return s.Failed },
	} {
		m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "weft_audit_lines_total", Help: "Lines of the audit log, by what became of them.", ConstLabels: prometheus.Labels{"outcome": outcome},
		}, func() float64 { return float64(count(stats())) }))
	}
}
