package tracing

import (
	"net/http"
	"strings"
	"testing"

	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/weft-gateway/weft/upstream"
)

// A Tracer that is off has no hooks.
func TestOff(t *testing.T) {
	var off *Tracer
	if off.Calls("rest", "crm.test") != nil || off.Propagate() != nil {
		t.Error("there are hooks")
	}
	off.Close()
	if tr, err := New(Settings{}, "v1", nil); tr != nil || err != nil {
		t.Errorf("%v, %v", tr, err)
	}
}

// What nobody asked for is in no trace.
func TestWithoutRequest(t *testing.T) {
	tr := tracerOf(t, new(fake), new(strings.Builder))
	defer tr.Close()
	if _, end := tr.Calls("rest", "crm.test")(t.Context(), upstream.OpFind); end != nil {
		t.Error("a call is told of")
	}
	along, _ := tr.Visit(t.Context(), "read", 1)
	if trace.SpanContextFromContext(along).IsValid() {
		t.Error("a visit is told of")
	}
	h := http.Header{}
	tr.Propagate()(t.Context(), h)
	if len(h) != 0 {
		t.Errorf("a source is told %v", h)
	}
}

// Whatever a caller says of its trace, what is passed on is well formed.
func FuzzTraceParent(f *testing.F) {
	tr, err := newTracer(Settings{sampler: sdk.NeverSample(), queue: 1, batch: 1, delay: 1, timeout: 1}, "v1", new(fake), nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(tr.Close)
	for _, s := range []string{"", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "00-00000000000000000000000000000000-b7ad6b7169203331-01", "ff-x", "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-what"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, parent string) {
		ctx, req := tr.Request(t.Context(), http.Header{"Traceparent": {parent}})
		h := http.Header{}
		tr.Propagate()(ctx, h)
		got := h.Get("Traceparent")
		if len(got) != 55 || !strings.HasPrefix(got, "00-"+req.ID()+"-") || len(h) != 1 {
			t.Errorf("%q becomes %v", parent, h)
		}
		req.End("", "", http.MethodGet, http.StatusOK)
	})
}
