package ops

import (
	"encoding/json"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weft-gateway/weft/upstream/breaker"
)

// whole and lacking are the contact of an answer.
func whole(took time.Duration) AnswerPart {
	return AnswerPart{Part: "contact", State: "fresh", Upstream: "rest", Whole: true, Took: took}
}

func lacking(reason string) AnswerPart {
	return AnswerPart{Part: "contact", State: "stale", Reason: reason, Upstream: "rest", Took: time.Millisecond}
}

func TestActivity(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		began := time.Now().UTC().Truncate(stepWidth)
		a := d.server.cfg.Activity
		a.Add(Answer{Tenant: "acme", Parts: []AnswerPart{whole(20 * time.Millisecond)}})
		time.Sleep(time.Minute)
		account := lacking("timeout")
		account.Part = "account"
		a.Add(Answer{Tenant: "acme", Parts: []AnswerPart{lacking("breaker_open"), account}}) // one answer, however many parts
		a.Add(Answer{Tenant: "globex", Parts: []AnswerPart{lacking("breaker_open")}})
		a.Add(Answer{Tenant: "globex", Failed: true, Parts: []AnswerPart{{Part: "conversation", State: "unavailable", Reason: "refused", Upstream: "native"}}})

		var got activityReport
		d.get("/activity").into(t, &got)
		now := time.Now().UTC()
		if diff := cmp.Diff(counts{Answers: 4, Degraded: 2, Failed: 1}, got.Totals); diff != "" {
			t.Errorf("totals (-want +got):\n%s", diff)
		}
		upstreams := []touchReport{
			{Upstream: "native", Degraded: 1, LastAt: now, Tenants: []tenantTouch{{"globex", now}}, Reasons: map[string]uint64{"refused": 1}, LastReason: "refused"},
			{Upstream: "rest", Degraded: 2, LastAt: now, Tenants: []tenantTouch{{"acme", now}, {"globex", now}}, Reasons: map[string]uint64{"breaker_open": 2, "timeout": 1}, LastReason: "breaker_open"},
		}
		if diff := cmp.Diff(upstreams, got.Upstreams); diff != "" {
			t.Errorf("upstreams (-want +got):\n%s", diff)
		}
		if len(got.Steps) != 2 || !got.Steps[0].At.Equal(began) || !got.Steps[1].At.Equal(began.Add(time.Minute)) {
			t.Fatalf("steps: %+v", got.Steps)
		}
		if diff := cmp.Diff(map[string]uint64{"rest": 2, "native": 1}, got.Steps[1].DegradedBy); diff != "" {
			t.Errorf("the second step is degraded by (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(map[string]uint64{"native": 1}, got.Steps[1].FailedBy); diff != "" {
			t.Errorf("the second step is failed by (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(map[string]uint64{"fresh": 1, "stale": 2}, got.Parts[1].States); got.Parts[1].Part != "contact" || diff != "" {
			t.Errorf("contact (-want +got):\n%s", diff)
		}
	})
}

// However often it is read, an answer shows what has changed and what was ordered.
func TestReadingOftenHidesNoChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		state := func() breaker.State {
			var got struct{ Breakers []breakerView }
			for range 3 * shareBurst {
				d.get("/breakers").into(t, &got)
			}
			return got.Breakers[0].State
		}
		if got := state(); got != breaker.Closed {
			t.Fatalf("%s at first", got)
		}
		d.trip("rest-contacts")
		if got := state(); got != breaker.Open {
			t.Errorf("%s, want open", got)
		}
		d.order("POST", "/breakers/rest-contacts", forced("force_open"))
		d.order("POST", "/breakers/rest-contacts", `{"action": "force_open", "reason": "another", "expires": "1h"}`) // no change of the state
		var got struct{ Breakers []breakerView }
		d.get("/breakers").into(t, &got)
		if b := got.Breakers[0]; b.Forced == nil || b.Forced.Reason != "another" {
			t.Errorf("the order is %+v", b.Forced)
		}
	})
}

// What is past the hour is forgotten, and what is past ten minutes is in no quantile.
func TestActivityForgets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := NewActivity()
		a.Add(Answer{Tenant: "acme", Parts: []AnswerPart{whole(time.Second)}})
		for _, tt := range []struct {
			after        time.Duration
			steps, parts int
		}{{0, 1, 1}, {timeWindow - stepWidth, 1, 1}, {2 * stepWidth, 1, 0}, {time.Hour - timeWindow, 0, 0}} {
			time.Sleep(tt.after)
			r := a.report(time.Now())
			if len(r.Steps) != tt.steps || len(r.Parts) != tt.parts {
				t.Errorf("%v later: %d steps and %d parts; want %d and %d", tt.after, len(r.Steps), len(r.Parts), tt.steps, tt.parts)
			}
		}
		a.Add(Answer{Tenant: "acme", Parts: []AnswerPart{whole(time.Second)}}) // in the place of a step that is past
		if r := a.report(time.Now()); len(r.Steps) != 1 || r.Steps[0].Answers != 1 || r.Totals.Answers != 2 {
			t.Errorf("%+v", r)
		}
	})
}

func TestQuantiles(t *testing.T) {
	var sum timesSum
	if sum.quantile(.5) != nil {
		t.Error("there is a quantile of nothing")
	}
	for ms := 1; ms <= 1000; ms++ {
		sum.add(time.Duration(ms) * time.Millisecond)
	}
	for _, tt := range []struct{ q, want float64 }{{.5, 500}, {.95, 950}, {.99, 990}, {1, 1000}} {
		if got := *sum.quantile(tt.q); math.Abs(got-tt.want) > tt.want/8 {
			t.Errorf("quantile %v is %v; want %v, an eighth off at most", tt.q, got, tt.want)
		}
	}
	sum.add(time.Hour)
	if got := sum.quantile(1); *got < 10_000 || math.IsInf(*got, 0) {
		t.Errorf("the longest is %v ms", *got)
	}
}

func TestExplain(t *testing.T) {
	d := newDesk(t)
	for _, tt := range []struct {
		body   string
		status int
		field  string
	}{
		{`{"tenant": "acme", "conversation": "conv-1_A"}`, 200, ""},
		{`{"tenant": "nobody", "conversation": "conv-1"}`, 404, ""},
		{`{"tenant": "acme", "conversation": "../conv"}`, 400, "conversation"},
		{`{"tenant": "acme", "conversation": ""}`, 400, "conversation"},
		{`{"tenant": "acme"}`, 400, "conversation"},
		{`{"conversation": "conv-1"}`, 400, "tenant"},
	} {
		got := d.order("POST", "/explain", tt.body)
		var said struct{ Field string }
		if err := json.Unmarshal([]byte(got.body), &said); err != nil || got.status != tt.status || said.Field != tt.field {
			t.Errorf("%s: %d, field %q; want %d, %q", tt.body, got.status, said.Field, tt.status, tt.field)
		}
	}
}
