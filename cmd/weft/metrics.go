package main

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/weft-gateway/weft/cache"
	"github.com/weft-gateway/weft/enrich"
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
	}
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "weft_build_info", Help: "1, with the version as a label.", ConstLabels: prometheus.Labels{"version": version()},
	})
	build.Set(1)
	m.registry.MustRegister(m.requests, m.calls, m.parts, m.foreigns, build,
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

func (m *metrics) part(p enrich.Part, s enrich.State, reason upstream.Kind) {
	m.parts.WithLabelValues(string(p), string(s), string(reason)).Inc()
}

func (m *metrics) foreign(name string) func() {
	return m.foreigns.WithLabelValues(name).Inc
}

func (m *metrics) cache(stats func() cache.Stats) { m.registry.MustRegister(&cacheCollector{stats}) }

func (m *metrics) backfill(progress func() []enrich.Backfill) {
	m.registry.MustRegister(&backfillCollector{progress})
}
