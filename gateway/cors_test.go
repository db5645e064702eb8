package gateway

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	ownPage     = "https://inbox.acme.example"
	foreignPage = "https://inbox.globex.example"
)

// newPagesHarness has a page for each of two tenants.
func newPagesHarness(t *testing.T) *harness {
	return newHarness(t, func(c *Config) {
		c.Origins = map[string][]string{"acme": {ownPage}, "globex": {foreignPage, ownPage}}
	})
}

// cors returns the headers of an answer that are about pages.
func (a *answer) cors() map[string]string {
	got := map[string]string{}
	for name, values := range a.header {
		if strings.HasPrefix(name, "Access-Control-") {
			got[strings.TrimPrefix(name, "Access-Control-")] = strings.Join(values, "|")
		}
	}
	return got
}

func TestPreflight(t *testing.T) {
	allowed := func(page string) map[string]string {
		return map[string]string{
			"Allow-Origin": page, "Allow-Methods": "GET, HEAD, OPTIONS", "Allow-Headers": "Authorization, If-None-Match, X-Request-Id, Traceparent", "Max-Age": "600",
		}
	}
	none := map[string]string{}
	tests := []struct {
		name, target string
		headers      []string
		want         map[string]string
	}{
		{"a page of a tenant", conversationTarget, []string{"Origin", ownPage, "Access-Control-Request-Method", "GET"}, allowed(ownPage)},
		{"a page of another tenant", listTarget, []string{"Origin", foreignPage, "Access-Control-Request-Method", "GET"}, allowed(foreignPage)},
		{"for a method that is not there", listTarget, []string{"Origin", ownPage, "Access-Control-Request-Method", "DELETE"}, allowed(ownPage)},
		{"a page of nobody", listTarget, []string{"Origin", "https://evil.example", "Access-Control-Request-Method", "GET"}, none},
		{"a page below a listed one", listTarget, []string{"Origin", "https://x.inbox.acme.example", "Access-Control-Request-Method", "GET"}, none},
		{"a page that begins like a listed one", listTarget, []string{"Origin", ownPage + ".evil.example", "Access-Control-Request-Method", "GET"}, none},
		{"without TLS", listTarget, []string{"Origin", "http://inbox.acme.example", "Access-Control-Request-Method", "GET"}, none},
		{"another port", listTarget, []string{"Origin", ownPage + ":8443", "Access-Control-Request-Method", "GET"}, none},
		{"null", listTarget, []string{"Origin", "null", "Access-Control-Request-Method", "GET"}, none},
		{"two origins", listTarget, []string{"Origin", ownPage, "Origin", foreignPage, "Access-Control-Request-Method", "GET"}, none},
		{"no origin", listTarget, []string{"Access-Control-Request-Method", "GET"}, none},
		{"no preflight", listTarget, []string{"Origin", ownPage}, none},
		{"a path for everybody", "/openapi.yaml", []string{"Origin", ownPage, "Access-Control-Request-Method", "GET"}, none},
	}
	h := newPagesHarness(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := h.do(http.MethodOptions, tt.target, tt.headers...)
			if a.status != 204 {
				t.Errorf("status %d", a.status)
			}
			if diff := cmp.Diff(tt.want, a.cors()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if tt.target != "/openapi.yaml" && !strings.HasPrefix(a.header.Get("Vary"), "Origin") {
				t.Errorf("Vary %q", a.header.Get("Vary"))
			}
		})
	}
}

func TestPagesThatMayRead(t *testing.T) {
	shared := map[string]string{"Allow-Origin": ownPage, "Expose-Headers": "ETag, Retry-After, X-Request-Id, Server-Timing, Cache-Status, RateLimit, RateLimit-Policy"}
	none := map[string]string{}
	tests := []struct {
		name, target, page, key string
		status                  int
		want                    map[string]string
	}{
		{"read", conversationTarget, ownPage, readKey, 200, shared},
		{"list", listTarget, ownPage, readKey, 200, shared},
		{"not found", conversationsPath + "/" + unknownID, ownPage, readKey, 404, shared},
		{"bad parameter", listTarget + "?x=1", ownPage, readKey, 400, shared},
		{"no scope", listTarget, ownPage, blindKey, 403, shared},
		{"a page that only another tenant lists", listTarget, foreignPage, readKey, 200, none},
		{"a page of nobody", listTarget, "https://evil.example", readKey, 200, none},
		{"a program", listTarget, "", readKey, 200, none},
		{"no key", listTarget, ownPage, "", 401, none},
		{"unknown key", listTarget, ownPage, "nope", 401, none},
		{"a path for everybody", "/livez", ownPage, readKey, 200, none},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var headers []string
			if tt.page != "" {
				headers = append(headers, "Origin", tt.page)
			}
			if tt.key != "" {
				headers = append(headers, "Authorization", "Bearer "+tt.key)
			}
			a := newPagesHarness(t).do(http.MethodGet, tt.target, headers...)
			if a.status != tt.status {
				t.Errorf("status %d, want %d", a.status, tt.status)
			}
			if diff := cmp.Diff(tt.want, a.cors()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestHSTS(t *testing.T) {
	if got := newHarness(t, nil).get(listTarget).header.Get("Strict-Transport-Security"); got != "" {
		t.Errorf("unasked: %q", got)
	}
	h := newHarness(t, func(c *Config) { c.HSTS = true })
	for _, target := range []string{conversationTarget, "/nowhere", "/docs"} {
		if got := h.get(target).header.Get("Strict-Transport-Security"); got != "max-age=31536000" {
			t.Errorf("%s: %q", target, got)
		}
	}
}

// TestSharedHeadersStay: an answer that replaces a header leaves those of the
// others alone.
func TestSharedHeadersStay(t *testing.T) {
	h := newHarness(t, nil)
	before := h.get(listTarget).header.Get("Content-Security-Policy")
	page := h.get("/docs").header.Get("Content-Security-Policy")
	if after := h.get(listTarget).header.Get("Content-Security-Policy"); after != before || page == before {
		t.Errorf("%q, then %q; the page %q", before, after, page)
	}
}
