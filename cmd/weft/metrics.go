package main

import (
	"math"
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
	parts    *prometheus.CounterVec
	foreigns *prometheus.CounterVec
	limited  *prometheus.CounterVec
}

func newMetrics() *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		requests: histogram("weft_http_request_duration_seconds", "Time to answer a request on the public listener.", "route", "method", "code"),
		calls:    histogram("weft_upstream_request_duration_seconds", "Time of one call of an upstream, waiting for its cap included.", "upstream", "op", "outcome"),
		parts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "weft_enrichment_parts_total", Help: "Parts of documents and list rows that were answered, by state and reason.",
		}, []string{"part", "state", "reason"}),
		foreigns: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "weft_upstream_foreign_records_total", Help: "Records of another tenant that an upstream answered with, and that were dropped.",
		}, []string{"upstream"}),
		limited: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "weft_ratelimit_requests_total", Help: "Requests that were counted against a rate limit, and what it said.",
		}, []string{"scope", "outcome"}),
	}
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "weft_build_info", Help: "1, with the version as a label.", ConstLabels: prometheus.Labels{"version": version()},
	})
	build.Set(1)
	m.registry.MustRegister(m.requests, m.calls, m.parts, m.foreigns, m.limited, build,
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
	m.requests.WithLabelValues(route, method, strconv.Itoa(code)).Observe(took.Seconds())
}

func (m *metrics) upstream(name string) func(upstream.Op, string, time.Duration) {
	return func(op upstream.Op, outcome string, took time.Duration) {
		m.calls.WithLabelValues(name, string(op), outcome).Observe(took.Seconds())
	}
}

func (m *metrics) inFlight(name string, count func() int) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "weft_upstream_in_flight", Help: "Calls of an upstream that are under way.", ConstLabels: prometheus.Labels{"upstream": name},
	}, func() float64 { return float64(count()) }))
}

func (m *metrics) gates(name string, closed func() int) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "weft_upstream_gates_closed", Help: "Tenants whose calls are kept back because their quota of the upstream is used up.",
		ConstLabels: prometheus.Labels{"upstream": name},
	}, func() float64 { return float64(closed()) }))
}

// keysAge publishes how old an issuer's keys are: infinitely, before there are any.
func (m *metrics) keysAge(issuer string, age func(issuer string) (time.Duration, bool)) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "weft_issuer_keys_age_seconds", Help: "Time since an issuer's keys were read; they are used for a day.",
		ConstLabels: prometheus.Labels{"issuer": issuer},
	}, func() float64 {
		if d, ok := age(issuer); ok {
			return d.Seconds()
		}
		return math.Inf(1)
	}))
}

func (m *metrics) limit(scope string, passed bool) {
	outcome := "allowed"
	if !passed {
		outcome = "limited"
	}
	m.limited.WithLabelValues(scope, outcome).Inc()
}

func (m *metrics) part(p enrich.Part, s enrich.State, reason upstream.Kind) {
	m.parts.WithLabelValues(string(p), string(s), string(reason)).Inc()
}

func (m *metrics) foreign(name string) func() {
	return m.foreigns.WithLabelValues(name).Inc
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

func (m *metrics) backfill(progress func() []enrich.Backfill) {
	m.registry.MustRegister(&backfillCollector{progress})
}
