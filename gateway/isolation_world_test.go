package gateway

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weft-gateway/weft"
	"github.com/weft-gateway/weft/cache"
	"github.com/weft-gateway/weft/enrich"
	"github.com/weft-gateway/weft/gateway/auth"
	"github.com/weft-gateway/weft/upstream"
	"github.com/weft-gateway/weft/upstream/autocalls"
	"github.com/weft-gateway/weft/upstream/client"
	"github.com/weft-gateway/weft/upstream/native"
	"github.com/weft-gateway/weft/upstream/rest"
)

// Three tenants share every host. Beta and gamma are customers of one store
// whose read needs no key; alpha has a store of its own, and in it the very ids
// of the other two. All three have contacts and accounts of the same ids in one
// CRM, found by the same references. Whatever a tenant owns has its mark.
var tenantNames = [...]string{"alpha", "beta", "gamma"}

const idsEach = 50

func markOf(tenant string) string { return "MARK-OF-" + strings.ToUpper(tenant) }

// ownIDs are the ids of a tenant's conversations.
func ownIDs(tenant string) []string { return holdings()[tenant].ids }

// numberOf is the place of a conversation in its tenant's list, -1 if it is not there.
func numberOf(tenant, id string) int {
	if i, ok := holdings()[tenant].places[id]; ok {
		return i
	}
	return -1
}

type holding struct {
	ids    []string
	places map[string]int
}

var holdings = sync.OnceValue(func() map[string]holding {
	all := map[string]holding{}
	for _, tenant := range tenantNames {
		h := holding{places: map[string]int{}}
		for i := range idsEach {
			owner := tenant
			if tenant == "alpha" {
				owner = tenantNames[1+i%2]
			}
			id := fmt.Sprintf("%s-%02d", owner, i)
			h.ids, h.places[id] = append(h.ids, id), i
		}
		all[tenant] = h
	}
	return all
})

// sources is every upstream of the three, as a transport. A fault befalls the
// one call that comes next.
type sources struct {
	mu      sync.Mutex
	fault   func(*http.Request) *http.Response // nil: none
	version int                                // of all records
	calls   []string                           // path and query of each, while record is set
	record  bool
	foreign int // records of another tenant that were answered
}

func (s *sources) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	fault, version := s.fault, s.version
	s.fault = nil
	if s.record {
		s.calls = append(s.calls, r.URL.RequestURI())
	}
	s.mu.Unlock()
	if fault != nil {
		if resp := fault(r); resp != nil {
			return resp, nil
		}
	}
	tenant, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer token-of-")
	if !ok {
		return reply(http.StatusUnauthorized, `{"error":"who?"}`), nil
	}
	return answerFor(r, tenant, version), nil
}

func reply(status int, body string) *http.Response {
	return &http.Response{
		StatusCode: status, Header: http.Header{"Content-Type": {"application/json"}},
		Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)),
	}
}

func replyJSON(v any) *http.Response {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return reply(http.StatusOK, string(b))
}

type object = map[string]any

// answerFor answers a call as the upstream of its path would answer a tenant.
func answerFor(r *http.Request, tenant string, version int) *http.Response {
	path := strings.Split(strings.TrimPrefix(r.URL.Path, "/"), "/")
	switch path[0] {
	case "native":
		return nativeAnswer(r, path[1:], tenant, version)
	case "autocalls":
		return autocallsAnswer(r, path[1:], tenant, version)
	}
	return crmAnswer(r, path[1:], tenant, version)
}

func notThere() *http.Response {
	return reply(http.StatusNotFound, `{"status":false,"error":"Conversation not found"}`)
}

func nativeAnswer(r *http.Request, path []string, tenant string, version int) *http.Response {
	if len(path) == 1 {
		return replyJSON(pageOf(r, tenant, version, nativeRecord, "nextCursor", "prevCursor"))
	}
	id := path[1]
	i := numberOf(tenant, id)
	switch {
	case i < 0:
		return notThere()
	case len(path) == 2:
		return replyJSON(nativeRecord(tenant, id, i, version))
	case path[2] == "messages":
		return replyJSON(object{"data": []object{{"id": "m1", "role": "user", "content": markOf(tenant) + " says " + strconv.Itoa(version), "tenantId": tenant}}})
	}
	return replyJSON(object{"data": []object{{
		"id": "a1", "tenantId": tenant, "conversationId": id, "type": "escalation", "reason": markOf(tenant), "status": "open", "createdAt": "2026-01-01T00:00:00Z",
	}}})
}

func nativeRecord(tenant, id string, i, version int) object {
	return object{
		"id": id, "tenantId": tenant, "workspaceId": "w-" + strconv.Itoa(i%3), "channelId": "ch", "contactId": contactID(i), "accountId": accountID(i),
		"status": "active", "subject": markOf(tenant) + " " + strconv.Itoa(version), "messageCount": 1,
		"createdAt": "2026-01-01T00:00:00Z", "updatedAt": "2026-01-01T00:00:00Z", "variables": object{"of": markOf(tenant)},
	}
}

func autocallsAnswer(r *http.Request, path []string, tenant string, version int) *http.Response {
	if path[1] == "user" {
		return replyJSON(pageOf(r, tenant, version, autocallsRow, "next_cursor", "prev_cursor"))
	}
	id := path[len(path)-1]
	for _, owner := range tenantNames[1:] { // a read asks nobody who they are
		if i := numberOf(owner, id); i >= 0 {
			return replyJSON(object{
				"status": true, "external_identifier": reference(i), "variables": object{"of": markOf(owner)},
				"history": []object{{"role": "user", "content": markOf(owner) + " says " + strconv.Itoa(version)}},
			})
		}
	}
	return notThere()
}

func autocallsRow(tenant, id string, i, version int) object {
	return object{
		"id": id, "assistant_id": "as-1", "assistant_name": markOf(tenant), "type": "api", "message_count": 1, "total_cost": 0.1, "ai_enabled": true,
		"created_at": "2026-01-01 00:00:00", "updated_at": "2026-01-01 00:00:00", "external_identifier": reference(i),
		"variables": object{"of": markOf(tenant), "version": version},
	}
}

// pageOf answers a page of a tenant's conversations, by position.
func pageOf(r *http.Request, tenant string, version int, record func(string, string, int, int) object, next, prev string) object {
	q := r.URL.Query()
	var rows []object
	for i, id := range ownIDs(tenant) {
		if ref := q.Get("external_identifier"); ref == "" || ref == reference(i) {
			rows = append(rows, record(tenant, id, i, version))
		}
	}
	size, _ := strconv.Atoi(q.Get("per_page"))
	from, _ := strconv.Atoi(strings.TrimPrefix(q.Get("cursor"), "at-"))
	from = min(from, len(rows))
	to := min(from+size, len(rows))
	page := object{"data": rows[from:to], next: nil, prev: nil}
	if to < len(rows) {
		page[next] = "at-" + strconv.Itoa(to)
	}
	if from > 0 {
		page[prev] = "at-" + strconv.Itoa(max(0, from-size))
	}
	return page
}

func crmAnswer(r *http.Request, path []string, tenant string, version int) *http.Response {
	record := crmContact
	if path[0] == "accounts" {
		record = crmAccount
	}
	if len(path) == 2 {
		if i := tail(path[1]); i >= 0 {
			return replyJSON(record(tenant, i, version))
		}
		return notThere()
	}
	data := []object{}
	for _, values := range r.URL.Query() {
		for v := range strings.SplitSeq(values[0], ",") {
			if i := tail(v); i >= 0 {
				data = append(data, record(tenant, i, version))
			}
		}
	}
	return replyJSON(object{"data": data})
}

func crmContact(tenant string, i, version int) object {
	return object{
		"id": contactID(i), "tenantId": tenant, "accountId": accountID(i), "externalRef": reference(i), "firstName": markOf(tenant), "lastName": strconv.Itoa(version),
		"email": markOf(tenant) + "@example.com", "internal_notes": "SECRET-OF-THE-CRM",
	}
}

func crmAccount(tenant string, i, version int) object {
	return object{"id": accountID(i), "tenantId": tenant, "name": markOf(tenant) + " " + strconv.Itoa(version), "internal_notes": "SECRET-OF-THE-CRM"}
}

func contactID(i int) string { return fmt.Sprintf("con-%02d", i) }
func accountID(i int) string { return fmt.Sprintf("acc-%02d", i) }
func reference(i int) string { return fmt.Sprintf("ref-%02d", i) }

// tail is the number at the end of an id, -1 if there is none.
func tail(id string) int {
	if i, err := strconv.Atoi(id[strings.LastIndex(id, "-")+1:]); err == nil {
		return i
	}
	return -1
}

// fail has something befall the next call. At times it is answered with
// another tenant's record, which says whose it is.
func (s *sources) fail(rng *rand.Rand) {
	statuses := []int{500, 503, 401, 404}
	var f func(*http.Request) *http.Response
	switch k := rng.IntN(8); k {
	case 0, 1, 2, 3:
		f = func(*http.Request) *http.Response { return reply(statuses[k], `{"error":"no"}`) }
	case 4:
		f = func(*http.Request) *http.Response { return reply(200, `<html>`) }
	case 5:
		f = func(*http.Request) *http.Response { return reply(200, `{"data":[{"id":`) }
	case 6:
		f = func(r *http.Request) *http.Response { return notThere() }
	default:
		to := tenantNames[rng.IntN(len(tenantNames))]
		f = func(r *http.Request) *http.Response {
			own := strings.HasSuffix(r.Header.Get("Authorization"), to)
			if own || strings.HasPrefix(r.URL.Path, "/autocalls/") { // whose rows say not whose they are
				return nil
			}
			s.mu.Lock()
			s.foreign++
			s.mu.Unlock()
			return answerFor(r, to, -1)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = f
}

func (s *sources) change() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.version++
}

// newIsolated is a gateway for the three, down to the connectors.
func newIsolated(t testing.TB, log io.Writer) (*Server, *sources, *cache.Cache) {
	t.Helper()
	src := &sources{}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	host := func(name string, ops []upstream.Op) *client.Host {
		h, err := client.NewHost(client.HostConfig{Name: name, URL: "http://sources/" + name, Deadline: time.Second, Operations: ops, Transport: src})
		must(err)
		t.Cleanup(h.Close)
		return h
	}
	stores := map[string]*client.Host{"native": host("native", native.Operations()), "autocalls": host("autocalls", autocalls.Operations())}
	crm := host("crm", rest.Operations())
	tenants := map[string]*enrich.Tenant{}
	var keys []auth.Key
	for i, name := range tenantNames {
		tenant := &enrich.Tenant{ID: name, CRMName: "rest", Rules: []enrich.Rule{{Field: "external_identifier", By: upstream.ByExternalRef}}}
		var err error
		if token := "token-of-" + name; i == 0 {
			tenant.StoreName = "native"
			tenant.Store, err = native.New(stores["native"].Client(token), native.Config{TenantID: name})
		} else {
			tenant.StoreName = "autocalls"
			tenant.Store, err = autocalls.New(stores["autocalls"].Client(token), autocalls.Config{TenantID: name})
		}
		must(err)
		tenant.CRM, err = rest.New(crm.Client("token-of-"+name), rest.Config{TenantID: name})
		must(err)
		tenants[name] = tenant
		keys = append(keys, auth.Key{TenantID: name, ID: "k", SHA256: digest("key-of-" + name), Scopes: []string{auth.ScopeRead, auth.ScopeErase}})
	}
	c, err := cache.New(cache.Config{})
	must(err)
	soon := cache.Policy{Fresh: 200 * time.Millisecond, Stale: time.Hour, Missing: 100 * time.Millisecond}
	e, err := enrich.New(enrich.Config{
		Cache: c, Tenants: slices.Collect(maps.Values(tenants)), Request: 3 * time.Second, Store: time.Second, CRM: time.Second, Conversation: soon, Contact: soon, Account: soon, Link: soon,
	})
	must(err)
	known, err := auth.New(keys)
	must(err)
	s, err := New(Config{
		Enricher: e, Auth: known, Tenants: tenants, Deadline: 3 * time.Second, OpenAPI: weft.OpenAPI(),
		Origins: map[string][]string{"alpha": {"https://alpha.example"}},
	})
	must(err)
	return s, src, c
}

// flat is a ResponseWriter that keeps an answer.
type flat struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (f *flat) Header() http.Header         { return f.header }
func (f *flat) WriteHeader(status int)      { f.status = status }
func (f *flat) Write(b []byte) (int, error) { return f.body.Write(b) }

// asks sends one request, as a caller with the tenant's key.
func asks(s *Server, r *http.Request, tenant, target string) *flat {
	r = r.WithContext(r.Context())
	r.Header = http.Header{"Authorization": {"Bearer key-of-" + tenant}, "X-Request-Id": {"request-1"}}
	u, err := r.URL.Parse(target)
	if err != nil {
		panic(err)
	}
	r.URL, r.RequestURI = u, target
	w := &flat{header: http.Header{}}
	s.ServeHTTP(w, r)
	return w
}
