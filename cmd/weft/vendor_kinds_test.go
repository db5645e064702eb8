package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/weft-gateway/weft/upstream/upstreamtest"
)

// A check asks each vendor's CRM one question, and says what its answer means in
// words that name what has to be mended.
func TestConnectCRMs(t *testing.T) {
	const (
		refreshing = "auth: {grant: refresh_token, client_id: weft, client_secret: s3cret, refresh_token: r3fresh}"
		own        = "auth: {grant: client_credentials, client_id: weft, client_secret: s3cret}"
		none       = `{"status":"COMPLETE","results":[]}`
		token      = `{"access_token":"T0KEN","instance_url":"https://crm.test"}`
	)
	answer := upstreamtest.Answer
	tests := []struct {
		name, source string
		login, crm   upstreamtest.Fault
		want         string
		calls        int // of the CRM
	}{
		{"hubspot", "kind: hubspot, token: T0KEN", nil, answer(200, none, "X-HubSpot-RateLimit-Daily-Remaining", "249000"),
			"reachable, credential good; X-Hubspot-Ratelimit-Daily-Remaining 249000", 1},
		{"salesforce", "kind: salesforce, " + own, answer(200, token), answer(200, `{"done":true,"records":[]}`, "Sforce-Limit-Info", "api-usage=53/15000"),
			"reachable, credential good; Sforce-Limit-Info api-usage=53/15000", 1},
		{"pipedrive", "kind: pipedrive, token: T0KEN", nil, answer(200, `{"success":true,"data":{"items":[]}}`, "X-Daily-RateLimit-Token-Remaining", "149980"),
			"reachable, credential good; X-Daily-Ratelimit-Token-Remaining 149980", 1},
		{"twenty", "kind: twenty, token: T0KEN", nil, answer(200, `{"data":{"people":[]}}`), "reachable, credential good", 1},
		{"refresh token", "kind: hubspot, " + refreshing, answer(400, `{"error":"invalid_grant","error_description":"canary"}`), answer(200, none),
			"reachable, credential refused (HTTP 400): no token: invalid_grant", 0},
		{"session", "kind: salesforce, " + own, answer(200, token), answer(401, `canary`), "reachable, credential refused: a new token is refused", 1},
		{"another instance", "kind: salesforce, " + own, answer(200, strings.Replace(token, "crm.test", "canary.test", 1)), answer(401, `canary`),
			"reachable, credential refused: a new token is refused: it is for another instance than the one that is called", 1},
		{"field", "kind: salesforce, " + own, answer(200, token), answer(400, `[{"errorCode":"INVALID_FIELD","message":"canary"}]`),
			"reachable, but does not take the question (HTTP 400): a field that is asked for may not be there, or the credential may not see it", 1},
		{"day", "kind: pipedrive, token: T0KEN", nil, answer(429, `canary`, "X-Daily-RateLimit-Token-Remaining", "0"),
			"reachable, quota used up (HTTP 429), again in 1h0m0s; X-Daily-Ratelimit-Token-Remaining 0", 1},
		{"wrong address", "kind: twenty, token: T0KEN", nil, answer(404, `{"error":"canary"}`), "reachable, but does not answer as its kind does (HTTP 404)", 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				calls := 0
				crm := faulty(t, func(r *http.Request, next http.RoundTripper) (*http.Response, error) {
					if strings.Contains(r.URL.Path, "/oauth") {
						return tt.login(r, next)
					}
					calls++
					return tt.crm(r, next)
				})
				services := hostsOutside{"store.test": faulty(t, answer(200, `{"data":[]}`)), "crm.test": crm}
				lines, _ := connected(t, services, connectTenant("a", `{kind: native, url: "http://store.test", token: x}`, `{url: "https://crm.test", `+tt.source+"}"))
				kind := strings.Fields(strings.ReplaceAll(tt.source, ",", ""))[1]
				want := []string{"a store native: reachable, credential good (0 ms)", fmt.Sprintf("a crm %s: %s (0 ms)", kind, tt.want)}
				if diff := cmp.Diff(want, lines); diff != "" || calls != tt.calls {
					t.Errorf("%d calls, want %d (-want +got):\n%s", calls, tt.calls, diff)
				}
				if all := fmt.Sprint(lines); strings.Contains(all, "canary") || strings.Contains(all, "T0KEN") || strings.Contains(all, "s3cret") || strings.Contains(all, "r3fresh") {
					t.Errorf("a secret, or an answer, is printed: %s", all)
				}
			})
		})
	}
}
