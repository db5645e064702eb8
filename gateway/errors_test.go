package gateway

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/weft-gateway/weft/enrich"
	"github.com/weft-gateway/weft/upstream"
)

func TestErrors(t *testing.T) {
	store := func(k upstream.Kind, wait time.Duration) error {
		return &upstream.Error{Kind: k, Source: "autocalls", Op: upstream.OpThread, RetryAfter: wait, Err: errors.New("canary-cause")}
	}
	tests := []struct {
		name   string
		err    error
		status int
		code   code
		field  string
		retry  string
	}{
		{"not found", store(upstream.NotFound, 0), 404, codeConversationNotFound, "", ""},
		{"bare kind", upstream.NotFound, 404, codeConversationNotFound, "", ""},
		{"refused", store(upstream.Refused, 0), 503, codeStoreUnavailable, "", "1"},
		{"timeout", store(upstream.Timeout, 0), 503, codeStoreUnavailable, "", "1"},
		{"deadline", store(upstream.Deadline, 0), 503, codeStoreUnavailable, "", "1"},
		{"upstream error", store(upstream.UpstreamError, 0), 503, codeStoreUnavailable, "", "1"},
		{"breaker open", store(upstream.BreakerOpen, 4200*time.Millisecond), 503, codeStoreUnavailable, "", "5"},
		{"overloaded upstream", store(upstream.Overloaded, 0), 503, codeStoreUnavailable, "", "1"},
		{"canceled, caller there", store(upstream.Canceled, 0), 503, codeStoreUnavailable, "", "1"},
		{"rate limited", store(upstream.RateLimited, 30*time.Second), 503, codeStoreBusy, "", "30"},
		{"rate limited for years", store(upstream.RateLimited, 1e6*time.Hour), 503, codeStoreBusy, "", "86400"},
		{"bad response", store(upstream.BadResponse, 0), 502, codeStoreInvalid, "", ""},
		{"wrong record", store(upstream.WrongRecord, 0), 502, codeStoreInvalid, "", ""},
		{"denied", store(upstream.Denied, 0), 502, codeStoreRefused, "", ""},
		{"wrapped", fmt.Errorf("enrich: %w", store(upstream.Denied, 0)), 502, codeStoreRefused, "", ""},
		{"unknown kind", store("surprise", 0), 500, codeInternal, "", ""},
		{"context deadline", context.DeadlineExceeded, 503, codeStoreUnavailable, "", "1"},
		{"unproven", &enrich.UnprovenError{RetryAfter: 1500 * time.Millisecond}, 503, codeConversationUnproven, "", "2"},
		{"part", &enrich.PartError{Part: enrich.PartContact, RetryAfter: 23 * time.Second}, 503, codePartUnavailable, "contact", "23"},
		{"part, no wait", &enrich.PartError{Part: enrich.PartAccount}, 503, codePartUnavailable, "account", "1"},
		{"field", &enrich.FieldError{Field: "include"}, 400, codeInvalidParameter, "include", ""},
		{"no idea", errors.New("canary-cause"), 500, codeInternal, "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := newHarness(t, nil)
			h.fake.conversation = func(context.Context, *enrich.Tenant, enrich.Request) (*enrich.Document, error) { return nil, tt.err }
			a := h.get(conversationTarget)
			a.is(t, tt.status, tt.code, tt.field)
			if got := a.header.Get("Retry-After"); got != tt.retry {
				t.Errorf("Retry-After %q, want %q", got, tt.retry)
			}
			if got := a.header.Get("Cache-Control"); got != "no-store" {
				t.Errorf("Cache-Control %q, want no-store", got)
			}
			for _, name := range []string{"ETag", "Server-Timing", "Cache-Status"} {
				if v := a.header.Values(name); len(v) > 0 {
					t.Errorf("an error with %s %q", name, v)
				}
			}
			if strings.Contains(string(a.body), "canary") {
				t.Errorf("the cause is in the answer: %s", a.body)
			}
			logged := strings.Count(h.logs.String(), "canary-cause")
			if want := strings.Contains(tt.err.Error(), "canary-cause") && tt.status >= 500; want != (logged == 1) || logged > 1 {
				t.Errorf("the cause is logged %d times, wanted once: %v\n%s", logged, want, h.logs)
			}
		})
	}
}

func TestListErrors(t *testing.T) {
	tests := []struct {
		name, query string
		err         error
		status      int
		code        code
		field       string
	}{
		{"foreign cursor", "?cursor=abc", &enrich.FieldError{Field: "cursor"}, 400, codeInvalidCursor, "cursor"},
		{"filter of another store", "?status=new", &enrich.FieldError{Field: "status"}, 400, codeInvalidParameter, "status"},
		{"store down", "", upstream.Refused, 503, codeStoreUnavailable, ""},
		{"store busy", "", upstream.RateLimited, 503, codeStoreBusy, ""},
		{"store invalid", "", upstream.BadResponse, 502, codeStoreInvalid, ""},
		{"no idea", "", errors.New("x"), 500, codeInternal, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := newHarness(t, nil)
			h.fake.list = func(context.Context, *enrich.Tenant, enrich.ListRequest) (*enrich.Document, error) {
				return nil, tt.err
			}
			h.get(listTarget+tt.query).is(t, tt.status, tt.code, tt.field)
		})
	}
}

// TestNotFoundTellsNothing: whatever is wrong with an id, the answer is the same
// to the byte.
func TestNotFoundTellsNothing(t *testing.T) {
	malformed := map[string]string{
		"dots": "..", "dot": ".", "encoded dots": "%2e%2e", "dots and slash": "..%2f..%2fetc", "encoded slash": "a%2fb",
		"encoded backslash": "a%5cb", "slash": "a/b", "trailing slash": knownID + "/", "empty": "", "question mark": "a%3fb",
		"hash": "a%23b", "space": "a%20b", "NUL": "a%00b", "line end": "a%0ab", "not UTF-8": "%ff", "semicolon": "a;b",
		"percent": "%25", "65 characters": strings.Repeat("a", 65), "5000 characters": strings.Repeat("a", 5000),
		"5000 slashes": strings.Repeat("/", 5000), "messages of one": knownID + "/messages", "letter": "%C3%A9",
	}
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		h := newHarness(t, nil)
		want := h.do(method, conversationsPath+"/"+unknownID, "Authorization", "Bearer "+readKey)
		if method == http.MethodGet {
			want.is(t, 404, codeConversationNotFound, "")
		}
		if n := h.fake.calls(); n != 1 {
			t.Fatalf("%d calls for an unknown id, want 1", n)
		}
		want.header.Del("X-Request-Id")
		for name, id := range malformed {
			t.Run(method+" "+name, func(t *testing.T) {
				got := h.do(method, conversationsPath+"/"+id, "Authorization", "Bearer "+readKey)
				got.header.Del("X-Request-Id")
				wantSame(t, want, got)
			})
		}
		if n := h.fake.calls(); n != 1 {
			t.Errorf("%d calls for malformed ids, want 0", n-1)
		}
	}
}

// TestMalformedIDWithBadParameter: the parameter is judged first, or an id
// could be tested by sending a bad one along.
func TestMalformedIDWithBadParameter(t *testing.T) {
	h := newHarness(t, nil)
	for _, id := range []string{unknownID, knownID, "..", "a%2fb"} {
		h.get(conversationsPath+"/"+id+"?x=1").is(t, 400, codeInvalidParameter, "x")
	}
}
