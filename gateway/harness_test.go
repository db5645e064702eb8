package gateway

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
	"go.uber.org/goleak"

	"github.com/weft-gateway/weft"
	"github.com/weft-gateway/weft/enrich"
	"github.com/weft-gateway/weft/gateway/auth"
	"github.com/weft-gateway/weft/upstream"
)

// net/http waits half a second before it closes a connection that it hung up on.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("net/http.(*conn).closeWriteAndWait"))
}

// The ids and keys of the tests.
const (
	knownID   = "9e1g8891-9647-62fg-166d-g29ge3h12cg9"
	unknownID = "00000000-0000-0000-0000-000000000000"
	readKey   = "key-acme-read"
	costsKey  = "key-acme-costs"
	boundKey  = "key-acme-bound"
	blindKey  = "key-acme-no-read"
	strayKey  = "key-of-no-tenant"
	eraseKey  = "key-acme-erase"
)

// contract is openapi.yaml, and what finds an operation in it.
type contract struct {
	doc    *openapi3.T
	router routers.Router
}

// loadContract is done once: the document takes a while to load.
var loadContract = sync.OnceValues(func() (*contract, error) {
	doc, err := openapi3.NewLoader().LoadFromData(weft.OpenAPI())
	if err != nil {
		return nil, err
	}
	router, err := gorillamux.NewRouter(doc)
	return &contract{doc, router}, err
})

// example returns a document that the contract shows.
func (c *contract) example(t testing.TB, name string) []byte {
	t.Helper()
	e := c.doc.Components.Examples[name]
	if e == nil {
		t.Fatalf("the contract has no example %q", name)
	}
	b, err := json.Marshal(e.Value.Value)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// fake is an Enricher that answers what the test says, and keeps what it was asked.
type fake struct {
	conversation func(context.Context, *enrich.Tenant, enrich.Request) (*enrich.Document, error)
	list         func(context.Context, *enrich.Tenant, enrich.ListRequest) (*enrich.Document, error)

	mu    sync.Mutex
	reads []enrich.Request
	lists []enrich.ListRequest

	erased   []string // tenant and contact
	eraseErr error
}

func (f *fake) Erase(_ context.Context, t *enrich.Tenant, contactID string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.erased = append(f.erased, t.ID+" "+contactID)
	return f.eraseErr
}

func (f *fake) Conversation(ctx context.Context, t *enrich.Tenant, r enrich.Request) (*enrich.Document, error) {
	f.mu.Lock()
	f.reads = append(f.reads, r)
	f.mu.Unlock()
	return f.conversation(ctx, t, r)
}

func (f *fake) List(ctx context.Context, t *enrich.Tenant, r enrich.ListRequest) (*enrich.Document, error) {
	f.mu.Lock()
	f.lists = append(f.lists, r)
	f.mu.Unlock()
	return f.list(ctx, t, r)
}

func (*fake) Kept(*enrich.Tenant, enrich.Request) *enrich.Document { return nil }

func (f *fake) calls() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.reads) + len(f.lists) + len(f.erased)
}

// seen is one call of Config.Observe.
type seen struct {
	Route, Method string
	Code          int
}

// harness is a server with a fake behind it. Each answer that it gives is held
// to the contract.
type harness struct {
	t        testing.TB
	server   *Server
	contract *contract
	fake     *fake
	logs     *bytes.Buffer

	mu       sync.Mutex
	observed []seen
}

func digest(key string) string {
	d := sha256.Sum256([]byte(key))
	return hex.EncodeToString(d[:])
}

func testKeys(t testing.TB) *auth.Keys {
	t.Helper()
	read := []string{auth.ScopeRead}
	keys, err := auth.New([]auth.Key{
		{TenantID: "acme", ID: "inbox", SHA256: digest(readKey), Scopes: read},
		{TenantID: "acme", ID: "finance", SHA256: digest(costsKey), Scopes: []string{auth.ScopeRead, auth.ScopeCosts}},
		{TenantID: "acme", ID: "bound", SHA256: digest(boundKey), Scopes: read, Workspaces: []string{"w1", "w2"}},
		{TenantID: "acme", ID: "eraser", SHA256: digest(eraseKey), Scopes: []string{auth.ScopeErase}},
		{TenantID: "acme", ID: "blind", SHA256: digest(blindKey), Scopes: []string{auth.ScopeCosts}},
		{TenantID: "nobody", ID: "stray", SHA256: digest(strayKey), Scopes: read},
	})
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// newHarness returns a harness; edit may change the configuration.
func newHarness(t testing.TB, edit func(*Config)) *harness {
	t.Helper()
	c, err := loadContract()
	if err != nil {
		t.Fatal(err)
	}
	h := &harness{t: t, contract: c, logs: &bytes.Buffer{}}
	h.fake = &fake{conversation: h.known, list: h.page}
	cfg := Config{
		Enricher: h.fake,
		Auth:     testKeys(t),
		Tenants:  map[string]*enrich.Tenant{"acme": {ID: "acme"}},
		Deadline: 3 * time.Second,
		OpenAPI:  weft.OpenAPI(),
		Version:  "v0.0.0-test",
		Logger:   slog.New(slog.NewJSONHandler(h.logs, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Observe: func(route, method string, code int, _ time.Duration) {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.observed = append(h.observed, seen{route, method, code})
		},
	}
	if edit != nil {
		edit(&cfg)
	}
	if h.server, err = New(cfg); err != nil {
		t.Fatal(err)
	}
	return h
}

// known answers the one id that there is.
func (h *harness) known(_ context.Context, _ *enrich.Tenant, r enrich.Request) (*enrich.Document, error) {
	if r.ID != knownID {
		return nil, &upstream.Error{Kind: upstream.NotFound, Source: "test", Op: upstream.OpThread, Status: 404}
	}
	return document(h.contract.example(h.t, "Complete")), nil
}

func (h *harness) page(context.Context, *enrich.Tenant, enrich.ListRequest) (*enrich.Document, error) {
	d := document(h.contract.example(h.t, "Page"))
	d.Parts = []enrich.NamedReport{{Name: "list", Report: enrich.Report{State: enrich.Fresh, Took: 20 * time.Millisecond}}}
	return d, nil
}

func document(body []byte) *enrich.Document {
	return &enrich.Document{
		Body: body, Tag: "5f2c1b0a9d3e4c71", Took: 53 * time.Millisecond,
		Parts: []enrich.NamedReport{
			{Name: "conversation", Report: enrich.Report{State: enrich.Cached, Age: time.Second, Took: 100 * time.Microsecond}},
			{Name: "messages", Report: enrich.Report{State: enrich.Fresh, Took: 20100 * time.Microsecond}},
			{Name: "contact", Report: enrich.Report{State: enrich.Stale, Age: time.Hour, Reason: upstream.BreakerOpen, Took: 51300 * time.Microsecond}},
			{Name: "account", Report: enrich.Report{State: enrich.Unavailable, Reason: upstream.Timeout, Took: 52 * time.Millisecond}},
			{Name: "attentionItems", Report: enrich.Report{State: enrich.Skipped}},
		},
	}
}

// answer is what a request came to. The body is decompressed.
type answer struct {
	status  int
	header  http.Header
	body    []byte
	problem problem // of an error
}

// get asks with the read key; do asks with no more than the headers it is given.
func (h *harness) get(target string, headers ...string) *answer {
	h.t.Helper()
	return h.do(http.MethodGet, target, append([]string{"Authorization", "Bearer " + readKey}, headers...)...)
}

func (h *harness) do(method, target string, headers ...string) *answer {
	h.t.Helper()
	r := httptest.NewRequest(method, target, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.server.ServeHTTP(w, r)
	return h.check(r, w)
}

// check holds an answer to the contract.
func (h *harness) check(r *http.Request, w *httptest.ResponseRecorder) *answer {
	h.t.Helper()
	a := &answer{status: w.Code, header: w.Result().Header}
	raw := w.Body.Bytes()
	a.body = unpack(h.t, a.header.Get("Content-Encoding"), raw)
	for _, name := range []string{
		"X-Request-Id", "X-Content-Type-Options", "X-Frame-Options", "Referrer-Policy", "Cross-Origin-Resource-Policy", "Content-Security-Policy",
	} {
		if a.header.Get(name) == "" {
			h.t.Errorf("%s %s: %d without %s", r.Method, r.URL.Path, a.status, name)
		}
	}
	for _, name := range []string{"Server", "X-Powered-By"} {
		if _, ok := a.header[name]; ok {
			h.t.Errorf("%s %s: a header %s", r.Method, r.URL.Path, name)
		}
	}
	if (r.Method == http.MethodHead || a.status == http.StatusNotModified || a.status == http.StatusNoContent) && len(raw) > 0 {
		h.t.Errorf("%s %s: %d with a body", r.Method, r.URL.Path, a.status)
	}
	if a.status >= 400 && len(a.body) > 0 && a.header.Get("Content-Type") == "application/json" {
		if err := json.Unmarshal(a.body, &a.problem); err != nil {
			h.t.Errorf("%s %s: %d with a body that is not JSON: %v", r.Method, r.URL.Path, a.status, err)
		}
	}
	h.validate(r, a)
	return a
}

// validate holds the answer of an operation to its response, and any other
// error to the schema of errors.
func (h *harness) validate(r *http.Request, a *answer) {
	h.t.Helper()
	route, params, err := h.contract.router.FindRoute(r)
	if err != nil || route.Operation.Responses.Status(a.status) == nil {
		h.validateStray(r, a)
		return
	}
	for name, v := range params { // the router leaves them escaped
		params[name], _ = url.PathUnescape(v)
	}
	in := &openapi3filter.RequestValidationInput{
		Request: r, PathParams: params, Route: route,
		Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc},
	}
	if a.status < 400 {
		if err := openapi3filter.ValidateRequest(r.Context(), in); err != nil {
			h.t.Errorf("%s %s: the contract has no such request: %v", r.Method, r.URL, err)
		}
	}
	h.validateHeaders(r, a, route.Operation.Responses.Status(a.status).Value.Headers)
	out := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: in, Status: a.status, Header: a.header,
		Options: &openapi3filter.Options{IncludeResponseStatus: true},
	}
	out.SetBodyBytes(a.body)
	if err := openapi3filter.ValidateResponse(r.Context(), out); err != nil {
		h.t.Errorf("%s %s: %d is not as the contract has it: %v", r.Method, r.URL, a.status, err)
	}
}

// validateHeaders sees to HEAD and 304, which the validator passes over.
func (h *harness) validateHeaders(r *http.Request, a *answer, headers openapi3.Headers) {
	h.t.Helper()
	for name, ref := range headers {
		got := a.header.Values(name)
		if !ref.Value.Required && len(got) == 0 {
			continue
		}
		if p := ref.Value.Schema.Value.Pattern; len(got) != 1 {
			h.t.Errorf("%s %s: %d with header %s %q, want one", r.Method, r.URL, a.status, name, got)
		} else if p != "" && ref.Value.Schema.Value.VisitJSON(got[0]) != nil {
			h.t.Errorf("%s %s: %d with header %s %q, want %s", r.Method, r.URL, a.status, name, got[0], p)
		}
	}
}

// validateStray judges what no operation describes: other paths, other methods and OPTIONS.
func (h *harness) validateStray(r *http.Request, a *answer) {
	h.t.Helper()
	if r.Method == http.MethodOptions && a.status == http.StatusNoContent {
		return
	}
	if !slices.Contains([]int{401, 404, 405, 429}, a.status) {
		h.t.Errorf("%s %s: %d is not in the contract", r.Method, r.URL.Path, a.status)
		return
	}
	if r.Method == http.MethodHead {
		return
	}
	var v any
	if err := json.Unmarshal(a.body, &v); err != nil {
		h.t.Errorf("%s %s: %d: %v", r.Method, r.URL.Path, a.status, err)
	} else if err := h.contract.doc.Components.Schemas["Error"].Value.VisitJSON(v, openapi3.EnableJSONSchema2020()); err != nil {
		h.t.Errorf("%s %s: %d is no Error: %v", r.Method, r.URL.Path, a.status, err)
	}
}

func (h *harness) wantObserved(want ...seen) {
	h.t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	if diff := cmp.Diff(want, h.observed); diff != "" {
		h.t.Errorf("observed (-want +got):\n%s", diff)
	}
}

func (a *answer) is(t testing.TB, status int, c code, field string) {
	t.Helper()
	if a.status != status || a.problem.Code != c || a.problem.Field != field {
		t.Errorf("got %d %s, want %d %q %q", a.status, a.body, status, c, field)
	}
}

func unpack(t testing.TB, coding string, b []byte) []byte {
	t.Helper()
	var r io.Reader
	var err error
	switch coding {
	case "":
		return b
	case "gzip":
		r, err = gzip.NewReader(bytes.NewReader(b))
	case "zstd":
		var z *zstd.Decoder
		z, err = zstd.NewReader(bytes.NewReader(b), zstd.WithDecoderConcurrency(1))
		if err == nil {
			defer z.Close()
		}
		r = z
	default:
		t.Fatalf("Content-Encoding %q", coding)
	}
	if err != nil {
		t.Fatal(err)
	}
	out, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// recorder is a testing.TB that only notes that something failed.
type recorder struct {
	testing.TB
	failed bool
}

func (r *recorder) Errorf(string, ...any) { r.failed = true }

func answering(d *enrich.Document) func(context.Context, *enrich.Tenant, enrich.Request) (*enrich.Document, error) {
	return func(context.Context, *enrich.Tenant, enrich.Request) (*enrich.Document, error) { return d, nil }
}
