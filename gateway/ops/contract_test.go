package ops

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// plain is what is not described.
func plain(path string) bool {
	return strings.HasPrefix(path, "/debug/") || strings.HasPrefix(path, "/console")
}

func TestRoutesAreTheOperations(t *testing.T) {
	d := newDesk(t)
	var want, got []string
	for path, item := range d.contract.doc.Paths.Map() {
		for method := range item.Operations() {
			want = append(want, method+" "+path)
		}
	}
	for path, e := range d.server.routes {
		for _, method := range []string{"GET", "POST", "PUT"} {
			if e.of(method) != nil && !plain(path) {
				got = append(got, method+" "+path)
			}
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("operations and routes (-contract +routes):\n%s", diff)
	}
}

func TestFaultsAreTheContract(t *testing.T) {
	d := newDesk(t)
	var want []string
	for _, v := range d.contract.doc.Components.Schemas["Error"].Value.Properties["code"].Value.Enum {
		want = append(want, v.(string))
	}
	got := []string{"internal"}
	texts := map[string]bool{}
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "errors.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(page), "\n## The ops listener\n")
	for _, f := range []fault{
		notFound, breakerNotFound, tenantNotFound, upstreamNotFound, orderNotFound, methodNotAllowed, unauthorized, foreignOrigin, unknownHost, notJSON, invalidBody, tooManyStreams, cacheUnavailable,
	} {
		status, text := f.row()
		if status == 500 || texts[text] {
			t.Errorf("%s has no row of its own", f)
		}
		texts[text] = true
		if !strings.Contains(table, fmt.Sprintf("\n| `%s` | %d |", f, status)) {
			t.Errorf("docs/errors.md lacks %s with %d", f, status)
		}
		got = append(got, string(f))
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("codes (-contract +faults):\n%s", diff)
	}
}

// TestReads holds what can be read to the contract, in every state of a breaker.
func TestReads(t *testing.T) {
	d := newDesk(t)
	for _, state := range []struct {
		name  string
		bring func()
	}{
		{"closed", func() {}},
		{"open", func() { d.trip("rest-contacts") }},
		{"forced open", func() { d.order("POST", "/breakers/rest-contacts", forced("force_open")) }},
		{"forced closed", func() { d.order("POST", "/breakers/rest-contacts", forced("force_closed")) }},
	} {
		state.bring()
		for path, e := range d.server.routes {
			if e.get == nil || plain(path) || path == "/breakers/events" {
				continue
			}
			path = strings.ReplaceAll(path, "{name}", "rest-contacts")
			if got := d.get(path); got.status != 200 {
				t.Errorf("%s: GET %s: %d %s", state.name, path, got.status, got.body)
			}
			if got := d.ask("HEAD", path, ""); got.status != 200 {
				t.Errorf("%s: HEAD %s: %d", state.name, path, got.status)
			}
		}
	}
}

func forced(action string) string {
	return `{"action": "` + action + `", "reason": "CRM is being moved", "expires": "10m"}`
}

// writes are the operations that take a key, with a body that is good.
func writes() map[string]string {
	return map[string]string{
		"POST /breakers/rest-contacts": forced("force_open"),
		"POST /cache-only":             `{"action": "start", "tenant": "acme", "reason": "a test", "expires": "1h"}`,
		"POST /cache/peek":             `{"tenant": "acme", "contact": "con-1"}`,
		"POST /cache/purge":            `{"tenant": "acme", "contact": "con-1", "reason": "a test"}`,
		"POST /explain":                `{"tenant": "acme", "conversation": "c-1"}`,
		"PUT /log-level":               `{"level": "debug", "reason": "a test", "expires": "1h"}`,
	}
}

func TestWritesAreGuarded(t *testing.T) {
	d := newDesk(t)
	found := 0
	for path, item := range d.contract.doc.Paths.Map() {
		for method, op := range item.Operations() {
			if op.Security != nil { // [], for all to read
				continue
			}
			found++
			for _, status := range []int{400, 401, 403, 404, 415} {
				if (op.Responses.Status(status) == nil) != (status == 404 && path == "/log-level") {
					t.Errorf("%s %s: the contract has no %d, or one that there is not", method, path, status)
				}
			}
		}
	}
	if found != len(writes()) {
		t.Errorf("%d operations take a key, and %d are tried here", found, len(writes()))
	}
	key, json := "Bearer "+opsKey, "application/json"
	for operation, body := range writes() {
		method, path, _ := strings.Cut(operation, " ")
		tests := []struct {
			name    string
			body    string
			headers []string
			status  int
		}{
			{"no key", body, []string{"Content-Type", json}, 401},
			{"another key", body, []string{"Content-Type", json, "Authorization", "Bearer other"}, 401},
			{"a digest for a key", body, []string{"Content-Type", json, "Authorization", "Bearer " + strings.Repeat("0", 64)}, 401},
			{"another scheme", body, []string{"Content-Type", json, "Authorization", "Basic " + opsKey}, 401},
			{"no key at all", body, []string{"Content-Type", json, "Authorization", "Bearer "}, 401},
			{"another origin", body, []string{"Content-Type", json, "Authorization", key, "Origin", "https://evil.example"}, 403},
			{"another site", body, []string{"Content-Type", json, "Authorization", key, "Sec-Fetch-Site", "cross-site"}, 403},
			{"a form", body, []string{"Content-Type", "application/x-www-form-urlencoded", "Authorization", key}, 415},
			{"no type", body, []string{"Authorization", key}, 415},
			{"no body", "", []string{"Content-Type", json, "Authorization", key}, 400},
			{"not an object", "[]", []string{"Content-Type", json, "Authorization", key}, 400},
			{"an unknown field", strings.Replace(body, "{", `{"x": 1, `, 1), []string{"Content-Type", json, "Authorization", key}, 400},
			{"more behind it", body + "{}", []string{"Content-Type", json, "Authorization", key}, 400},
			{"too large", strings.Repeat(" ", maxBody) + body, []string{"Content-Type", json, "Authorization", key}, 400},
			{"good", body, []string{"Content-Type", json + "; charset=utf-8", "Authorization", key, "Origin", "http://example.com"}, 200},
		}
		for _, tt := range tests {
			got := d.ask(method, path, tt.body, tt.headers...)
			if got.status != tt.status {
				t.Errorf("%s, %s: %d %s, want %d", operation, tt.name, got.status, got.body, tt.status)
			}
			if got := got.header.Get("WWW-Authenticate"); (got == "Bearer") != (tt.status == 401) {
				t.Errorf("%s, %s: WWW-Authenticate %q", operation, tt.name, got)
			}
		}
	}
	if strings.Contains(d.log.String(), opsKey) || strings.Contains(d.log.String(), "con-1") {
		t.Errorf("the log tells too much:\n%s", d.log)
	}
}

func TestFieldsAreNamed(t *testing.T) {
	d := newDesk(t)
	tests := []struct{ operation, body, field string }{
		{"POST /breakers/rest-contacts", `{"action": "open", "reason": "x", "expires": "1m"}`, "action"},
		{"POST /breakers/rest-contacts", `{"action": "force_open", "reason": "x"}`, "expires"},
		{"POST /breakers/rest-contacts", `{"action": "force_open", "reason": "x", "expires": "25h"}`, "expires"},
		{"POST /breakers/rest-contacts", `{"action": "force_open", "reason": "x", "expires": "10ms"}`, "expires"},
		{"POST /breakers/rest-contacts", `{"action": "force_open", "reason": "x", "expires": "-1m"}`, "expires"},
		{"POST /breakers/rest-contacts", `{"action": "force_open", "reason": "x", "expires": "soon"}`, "expires"},
		{"POST /breakers/rest-contacts", `{"action": "reset", "reason": "x", "expires": "1m"}`, "expires"},
		{"POST /breakers/rest-contacts", `{"action": "force_open", "expires": "1m"}`, "reason"},
		{"POST /breakers/rest-contacts", `{"action": "force_open", "reason": "` + strings.Repeat("x", 201) + `", "expires": "1m"}`, "reason"},
		{"POST /breakers/rest-contacts", `{"action": "force_open", "reason": "a\nb", "expires": "1m"}`, "reason"},
		{"POST /breakers/rest-contacts", `{"action": "force_open", "reason": "a\u202eb", "expires": "1m"}`, "reason"},
		{"POST /breakers/rest-contacts", `{"action": "force_open", "reason": "a\u2028b", "expires": "1m"}`, "reason"},
		{"POST /cache-only", `{"action": "stop", "tenant": "acme", "reason": "x"}`, "action"},
		{"POST /cache-only", `{"action": "end", "reason": "x"}`, "upstream"},
		{"POST /cache-only", `{"action": "end", "tenant": "acme", "upstream": "rest", "reason": "x"}`, "upstream"},
		{"POST /cache-only", `{"action": "start", "tenant": "acme", "reason": "x"}`, "expires"},
		{"POST /cache/peek", `{"contact": "con-1"}`, "tenant"},
		{"POST /cache/peek", `{"tenant": "acme", "contact": "` + strings.Repeat("x", 257) + `"}`, "contact"},
		{"POST /cache/purge", `{"tenant": "acme", "contact": "a", "account": "b", "reason": "x"}`, "account"},
		{"POST /cache/purge", `{"tenant": "acme", "contact": "a"}`, "reason"},
		{"PUT /log-level", `{"level": "trace", "reason": "x", "expires": "1m"}`, "level"},
		{"PUT /log-level", `{"level": "debug", "reason": "x"}`, "expires"},
	}
	for _, tt := range tests {
		method, path, _ := strings.Cut(tt.operation, " ")
		got := d.order(method, path, tt.body)
		var said struct{ Code, Field string }
		got.into(t, &said)
		if got.status != 400 || said.Code != "invalid_body" || said.Field != tt.field {
			t.Errorf("%s %s: %d %+v, want the field %s", tt.operation, tt.body, got.status, said, tt.field)
		}
	}
	if len(d.set.Transitions()) > 0 || len(d.holds.orders) > 0 || len(d.cache.purged) > 0 || d.level.order != nil {
		t.Error("something was done all the same")
	}
}
