package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/weft-gateway/weft/upstream/sandbox"
)

// testForgery: the gateway asks what the configuration names, and nobody else.
func testForgery(t *testing.T) {
	var visits atomic.Int64
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { visits.Add(1) }))
	defer elsewhere.Close()
	var redirects atomic.Bool
	in := install(t, options{extra: deadlines(sandbox.Dial{}), between: func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if redirects.Load() {
				http.Redirect(w, r, elsewhere.URL+r.URL.Path, http.StatusTemporaryRedirect)
				return
			}
			next.ServeHTTP(w, r)
		})
	}})
	redirects.Store(true)
	if a := in.get(t, keyGlobex, "/api/conversations/"+sandbox.ExampleNative); a.status != http.StatusBadGateway {
		t.Errorf("a store that sends us elsewhere: %d %s", a.status, a.body)
	}
	redirects.Store(false)
	host := strings.TrimPrefix(elsewhere.URL, "http://")
	for _, header := range []string{"Host", "X-Forwarded-Host", "X-Original-Url", "X-Rewrite-Url", "Forwarded", "X-Http-Host-Override", "Referer", "Origin"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, in.public+"/api/conversations/"+sandbox.ExampleNative, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+keyGlobex)
		if req.Header.Set(header, elsewhere.URL); header == "Host" {
			req.Host = host
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Errorf("with %s: %d", header, resp.StatusCode)
		}
	}
	for _, id := range []string{"..%2f..%2fcrm%2fcontacts", "%2e%2e", "http:%2f%2f" + host, "@" + host, "a%3furl=" + url.QueryEscape(elsewhere.URL)} {
		if a := in.get(t, keyGlobex, "/api/conversations/"+id); a.status != http.StatusNotFound {
			t.Errorf("%s: %d", id, a.status)
		}
	}
	if n := visits.Load(); n > 0 {
		t.Errorf("%d visits to a host that nobody configured", n)
	}
	for _, address := range []string{"http://169.254.169.254/latest/meta-data", "http://[fd00:ec2::254]", "http://100.100.100.200", "http://[::ffff:169.254.169.254]", "http://0.0.0.0", "http://[ff02::1]"} {
		file := strings.Replace(starter, "http://127.0.0.1:9102", address, 1)
		if _, err := parseConfig("weft.yaml", []byte(file), secrets); err == nil || !strings.Contains(err.Error(), "allow_addresses") {
			t.Errorf("%s is accepted as a CRM: %v", address, err)
		}
	}
}

// testMisconfiguration: every answer, of whatever kind, is as hard to misuse as
// the others, and no header of a proxy or a caller changes it.
func testMisconfiguration(t *testing.T) {
	in := install(t, options{hide: "cors: [https://inbox.example]", extra: "hsts: true\n" + deadlines(sandbox.Dial{})})
	in.document(t, keyAcme, sandbox.ExampleAPI)
	in.dial(t, in.box.Native(), "", sandbox.Dial{ErrorRate: 1})
	const known = "/api/conversations/" + sandbox.ExampleAPI
	for path, key := range map[string]string{
		known: keyAcme, "/api/conversations": keyAcme, known + "?x=1": keyAcme, "/api/conversations/nobody": keyAcme, "/api/nowhere": keyAcme,
		"/nowhere": "", "/docs": "", "/docs/swagger-ui.css": "", "/openapi.yaml": "", "/livez": "", "/readyz": "",
		known + "?": "", "/api/conversations/" + sandbox.ExampleNative: keyGlobex,
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, in.public+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+key)
		req.Header.Set("Origin", "https://evil.example")
		a := in.do(t, req)
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer",
			"Cross-Origin-Resource-Policy": "same-origin", "Strict-Transport-Security": "max-age=31536000",
		} {
			if got := a.header.Get(name); got != want {
				t.Errorf("%s: %d with %s %q, want %q", path, a.status, name, got, want)
			}
		}
		if policy := a.header.Get("Content-Security-Policy"); !strings.Contains(policy, "frame-ancestors 'none'") {
			t.Errorf("%s: policy %q", path, policy)
		}
		for _, name := range []string{"Server", "X-Powered-By", "Access-Control-Allow-Origin", "Access-Control-Allow-Credentials", "Set-Cookie"} {
			if got := a.header.Get(name); got != "" {
				t.Errorf("%s: %s %q", path, name, got)
			}
		}
		if a.status >= 400 {
			var e map[string]string
			if err := json.Unmarshal(a.body, &e); err != nil || e["error"] == "" || e["code"] == "" || len(e) > 3 {
				t.Errorf("%s: error %s", path, a.body)
			}
			for _, secret := range []string{"127.0.0.1", "sandbox", "goroutine", ".go:", "/native", "dial"} {
				if strings.Contains(string(a.body), secret) {
					t.Errorf("%s: the error tells %q: %s", path, secret, a.body)
				}
			}
		}
	}
	testForwardedHeaders(t, in)
}

// testForwardedHeaders: what proxies say, and what callers make proxies say,
// has no effect on an answer.
func testForwardedHeaders(t *testing.T, in *installation) {
	t.Helper()
	for _, path := range []string{"/api/conversations/" + sandbox.ExampleNative, "/api/conversations?per_page=3&include=contact", "/openapi.yaml", "/api/nowhere"} {
		ask := func(headers http.Header) string {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, in.public+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			maps.Copy(req.Header, headers)
			req.Header.Set("Authorization", "Bearer "+keyAcme)
			a := in.do(t, req)
			for _, name := range []string{"Server-Timing", "Cache-Status"} {
				a.header.Del(name)
			}
			if a.status == http.StatusOK {
				a.body, _, _ = bytes.Cut(a.body, []byte(`,"perPage"`)) // then come ages and times
			}
			var rows struct {
				Data []struct{ ID, TenantID string }
			}
			if json.Unmarshal(append(a.body, '}'), &rows) == nil && len(rows.Data) > 0 {
				a.body = fmt.Append(nil, rows)
			}
			return told(a)
		}
		want := ask(nil)
		for _, name := range []string{
			"X-Tenant", "X-Tenant-Id", "X_Tenant_Id", "X-Tenant-Name", "X-Workspace-Id", "X-User-Id", "X-Internal-Scopes", "X-Scopes", "X-Forwarded-For", "X-Forwarded-Host",
			"X-Forwarded-Proto", "X-Forwarded-Prefix", "X-Forwarded-User", "X-Forwarded-Authorization", "X-Original-Url", "X-Rewrite-Url", "X-Http-Method-Override", "X-Real-Ip",
			"Forwarded", "Via", "Cookie", "Accept-Language", "Referer",
		} {
			for _, value := range []string{sandbox.Globex, "/api/conversations/" + sandbox.ExampleNative, "Bearer " + keyGlobex} {
				if got := ask(http.Header{name: {value}}); got != want {
					t.Errorf("%s with %s: %s:\n got %.300s\nwant %.300s", path, name, value, got, want)
				}
			}
		}
	}
}

// testInventory: the contract says what there is, and there is nothing else.
func testInventory(t *testing.T) {
	in := install(t, options{extra: deadlines(sandbox.Dial{})})
	for _, path := range []string{"/v1/api/conversations", "/api/v1/conversations", "/api/v2/conversations", "/api/users", "/api/contacts", "/api/contacts/con-12345", "/api/accounts", "/graphql", "/swagger.json", "/openapi.json", "/.env", "/.git/config", "/server-status", "/actuator"} {
		if a := in.get(t, keyCosts, path); a.status != http.StatusNotFound {
			t.Errorf("%s: %d", path, a.status)
		}
	}
	a := in.get(t, "", "/openapi.yaml")
	for line := range strings.Lines(string(a.body)) {
		path, isPath := strings.CutSuffix(strings.TrimPrefix(line, "  "), ":\n")
		if !isPath || !strings.HasPrefix(path, "/") {
			continue
		}
		path = strings.NewReplacer("{id}", sandbox.ExampleAPI, "{asset}", "swagger-ui.css").Replace(path)
		if a := in.get(t, keyCosts, path); a.status == http.StatusNotFound {
			t.Errorf("%s is in the contract: %d", path, a.status)
		}
	}
}

// testConsumption: what a source answers is judged before it is used, and what
// passes is written in a way that cannot mean anything else.
func testConsumption(t *testing.T) {
	hostile := map[string]string{
		"script":          `"firstName":"</script><script>alert(1)</script>"`,
		"line ends":       "\"firstName\":\"a\\r\\nSet-Cookie: x=1\\u2028\\u0000\"",
		"not UTF-8":       "\"firstName\":\"\xff\xfe\"",
		"half a pair":     `"firstName":"\ud800"`,
		"a number":        `"firstName":12345678901234567890`,
		"another tenant":  `"tenantId":"` + sandbox.Acme + `"`,
		"another id":      `"id":"con-12345"`,
		"an object":       `"id":{"$ne":null}`,
		"too long":        `"firstName":"` + strings.Repeat("x", 100_000) + `"`,
		"very deep":       `"x":` + strings.Repeat(`[`, 20_000) + strings.Repeat(`]`, 20_000),
		"a huge exponent": `"x":1e999999999`,
		"a dangerous url": `"url":"javascript:alert(1)"`,
		"key in capitals": `"TENANTID":"` + sandbox.Acme + `","ID":"con-12345"`,
	}
	var inject atomic.Pointer[string]
	in := install(t, options{extra: "cache: {contact: {fresh: 1ms, stale: 1ms, missing: 1ms}}\n" + deadlines(sandbox.Dial{}), between: editing(func(r *http.Request, b []byte) []byte {
		if s := inject.Load(); s != nil && strings.Contains(r.URL.Path, "contacts") {
			i := bytes.LastIndexByte(b, '}')
			if j := bytes.Index(b, []byte(`}]`)); j > 0 {
				i = j
			}
			return slices.Concat(b[:i], []byte(","+*s), b[i:])
		}
		return b
	})})
	for name, s := range hostile {
		inject.Store(&s)
		d, a := in.document(t, keyGlobex, sandbox.ExampleNative) // held to the contract
		if !json.Valid(a.body) || !bytes.Equal(a.body, bytes.ToValidUTF8(a.body, nil)) {
			t.Errorf("%s: no JSON", name)
		}
		if id, tenant := d.Contact["id"], d.Contact["tenantId"]; d.Contact != nil && (id != *d.ContactID || tenant != sandbox.Globex) {
			t.Errorf("%s: contact %v of %v", name, id, tenant)
		}
		if strings.Contains(string(a.body), "javascript:") {
			t.Errorf("%s: a link that runs a script is shown", name)
		}
		if len(d.Messages) == 0 || d.Enrichment.Conversation.State == "" {
			t.Errorf("%s: the rest of the document suffers", name)
		}
	}
	inject.Store(nil)
	in.box.Native().Reset()
	eventually(t, "the contact again", func() bool {
		d, _ := in.document(t, keyGlobex, sandbox.ExampleNative)
		return d.Contact != nil && d.Enrichment.Complete
	})
}
