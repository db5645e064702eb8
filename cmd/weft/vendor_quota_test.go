package main

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weft-gateway/weft/upstream/breaker"
	"github.com/weft-gateway/weft/upstream/upstreamtest"
)

// crmVendor is a vendor's CRM with one contact and its account, as far as a
// document needs it.
type crmVendor struct {
	source           string            // of the configuration, without its URL
	contact, account string            // ids
	answers          map[string]string // path -> a good answer
	quota            func(http.ResponseWriter)
	wait             time.Duration // for which nothing is asked once the quota is used up

	mu     sync.Mutex
	calls  int
	given  int  // tokens
	valid  int  // the one that is good
	spent  bool // nothing is left of the quota
	denied int  // calls with another token
}

func (v *crmVendor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if strings.Contains(r.URL.Path, "/oauth") {
		v.given++
		v.valid = v.given
		fmt.Fprintf(w, `{"access_token":"T0KEN-%d","token_type":"Bearer","expires_in":86400}`, v.given)
		return
	}
	v.calls++
	answer, ok := v.answers[r.URL.Path]
	switch {
	case r.Header.Get("Authorization") != fmt.Sprint("Bearer T0KEN-", v.valid):
		v.denied++
		w.WriteHeader(http.StatusUnauthorized)
	case v.spent:
		v.quota(w)
	case !ok:
		w.WriteHeader(http.StatusNotFound)
	default:
		fmt.Fprint(w, answer)
	}
}

func (v *crmVendor) change(f func()) {
	v.mu.Lock()
	defer v.mu.Unlock()
	f()
}

func (v *crmVendor) asked() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.calls
}

func refuseWith(status int, body string, header ...string) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}
}

// crmVendors are the vendors, each with its own way to say that a quota is used up.
func crmVendors() map[string]*crmVendor {
	const (
		firm       = "06290608-8bf0-4806-99ae-000000000001"
		person     = "7a93d1e5-3f74-4945-8a65-000000000001"
		sfContact  = "003D000000IRFmaIAH"
		sfAccount  = "001D000000IRFmaIAH"
		refreshing = "auth: {grant: refresh_token, client_id: weft, client_secret: s3cret, refresh_token: r3fresh"
	)
	return map[string]*crmVendor{
		"hubspot": {
			source: "kind: hubspot, contact_custom: {plan: plan}, " + refreshing + "}", contact: "101", account: "201",
			answers: map[string]string{
				"/crm/v3/objects/contacts/batch/read":  `{"status":"COMPLETE","results":[{"id":"101","properties":{"lastname":"Meier","associatedcompanyid":"201","plan":"gold","secret":"canary"}}]}`,
				"/crm/v3/objects/companies/batch/read": `{"status":"COMPLETE","results":[{"id":"201","properties":{"name":"Acme","secret":"canary"}}]}`,
			},
			quota: refuseWith(429, `{"status":"error","category":"RATE_LIMITS","policyName":"DAILY","message":"canary"}`), wait: 10 * time.Minute,
		},
		"salesforce": {
			source:  "kind: salesforce, contact_custom: {plan: Plan__c}, auth: {grant: client_credentials, client_id: weft, client_secret: s3cret}",
			contact: sfContact, account: sfAccount,
			answers: map[string]string{
				"/services/data/v60.0/query": `{"done":true,"records":[{"Id":"` + sfContact + `","LastName":"Meier","Plan__c":"gold","Secret__c":"canary","AccountId":"` + sfAccount +
					`","Account":{"Id":"` + sfAccount + `","Name":"Acme","Secret__c":"canary"}}]}`,
			},
			quota: refuseWith(403, `[{"message":"canary","errorCode":"REQUEST_LIMIT_EXCEEDED"}]`), wait: 5 * time.Minute,
		},
		"pipedrive": {
			source: "kind: pipedrive, contact_custom: {plan: abc}, " + refreshing + ", url: 'https://crm.test/oauth/token'}", contact: "101", account: "201",
			answers: map[string]string{
				"/api/v2/persons/101":       `{"success":true,"data":{"id":101,"last_name":"Meier","org_id":201,"custom_fields":{"abc":"gold","def":"canary"}}}`,
				"/api/v2/organizations/201": `{"success":true,"data":{"id":201,"name":"Acme","secret":"canary"}}`,
			},
			quota: refuseWith(429, `{"success":false,"error":"canary"}`, "X-Daily-RateLimit-Token-Remaining", "0"), wait: time.Hour,
		},
		"twenty": {
			source: "kind: twenty, contact_custom: {plan: plan}, token: T0KEN-0", contact: person, account: firm,
			answers: map[string]string{
				"/rest/people": `{"data":{"people":[{"id":"` + person + `","name":{"lastName":"Meier"},"plan":"gold","secret":"canary","companyId":"` + firm +
					`","company":{"id":"` + firm + `","name":"Acme","secret":"canary"}}]}}`,
			},
			quota: refuseWith(429, `{"statusCode":429,"error":"ThrottlerException","messages":["canary"]}`), wait: 10 * time.Second,
		},
	}
}

// With each vendor's CRM a document is whole; a token that ends in mid-run is
// replaced without a caller's noticing; and when the quota runs out, in the words
// of the vendor, copies are shown, nothing is asked until it is time, and then it is.
func TestVendorRun(t *testing.T) {
	for name, v := range crmVendors() {
		t.Run(name, func(t *testing.T) { synctest.Test(t, func(t *testing.T) { runVendor(t, v) }) })
	}
}

func runVendor(t *testing.T, v *crmVendor) {
	sys, ask := gatewayOf(t, v)
	d := ask()
	if e := d.Enrichment; !e.Complete || e.Contact.State != "fresh" || d.Contact["lastName"] != "Meier" || d.Account["name"] != "Acme" {
		t.Fatalf("at first: %+v", d)
	}
	if custom, _ := d.Contact["custom"].(map[string]any); custom["plan"] != "gold" || len(custom) != 1 {
		t.Errorf("custom: %v", custom)
	}

	if v.given > 0 {
		time.Sleep(2 * time.Minute) // records are due, and the token is not new
		v.change(func() { v.valid = -1 })
		d = ask()
		if e := d.Enrichment; !e.Complete || e.Contact.State != "fresh" || e.Account.State == "stale" || v.given != 2 || v.denied == 0 {
			t.Errorf("after the token's end: %+v, %d tokens, %d calls denied", e, v.given, v.denied)
		}
	}

	time.Sleep(30 * time.Second)
	v.change(func() { v.spent = true })
	limited := func(when string) {
		t.Helper()
		d := ask()
		c, a := d.Enrichment.Contact, d.Enrichment.Account
		if c.State != "stale" || c.Reason != "rate_limited" || c.RetryAfterSeconds < 1 || c.RetryAfterSeconds > int(v.wait.Seconds()) ||
			a.State != "stale" || a.Reason != "rate_limited" || d.Contact["lastName"] != "Meier" || d.Account["name"] != "Acme" {
			t.Errorf("%s: contact %+v, account %+v", when, c, a)
		}
	}
	limited("when the quota is used up")
	closed, calls := time.Now(), v.asked()
	for i := range 9 {
		time.Sleep(v.wait / 10)
		limited(fmt.Sprintf("after %d tenths", i+1))
	}
	v.change(func() { v.spent = false })
	time.Sleep(time.Until(closed.Add(v.wait - time.Second)))
	limited("a second before its time")
	if n := v.asked(); n != calls {
		t.Errorf("%d calls while nothing is left", n-calls)
	}
	time.Sleep(time.Second)
	d = ask()
	if e := d.Enrichment; !e.Complete || e.Contact.State != "fresh" || e.Account.State == "stale" || v.asked() == calls {
		t.Errorf("when it is time: %+v", e)
	}
	for _, b := range sys.breakers.Snapshots() {
		if b.State != breaker.Closed {
			t.Errorf("breaker %s is %s", b.Name, b.State)
		}
	}
}

// gatewayOf returns a gateway over the vendor, and what asks it for the document,
// which has to be one that shows nothing that was not let pass.
func gatewayOf(t *testing.T, v *crmVendor) (*system, func() shown) {
	t.Helper()
	const at = `"2026-03-24T08:15:00.000Z"`
	store := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/conversations/c1" {
			fmt.Fprint(w, `{"data":[]}`)
			return
		}
		fmt.Fprintf(w, `{"id":"c1","tenantId":"acme","workspaceId":"w","channelId":"ch","contactId":%q,"accountId":%q,"status":"active","summary":null,`+
			`"subject":null,"outcome":null,"messageCount":0,"lastMessageAt":null,"createdAt":%s,"updatedAt":%[3]s}`, v.contact, v.account, at)
	})
	services := hostsOutside{"store.test": upstreamtest.Handler(store), "crm.test": upstreamtest.Handler(v)}
	cfg, err := parseConfig("weft.yaml", []byte(quick+`
tenants:
  - id: acme
    keys: [{id: k, sha256: "`+hash("k")+`", scopes: [conversations:read]}]
    store: {kind: native, url: "http://store.test", token: x}
    crm: {url: "https://crm.test", `+v.source+`}
`), noEnv)
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	sys, err := buildIn(services.outside(), cfg, slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		sys.close()
		if strings.Contains(log.String(), "canary") || strings.Contains(log.String(), "T0KEN") || strings.Contains(log.String(), "s3cret") || strings.Contains(log.String(), "r3fresh") {
			t.Errorf("the log shows a secret or an answer:\n%s", &log)
		}
	})
	ask := func() (d shown) {
		t.Helper()
		for range 2 { // the first may be answered while its records are asked for
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/api/conversations/c1", nil)
			r.Header.Set("Authorization", "Bearer k")
			w := httptest.NewRecorder()
			sys.public.Handler.ServeHTTP(w, r)
			d = shown{}
			if err := json.Unmarshal(w.Body.Bytes(), &d); err != nil || w.Code != http.StatusOK || strings.Contains(w.Body.String(), "canary") {
				t.Fatalf("%d, %v: %s", w.Code, err, w.Body)
			}
			if d.Enrichment.Contact.Reason != "revalidating" && d.Enrichment.Account.Reason != "revalidating" {
				break
			}
			synctest.Wait()
		}
		return d
	}
	return sys, ask
}
