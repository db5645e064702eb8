package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	weft "github.com/weft-gateway/weft"
	"github.com/weft-gateway/weft/cache"
	"github.com/weft-gateway/weft/enrich"
	"github.com/weft-gateway/weft/gateway"
	"github.com/weft-gateway/weft/gateway/auth"
	"github.com/weft-gateway/weft/upstream/client"
	"github.com/weft-gateway/weft/upstream/native"
	"github.com/weft-gateway/weft/upstream/rest"
)

// service answers so many calls at once, each in half to one and a half times
// the mean. More of them queue in it, as they would before a service's workers.
type service struct {
	workers chan struct{}
	mean    time.Duration
	body    func(r *http.Request) string
}

func newService(workers int, mean time.Duration, body func(*http.Request) string) *service {
	return &service{make(chan struct{}, workers), mean, body}
}

func (s *service) RoundTrip(r *http.Request) (*http.Response, error) {
	select {
	case s.workers <- struct{}{}:
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	defer func() { <-s.workers }()
	select {
	case <-time.After(s.mean/2 + rand.N(s.mean)):
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	body := s.body(r)
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body))}, nil
}

// owner is the tenant of a call's token, and last the end of its path.
func owner(r *http.Request) string {
	return strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
}

func last(r *http.Request) string { return r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:] }

// town is a gateway for many tenants in front of one store and one CRM. The
// store has room for all; the CRM does 320 calls in a second, 32 at a time.
type town struct {
	t      *testing.T
	server *gateway.Server

	mu   sync.Mutex
	took map[string][]time.Duration // tenant -> times of the documents that were whole; guarded by mu
	lost map[string]int             // tenant -> requests that came to anything else; guarded by mu
}

const (
	crmWorkers = 32
	crmMean    = 100 * time.Millisecond
	crmRate    = crmWorkers * int(time.Second/crmMean)
)

func newTown(t *testing.T, tenants []string) *town {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	host := func(cfg client.HostConfig) *client.Host {
		cfg.Deadline = time.Second
		h, err := client.NewHost(cfg)
		must(err)
		t.Cleanup(h.Close)
		return h
	}
	store := host(client.HostConfig{Name: "native", URL: "http://store.test", InFlight: 1024, Operations: native.Operations(),
		Transport: newService(1024, 10*time.Millisecond, func(r *http.Request) string {
			return fmt.Sprintf(`{"id":%q,"tenantId":%q,"workspaceId":"w","channelId":"c","contactId":"con-%[1]s","status":"active","messageCount":0,`+
				`"createdAt":"2026-01-01T00:00:00Z","updatedAt":"2026-01-01T00:00:00Z"}`, last(r), owner(r))
		})})
	crm := host(client.HostConfig{Name: "rest", URL: "http://crm.test", InFlight: crmWorkers, Operations: rest.Operations(),
		Transport: newService(crmWorkers, crmMean, func(r *http.Request) string {
			return fmt.Sprintf(`{"id":%q,"tenantId":%q}`, last(r), owner(r))
		})})
	var keys []auth.Key
	byID := map[string]*enrich.Tenant{}
	for _, id := range tenants {
		s, err := native.New(store.ClientWithShare(id, 1024), native.Config{TenantID: id})
		must(err)
		c, err := rest.New(crm.Client(id), rest.Config{TenantID: id})
		must(err)
		byID[id] = &enrich.Tenant{ID: id, Store: s, StoreName: native.Kind, CRM: c, CRMName: rest.Kind}
		sum := sha256.Sum256([]byte(id))
		keys = append(keys, auth.Key{TenantID: id, ID: "k", SHA256: hex.EncodeToString(sum[:]), Scopes: []string{auth.ScopeRead}})
	}
	memory, err := cache.New(cache.Config{})
	must(err)
	t.Cleanup(memory.Close)
	c := defaultConfig()
	enricher, err := enrich.New(enrich.Config{
		Cache: memory, Request: c.Deadlines.Request, Store: c.Deadlines.Store, CRM: c.Deadlines.CRM,
		Conversation: cache.Policy(c.Cache.Conversation), Contact: cache.Policy(c.Cache.Contact),
		Account: cache.Policy(c.Cache.Account), Link: cache.Policy(c.Cache.Link),
	})
	must(err)
	known, err := auth.New(keys)
	must(err)
	server, err := gateway.New(gateway.Config{Enricher: enricher, Auth: known, Tenants: byID, Deadline: c.Deadlines.Request, OpenAPI: weft.OpenAPI()})
	must(err)
	return &town{t: t, server: server, took: map[string][]time.Duration{}, lost: map[string]int{}}
}

// ask asks for a conversation that nobody has asked for before.
func (w *town) ask(tenant string, n int) {
	r := httptest.NewRequest(http.MethodGet, fmt.Sprintf("/api/conversations/%s-%d?include=contact", tenant, n), nil)
	r.Header.Set("Authorization", "Bearer "+tenant)
	answer, began := httptest.NewRecorder(), time.Now()
	w.server.ServeHTTP(answer, r)
	took := time.Since(began)
	whole := answer.Code == http.StatusOK && strings.Contains(answer.Body.String(), `"contact":{"state":"fresh"`)
	w.mu.Lock()
	defer w.mu.Unlock()
	if whole {
		w.took[tenant] = append(w.took[tenant], took)
	} else {
		w.lost[tenant]++
	}
}

// load asks at random moments, so often a second, whatever becomes of the
// requests before.
func (w *town) load(wg *sync.WaitGroup, tenant string, rate int, lasting time.Duration) {
	random := rand.New(rand.NewPCG(uint64(len(tenant)), uint64(tenant[len(tenant)-1])))
	wg.Go(func() {
		for n, end := 0, time.Now().Add(lasting); ; n++ {
			time.Sleep(time.Duration(random.ExpFloat64() * float64(time.Second) / float64(rate)))
			if !time.Now().Before(end) {
				return
			}
			wg.Go(func() { w.ask(tenant, n) })
		}
	})
}

// day lets 20 small tenants ask for ten seconds, beside a busy one that asks
// so often a second, and returns how the small ones fared.
func day(t *testing.T, busy int) (w *town, took []time.Duration, lost int) {
	const lasting = 10 * time.Second
	small := make([]string, 20)
	for i := range small {
		small[i] = fmt.Sprintf("small-%02d", i)
	}
	w = newTown(t, append(small, "busy"))
	var wg sync.WaitGroup
	for _, tenant := range small {
		w.load(&wg, tenant, 5, lasting)
	}
	if busy > 0 {
		w.load(&wg, "busy", busy, lasting)
	}
	wg.Wait()
	for _, tenant := range small {
		took, lost = append(took, w.took[tenant]...), lost+w.lost[tenant]
	}
	slices.Sort(took)
	return w, took, lost
}

// One tenant asks ten times what the CRM can do, for nothing but new records.
// The 20 small ones beside it notice next to nothing, and the CRM is kept busy.
func TestBusyTenantStarvesNobody(t *testing.T) {
	p99 := func(took []time.Duration) time.Duration { return took[len(took)*99/100] }
	var alone []time.Duration
	synctest.Test(t, func(t *testing.T) {
		var lost int
		if _, alone, lost = day(t, 0); lost > 0 || len(alone) < 900 {
			t.Fatalf("alone: %d whole documents, %d not", len(alone), lost)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		w, beside, lost := day(t, 10*crmRate)
		t.Logf("small: %d documents; p50 %v, p99 %v; alone p50 %v, p99 %v", len(beside), beside[len(beside)/2], p99(beside), alone[len(alone)/2], p99(alone))
		t.Logf("busy: %d documents, %d refused or without their contact", len(w.took["busy"]), w.lost["busy"])
		if lost > 0 || len(beside) != len(alone) {
			t.Errorf("%d whole documents, %d not; want all %d", len(beside), lost, len(alone))
		}
		if limit := p99(alone) * 12 / 10; p99(beside) > limit {
			t.Errorf("p99 %v, want at most %v", p99(beside), limit)
		}
		if got := len(w.took["busy"]); got < 10*crmRate/2*9/10 {
			t.Errorf("the busy tenant got %d documents in 10 s, want about half of what the CRM can do", got)
		}
	})
}
