package ops

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weft-gateway/weft/upstream/breaker"
)

func TestControl(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		var b breakerView
		got := d.order("POST", "/breakers/rest-contacts", forced("force_open"))
		got.into(t, &b)
		want := &breaker.Order{By: "oncall", Reason: "CRM is being moved", At: time.Now().UTC(), Until: time.Now().UTC().Add(10 * time.Minute)}
		if diff := cmp.Diff(want, b.Forced); b.State != breaker.ForcedOpen || diff != "" {
			t.Errorf("%s, order (-want +got):\n%s", b.State, diff)
		}
		d.get("/breakers/rest-contacts").into(t, &struct {
			Breaker *breakerView         `json:"breaker"`
			Events  []breaker.Transition `json:"events"`
		}{&b, nil})
		if b.State != breaker.ForcedOpen {
			t.Errorf("read again: %s", b.State)
		}
		time.Sleep(5 * time.Minute)
		d.order("POST", "/breakers/rest-contacts", forced("force_closed"))
		time.Sleep(9 * time.Minute)
		if got := d.set.Breaker("rest-contacts").Snapshot().State; got != breaker.ForcedClosed {
			t.Errorf("%s, want the second order", got)
		}
		d.order("POST", "/breakers/rest-contacts", `{"action": "reset", "reason": "it is well"}`)
		if got := d.set.Breaker("rest-contacts").Snapshot().State; got != breaker.Closed {
			t.Errorf("%s after the reset", got)
		}
		wantAudited(t, d, []string{"force_open", "force_closed", "reset"})
	})
}

// wantAudited reads the orders from the log.
func wantAudited(t *testing.T, d *desk, want []string) {
	t.Helper()
	var got []string
	for line := range strings.Lines(d.log.String()) {
		var said struct{ Msg, Order, Actor, Reason string }
		if err := json.Unmarshal([]byte(line), &said); err != nil {
			t.Fatal(err)
		}
		if said.Msg != "changed by hand" {
			continue
		}
		if said.Actor != "oncall" || said.Reason == "" {
			t.Errorf("audited: %s", line)
		}
		got = append(got, said.Order)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("audited (-want +got):\n%s", diff)
	}
}

// A name may hold a slash.
func TestBreakerNames(t *testing.T) {
	d := newDesk(t)
	for path, status := range map[string]int{
		"/breakers/rest-contacts":                                 200,
		"/breakers/rest@crm.example%2Fv1-accounts":                200,
		"/breakers/rest@crm.example/v1-accounts":                  404,
		"/breakers/nosuch":                                        404,
		"/breakers/%2e%2e":                                        404,
		"/breakers/%7Bname%7D":                                    404,
		"/breakers/":                                              404,
		"/breakers/" + strings.Repeat("x", 1000):                  404,
		"/breakers/rest-contacts/":                                404,
		"/breakers/rest-contacts%00":                              404,
		"/breakers/REST-contacts":                                 404,
		"/breakers/rest-contacts%2F":                              404,
		"/breakers/rest%40crm.example%2Fv1-accounts":              200,
		"/breakers/rest@crm.example%2fv1-accounts":                200,
		"/breakers/rest@crm.example%2Fv1-accounts/more":           404,
		"/breakers/rest@crm.example%2Fv1-accounts%2F..%2Fmetrics": 404,
	} {
		if got := d.get(path); got.status != status {
			t.Errorf("%s: %d, want %d", path, got.status, status)
		}
	}
}

// What is not there is named by its kind, and never by what the caller sent.
func TestWhatIsNotThere(t *testing.T) {
	d := newDesk(t)
	const (
		breakerGone  = `{"error":"There is no such breaker","code":"breaker_not_found"}`
		tenantGone   = `{"error":"There is no such tenant","code":"tenant_not_found"}`
		upstreamGone = `{"error":"There is no such upstream","code":"upstream_not_found"}`
		orderGone    = `{"error":"There is no such order","code":"order_not_found"}`
	)
	for _, tt := range []struct{ method, path, body, want string }{
		{"GET", "/breakers/nosuch", "", breakerGone},
		{"POST", "/breakers/nosuch", forced("force_open"), breakerGone},
		{"POST", "/cache-only", `{"action": "start", "tenant": "nobody", "reason": "x", "expires": "1m"}`, tenantGone},
		{"POST", "/cache-only", `{"action": "start", "upstream": "nowhere", "reason": "x", "expires": "1m"}`, upstreamGone},
		{"POST", "/cache-only", `{"action": "end", "tenant": "acme", "reason": "x"}`, orderGone},
		{"POST", "/cache/peek", `{"tenant": "nobody"}`, tenantGone},
		{"POST", "/cache/purge", `{"tenant": "nobody", "reason": "x"}`, tenantGone},
		{"POST", "/explain", `{"tenant": "nobody", "conversation": "c-1"}`, tenantGone},
		{"GET", "/tenants/nobody", "", `{"error":"There is nothing here","code":"not_found"}`},
	} {
		if got := d.order(tt.method, tt.path, tt.body); got.status != 404 || got.body != tt.want {
			t.Errorf("%s %s %s: %d %s, want %s", tt.method, tt.path, tt.body, got.status, got.body, tt.want)
		}
	}
}

func TestDetailHasItsOwnHistory(t *testing.T) {
	d := newDesk(t)
	d.trip("rest-contacts")
	d.trip("rest@crm.example/v1-accounts")
	var got struct{ Events []breaker.Transition }
	d.get("/breakers/rest-contacts").into(t, &got)
	if len(got.Events) != 1 || got.Events[0].Breaker != "rest-contacts" || got.Events[0].Cause != "5 failures in a row, last refused" {
		t.Errorf("events %+v", got.Events)
	}
}

func TestWhyItTripped(t *testing.T) {
	d := newDesk(t)
	d.trip("rest-contacts")
	_ = d.set.Breaker("rest-contacts").Do(t.Context(), down)
	var got struct{ Breakers []breakerView }
	d.get("/breakers").into(t, &got)
	b := got.Breakers[0]
	want := &breaker.Trip{At: b.Trip.At, Rule: breaker.RuleConsecutive, Failures: 5, ConsecutiveFailures: 5, Kind: "refused"}
	if diff := cmp.Diff(want, b.Trip, cmp.Comparer(func(a, b *breaker.Trip) bool { return *a == *b })); diff != "" {
		t.Errorf("trip (-want +got):\n%s", diff)
	}
	if b.Window.Rejected != 1 || b.Window.FailureRatio != 1 || b.LastError.Kind != "refused" || b.NextProbeAt == nil {
		t.Errorf("%+v", b)
	}
	if diff := cmp.Diff([]string{"acme"}, b.Tenants); diff != "" {
		t.Errorf("tenants (-want +got):\n%s", diff)
	}
}

func TestHolds(t *testing.T) {
	d := newDesk(t)
	d.order("POST", "/cache-only", `{"action": "start", "tenant": "acme", "reason": "x", "expires": "1m"}`)
	d.order("POST", "/cache-only", `{"action": "start", "upstream": "rest", "reason": "x", "expires": "1m"}`)
	var got struct{ Orders []Hold }
	d.get("/cache-only").into(t, &got)
	if len(got.Orders) != 2 || got.Orders[0].By != "oncall" || deref(got.Orders[1].Upstream) != "rest" {
		t.Errorf("orders %+v", got.Orders)
	}
	if got := d.order("POST", "/cache-only", `{"action": "end", "tenant": "acme", "reason": "x"}`); got.body != `{"orders":[]}` {
		t.Errorf("ended: %s", got.body)
	}
	wantAudited(t, d, []string{"cache_only_start", "cache_only_start", "cache_only_end"})
}

func TestCacheOrders(t *testing.T) {
	d := newDesk(t)
	for body, status := range map[string]int{
		`{"tenant": "acme"}`: 200, `{"tenant": "acme", "account": "a"}`: 200, `{"tenant": "nobody", "account": "a"}`: 404,
	} {
		if got := d.order("POST", "/cache/peek", body); got.status != status {
			t.Errorf("peek %s: %d %s", body, got.status, got.body)
		}
	}
	d.order("POST", "/cache/purge", `{"tenant": "acme", "reason": "x"}`)
	d.cache.err = errors.New("redis is away")
	got := d.order("POST", "/cache/purge", `{"tenant": "acme", "account": "acc-1", "reason": "x"}`)
	if got.status != 503 || got.header.Get("Retry-After") == "" || !strings.Contains(got.body, "cache_unavailable") {
		t.Errorf("redis is away: %d %s", got.status, got.body)
	}
	if diff := cmp.Diff([]Subject{{Tenant: "acme"}, {Tenant: "acme", Account: "acc-1"}}, d.cache.purged); diff != "" {
		t.Errorf("purged (-want +got):\n%s", diff)
	}
	if strings.Contains(d.log.String(), "acc-1") {
		t.Errorf("an id is in the log:\n%s", d.log)
	}
	wantAudited(t, d, []string{"purge", "purge"})
}

func TestLevel(t *testing.T) {
	d := newDesk(t)
	got := d.order("PUT", "/log-level", `{"level": "debug", "reason": "x", "expires": "1m"}`)
	if !strings.HasPrefix(got.body, `{"level":"debug","configured":"info","forced":{"by":"oncall"`) {
		t.Errorf("got %s", got.body)
	}
	wantAudited(t, d, []string{"log_level"})
}

// No key configured: nobody can change anything.
func TestNoKeys(t *testing.T) {
	d := newDesk(t)
	d.server.cfg.Keys = func() []Key { return nil }
	if got := d.order("POST", "/breakers/rest-contacts", forced("force_open")); got.status != 401 {
		t.Errorf("%d", got.status)
	}
}

// TestPollingMovesNothing: the same traffic makes the same transitions, whether
// or not everything is read a hundred times a second.
func TestPollingMovesNothing(t *testing.T) {
	run := func(poll bool) (out []string) {
		synctest.Test(t, func(t *testing.T) {
			d := newDesk(t)
			b := d.add("polled", "http://crm.example", func(c *breaker.Config) { c.OpenFor = 450 * time.Millisecond })
			start, bad := time.Now(), false
			if poll {
				go func() {
					for n := 0; time.Since(start) < 25*time.Second; n++ {
						ask(d.server, "GET", "/breakers")
						time.Sleep(10 * time.Millisecond)
						if n%20 > 0 {
							continue
						}
						for _, path := range []string{"/breakers", "/breakers/polled", "/healthz", "/readyz", "/metrics", "/fleet", "/tenants", "/cache", "/activity"} {
							ask(d.server, "GET", path)
						}
						ask(d.server, "HEAD", "/breakers/events")
					}
				}()
			}
			for n := range 40 {
				bad = n%20 < 10
				_ = b.Do(t.Context(), func(ctx context.Context) error {
					if bad {
						return down(ctx)
					}
					return nil
				})
				time.Sleep(500 * time.Millisecond)
			}
			time.Sleep(time.Minute)
			for _, tr := range d.set.Transitions() {
				out = append(out, tr.At.Sub(start.UTC()).String()+" "+string(tr.From)+">"+string(tr.To))
			}
		})
		return out
	}
	quiet, polled := run(false), run(true)
	if diff := cmp.Diff(quiet, polled); diff != "" || len(quiet) < 10 {
		t.Errorf("%d transitions (-quiet +polled):\n%s", len(quiet), diff)
	}
}
