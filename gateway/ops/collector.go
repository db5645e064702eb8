package ops

import (
	"maps"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/weft-gateway/weft/upstream/breaker"
)

// collector makes metrics of the breakers when they are scraped. A gauge that
// is set on each change would show nothing of a breaker nobody has called yet.
type collector struct {
	breakers                    Breakers
	state, calls, openings, out *prometheus.Desc
	turns, since, kept          *prometheus.Desc
}

// BreakerCollector returns the metrics of the breakers:
//
//	weft_breaker_state{breaker,state}          1 for the state that it is in, 0 for the four others
//	weft_breaker_calls_total{breaker,outcome}  success, failure, ignored, rejected
//	weft_breaker_openings_total{breaker}       failed probes included
//	weft_breaker_in_flight{breaker}            calls that are out now
//	weft_breaker_transitions_total{breaker,from,to,cause}     auto, manual
//	weft_breaker_last_transition_timestamp_seconds{breaker}   when it got into its state
//	weft_breaker_open_seconds_total{breaker}                  not closed, nor forced so
func BreakerCollector(b Breakers) prometheus.Collector {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("weft_breaker_"+name, help, append([]string{"breaker"}, labels...), nil)
	}
	return &collector{
		breakers: b,
		state:    desc("state", "Whether the circuit breaker is in the state: 1 for one of the five, 0 for the others.", "state"),
		calls:    desc("calls_total", "Calls by what they meant to the circuit breaker; rejected ones were not made.", "outcome"),
		openings: desc("openings_total", "Times that the circuit breaker opened, failed probes included."),
		out:      desc("in_flight", "Calls through the circuit breaker that have not ended."),
		turns:    desc("transitions_total", "Changes of the circuit breaker's state; manual ones were ordered by somebody.", "from", "to", "cause"),
		since:    desc("last_transition_timestamp_seconds", "When the circuit breaker got into its present state."),
		kept:     desc("open_seconds_total", "Time for which the circuit breaker kept calls back: open, half open or forced open."),
	}
}

// Describe implements [prometheus.Collector].
func (c *collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.state, c.calls, c.openings, c.out, c.turns, c.since, c.kept} {
		ch <- d
	}
}

// Collect implements [prometheus.Collector].
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	for _, b := range c.breakers.Snapshots() {
		for _, s := range []breaker.State{breaker.Closed, breaker.HalfOpen, breaker.Open, breaker.ForcedOpen, breaker.ForcedClosed} {
			in := 0.0
			if s == b.State {
				in = 1
			}
			ch <- prometheus.MustNewConstMetric(c.state, prometheus.GaugeValue, in, b.Name, string(s))
		}
		count := func(outcome string, n uint64) {
			ch <- prometheus.MustNewConstMetric(c.calls, prometheus.CounterValue, float64(n), b.Name, outcome)
		}
		count("success", b.Totals.Successes)
		count("failure", b.Totals.Failures)
		count("ignored", b.Totals.Ignored)
		count("rejected", b.Rejected)
		ch <- prometheus.MustNewConstMetric(c.openings, prometheus.CounterValue, float64(b.Openings), b.Name)
		ch <- prometheus.MustNewConstMetric(c.out, prometheus.GaugeValue, float64(b.InFlight), b.Name)
		c.history(ch, b)
	}
}

// history is what has become of a breaker so far. Its own changes are there
// before the first of each, so that the first is seen as an increase.
func (c *collector) history(ch chan<- prometheus.Metric, b breaker.Snapshot) {
	changes := map[breaker.Change]uint64{
		{From: breaker.Closed, To: breaker.Open}:     0,
		{From: breaker.Open, To: breaker.HalfOpen}:   0,
		{From: breaker.HalfOpen, To: breaker.Open}:   0,
		{From: breaker.HalfOpen, To: breaker.Closed}: 0,
	}
	maps.Copy(changes, b.Changes)
	for change, n := range changes {
		cause := "auto"
		if change.Ordered {
			cause = "manual"
		}
		ch <- prometheus.MustNewConstMetric(c.turns, prometheus.CounterValue, float64(n), b.Name, string(change.From), string(change.To), cause)
	}
	ch <- prometheus.MustNewConstMetric(c.since, prometheus.GaugeValue, float64(b.Since.UnixMilli())/1000, b.Name)
	ch <- prometheus.MustNewConstMetric(c.kept, prometheus.CounterValue, b.KeptBack.Seconds(), b.Name)
}
