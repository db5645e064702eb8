package gateway

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weft-gateway/weft/enrich"
	"github.com/weft-gateway/weft/gateway/auth"
)

// quotas are those of a tenant and a key, as the limiter has them after some requests.
func quotas() []Quota {
	return []Quota{
		{Name: "tenant", Burst: 400, Window: 2 * time.Second, Left: 382, Reset: 90 * time.Millisecond},
		{Name: "key", Burst: 100, Window: 1500 * time.Millisecond, Left: 0, Reset: 1500 * time.Millisecond, Wait: 1200 * time.Millisecond},
	}
}

// limiting answers every request with the same verdict, and notes who asked.
func limiting(ok bool, asked *[]string, of ...Quota) func(*Config) {
	return func(c *Config) {
		c.Limit = func(_ context.Context, who auth.Principal) ([]Quota, bool) {
			*asked = append(*asked, who.TenantID+"/"+who.KeyID)
			return of, ok
		}
	}
}

const (
	policyOfBoth = `"tenant";q=400;w=2, "key";q=100;w=2`
	stateOfBoth  = `"tenant";r=382;t=1, "key";r=0;t=2`
)

func TestRateLimited(t *testing.T) {
	for _, method := range []string{"GET", "HEAD", "POST"} {
		for _, target := range []string{conversationTarget, listTarget, listTarget + "?x=1", conversationsPath + "/..", "/api/nowhere"} {
			var asked []string
			h := newHarness(t, limiting(false, &asked, quotas()...))
			a := h.do(method, target, "Authorization", "Bearer "+readKey)
			if a.status != 429 {
				t.Errorf("%s %s: %d, want 429", method, target, a.status)
			}
			if method != "HEAD" {
				a.is(t, 429, codeRateLimited, "")
			}
			want := map[string]string{"Retry-After": "2", "RateLimit-Policy": policyOfBoth, "RateLimit": stateOfBoth, "Cache-Control": "no-store"}
			for name, value := range want {
				if got := a.header.Get(name); got != value {
					t.Errorf("%s %s: %s %q, want %q", method, target, name, got, value)
				}
			}
			if n := h.fake.calls(); n != 0 || !cmp.Equal(asked, []string{"acme/inbox"}) {
				t.Errorf("%s %s: %d calls, asked %v", method, target, n, asked)
			}
			if log := h.logs.String(); !strings.Contains(log, `"level":"DEBUG"`) || !strings.Contains(log, `"code":"rate_limited"`) {
				t.Errorf("log: %s", log)
			}
		}
	}
}

// Whoever shows no good key is not counted, and neither is what is not below /api.
func TestNobodyIsLimitedWithoutAKey(t *testing.T) {
	var asked []string
	h := newHarness(t, limiting(false, &asked, quotas()...))
	for target, want := range map[string]int{"/livez": 200, "/docs": 200, "/nowhere": 404, listTarget: 401} {
		a := h.do("GET", target)
		if a.status != want || a.header.Get("RateLimit") != "" || a.header.Get("RateLimit-Policy") != "" {
			t.Errorf("%s: %d with RateLimit %q, want %d without", target, a.status, a.header.Get("RateLimit"), want)
		}
	}
	if a := h.do("OPTIONS", listTarget, "Authorization", "Bearer "+readKey); a.status != 204 {
		t.Errorf("OPTIONS: %d", a.status)
	}
	if asked != nil {
		t.Errorf("asked for %v", asked)
	}
}

// Whoever hangs up at once is counted like everybody else.
func TestCallerGoneIsCounted(t *testing.T) {
	ctx, hangUp := context.WithCancel(t.Context())
	hangUp()
	counted := false
	h := newHarness(t, func(c *Config) {
		c.Limit = func(ctx context.Context, _ auth.Principal) ([]Quota, bool) {
			counted = ctx.Err() == nil
			return nil, true
		}
	})
	r := httptest.NewRequestWithContext(ctx, "GET", conversationTarget, nil)
	r.Header.Set("Authorization", "Bearer "+readKey)
	h.server.ServeHTTP(httptest.NewRecorder(), r)
	if !counted {
		t.Error("the limiter is asked in a context that has ended")
	}
}

func TestRateLimitHeaders(t *testing.T) {
	both := quotas()
	tests := []struct {
		name, target, key string
		headers           []string
		quotas            []Quota
		status            int
		policy, state     string
	}{
		{"document", conversationTarget, readKey, nil, both, 200, policyOfBoth, stateOfBoth},
		{"list", listTarget, readKey, nil, both, 200, policyOfBoth, stateOfBoth},
		{"key alone", listTarget, readKey, nil, both[1:], 200, `"key";q=100;w=2`, `"key";r=0;t=2`},
		{"full again", listTarget, readKey, nil, []Quota{{Name: "tenant", Burst: 1, Window: time.Millisecond}}, 200, `"tenant";q=1;w=1`, `"tenant";r=0;t=0`},
		{"no limits", listTarget, readKey, nil, nil, 200, "", ""},
		{"not modified", conversationTarget, readKey, []string{"If-None-Match", "*"}, both, 304, policyOfBoth, stateOfBoth},
		{"bad parameter", listTarget + "?x=1", readKey, nil, both, 400, policyOfBoth, stateOfBoth},
		{"no scope", listTarget, blindKey, nil, both, 403, policyOfBoth, stateOfBoth},
		{"unknown id", conversationsPath + "/" + unknownID, readKey, nil, both, 404, "", ""},
		{"malformed id", conversationsPath + "/..", readKey, nil, both, 404, "", ""},
		{"no such path", "/api/nowhere", readKey, nil, both, 404, "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var asked []string
			h := newHarness(t, limiting(true, &asked, tt.quotas...))
			a := h.do("GET", tt.target, append([]string{"Authorization", "Bearer " + tt.key}, tt.headers...)...)
			if a.status != tt.status || a.header.Get("RateLimit-Policy") != tt.policy || a.header.Get("RateLimit") != tt.state {
				t.Errorf("%d, policy %q, state %q; want %d, %q, %q", a.status,
					a.header.Get("RateLimit-Policy"), a.header.Get("RateLimit"), tt.status, tt.policy, tt.state)
			}
		})
	}
}

// A foreign id and an unknown one cost the same, and nothing that is counted
// shows in the answer.
func TestNotFoundHasNoFigures(t *testing.T) {
	left := 400
	h := newHarness(t, func(c *Config) {
		c.Limit = func(context.Context, auth.Principal) ([]Quota, bool) {
			left--
			return []Quota{{Name: "tenant", Burst: 400, Window: 2 * time.Second, Left: left}}, true
		}
	})
	var first *answer
	for _, id := range []string{unknownID, "foreign-1", "..", "a%2fb"} {
		a := h.get(conversationsPath+"/"+id, "X-Request-Id", "the-same-id")
		if first == nil {
			first = a
		}
		wantSame(t, first, a)
	}
	if left != 396 {
		t.Errorf("%d are left, want one less for each", left)
	}
}

// A tenant has its own bound, and what is beyond it takes no place from others.
func TestOverloadOfATenant(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, func(c *Config) {
			c.InFlight, c.TenantInFlight = 4, map[string]int{"acme": 2}
			c.Tenants = map[string]*enrich.Tenant{"acme": {ID: "acme"}, "nobody": {ID: "nobody"}}
		})
		release := make(chan struct{})
		h.fake.conversation = func(context.Context, *enrich.Tenant, enrich.Request) (*enrich.Document, error) {
			<-release
			return document(h.contract.example(t, "Complete")), nil
		}
		var held sync.WaitGroup
		ask := func(key string) {
			held.Go(func() {
				if a := h.do(http.MethodGet, conversationTarget, "Authorization", "Bearer "+key); a.status != 200 {
					t.Errorf("within the bound: %d", a.status)
				}
			})
		}
		ask(readKey)
		ask(costsKey)
		synctest.Wait()
		for _, target := range []string{conversationTarget, listTarget, listTarget + "?x=1", conversationsPath + "/.."} {
			for range 3 { // before its parameters are looked at
				h.get(target).is(t, 503, codeOverloaded, "")
			}
		}
		ask(strayKey)
		ask(strayKey)
		synctest.Wait()
		h.do("GET", conversationTarget, "Authorization", "Bearer "+strayKey).is(t, 503, codeOverloaded, "") // of all
		close(release)
		held.Wait()
		if a := h.get(conversationTarget); a.status != 200 {
			t.Errorf("afterwards: %d", a.status)
		}
		for id, s := range h.server.slots {
			if n := s.taken.Load(); n != 0 {
				t.Errorf("%d slots of %s are still taken", n, id)
			}
		}
	})
}

func TestTenantsHaveABound(t *testing.T) {
	h := newHarness(t, nil)
	if got := h.server.slots["acme"].most; got != defaultTenantInFlight {
		t.Errorf("a tenant of which nothing is said has %d at once, want %d", got, defaultTenantInFlight)
	}
}
