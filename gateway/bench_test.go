package gateway

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/weft-gateway/weft/enrich"
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

// constant is an Enricher that costs nothing.
type constant struct{ doc *enrich.Document }

func (c constant) Conversation(context.Context, *enrich.Tenant, enrich.Request) (*enrich.Document, error) {
	return c.doc, nil
}

func (c constant) List(context.Context, *enrich.Tenant, enrich.ListRequest) (*enrich.Document, error) {
	return c.doc, nil
}

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
