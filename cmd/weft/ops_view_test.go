package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/go-cmp/cmp"

	"github.com/weft-gateway/weft/gateway/ops"
	"github.com/weft-gateway/weft/upstream/breaker"
	"github.com/weft-gateway/weft/upstream/sandbox"
)

// operators gives all replicas a key of the ops listener: "oncall".
func (s *sim) operators() {
	for _, r := range s.replicas {
		r.sys.stage.current.Load().cfg.Ops.Keys = []Key{{ID: "oncall", SHA256: hashOf("oncall")}}
	}
}

// opsAsk has the ops listener of a replica answer, and reads the answer into v.
func (r *replica) opsAsk(method, path, body string, v any) int {
	r.sim.t.Helper()
	req := httptest.NewRequest(method, path, strings.NewReader(body))
	req.Host = "localhost:9090"
	if method != http.MethodGet {
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Authorization", "Bearer oncall")
	}
	w := httptest.NewRecorder()
	r.sys.ops.Handler.ServeHTTP(w, req)
	if v != nil {
		if err := json.Unmarshal(w.Body.Bytes(), v); err != nil {
			r.sim.t.Fatalf("%s %s: %v: %s", method, path, err, w.Body)
		}
	}
	return w.Code
}

// fleetOf sums up what a replica says of all: whose breaker is open.
func (r *replica) fleetOf(name string) (shared bool, problem string, states []breaker.State) {
	r.sim.t.Helper()
	var got struct {
		Shared  bool
		Problem string
		Nodes   []struct {
			Self     bool
			Breakers []struct {
				Name  string
				State breaker.State
			}
		}
	}
	r.opsAsk("GET", "/fleet", "", &got)
	for _, n := range got.Nodes {
		for _, b := range n.Breakers {
			if b.Name != name {
				continue
			}
			if n.Self { // its own first
				states = slices.Insert(states, 0, b.State)
			} else {
				states = append(states, b.State)
			}
		}
	}
	return got.Shared, got.Problem, states
}

// TestFleet: what opens on one replica is seen on the other within a second;
// without Redis each shows its own, and says so.
func TestFleet(t *testing.T) {
	inSim(t, simOptions{replicas: 2, docs: 1}, func(s *sim) {
		t := s.t
		one, two := s.replicas[0], s.replicas[1]
		see := func(when string, r *replica, shared bool, problem string, want ...breaker.State) {
			t.Helper()
			gotShared, gotProblem, got := r.fleetOf("rest-contacts")
			if diff := cmp.Diff(want, got); diff != "" || gotShared != shared || gotProblem != problem {
				t.Errorf("%s: shared %t, problem %q, states (-want +got):\n%s", when, gotShared, gotProblem, diff)
			}
		}
		see("well", one, true, "", breaker.Closed, breaker.Closed)
		trip(t, two)
		time.Sleep(time.Second)
		see("open on the other", one, true, "", breaker.Closed, breaker.Open)
		see("open here", two, true, "", breaker.Open, breaker.Closed)
		s.redis.kill()
		time.Sleep(time.Second)
		see("Redis is away", one, false, "redis_unavailable", breaker.Closed)
		s.redis.revive()
		two.sys.breakers.Breaker("rest-contacts").Reset("test", "well")
		time.Sleep(15 * time.Second)
		see("Redis is back", one, true, "", breaker.Closed, breaker.Closed)
		two.stop()
		time.Sleep(15 * time.Second)
		see("the other is gone", one, true, "", breaker.Closed)
	})
}

// trip opens the breaker of contacts of one replica.
func trip(t *testing.T, r *replica) {
	t.Helper()
	b := r.sys.breakers.Breaker("rest-contacts")
	for range 5 {
		_ = b.Do(t.Context(), func(context.Context) error { return errors.New("down") })
	}
	if !b.Tripped() {
		t.Fatal("it does not open")
	}
}

// TestCacheOnly: while an order holds, no source is called, and documents say
// breaker_open. The order outlives a change of the configuration.
func TestCacheOnly(t *testing.T) {
	for _, about := range []string{`"tenant": "` + sandbox.Globex + `"`, `"upstream": "rest"`} {
		inSim(t, simOptions{docs: 1, extra: quick}, func(s *sim) {
			t := s.t
			s.operators()
			r := s.replicas[0]
			s.warm()
			time.Sleep(time.Minute)
			if code := r.opsAsk("POST", "/cache-only", `{"action": "start", `+about+`, "reason": "a test", "expires": "10m"}`, nil); code != 200 {
				t.Fatalf("%d", code)
			}
			contact := func(tenant string) string {
				t.Helper()
				var doc struct {
					Enrichment struct {
						Contact struct{ State, Reason string }
					}
				}
				i := slices.IndexFunc(s.docs, func(d simDoc) bool { return d.tenant == tenant })
				w := r.ask(t.Context(), tenant, "/api/conversations/"+s.docs[i].id)
				if err := json.Unmarshal(w.Body.Bytes(), &doc); err != nil {
					t.Fatalf("%d %s", w.Code, w.Body)
				}
				return strings.TrimSuffix(doc.Enrichment.Contact.State+"/"+doc.Enrichment.Contact.Reason, "/")
			}
			if got := contact(sandbox.Globex); got != "stale/breaker_open" {
				t.Errorf("%s: contact %s", about, got)
			}
			others := contact(sandbox.Acme)
			if held := others == "stale/breaker_open"; held != strings.Contains(about, "upstream") {
				t.Errorf("%s: another tenant's contact %s", about, others)
			}
			before := r.sys.stage.current.Load()
			next := before.cfg
			next.HSTS = true
			g, err := r.sys.generate(next, before)
			if err == nil {
				err = r.sys.install(g)
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := contact(sandbox.Globex); got != "stale/breaker_open" {
				t.Errorf("%s: after a change of the configuration %s", about, got)
			}
			if got := tenantView(r, sandbox.Globex).Sources[1]; !got.CacheOnly || got.Upstream != "rest" {
				t.Errorf("%s: the tenant's source %+v", about, got)
			}
			time.Sleep(10 * time.Minute)
			contact(sandbox.Globex) // loads it anew, behind the copy
			time.Sleep(time.Second)
			if got := contact(sandbox.Globex); got != "cached" {
				t.Errorf("%s: when the order is over, contact %s", about, got)
			}
			var left struct{ Orders []ops.Hold }
			if r.opsAsk("GET", "/cache-only", "", &left); len(left.Orders) > 0 {
				t.Errorf("orders that are over: %+v", left.Orders)
			}
			for of, want := range map[string]string{about: "order_not_found", `"tenant": "nobody"`: "tenant_not_found", `"upstream": "nowhere"`: "upstream_not_found"} {
				var said struct{ Code string }
				if code := r.opsAsk("POST", "/cache-only", `{"action": "end", `+of+`, "reason": "a test"}`, &said); code != 404 || said.Code != want {
					t.Errorf("the end of %s: %d %s, want %s", of, code, said.Code, want)
				}
			}
		})
	}
}

func tenantView(r *replica, id string) ops.Tenant {
	r.sim.t.Helper()
	var got struct{ Tenants []ops.Tenant }
	r.opsAsk("GET", "/tenants", "", &got)
	for _, t := range got.Tenants {
		if t.ID == id {
			return t
		}
	}
	r.sim.t.Fatalf("no tenant %s", id)
	return ops.Tenant{}
}

// TestOpsViews holds what the real parts answer to the contract.
func TestOpsViews(t *testing.T) {
	inSim(t, simOptions{docs: 2, extra: "limits: {tenant: {requests: 100/s, burst: 50}, key: {requests: 10/s, burst: 20}}"}, func(s *sim) {
		t := s.t
		s.operators()
		s.warm()
		r := s.replicas[0]
		bodies := map[string]string{
			"BreakerList": "/breakers", "Cache": "/cache", "TenantList": "/tenants", "Config": "/config", "Fleet": "/fleet", "Health": "/healthz",
			"CacheOnlyList": "/cache-only",
		}
		schemas := opsSchemas(t)
		for name, path := range bodies {
			var v any
			r.opsAsk("GET", path, "", &v)
			if err := schemas[name].Value.VisitJSON(v); err != nil {
				t.Errorf("%s: %v", path, err)
			}
		}
		got := tenantView(r, sandbox.Globex)
		if got.Requests.Total != 2 || got.Requests.PerSecond <= 0 || len(got.Quotas) != 2 || got.Quotas[0].Left != 48 && got.Quotas[0].Left != 49 {
			t.Errorf("requests %+v, quotas %+v", got.Requests, got.Quotas)
		}
		if got.Parts["contact"]["fresh"] != 2 {
			t.Errorf("parts %v", got.Parts)
		}
		var config map[string]any
		r.opsAsk("GET", "/config", "", &config)
		if s := toJSON(t, config); strings.Contains(s, s2token(r)) || !strings.Contains(s, mask) {
			t.Errorf("the configuration tells a token: %s", s)
		}
		var list struct {
			Breakers []struct {
				Name, Upstream string
				Tenants        []string
			}
		}
		r.opsAsk("GET", "/breakers", "", &list)
		for _, b := range list.Breakers {
			want := 2
			if strings.HasPrefix(b.Name, "native") || strings.HasPrefix(b.Name, "autocalls") {
				want = 1
			}
			if len(b.Tenants) != want {
				t.Errorf("%s touches %v", b.Name, b.Tenants)
			}
		}
	})
}

func toJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// s2token is the token of the first tenant's store.
func s2token(r *replica) string { return r.sys.boot.Tenants[0].Store.Token }

func opsSchemas(t *testing.T) openapi3.Schemas {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromFile("../../gateway/ops/openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return doc.Components.Schemas
}

// TestPeekAndPurge: a contact that was purged is asked for again, by all replicas.
func TestPeekAndPurge(t *testing.T) {
	inSim(t, simOptions{docs: 1, replicas: 2, nativeOnly: true}, func(s *sim) {
		t := s.t
		s.operators()
		s.warm()
		r, d := s.replicas[0], s.docs[0]
		body := `{"tenant": "` + d.tenant + `", "contact": "con-` + s.box.Tenants()[1].Name + `-0"`
		peek := func() (n int) {
			t.Helper()
			var got ops.CachePeek
			r.opsAsk("POST", "/cache/peek", body+"}", &got)
			for _, c := range got.Copies {
				if c.Memory != nil {
					n++
				}
				if c.Redis != nil {
					n++
				}
			}
			return n
		}
		if got := peek(); got != 2 {
			t.Fatalf("%d copies, want one in memory and one in Redis", got)
		}
		var purged ops.Purged
		if r.opsAsk("POST", "/cache/purge", body+`, "reason": "a test"}`, &purged); purged.Records != 1 || !purged.Everywhere {
			t.Errorf("%+v", purged)
		}
		time.Sleep(time.Second)
		if got := peek(); got != 0 {
			t.Errorf("%d copies after the purge", got)
		}
		if r.opsAsk("POST", "/cache/purge", `{"tenant": "`+d.tenant+`", "reason": "a test"}`, &purged); purged.Records < 3 || !purged.Everywhere {
			t.Errorf("the tenant: %+v", purged)
		}
		a := s.replicas[1].ask(t.Context(), d.tenant, "/api/conversations/"+d.id) // it had copies, too
		if a.Code != 200 || !strings.Contains(a.Body.String(), `"contact":{"state":"fresh"`) {
			t.Errorf("then: %d %s", a.Code, a.Body)
		}
		if code := r.opsAsk("POST", "/cache/peek", `{"tenant": "nobody"}`, nil); code != 404 {
			t.Errorf("nobody: %d", code)
		}
	})
}

func TestVerbosity(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := &verbosity{configured: new(slog.LevelVar)}
		var out bytes.Buffer
		log := slog.New(slog.NewJSONHandler(&out, &slog.HandlerOptions{Level: v}))
		said := func(when string, want bool) {
			t.Helper()
			out.Reset()
			log.Debug("x")
			if got := out.Len() > 0; got != want {
				t.Errorf("%s: said %t", when, got)
			}
		}
		said("as configured", false)
		v.Order(slog.LevelDebug, breaker.Order{By: "oncall", Reason: "x", Until: time.Now().Add(time.Minute)})
		said("as ordered", true)
		v.configured.Set(slog.LevelWarn)
		if now, configured, order := v.Levels(); now != slog.LevelDebug || configured != slog.LevelWarn || order == nil || order.By != "oncall" {
			t.Errorf("%v, %v, %v", now, configured, order)
		}
		time.Sleep(time.Minute)
		said("when the order is over", false)
		if now, _, order := v.Levels(); now != slog.LevelWarn || order != nil {
			t.Errorf("%v, %v", now, order)
		}
	})
}
