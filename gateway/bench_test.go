package gateway

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gorilla/mux"

	"github.com/weft-gateway/weft/enrich"
	"github.com/weft-gateway/weft/gateway/auth"
)

// dispatch is what both ways of routing end in: an answer that costs next to nothing.
func dispatch(h *harness) (ours, routers func()) {
	r := httptest.NewRequest(http.MethodOptions, conversationTarget, nil)
	w := &silentWriter{header: http.Header{}}
	ours = func() {
		x := &exchange{ResponseWriter: w}
		h.server.match(r).ServeHTTP(x, r)
	}
	routers = func() { h.server.router.ServeHTTP(&exchange{ResponseWriter: w}, r) }
	return ours, routers
}

// TestMatchIsCheaper holds the reason for not using the router's own ServeHTTP.
func TestMatchIsCheaper(t *testing.T) {
	ours, routers := dispatch(newHarness(t, nil))
	got, others := testing.AllocsPerRun(200, ours), testing.AllocsPerRun(200, routers)
	if got > others-3 {
		t.Errorf("%v allocations, the router's own way costs %v: is it worth it?", got, others)
	}
}

func BenchmarkDispatch(b *testing.B) {
	ours, routers := dispatch(newHarness(b, nil))
	for name, f := range map[string]func(){"match": ours, "router": routers} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				f()
			}
		})
	}
}

// TestMatchIsTheRouters: the way around the router leads where the router does.
func TestMatchIsTheRouters(t *testing.T) {
	h := newHarness(t, nil)
	served := func(handler http.Handler, r *http.Request) (string, int) {
		x := newExchange(httptest.NewRecorder(), r)
		x.who = auth.Principal{TenantID: "acme", Scopes: []string{auth.ScopeRead}}
		handler.ServeHTTP(x, r)
		return x.route, x.status
	}
	for _, method := range []string{"GET", "HEAD", "POST", "DELETE", "OPTIONS", "get"} {
		for _, path := range []string{
			conversationTarget, conversationsPath, conversationsPath + "/", conversationsPath + "/a/b", conversationsPath + "/a%2Fb", conversationsPath + "/..",
			conversationsPath + "/a%0Ab", conversationsPath + "x", "/api//conversations/a", contactsPath + "/c/cache", "/livez", "/",
		} {
			r := httptest.NewRequest(method, path, nil)
			route, status := served(h.server.match(r), r)
			if wantRoute, want := served(h.server.search(r), r); route != wantRoute || status != want {
				t.Errorf("%s %s: %q %d, the router says %q %d", method, path, route, status, wantRoute, want)
			}
		}
	}
}

// What a document costs beyond what net/http and the router cost to write the
// same bytes, in allocations. What is kept is answered by hand here: that it
// costs nothing itself is tested where it is made.
func TestReadAllocates(t *testing.T) {
	const most = 2
	h := newHarness(t, func(c *Config) { c.Logger, c.Observe = nil, nil })
	doc := document(h.contract.example(t, "Complete"))
	h.server.cfg.Enricher = constant{doc}
	bare := mux.NewRouter()
	bare.HandleFunc(conversationsPath+"/{id}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Content-Type"] = h.server.shared.json
		_, _ = w.Write(doc.Body)
	}).Methods(http.MethodGet)
	r := httptest.NewRequest(http.MethodGet, conversationTarget, nil)
	r.Header.Set("Authorization", "Bearer "+readKey)
	w := &silentWriter{header: http.Header{}}
	ours := testing.AllocsPerRun(500, func() { clear(w.header); h.server.ServeHTTP(w, r) })
	if w.header.Get("ETag") == "" {
		t.Fatalf("no document: %v", w.header)
	}
	theirs := testing.AllocsPerRun(500, func() { clear(w.header); bare.ServeHTTP(w, r) })
	if ours > theirs+most {
		t.Errorf("%v allocations, the router alone %v: more than %d more", ours, theirs, most)
	}
	t.Logf("%v allocations, the router alone %v", ours, theirs)
}

// constant is an Enricher that costs nothing.
type constant struct{ doc *enrich.Document }

func (c constant) Conversation(context.Context, *enrich.Tenant, enrich.Request) (*enrich.Document, error) {
	return c.doc, nil
}

func (c constant) List(context.Context, *enrich.Tenant, enrich.ListRequest) (*enrich.Document, error) {
	return c.doc, nil
}

func (c constant) Kept(*enrich.Tenant, enrich.Request) *enrich.Document { return c.doc }

func (c constant) Erase(context.Context, *enrich.Tenant, string) error { return nil }

func BenchmarkRead(b *testing.B) {
	for _, coding := range []string{"identity", "gzip", "zstd"} {
		b.Run(coding, func(b *testing.B) {
			h := newHarness(b, func(c *Config) { c.Logger, c.Observe = nil, nil })
			h.server.cfg.Enricher = constant{document(h.contract.example(b, "Complete"))}
			r := httptest.NewRequest(http.MethodGet, conversationTarget, nil)
			r.Header.Set("Authorization", "Bearer "+readKey)
			r.Header.Set("Accept-Encoding", coding)
			b.ReportAllocs()
			for b.Loop() {
				h.server.ServeHTTP(&silentWriter{header: http.Header{}}, r)
			}
		})
	}
}
