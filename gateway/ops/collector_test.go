package ops

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/weft-gateway/weft/upstream/breaker"
)

// down is a call that fails; five of them open a breaker.
func down(context.Context) error { return errors.New("down") }

func TestBreakerCollector(t *testing.T) {
	b := inState("rest-contacts", "rest", breaker.HalfOpen)
	b.Totals = breaker.Totals{Successes: 11, Failures: 7, Ignored: 3}
	b.Rejected, b.Openings, b.InFlight = 40, 2, 5
	b.KeptBack = 90 * time.Second
	b.Changes = map[breaker.Change]uint64{
		{From: breaker.Closed, To: breaker.Open}: 2, {From: breaker.Open, To: breaker.HalfOpen}: 3,
		{From: breaker.Closed, To: breaker.ForcedOpen, Ordered: true}: 1,
	}
	r := prometheus.NewPedanticRegistry()
	r.MustRegister(BreakerCollector(fake{b, inState("redis", "redis", breaker.Closed)}))
	s, err := New(Config{Breakers: fake{}, Gatherer: r, Hosts: testHosts})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for line := range strings.Lines(bodyOf(t, ask(s, "GET", "/metrics"))) {
		if !strings.HasPrefix(line, "#") && !strings.Contains(line, `"redis"`) {
			got = append(got, strings.TrimSpace(line))
		}
	}
	want := []string{
		`weft_breaker_calls_total{breaker="rest-contacts",outcome="failure"} 7`,
		`weft_breaker_calls_total{breaker="rest-contacts",outcome="ignored"} 3`,
		`weft_breaker_calls_total{breaker="rest-contacts",outcome="rejected"} 40`,
		`weft_breaker_calls_total{breaker="rest-contacts",outcome="success"} 11`,
		`weft_breaker_in_flight{breaker="rest-contacts"} 5`,
		`weft_breaker_last_transition_timestamp_seconds{breaker="rest-contacts"} 1.77443892e+09`,
		`weft_breaker_open_seconds_total{breaker="rest-contacts"} 90`,
		`weft_breaker_openings_total{breaker="rest-contacts"} 2`,
		`weft_breaker_state{breaker="rest-contacts",state="closed"} 0`,
		`weft_breaker_state{breaker="rest-contacts",state="forced_closed"} 0`,
		`weft_breaker_state{breaker="rest-contacts",state="forced_open"} 0`,
		`weft_breaker_state{breaker="rest-contacts",state="half_open"} 1`,
		`weft_breaker_state{breaker="rest-contacts",state="open"} 0`,
		`weft_breaker_transitions_total{breaker="rest-contacts",cause="auto",from="closed",to="open"} 2`,
		`weft_breaker_transitions_total{breaker="rest-contacts",cause="auto",from="half_open",to="closed"} 0`,
		`weft_breaker_transitions_total{breaker="rest-contacts",cause="auto",from="half_open",to="open"} 0`,
		`weft_breaker_transitions_total{breaker="rest-contacts",cause="auto",from="open",to="half_open"} 3`,
		`weft_breaker_transitions_total{breaker="rest-contacts",cause="manual",from="closed",to="forced_open"} 1`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("metrics (-want +got):\n%s", diff)
	}
}
