package gateway

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weft-gateway/weft/enrich"
	"github.com/weft-gateway/weft/upstream"
)

func TestUnauthorized(t *testing.T) {
	good := "Bearer " + readKey
	tests := []struct {
		name    string
		headers []string
	}{
		{"no header", nil},
		{"empty", []string{"Authorization", ""}},
		{"unknown key", []string{"Authorization", "Bearer nope"}},
		{"other scheme", []string{"Authorization", "Basic " + readKey}},
		{"twice, the same", []string{"Authorization", good, "Authorization", good}},
		{"twice, good first", []string{"Authorization", good, "Authorization", "Bearer nope"}},
		{"two in one", []string{"Authorization", good + ", " + good}},
		{"as another header", []string{"X-Api-Key", readKey}},
		{"as a cookie", []string{"Cookie", "Authorization=" + good}},
	}
	targets := []string{conversationTarget, listTarget, listTarget + "?api_key=" + readKey, conversationsPath + "/..", "/api", "/api/", "/api/nowhere"}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := newHarness(t, nil)
			for _, target := range targets {
				for _, method := range []string{"GET", "HEAD", "POST"} {
					a := h.do(method, target, tt.headers...)
					if a.status != 401 {
						t.Errorf("%s %s: %d, want 401", method, target, a.status)
					}
					if got := a.header.Get("WWW-Authenticate"); got != `Bearer realm="weft"` {
						t.Errorf("%s %s: WWW-Authenticate %q", method, target, got)
					}
					if got := a.header.Get("Vary"); got != "Authorization, Origin, Accept-Encoding" {
						t.Errorf("%s %s: Vary %q", method, target, got)
					}
					if n := h.fake.calls(); n != 0 {
						t.Errorf("%s %s: %d calls", method, target, n)
					}
					if strings.Contains(h.logs.String(), readKey) {
						t.Errorf("the log has the key: %s", h.logs)
					}
				}
			}
		})
	}
}

func TestPublicPathsNeedNoKey(t *testing.T) {
	h := newHarness(t, nil)
	for _, path := range []string{"/livez", "/readyz", "/openapi.yaml", "/docs", "/docs/swagger-ui.css"} {
		if a := h.do("GET", path); a.status != 200 {
			t.Errorf("%s: %d", path, a.status)
		}
	}
}

func TestScope(t *testing.T) {
	h := newHarness(t, nil)
	for _, target := range []string{conversationTarget, listTarget, conversationsPath + "/..", listTarget + "?x=1"} {
		a := h.do("GET", target, "Authorization", "Bearer "+blindKey)
		a.is(t, 403, codeInsufficientScope, "")
		if got := a.header.Get("WWW-Authenticate"); !strings.Contains(got, `error="insufficient_scope"`) {
			t.Errorf("WWW-Authenticate %q", got)
		}
	}
	if n := h.fake.calls(); n != 0 {
		t.Errorf("%d calls without the scope", n)
	}
}

// TestKeyDecides: tenant, workspaces and costs come from the key alone.
func TestKeyDecides(t *testing.T) {
	tests := []struct {
		key        string
		workspaces []string
		costs      bool
	}{
		{readKey, nil, false},
		{costsKey, nil, true},
		{boundKey, []string{"w1", "w2"}, false},
	}
	for _, tt := range tests {
		t.Run(tt.key, func(t *testing.T) {
			h := newHarness(t, nil)
			var tenants []string
			read, list := h.fake.conversation, h.fake.list
			h.fake.conversation = func(ctx context.Context, t *enrich.Tenant, r enrich.Request) (*enrich.Document, error) {
				tenants = append(tenants, t.ID)
				return read(ctx, t, r)
			}
			h.fake.list = func(ctx context.Context, t *enrich.Tenant, r enrich.ListRequest) (*enrich.Document, error) {
				tenants = append(tenants, t.ID)
				return list(ctx, t, r)
			}
			foreign := []string{"Authorization", "Bearer " + tt.key, "X-Tenant-Id", "globex", "X-Tenant", "globex", "X_Tenant_Id", "globex", "X-Forwarded-Host", "globex"}
			h.do("GET", conversationTarget, foreign...)
			h.do("GET", listTarget, foreign...)
			if diff := cmp.Diff([]string{"acme", "acme"}, tenants); diff != "" {
				t.Errorf("tenants (-want +got):\n%s", diff)
			}
			if r := h.fake.reads[0]; !cmp.Equal(r.Workspaces, tt.workspaces) || r.Costs != tt.costs {
				t.Errorf("read for workspaces %v, costs %v", r.Workspaces, r.Costs)
			}
			if r := h.fake.lists[0]; !cmp.Equal(r.Workspaces, tt.workspaces) || r.Costs != tt.costs {
				t.Errorf("list for workspaces %v, costs %v", r.Workspaces, r.Costs)
			}
		})
	}
}

func TestKeyOfUnknownTenant(t *testing.T) {
	h := newHarness(t, nil)
	h.do("GET", conversationTarget, "Authorization", "Bearer "+strayKey).is(t, 500, codeInternal, "")
	if n := h.fake.calls(); n != 0 {
		t.Errorf("%d calls", n)
	}
}

func TestDeadline(t *testing.T) {
	for name, fail := range map[string]func(error) error{
		"as a kind":    func(err error) error { return &upstream.Error{Kind: upstream.Deadline, Err: err} },
		"as it is":     func(err error) error { return err },
		"as cancelled": func(err error) error { return &upstream.Error{Kind: upstream.Canceled, Err: err} },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHarness(t, nil)
				h.fake.conversation = func(ctx context.Context, _ *enrich.Tenant, _ enrich.Request) (*enrich.Document, error) {
					<-ctx.Done()
					return nil, fail(ctx.Err())
				}
				start := time.Now()
				h.get(conversationTarget).is(t, 503, codeStoreUnavailable, "")
				if got := time.Since(start); got != 3*time.Second {
					t.Errorf("answered after %v, want 3s", got)
				}
			})
		})
	}
}

func TestOverload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, func(c *Config) { c.InFlight = 2 })
		release := make(chan struct{})
		h.fake.conversation = func(context.Context, *enrich.Tenant, enrich.Request) (*enrich.Document, error) {
			<-release
			return document(h.contract.example(t, "Complete")), nil
		}
		var held sync.WaitGroup
		for range 2 {
			held.Go(func() {
				if a := h.get(conversationTarget); a.status != 200 {
					t.Errorf("a request within the bound: %d", a.status)
				}
			})
		}
		synctest.Wait()
		for range 3 { // a refused one gives back no more than it took
			a := h.get(conversationTarget)
			a.is(t, 503, codeOverloaded, "")
			if got := a.header.Get("Retry-After"); got != "1" {
				t.Errorf("Retry-After %q", got)
			}
		}
		h.get(listTarget).is(t, 503, codeOverloaded, "")
		if a := h.do("GET", "/livez"); a.status != 200 {
			t.Errorf("/livez: %d", a.status)
		}
		h.do("GET", listTarget).is(t, 401, codeUnauthorized, "")
		close(release)
		held.Wait()
		if a := h.get(conversationTarget); a.status != 200 {
			t.Errorf("afterwards: %d", a.status)
		}
		if got := h.server.load.asking.Load(); got != 0 {
			t.Errorf("%d slots are still taken", got)
		}
	})
}

// TestCallerGone: nobody is answered, and no answer is pretended.
func TestCallerGone(t *testing.T) {
	h := newHarness(t, nil)
	ctx, hangUp := context.WithCancel(t.Context())
	h.fake.conversation = func(ctx context.Context, _ *enrich.Tenant, _ enrich.Request) (*enrich.Document, error) {
		hangUp()
		<-ctx.Done()
		return nil, &upstream.Error{Kind: upstream.Canceled, Err: ctx.Err()}
	}
	r := httptest.NewRequestWithContext(ctx, "GET", conversationTarget, nil)
	r.Header.Set("Authorization", "Bearer "+readKey)
	r.Header.Set("Accept-Encoding", "gzip")
	w := &silentWriter{header: http.Header{}}
	if err, _ := panicOf(func() { h.server.ServeHTTP(w, r) }).(error); !errors.Is(err, http.ErrAbortHandler) {
		t.Errorf("panic %v, want the connection cut", err)
	}
	if w.calls != 0 {
		t.Errorf("%d writes to a caller who is gone", w.calls)
	}
	h.wantObserved(seen{"/api/conversations/{id}", "GET", 499})
	if log := h.logs.String(); !strings.Contains(log, `"level":"DEBUG"`) || strings.Count(log, "\n") != 1 {
		t.Errorf("log, want one line of level debug:\n%s", log)
	}
}

// silentWriter counts what is written.
type silentWriter struct {
	header http.Header
	calls  int
}

func (w *silentWriter) Header() http.Header         { return w.header }
func (w *silentWriter) WriteHeader(int)             { w.calls++ }
func (w *silentWriter) Write(b []byte) (int, error) { w.calls++; return len(b), nil }

func panicOf(f func()) (p any) {
	defer func() { p = recover() }()
	f()
	return nil
}
