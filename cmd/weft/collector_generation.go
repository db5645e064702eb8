package main

import (
	"math"

	"github.com/prometheus/client_golang/prometheus"
)

// generationCollector publishes what the current generation knows when it is
// scraped: its hosts, issuers and tenants may be others than those of the start.
type generationCollector struct{ current func() *generation }

// generationDescs are its metrics; a function, since none may be changed.
func generationDescs() map[string]*prometheus.Desc {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, labels, nil)
	}
	return map[string]*prometheus.Desc{
		"calls":      desc("weft_upstream_in_flight", "Calls of an upstream that are under way.", "upstream"),
		"gates":      desc("weft_upstream_gates_closed", "Tenants whose calls are kept back because their quota of the upstream is used up.", "upstream"),
		"retries":    desc("weft_upstream_retries_total", "Second tries of calls that failed in passing, and those that the budget did not allow.", "upstream", "outcome"),
		"keys":       desc("weft_issuer_keys_age_seconds", "Time since an issuer's keys were read; they are used for a day.", "issuer"),
		"requests":   desc("weft_http_in_flight", "Requests below /api that are under way."),
		"shed":       desc("weft_http_shed_total", "Requests that were turned away because too many were under way.", "at"),
		"pages":      desc("weft_backfill_pages_total", "Pages of older conversations that were listed."),
		"rows":       desc("weft_backfill_rows_total", "Older conversations that were listed."),
		"config":     desc("weft_config_hash_info", "1, with a hash of the understood configuration; secrets are not in it.", "hash"),
		"incomplete": desc("weft_backfill_incomplete_tenants", "Tenants of whose conversations not all are known yet."),
	}
}

// Describe implements [prometheus.Collector].
func (c *generationCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range generationDescs() {
		ch <- d
	}
}

// Collect implements [prometheus.Collector].
func (c *generationCollector) Collect(ch chan<- prometheus.Metric) {
	g, d := c.current(), generationDescs()
	gauge := func(name string, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d[name], prometheus.GaugeValue, v, labels...)
	}
	count := func(name string, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d[name], prometheus.CounterValue, v, labels...)
	}
	for _, h := range g.upstreams.sorted() {
		gauge("calls", float64(h.InFlight()), h.name)
		gauge("gates", float64(h.GatesClosed()), h.name)
		made, refused := h.Retries()
		count("retries", float64(made), h.name, "made")
		count("retries", float64(refused), h.name, "refused")
	}
	for _, i := range g.cfg.Issuers {
		age := math.Inf(1) // before there are any keys
		if d, ok := g.tokens.KeysAge(i.Name); ok {
			age = d.Seconds()
		}
		gauge("keys", age, i.Name)
	}
	gauge("config", 1, g.sight.hash())
	load := g.server.Load()
	gauge("requests", float64(load.Requests))
	count("shed", float64(load.Early), "listener")
	count("shed", float64(load.Late), "documents")
	g.backfills(gauge, count)
}

// backfills publishes how far the backfills are. The sums are over the tenants:
// a label for each would grow with them.
func (g *generation) backfills(gauge, count func(name string, v float64, labels ...string)) {
	var pages, rows, incomplete int
	for _, b := range g.backfiller.Progress() {
		pages += b.Pages
		rows += b.Rows
		if !b.Complete {
			incomplete++
		}
	}
	count("pages", float64(pages))
	count("rows", float64(rows))
	gauge("incomplete", float64(incomplete))
}
