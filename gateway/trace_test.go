package gateway

import (
	"context"
	"fmt"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weft-gateway/weft/enrich"
	"github.com/weft-gateway/weft/upstream"
)

// account is a Span that writes down what it is told.
type account struct{ told *[]string }

func (account) ID() string { return "trace-1" }

func (a account) Document(parts []enrich.NamedReport) {
	*a.told = append(*a.told, fmt.Sprintf("document of %d", len(parts)))
}

func (a account) End(tenant, route, method string, code int) {
	*a.told = append(*a.told, fmt.Sprintf("%s %s %s %d", tenant, method, route, code))
}

type tracedKey struct{}

// Each request is told of once, whatever becomes of it, and answered in the
// context of who is told. The log has the id of the trace.
func TestTrace(t *testing.T) {
	var told []string
	h := newHarness(t, func(c *Config) {
		c.Trace = func(ctx context.Context, _ http.Header) (context.Context, Span) {
			return context.WithValue(ctx, tracedKey{}, true), account{&told}
		}
	})
	read := h.fake.conversation
	var err error
	h.fake.conversation = func(ctx context.Context, tenant *enrich.Tenant, r enrich.Request) (*enrich.Document, error) {
		if ctx.Value(tracedKey{}) == nil {
			t.Error("not in the context of who is told")
		}
		if err != nil {
			return nil, err
		}
		return read(ctx, tenant, r)
	}
	parts := len(document(h.contract.example(t, "Complete")).Parts)
	key := []string{"Authorization", "Bearer " + readKey}
	h.do(http.MethodGet, conversationTarget, key...)
	if got := h.line(t)["trace_id"]; got != "trace-1" {
		t.Errorf("the log has trace %v", got)
	}
	h.do(http.MethodGet, conversationTarget)
	h.do("TRACE", "/nowhere")
	err = upstream.Refused
	h.do(http.MethodGet, conversationTarget, key...)
	want := []string{
		fmt.Sprintf("document of %d", parts), "acme GET /api/conversations/{id} 200", " GET  401", " OTHER  404", "acme GET /api/conversations/{id} 503",
	}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
}
