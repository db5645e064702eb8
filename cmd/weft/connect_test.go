package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weft-gateway/weft/upstream/sandbox"
	"github.com/weft-gateway/weft/upstream/upstreamtest"
)

// hostsOutside is an outside whose services are transports, by host name.
type hostsOutside map[string]http.RoundTripper

// RoundTrip implements [http.RoundTripper].
func (h hostsOutside) RoundTrip(r *http.Request) (*http.Response, error) {
	return h[r.URL.Hostname()].RoundTrip(r)
}

func (h hostsOutside) outside() outside {
	return outside{transport: func(int, time.Duration, []netip.Prefix) http.RoundTripper { return h }}
}

// faulty is a service that fails in one way.
func faulty(t *testing.T, f upstreamtest.Fault) http.RoundTripper {
	faults := upstreamtest.NewFaults(t, upstreamtest.Handler(http.NotFoundHandler()))
	faults.Set(f)
	return faults
}

// connected writes a configuration of the given sources, each of a tenant of its
// own with a good other one, and returns what the check says of them.
func connected(t *testing.T, services hostsOutside, tenants string) (lines []string, err error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "weft.yaml")
	if err := os.WriteFile(file, []byte("tenants:\n"+tenants), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := loadConfig(file, noEnv)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	err = checkSources(t.Context(), services.outside(), c, &out)
	return strings.Split(strings.TrimSpace(out.String()), "\n"), err
}

func connectTenant(id, store, crm string) string {
	return fmt.Sprintf("  - id: %s\n    keys: [{id: k, sha256: \"%s\", scopes: [conversations:read]}]\n    store: %s\n    crm: %s\n    link: [{variables.email: email}]\n",
		id, hash(id), store, crm)
}

// What works is said to work, by the sandbox as by anything, and what does not
// in the words of what has to be mended.
func TestConnect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		box := sandbox.New(sandbox.Config{Conversations: 5})
		defer box.Close()
		services := hostsOutside{
			"autocalls.test": upstreamtest.Handler(box.Autocalls()), "native.test": upstreamtest.Handler(box.Native()), "crm.test": upstreamtest.Handler(box.CRM()),
			"gone.test": faulty(t, upstreamtest.Refuse), "hangs.test": faulty(t, upstreamtest.Hang(nil)),
			"denies.test": faulty(t, upstreamtest.Answer(403, "canary", "WWW-Authenticate", `Bearer error="insufficient_scope", scope="contacts:read"`)),
			"busy.test":   faulty(t, upstreamtest.Answer(429, "canary", "Retry-After", "30", "X-RateLimit-Remaining", "0")),
			"web.test":    faulty(t, upstreamtest.Answer(200, "<html>canary</html>")),
			"broken.test": faulty(t, upstreamtest.Answer(500, "canary")),
			"counts.test": faulty(t, upstreamtest.Answer(200, `{"data":[]}`, "X-RateLimit-Remaining", "83", "Sforce-Limit-Info", "api-usage=53/15000", "X-RateLimit-Secret", "canary")),
			"slow.test": faulty(t, func(r *http.Request, _ http.RoundTripper) (*http.Response, error) {
				time.Sleep(1500 * time.Millisecond)
				return upstreamtest.Answer(200, `{"data":[]}`)(r, nil)
			}),
		}
		acme, globex := box.Tenants()[0], box.Tenants()[1]
		source := func(kind, host, token string) string {
			return fmt.Sprintf("{kind: %s, url: %q, token: %q}", kind, "http://"+host, token)
		}
		tenants := connectTenant(acme.ID, source("autocalls", "autocalls.test", acme.StoreToken), source("rest", "crm.test", acme.CRMToken)) +
			connectTenant(globex.ID, source("native", "native.test", "T0KEN"), source("rest", "gone.test", "T0KEN")) +
			connectTenant("c", source("native", "counts.test", "T0KEN"), source("rest", "hangs.test", "T0KEN")) +
			connectTenant("d", source("intercom", "denies.test", "T0KEN"), source("rest", "busy.test", "T0KEN")) +
			connectTenant("e", `{kind: chatwoot, url: "http://web.test", token: T0KEN, account: 7}`, source("rest", "broken.test", "T0KEN")) +
			connectTenant("f", source("native", "slow.test", "T0KEN"), source("rest", "counts.test", "T0KEN"))
		begun := time.Now()
		got, err := connected(t, services, tenants)
		want := []string{
			acme.ID + " store autocalls: reachable, credential good (0 ms)",
			acme.ID + " crm rest: reachable, credential good (0 ms)",
			globex.ID + " store native: reachable, credential refused (HTTP 401) (0 ms)",
			globex.ID + " crm rest: not reachable: connection refused (0 ms)",
			"c store native: reachable, credential good; Sforce-Limit-Info api-usage=53/15000; X-Ratelimit-Remaining 83 (0 ms)",
			"c crm rest: no answer in time (5000 ms)",
			"d store intercom: reachable, but the credential lacks a right or a scope (HTTP 403); wants the scope contacts:read (0 ms)",
			"d crm rest: reachable, quota used up (HTTP 429), again in 30s; X-Ratelimit-Remaining 0 (0 ms)",
			"e store chatwoot: reachable, but does not answer as its kind does (HTTP 200): not JSON from byte 1 on (0 ms)",
			"e crm rest: failed (HTTP 500) (* ms)",
			"f store native: reachable, credential good; too slow for its deadline of 1s (1500 ms)",
			"f crm rest: reachable, credential good; Sforce-Limit-Info api-usage=53/15000; X-Ratelimit-Remaining 83 (0 ms)",
		}
		for i, line := range got {
			if strings.Contains(line, "(HTTP 500)") { // tried twice, after a little while
				got[i] = line[:strings.LastIndex(line, "(")] + "(* ms)"
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if err == nil || err.Error() != "7 of 12 sources cannot be used" || exitCode(err) != 1 {
			t.Errorf("error %v, exit code %d", err, exitCode(err))
		}
		if all := fmt.Sprint(got, err); strings.Contains(all, "T0KEN") || strings.Contains(all, acme.StoreToken) || strings.Contains(all, "canary") {
			t.Errorf("a secret, or an answer, is printed:\n%s", all)
		}
		if took := time.Since(begun); took > connectAll {
			t.Errorf("it took %v", took)
		}
	})
}

func TestConnectAllGood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		box := sandbox.New(sandbox.Config{Conversations: 5})
		defer box.Close()
		services := hostsOutside{"store.test": upstreamtest.Handler(box.Native())}
		tenant := box.Tenants()[1]
		got, err := connected(t, services, fmt.Sprintf("  - id: %s\n    keys: [{id: k, sha256: \"%s\", scopes: [conversations:read]}]\n    store: {kind: native, url: \"http://store.test\", token: %s}\n",
			tenant.ID, hash("k"), tenant.StoreToken))
		if want := []string{tenant.ID + " store native: reachable, credential good (0 ms)"}; err != nil || cmp.Diff(want, got) != "" {
			t.Errorf("%q, error %v", got, err)
		}
	})
}

// A check that is interrupted ends.
func TestConnectInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		entered := make(chan struct{}, 1)
		services := hostsOutside{"hangs.test": faulty(t, upstreamtest.Hang(entered))}
		ctx, cancel := context.WithCancel(t.Context())
		go func() { <-entered; cancel() }()
		cfg := defaultConfig()
		cfg.Tenants = []Tenant{{ID: "a", Store: Source{Kind: kindNative, URL: "http://hangs.test", Token: "x", InFlight: 5, Share: 5}}}
		begun := time.Now()
		if err := checkSources(ctx, services.outside(), cfg, &bytes.Buffer{}); err == nil || time.Since(begun) != 0 {
			t.Errorf("error %v after %v", err, time.Since(begun))
		}
	})
}

// Each vendor's store is asked as the vendor wants it.
func TestConnectVendors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex // sources are asked at once
		asked := map[string]*http.Request{}
		note := func(body string) upstreamtest.Fault {
			return func(r *http.Request, _ http.RoundTripper) (*http.Response, error) {
				mu.Lock()
				asked[r.URL.Hostname()] = r
				mu.Unlock()
				return upstreamtest.Answer(200, body)(r, nil)
			}
		}
		services := hostsOutside{
			"chat.test":     faulty(t, note(`{"data":{"payload":[]}}`)),
			"intercom.test": faulty(t, note(`{"conversations":[]}`)),
		}
		const keys = "keys: [{id: k, sha256: \"%s\", scopes: [conversations:read]}]"
		lines, err := connected(t, services, fmt.Sprintf("  - id: a\n    "+keys+"\n    store: {kind: chatwoot, url: \"http://chat.test\", account: 7, token: T0KEN}\n"+
			"  - id: b\n    "+keys+"\n    store: {kind: intercom, url: \"http://intercom.test\", token: T0KEN}\n", hash("a"), hash("b")))
		if err != nil {
			t.Fatalf("%q: %v", lines, err)
		}
		chat, intercom := asked["chat.test"], asked["intercom.test"]
		if chat.Header.Get("api_access_token") != "T0KEN" || chat.Header.Get("Authorization") != "" ||
			chat.URL.Path != "/api/v1/accounts/7/conversations" || chat.URL.Query().Get("status") != "all" {
			t.Errorf("chatwoot: %s %v", chat.URL, chat.Header)
		}
		if intercom.Header.Get("Intercom-Version") != "2.15" || intercom.Header.Get("Authorization") != "Bearer T0KEN" || intercom.URL.Path != "/conversations" {
			t.Errorf("intercom: %s %v", intercom.URL, intercom.Header)
		}
	})
}
