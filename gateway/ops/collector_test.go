package ops

import (
	"context"
	"errors"
	"strings"
	"testing"

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
	r := prometheus.NewPedanticRegistry()
	r.MustRegister(BreakerCollector(fake{b, inState("redis", "redis", breaker.Closed)}))
	s, err := New(Config{Breakers: fake{}, Gatherer: r})
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
		`weft_breaker_openings_total{breaker="rest-contacts"} 2`,
		`weft_breaker_state{breaker="rest-contacts",state="closed"} 0`,
		`weft_breaker_state{breaker="rest-contacts",state="forced_closed"} 0`,
		`weft_breaker_state{breaker="rest-contacts",state="forced_open"} 0`,
		`weft_breaker_state{breaker="rest-contacts",state="half_open"} 1`,
		`weft_breaker_state{breaker="rest-contacts",state="open"} 0`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("metrics (-want +got):\n%s", diff)
	}
}
