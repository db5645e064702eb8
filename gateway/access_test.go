package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weft-gateway/weft/enrich"
	"github.com/weft-gateway/weft/upstream"
)

func TestAccessLog(t *testing.T) {
	tests := []struct {
		name, method, target, key string
		err                       error
		want                      map[string]any
	}{
		{"read", "GET", conversationTarget, readKey, nil, map[string]any{
			"level": "DEBUG", "route": "/api/conversations/{id}", "status": 200.0, "tenant": "acme", "key": "inbox",
		}},
		{"probe", "HEAD", "/livez", "", nil, map[string]any{"level": "DEBUG", "method": "HEAD", "route": "/livez", "status": 200.0}},
		{"no key", "GET", listTarget, "", nil, map[string]any{"level": "INFO", "route": "", "status": 401.0, "code": "unauthorized"}},
		{"bad parameter", "GET", listTarget + "?canary=1", readKey, nil, map[string]any{
			"level": "INFO", "route": "/api/conversations", "status": 400.0, "code": "invalid_parameter", "tenant": "acme", "key": "inbox",
		}},
		{"not found", "GET", conversationsPath + "/canary", readKey, nil, map[string]any{
			"level": "INFO", "route": "/api/conversations/{id}", "status": 404.0, "code": "conversation_not_found", "tenant": "acme", "key": "inbox",
		}},
		{"no such path", "CANARY", "/canary", "", nil, map[string]any{"level": "INFO", "method": "OTHER", "route": "", "status": 404.0, "code": "not_found"}},
		{"store down", "GET", conversationTarget, readKey, &upstream.Error{Kind: upstream.Refused, Source: "autocalls", Op: upstream.OpThread}, map[string]any{
			"level": "WARN", "route": "/api/conversations/{id}", "status": 503.0, "code": "store_unavailable", "tenant": "acme", "key": "inbox",
			"cause": "autocalls messages: refused",
		}},
		{"fault of ours", "GET", conversationTarget, readKey, upstream.Kind("surprise"), map[string]any{
			"level": "ERROR", "route": "/api/conversations/{id}", "status": 500.0, "code": "internal", "tenant": "acme", "key": "inbox", "cause": "surprise",
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := newHarness(t, nil)
			if tt.err != nil {
				h.fake.conversation = func(context.Context, *enrich.Tenant, enrich.Request) (*enrich.Document, error) { return nil, tt.err }
			}
			headers := []string{"X-Request-Id", "request-1", "User-Agent", "canary"}
			if tt.key != "" {
				headers = append(headers, "Authorization", "Bearer "+tt.key)
			}
			a := h.do(tt.method, tt.target, headers...)
			line := h.line(t)
			if _, ok := line["took_ms"]; !ok {
				t.Error("no took")
			}
			if strings.Contains(strings.ToLower(h.logs.String()), "canary") {
				t.Errorf("what the caller sent is in the log: %s", h.logs)
			}
			delete(line, "time")
			delete(line, "took_ms")
			want := map[string]any{"msg": "request", "request_id": "request-1", "method": "GET"}
			for k, v := range tt.want {
				want[k] = v
			}
			if diff := cmp.Diff(want, line); diff != "" {
				t.Errorf("line (-want +got):\n%s", diff)
			}
			h.wantObserved(seen{want["route"].(string), want["method"].(string), a.status})
		})
	}
}

// line returns the one line of the log.
func (h *harness) line(t *testing.T) map[string]any {
	t.Helper()
	var line map[string]any
	if err := json.Unmarshal(h.logs.Bytes(), &line); err != nil {
		t.Fatalf("%v; want one line:\n%s", err, h.logs)
	}
	return line
}

func TestRequestID(t *testing.T) {
	tests := []struct {
		name    string
		headers []string
		taken   bool
	}{
		{"none", nil, false},
		{"good", []string{"request-1_A"}, true},
		{"shortest", []string{"12345678"}, true},
		{"longest", []string{strings.Repeat("a", 64)}, true},
		{"too short", []string{"1234567"}, false},
		{"too long", []string{strings.Repeat("a", 65)}, false},
		{"symbols", []string{"request{1}"}, false},
		{"line end", []string{"request\n{\"level\":"}, false},
		{"twice", []string{"request-1", "request-2"}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := newHarness(t, nil)
			var headers []string
			for _, v := range tt.headers {
				headers = append(headers, "X-Request-Id", v)
			}
			first := h.do("GET", "/livez", headers...).header.Get("X-Request-Id")
			second := h.do("GET", "/livez", headers...).header.Get("X-Request-Id")
			if tt.taken && (first != tt.headers[0] || second != first) {
				t.Errorf("got %q, want the caller's", first)
			}
			if !tt.taken && (len(first) != 32 || first == second) {
				t.Errorf("got %q and %q, want two of our own", first, second)
			}
		})
	}
}

func TestPanic(t *testing.T) {
	for _, coding := range []string{"", "gzip"} {
		h := newHarness(t, nil)
		h.fake.conversation = func(context.Context, *enrich.Tenant, enrich.Request) (*enrich.Document, error) { panic("canary-panic") }
		a := h.get(conversationTarget, "Accept-Encoding", coding)
		a.is(t, 500, codeInternal, "")
		if strings.Contains(string(a.body)+h.logs.String(), "canary") {
			t.Errorf("what was thrown is told: %s\n%s", a.body, h.logs)
		}
		line := h.line(t)
		if stack, _ := line["stack"].(string); line["level"] != "ERROR" || line["cause"] != "panic with a string" || !strings.Contains(stack, "access_test.go") {
			t.Errorf("line %v", line)
		}
		h.wantObserved(seen{"/api/conversations/{id}", "GET", 500})
		h.fake.conversation = h.known
		if a := h.get(conversationTarget); a.status != 200 {
			t.Errorf("afterwards: %d", a.status)
		}
		if n := h.server.load.asking.Load(); n != 0 {
			t.Errorf("%d slots are still taken", n)
		}
	}
}

// TestPanicHalfWay: an answer that has begun is cut, not ended as if it were whole.
func TestPanicHalfWay(t *testing.T) {
	h := newHarness(t, nil)
	half := h.server.answer("/half", func(x *exchange, _ *http.Request) error {
		x.WriteHeader(http.StatusOK)
		panic("canary-panic")
	})
	p := panicOf(func() {
		r := httptest.NewRequest("GET", "/half", nil)
		x := newExchange(httptest.NewRecorder(), r)
		defer h.server.finish(x, r)
		half.ServeHTTP(x, r)
	})
	if err, _ := p.(error); !errors.Is(err, http.ErrAbortHandler) {
		t.Errorf("panic %v, want the connection cut", p)
	}
	if line := h.line(t); line["level"] != "ERROR" {
		t.Errorf("line %v", line)
	}
}

func TestPanicError(t *testing.T) {
	var none map[string]int
	if got, want := panicError(panicOf(func() { none["x"] = 1 })).Error(), "panic: assignment to entry in nil map"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Of answers that are no errors one of so many has a line, errors have theirs.
func TestAccessLogSample(t *testing.T) {
	for _, tt := range []struct{ every, want int }{{0, 0}, {1, 6}, {3, 2}, {7, 0}} {
		h := newHarness(t, func(c *Config) { c.Access = tt.every })
		for range 6 {
			h.get(conversationTarget)
			h.do("GET", "/livez") // no tenant's
		}
		h.get(conversationsPath + "/nobody")
		if got := strings.Count(h.logs.String(), `"level":"INFO"`) - 1; got != tt.want {
			t.Errorf("one of %d: %d lines for 6 answers, want %d", tt.every, got, tt.want)
		}
	}
}

// TestTally: whoever has a good key is counted for the tenant, whatever the answer.
func TestTally(t *testing.T) {
	got := map[string]int{}
	h := newHarness(t, func(c *Config) {
		c.Tally = func(tenant string, code int) { got[tenant+" "+strconv.Itoa(code)]++ }
	})
	h.get("/api/conversations/" + knownID)
	h.get("/api/conversations/" + unknownID)
	h.get("/api/conversations?per_page=x")
	h.do("GET", "/api/conversations/"+knownID)
	h.do("GET", "/livez")
	if diff := cmp.Diff(map[string]int{"acme 200": 1, "acme 404": 1, "acme 400": 1}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if n := h.server.TenantInFlight("acme") + h.server.TenantInFlight("nobody"); n != 0 {
		t.Errorf("%d under way when all is done", n)
	}
}
