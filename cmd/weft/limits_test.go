package main

import (
	"net/http"
	"strings"
	"testing"

	"github.com/weft-gateway/weft/upstream/sandbox"
)

const (
	limitedByKey    = `weft_ratelimit_requests_total{outcome="limited",scope="key"}`
	limitedByTenant = `weft_ratelimit_requests_total{outcome="limited",scope="tenant"}`
	allowedByKey    = `weft_ratelimit_requests_total{outcome="allowed",scope="key"}`
)

// Two replicas count together; without their Redis each goes on from what it
// knew, and nobody is refused because of it.
func TestLimitsAreShared(t *testing.T) {
	r := startRedis(t)
	o := options{redis: r.url, extra: "limits: {tenant: {requests: 1/h, burst: 8}, key: {requests: 1/h, burst: 5}}\ndeadlines: {request: 5s, store: 2s, crm: 2s, redis: 2s}"}
	first, second := install(t, o), install(t, o)
	const path = "/api/conversations?per_page=1&include=contact"
	ask := func(in *installation, key string, want int, policy string) {
		t.Helper()
		a := in.get(t, key, path)
		if a.status != want {
			t.Fatalf("status %d, want %d: %s", a.status, want, a.body)
		}
		if got := a.header.Get("RateLimit-Policy"); got != `"tenant";q=8;w=28800, "key";q=5;w=18000` {
			t.Errorf("RateLimit-Policy %q", got)
		}
		if got := a.header.Get("RateLimit"); !strings.HasPrefix(got, policy) {
			t.Errorf("RateLimit %q, want %s…", got, policy)
		}
		if retry := a.header.Get("Retry-After"); (retry != "") != (want == http.StatusTooManyRequests) {
			t.Errorf("%d with Retry-After %q", want, retry)
		}
	}
	ask(first, keyAcme, 200, `"tenant";r=7;`)
	ask(second, keyAcme, 200, `"tenant";r=6;`)
	ask(first, keyAcme, 200, `"tenant";r=5;`)
	ask(second, keyAcme, 200, `"tenant";r=4;`)
	ask(first, keyAcme, 200, `"tenant";r=3;`)
	ask(second, keyAcme, 429, `"tenant";r=3;`) // the key's five are gone
	ask(second, keyCosts, 200, `"tenant";r=2;`)
	if a := first.get(t, keyAcme, "/api/conversations/none"); a.status != 429 {
		t.Errorf("an unknown id over the limit: %d", a.status)
	}
	if a := first.get(t, keyGlobex, "/api/conversations/none"); a.status != 404 || a.header.Get("RateLimit") != "" {
		t.Errorf("an unknown id of another tenant: %d with RateLimit %q", a.status, a.header.Get("RateLimit"))
	}
	if got := second.metric(t, limitedByKey); got != 1 {
		t.Errorf("%v requests were limited by the key, want 1", got)
	}
	if got := second.metric(t, allowedByKey); got != 3 {
		t.Errorf("%v requests were allowed, want 3", got)
	}

	_ = r.proc.Kill()
	_, _ = r.proc.Wait()
	ask(second, keyCosts, 200, `"tenant";r=1;`)
	ask(second, keyCosts, 200, `"tenant";r=0;`)
	ask(second, keyCosts, 429, `"tenant";r=0;`) // the tenant's eight are gone
	if got := second.metric(t, limitedByTenant); got != 1 {
		t.Errorf("%v requests were limited by the tenant, want 1", got)
	}
	ask(first, keyCosts, 200, `"tenant";r=2;`) // it last heard of three
	ask(first, keyAcme, 429, `"tenant";r=2;`)
}

// A CRM that says that the quota is used up is left alone, and says so in the
// document; other tenants go on.
func TestQuotaOfTheCRM(t *testing.T) {
	in := install(t, options{extra: "cache: {contact: {fresh: 1ms, stale: 1h, missing: 1s, revalidate: 0}, account: {fresh: 1ms, stale: 1h, missing: 1s, revalidate: 0}}\n" + deadlines(sandbox.Dial{})})
	in.document(t, keyGlobex, sandbox.ExampleNative)
	in.dial(t, in.box.CRM(), "", sandbox.Dial{ErrorRate: 1, Status: 429, RetryAfter: "40"})
	in.document(t, keyGlobex, sandbox.ExampleNative)
	calls := in.box.CRM().Calls("")
	d, _ := in.document(t, keyGlobex, sandbox.ExampleNative)
	for name, p := range map[string]part{"contact": d.Enrichment.Contact, "account": d.Enrichment.Account} {
		if p.State != "stale" || p.Reason != "rate_limited" || p.RetryAfterSeconds < 30 || p.RetryAfterSeconds > 40 {
			t.Errorf("%s %+v, want stale for 40 s", name, p)
		}
	}
	if got := in.box.CRM().Calls(""); got != calls {
		t.Errorf("%d more calls of a CRM that wants none", got-calls)
	}
	if got := in.metric(t, `weft_upstream_gates_closed{upstream="rest"}`); got != 1 {
		t.Errorf("%v gates are closed, want 1", got)
	}
	in.dial(t, in.box.CRM(), "", sandbox.Dial{})
	if d, _ := in.document(t, keyAcme, sandbox.ExampleAPI); d.Enrichment.Contact.State != "fresh" {
		t.Errorf("another tenant's contact: %+v", d.Enrichment.Contact)
	}
}
