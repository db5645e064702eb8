package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weft-gateway/weft/upstream/sandbox"
)

// TestOWASP goes through the OWASP API Security Top 10 of 2023, from the
// outside. What cannot be seen from there is tested where it is done:
// TestIsolation (gateway) for API1, TestTokens (gateway/auth) for API2,
// TestRoles and TestRoutesAreTheOperations (gateway) for API5 and API9,
// TestAddressable (upstream/client) for API7, and each connector's tests for API10.
func TestOWASP(t *testing.T) {
	for _, row := range []struct {
		risk string
		test func(*testing.T)
	}{
		{"API1 broken object level authorization", testObjects},
		{"API2 broken authentication", testAuthentication},
		{"API3 broken object property level authorization", testProperties},
		{"API4 unrestricted resource consumption", testResources},
		{"API5 broken function level authorization", testFunctions},
		{"API6 unrestricted access to sensitive business flows", testFlows},
		{"API7 server side request forgery", testForgery},
		{"API8 security misconfiguration", testMisconfiguration},
		{"API9 improper inventory management", testInventory},
		{"API10 unsafe consumption of APIs", testConsumption},
	} {
		t.Run(row.risk, row.test)
	}
}

// keyLine is a line of a tenant's keys.
func keyLine(id, key, more string) string {
	sum := sha256.Sum256([]byte(key))
	return fmt.Sprintf("      - {id: %s, sha256: %s, %s}\n", id, hex.EncodeToString(sum[:]), more)
}

// told is all that an answer tells its caller, but for the id of the request
// and the time of day.
func told(a answer) string {
	h := a.header.Clone()
	h.Del("X-Request-Id")
	h.Del("Date")
	return fmt.Sprint(a.status, h, string(a.body))
}

// testObjects: what is another tenant's, or of a workspace that the key may not
// see, is told from what never existed by nothing.
func testObjects(t *testing.T) {
	const never, bound = "00000000-0000-4000-8000-000000000000", "weft_test_key_bound"
	in := install(t, options{
		extra: deadlines(sandbox.Dial{}),
		hide:  "workspaces: [{id: web, types: [widget]}]",
		keys:  keyLine("bound", bound, "scopes: [conversations:read], workspaces: [web]"),
	})
	read := func(key, id string) string { return told(in.get(t, key, "/api/conversations/"+id)) }
	acme, globex := in.box.ConversationIDs(sandbox.Acme), in.box.ConversationIDs(sandbox.Globex)
	want := read(keyGlobex, never)
	if !strings.Contains(want, "conversation_not_found") {
		t.Fatalf("an id that never was: %s", want)
	}
	for _, warm := range []bool{false, true} {
		for _, id := range acme[:100] {
			if got := read(keyGlobex, id); got != want {
				t.Fatalf("warm %v, %s:\n got %s\nwant %s", warm, id, got, want)
			}
		}
		in.walk(t, keyAcme, url.Values{"per_page": {"100"}}) // now they are in the cache
	}
	for _, id := range []string{globex[0], sandbox.ExampleForeign, sandbox.ExampleNative} {
		if got := read(keyAcme, id); got != want {
			t.Errorf("%s:\n got %s\nwant %s", id, got, want)
		}
	}
	testWorkspace(t, in, bound, want)
	for key, own := range map[string][]string{keyAcme: acme, keyGlobex: globex} {
		if got := in.walk(t, key, url.Values{"per_page": {"100"}}); !slices.Equal(got, own) {
			t.Errorf("%d rows are listed, %d are the tenant's", len(got), len(own))
		}
	}
	t.Run("records of others", testForeignRecords)
	t.Run("time", func(t *testing.T) { compareTimes(t, in, keyGlobex, acme) })
}

// testWorkspace: a key that is bound to a workspace sees it, all of it and
// nothing else, by id and in lists.
func testWorkspace(t *testing.T, in *installation, bound, want string) {
	t.Helper()
	all := in.walk(t, keyAcme, url.Values{"type": {"widget"}, "per_page": {"100"}})
	in.box.Autocalls().ResetCalls()
	if got := in.walk(t, bound, url.Values{"per_page": {"100"}}); !slices.Equal(got, all) || len(got) == 0 {
		t.Errorf("%d rows for a key bound to the workspace, %d are in it", len(got), len(all))
	}
	for _, uri := range in.box.Autocalls().Requests() {
		if !strings.Contains(uri, "type=widget") && strings.Contains(uri, "/user/conversations") {
			t.Errorf("the store is asked for more than the workspace: %s", uri)
		}
	}
	if a := in.get(t, bound, "/api/conversations/"+all[0]); a.status != http.StatusOK {
		t.Errorf("a conversation of its workspace: %d", a.status)
	}
	for range 2 { // cold, and warm
		if got := told(in.get(t, bound, "/api/conversations/"+sandbox.ExampleAPI)); got != want {
			t.Errorf("a conversation of another workspace:\n got %s\nwant %s", got, want)
		}
		in.document(t, keyAcme, sandbox.ExampleAPI)
	}
	if l := in.page(t, bound, url.Values{"type": {"api"}}); len(l.Data) > 0 || l.NextCursor != nil {
		t.Errorf("%d rows of a type that is not the workspace's", len(l.Data))
	}
	if l := in.page(t, keyAcme, nil); in.get(t, bound, "/api/conversations?cursor="+*l.NextCursor).status != http.StatusBadRequest {
		t.Error("a cursor of a key that is not bound is taken")
	}
}

// testForeignRecords: what a source answers in the place of what was asked for
// is no answer, is not kept, and is counted.
func testForeignRecords(t *testing.T) {
	in := install(t, options{extra: deadlines(sandbox.Dial{})})
	path := "/api/conversations/" + sandbox.ExampleNative
	in.dial(t, in.box.Native(), "read", sandbox.Dial{Body: sandbox.BodyWrongRecord})
	if a := in.get(t, keyGlobex, path); a.status != http.StatusBadGateway || !strings.Contains(string(a.body), "store_invalid") {
		t.Errorf("another conversation than was asked for: %d %s", a.status, a.body)
	}
	in.box.Native().Reset()
	in.dial(t, in.box.CRM(), "", sandbox.Dial{Body: sandbox.BodyWrongRecord})
	if d, _ := in.document(t, keyGlobex, sandbox.ExampleNative); d.Enrichment.Contact.Reason != "wrong_record" || d.Contact != nil {
		t.Errorf("another contact than was asked for: %+v, %v", d.Enrichment.Contact, d.Contact)
	}
	in.box.CRM().Reset()
	if d, _ := in.document(t, keyGlobex, sandbox.ExampleNative); !d.Enrichment.Complete || d.Contact["tenantId"] != sandbox.Globex {
		t.Errorf("afterwards: %+v", d.Enrichment)
	}
	// A reference into another tenant leads nowhere.
	id, err := in.box.AddConversation(sandbox.Globex, sandbox.Draft{ContactID: "con-12345", AccountID: "acc-9003", Messages: []string{"hello"}})
	if err != nil {
		t.Fatal(err)
	}
	if d, _ := in.document(t, keyGlobex, id); d.Enrichment.Contact.State != "missing" || d.Contact != nil || d.Account != nil {
		t.Errorf("a reference to another tenant's contact: %+v, %v", d.Enrichment.Contact, d.Contact)
	}
}

// compareTimes asks for foreign ids and for ids that never were, by turns, and
// tells how the times compare. On a busy machine they prove little, so they are
// judged in virtual time (TestForeignTakesAsLongAsUnknown), and here the calls are.
func compareTimes(t *testing.T, in *installation, key string, foreign []string) {
	const tries = 1000
	took := map[bool][]time.Duration{}
	calls := map[bool]int{}
	for i := range tries {
		for _, isForeign := range []bool{i%2 == 0, i%2 != 0} {
			id := fmt.Sprintf("00000000-0000-4000-8000-%012d", i%len(foreign))
			if isForeign {
				id = foreign[i%len(foreign)]
			}
			before := in.box.Native().Calls("read")
			a := in.get(t, key, "/api/conversations/"+id)
			if a.status != http.StatusNotFound {
				t.Fatalf("%s: %d", id, a.status)
			}
			took[isForeign] = append(took[isForeign], a.took)
			calls[isForeign] += in.box.Native().Calls("read") - before
		}
	}
	median := func(d []time.Duration) time.Duration { slices.Sort(d); return d[len(d)/2] }
	f, n := median(took[true]), median(took[false])
	t.Logf("median of %d tries: foreign %v, never existed %v, ratio %.3f; calls of the store %d and %d",
		tries, f, n, float64(f)/float64(n), calls[true], calls[false])
	if calls[true] == 0 || max(calls[true], calls[false]) > min(calls[true], calls[false])*11/10 { // 404s are remembered for a second
		t.Errorf("calls of the store: %d for foreign ids, %d for others", calls[true], calls[false])
	}
}

// testAuthentication: one answer for everybody who is nobody.
func testAuthentication(t *testing.T) {
	const expired = "weft_test_key_that_has_expired"
	in := install(t, options{extra: deadlines(sandbox.Dial{}), keys: keyLine("old", expired, "scopes: [conversations:read], expires: 2020-01-01")})
	const path = "/api/conversations/" + sandbox.ExampleAPI
	ask := func(target string, headers http.Header) answer {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, in.public+target, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header = headers
		return in.do(t, req)
	}
	bearer := func(token string) http.Header { return http.Header{"Authorization": {token}} }
	want := told(ask(path, http.Header{}))
	for name, got := range map[string]answer{
		"wrong":                  ask(path, bearer("Bearer weft_no_such_key")),
		"truncated":              ask(path, bearer("Bearer "+keyAcme[:len(keyAcme)-1])),
		"longer":                 ask(path, bearer("Bearer "+keyAcme+"x")),
		"in upper case":          ask(path, bearer("Bearer "+strings.ToUpper(keyAcme))),
		"expired":                ask(path, bearer("Bearer "+expired)),
		"the hash":               ask(path, bearer("Bearer "+hash(keyAcme))),
		"other scheme":           ask(path, bearer("Basic "+keyAcme)),
		"twice":                  ask(path, http.Header{"Authorization": {"Bearer " + keyAcme, "Bearer " + keyGlobex}}),
		"in the query":           ask(path+"?access_token="+keyAcme, http.Header{}),
		"as a cookie":            ask(path, http.Header{"Cookie": {"Authorization=Bearer " + keyAcme}}),
		"in a header of its own": ask(path, http.Header{"X-Api-Key": {keyAcme}}),
		"a token signed by none": ask(path, bearer("Bearer eyJhbGciOiJub25lIn0.eyJ0aWQiOiJhY21lIn0.")),
		"a path that is not":     ask("/api/nowhere", http.Header{}),
	} {
		if told(got) != want || got.status != http.StatusUnauthorized {
			t.Errorf("%s:\n got %s\nwant %s", name, told(got), want)
		}
	}
	if n := in.box.Autocalls().Calls("read"); n > 0 {
		t.Errorf("%d calls for nobody", n)
	}
}

func hash(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:])
}

// editing passes what the CRM answers through edit.
func editing(edit func(*http.Request, []byte) []byte) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !strings.HasPrefix(r.URL.Path, "/crm/") {
				next.ServeHTTP(w, r)
				return
			}
			rec := httptest.NewRecorder()
			next.ServeHTTP(rec, r)
			body := edit(r, rec.Body.Bytes())
			maps.Copy(w.Header(), rec.Header())
			w.Header().Del("Content-Length")
			w.WriteHeader(rec.Code)
			_, _ = w.Write(body)
		})
	}
}

// testProperties: of a record only the contract's fields are shown, and a
// caller can ask for no others.
func testProperties(t *testing.T) {
	in := install(t, options{extra: deadlines(sandbox.Dial{}), between: editing(func(_ *http.Request, b []byte) []byte {
		return bytes.ReplaceAll(b, []byte(`"resolutionStatus":`), []byte(`"ssn":"canary-078-05-1120","__proto__":{"admin":"canary"},"internal_notes":"canary","ID":"canary","resolutionStatus":`))
	})})
	for _, key := range []string{keyAcme, keyCosts} {
		d, a := in.document(t, key, sandbox.ExampleAPI)
		if d.Contact == nil || strings.Contains(string(a.body), "canary") {
			t.Errorf("contact %v", d.Contact)
		}
		if shows := strings.Contains(string(a.body), "totalCost"); shows != (key == keyCosts) {
			t.Errorf("costs are shown: %v", shows)
		}
	}
	for _, query := range []string{"fields=ssn", "include=ssn", "include=totalCost", "include=contact&include=account", "expand=internal_notes"} {
		if a := in.get(t, keyAcme, "/api/conversations/"+sandbox.ExampleAPI+"?"+query); a.status != http.StatusBadRequest {
			t.Errorf("%s: %d", query, a.status)
		}
	}
}

// testResources: everything that a caller can make more of has an end.
func testResources(t *testing.T) {
	const hasty = "weft_test_key_with_a_limit"
	in := install(t, options{extra: deadlines(sandbox.Dial{}), keys: keyLine("hasty", hasty, "scopes: [conversations:read], limits: {requests: 1/m, burst: 3}")})
	for _, query := range []string{"per_page=101", "per_page=0", "per_page=-1", "per_page=1e9", "per_page=", "cursor=" + strings.Repeat("A", 1025), "customer_phone=" + strings.Repeat("1", 33)} {
		if a := in.get(t, keyAcme, "/api/conversations?"+query); a.status != http.StatusBadRequest {
			t.Errorf("%s: %d", query, a.status)
		}
	}
	statuses := map[int]int{}
	for range 6 {
		a := in.get(t, hasty, "/api/conversations?per_page=1")
		statuses[a.status]++
		if a.status == http.StatusTooManyRequests && a.header.Get("Retry-After") == "" {
			t.Error("429 without Retry-After")
		}
	}
	if statuses[http.StatusOK] != 3 || statuses[http.StatusTooManyRequests] != 3 {
		t.Errorf("statuses with a burst of 3: %v", statuses)
	}
	if a := in.get(t, keyAcme, "/api/conversations?per_page=1"); a.status != http.StatusOK {
		t.Errorf("another key of the tenant: %d", a.status)
	}
	raw := func(request string) string {
		c, err := net.Dial("tcp", strings.TrimPrefix(in.public, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(10 * time.Second))
		go func() { _, _ = io.WriteString(c, request) }()
		b, _ := io.ReadAll(io.LimitReader(c, 12))
		return strings.TrimPrefix(string(b), "HTTP/1.1 ")
	}
	head := "GET /api/conversations HTTP/1.1\r\nHost: weft.test\r\nAuthorization: Bearer " + keyAcme + "\r\n"
	if got := raw(head + "X-Filler: " + strings.Repeat("a", 64<<10) + "\r\n\r\n"); got != "431" {
		t.Errorf("headers of 64 KiB: %q", got)
	}
	if got := raw("POST" + head[3:] + "Content-Length: 999999999\r\n\r\n" + strings.Repeat("a", 1<<20)); got != "405" {
		t.Errorf("a body without end: %q", got)
	}
}

// testFunctions: what is for operators is not to be had on the public listener,
// whoever asks, and the other way round.
func testFunctions(t *testing.T) {
	in := install(t, options{extra: deadlines(sandbox.Dial{})})
	for _, path := range []string{"/metrics", "/breakers", "/breakers/rest-contacts", "/breakers/events", "/healthz", "/console", "/debug/pprof/", "/debug/pprof/heap", "/debug/vars", "/admin", "/dials"} {
		for _, key := range []string{keyAcme, keyCosts} {
			if a := in.get(t, key, path); a.status != http.StatusNotFound {
				t.Errorf("%s on the public listener: %d", path, a.status)
			}
		}
	}
	for _, path := range []string{"/api/conversations", "/api/conversations/" + sandbox.ExampleAPI, "/docs"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, in.ops+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+keyAcme)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusNotFound {
			t.Errorf("%s on the ops listener: %d", path, resp.StatusCode)
		}
	}
	resp, err := http.Get(in.ops + "/openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	contract, err := io.ReadAll(resp.Body) // its own, and not the tenants'
	if err != nil || !strings.Contains(string(contract), "\n  /breakers:") || strings.Contains(string(contract), "\n  /api/") {
		t.Errorf("the ops listener's contract: %v\n%s", err, contract)
	}
	for _, method := range []string{"POST", "PUT", "PATCH", "DELETE", "TRACE", "CONNECTX"} {
		req, err := http.NewRequestWithContext(t.Context(), method, in.public+"/api/conversations/"+sandbox.ExampleAPI, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+keyCosts)
		if a := in.do(t, req); a.status != http.StatusMethodNotAllowed {
			t.Errorf("%s: %d", method, a.status)
		}
	}
	for _, scope := range []string{"ops:breakers", "ops:*", "ops:"} {
		file := strings.Replace(starter, "scopes: [conversations:read]", fmt.Sprintf("scopes: [conversations:read, %q]", scope), 1)
		if _, err := parseConfig("weft.yaml", []byte(file), secrets); err == nil || !strings.Contains(err.Error(), "ops scope") {
			t.Errorf("%s on a tenant's key: %v", scope, err)
		}
	}
}

// testFlows: whoever tries ids one after the other is stopped, and before that
// costs nobody anything.
func testFlows(t *testing.T) {
	const scanner = "weft_test_key_of_a_scanner"
	in := install(t, options{extra: deadlines(sandbox.Dial{}), keys: keyLine("scanner", scanner, "scopes: [conversations:read], limits: {requests: 1/m, burst: 5}")})
	in.page(t, keyAcme, url.Values{"per_page": {"100"}})
	in.box.Autocalls().ResetCalls()
	refused := 0
	for i := range 50 {
		if a := in.get(t, scanner, fmt.Sprintf("/api/conversations/00000000-0000-4000-8000-%012d", i)); a.status == http.StatusTooManyRequests {
			refused++
		}
	}
	if refused != 45 {
		t.Errorf("%d of 50 guesses are refused, want 45", refused)
	}
	if n := in.box.Autocalls().Calls("read"); n > 5 {
		t.Errorf("%d calls of the store", n)
	}
}
