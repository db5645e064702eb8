package ops

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/weft-gateway/weft/upstream/breaker"
)

// opsKey is the key of the tests; its id is oncall.
const opsKey = "weft_ops_test"

// contract is openapi.yaml, and what finds an operation in it. It is loaded once.
type contract struct {
	doc    *openapi3.T
	router routers.Router
}

var loadContract = sync.OnceValues(func() (*contract, error) {
	doc, err := openapi3.NewLoader().LoadFromData([]byte(openAPI))
	if err != nil {
		return nil, err
	}
	router, err := gorillamux.NewRouter(doc)
	return &contract{doc, router}, err
})

// desk is a server with all that it can have, whose answers are held to the contract.
type desk struct {
	t        testing.TB
	contract *contract
	server   *Server
	set      *breaker.Set
	board    *memoryBoard
	fleet    *Fleet
	cache    *fakeCache
	holds    *fakeHolds
	level    *fakeLevel
	log      *bytes.Buffer
}

func newDesk(t testing.TB) *desk {
	t.Helper()
	c, err := loadContract()
	if err != nil {
		t.Fatal(err)
	}
	d := &desk{
		t: t, contract: c, set: breaker.NewSet(), board: &memoryBoard{}, cache: &fakeCache{}, holds: &fakeHolds{}, level: &fakeLevel{},
		log: &bytes.Buffer{},
	}
	t.Cleanup(d.set.Close)
	for _, name := range []string{"rest-contacts", "rest@crm.example/v1-accounts"} {
		d.add(name, "http://crm.example", nil)
	}
	d.fleet, err = NewFleet(FleetConfig{Node: "node-a", Breakers: d.set, Events: d.set, Board: d.board, Version: "v0.0.0-test", Started: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte(opsKey))
	registry := prometheus.NewRegistry()
	registry.MustRegister(BreakerCollector(d.set))
	d.server, err = New(Config{
		Breakers: d.set, Gatherer: registry, Hosts: testHosts, Events: d.set, Control: d.set, Fleet: d.fleet, Cache: d.cache, Holds: d.holds, Level: d.level,
		Touched:  func(breaker.Snapshot) []string { return []string{"acme"} },
		Keys:     func() []Key { return []Key{{"other", strings.Repeat("0", 64)}, {"oncall", hex.EncodeToString(sum[:])}} },
		Tenants:  fakeTenants,
		Config:   func() json.RawMessage { return json.RawMessage(`{"listen":"127.0.0.1:8080"}`) },
		Activity: NewActivity(),
		Explain: func(_ context.Context, tenant, id string) (Explanation, bool) {
			return Explanation{Tenant: tenant, Conversation: id, Outcome: "not_found", Parts: []ExplainedPart{}, Steps: []ExplainedStep{}}, tenant == "acme"
		},
		Console: http.NotFoundHandler(),
		Version: "v0.0.0-test", Logger: slog.New(slog.NewJSONHandler(d.log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// add puts another breaker into the set.
func (d *desk) add(name, upstream string, change func(*breaker.Config)) *breaker.Breaker {
	d.t.Helper()
	cfg := breaker.Config{
		Name: name, Upstream: upstream, Operation: "contacts", Deadline: time.Second,
		Classify: func(error) breaker.Outcome { return breaker.Failure },
		Reason:   func(error) string { return "refused" },
	}
	if change != nil {
		change(&cfg)
	}
	b, err := breaker.New(cfg)
	if err == nil {
		err = d.set.Add(b)
	}
	if err != nil {
		d.t.Fatal(err)
	}
	return b
}

// trip opens a breaker.
func (d *desk) trip(name string) {
	d.t.Helper()
	b := d.set.Breaker(name)
	for range 5 {
		_ = b.Do(d.t.Context(), down)
	}
	if !b.Tripped() {
		d.t.Fatalf("%s is not open", name)
	}
}

// reply is an answer.
type reply struct {
	status int
	header http.Header
	body   string
}

// into reads the body.
func (r reply) into(t testing.TB, v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(r.body), v); err != nil {
		t.Fatalf("%v: %s", err, r.body)
	}
}

// order asks for a change with the key.
func (d *desk) order(method, path, body string) reply {
	d.t.Helper()
	return d.ask(method, path, body, "Authorization", "Bearer "+opsKey, "Content-Type", "application/json")
}

func (d *desk) get(path string) reply { d.t.Helper(); return d.ask("GET", path, "") }

// ask asks, and holds the answer to the contract.
func (d *desk) ask(method, path, body string, headers ...string) reply {
	d.t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	d.server.ServeHTTP(w, r)
	got := reply{w.Code, w.Result().Header, w.Body.String()}
	d.validate(r, body, got)
	return got
}

func (d *desk) validate(r *http.Request, body string, got reply) {
	d.t.Helper()
	if r.Method == http.MethodHead { // as GET, says the contract
		return
	}
	route, params, err := d.contract.router.FindRoute(r)
	if err != nil {
		if got.status != http.StatusNotFound && got.status != http.StatusMethodNotAllowed {
			d.t.Errorf("%s %s: %d, but the contract has no such operation", r.Method, r.URL, got.status)
		}
		return
	}
	for name, v := range params { // the router leaves them escaped
		params[name], _ = url.PathUnescape(v)
	}
	r.Body = io.NopCloser(strings.NewReader(body))
	in := &openapi3filter.RequestValidationInput{
		Request: r, PathParams: params, Route: route,
		Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc},
	}
	if got.status < 400 {
		if err := openapi3filter.ValidateRequest(r.Context(), in); err != nil {
			d.t.Errorf("%s %s: the contract has no such request: %v", r.Method, r.URL, err)
		}
	}
	out := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: in, Status: got.status, Header: got.header,
		Options: &openapi3filter.Options{IncludeResponseStatus: true},
	}
	out.SetBodyBytes([]byte(got.body))
	if err := openapi3filter.ValidateResponse(r.Context(), out); err != nil && got.header.Get("Content-Type") == "application/json" {
		d.t.Errorf("%s %s: %d is not as the contract has it: %v", r.Method, r.URL, got.status, err)
	}
}

func fakeTenants() []Tenant {
	key := "inbox"
	at := time.Date(2026, 3, 25, 11, 42, 0, 0, time.UTC)
	return []Tenant{{
		ID: "acme", Name: "Acme", Requests: TenantRequests{Total: 3, PerSecond: .5},
		Sources: []TenantSource{{Role: "crm", Upstream: "rest", GateClosedSeconds: 7}},
		Quotas:  []TenantQuota{{Scope: "tenant", Burst: 30, Left: 3, At: at}, {Scope: "key", Key: &key, Burst: 5, At: at}},
		Parts:   map[string]map[string]uint64{"contact": {"stale": 2}},
	}}
}

// fakeCache answers for the tenant acme.
type fakeCache struct {
	err    error
	purged []Subject
}

func (c *fakeCache) Report() CacheReport {
	bound := 1.0
	return CacheReport{
		Kinds:  []CacheKind{{Kind: "contact", Hit: 2, Memory: CacheTier{Hit: 2}, Ages: []CacheAge{{&bound, 1}, {nil, 1}}}},
		Memory: CacheMemory{Entries: 1, Bytes: 512, MaximumBytes: 1 << 20}, Redis: &CacheShared{Reads: 4},
	}
}

func (c *fakeCache) Peek(_ context.Context, s Subject) (CachePeek, error) {
	switch {
	case s.Tenant != "acme":
		return CachePeek{}, ErrNoTenant
	case s.kind() == "tenant":
		return CachePeek{Kinds: []KindSize{{"contact", 1, 300}}}, nil
	}
	return CachePeek{Copies: []RecordCopies{{Kind: s.kind(), Memory: &RecordCopy{State: "cached", AgeSeconds: 3}}}}, nil
}

func (c *fakeCache) Purge(_ context.Context, s Subject) (Purged, error) {
	if s.Tenant != "acme" {
		return Purged{}, ErrNoTenant
	}
	c.purged = append(c.purged, s)
	return Purged{Records: 1, Everywhere: c.err == nil}, c.err
}

type fakeHolds struct{ orders []Hold }

func (h *fakeHolds) Orders() []Hold { return h.orders }

func (h *fakeHolds) Start(o Hold) error {
	switch {
	case deref(o.Tenant) == "nobody":
		return ErrNoTenant
	case deref(o.Upstream) == "nowhere":
		return ErrNoUpstream
	}
	h.orders = append(h.orders, o)
	return nil
}

func (h *fakeHolds) End(Hold) error {
	if len(h.orders) == 0 {
		return ErrNoOrder
	}
	h.orders = nil
	return nil
}

type fakeLevel struct {
	level slog.Level
	order *breaker.Order
}

func (l *fakeLevel) Levels() (now, configured slog.Level, order *breaker.Order) {
	return l.level, slog.LevelInfo, l.order
}

func (l *fakeLevel) Order(level slog.Level, o breaker.Order) { l.level, l.order = level, &o }
