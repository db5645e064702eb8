package main

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"

	"github.com/weft-gateway/weft/enrich"
	"github.com/weft-gateway/weft/gateway/ops"
	"github.com/weft-gateway/weft/upstream/breaker"
)

// sight is what the ops listener shows of a generation and what never changes
// in it. It is made when it is asked for first.
type sight struct {
	config  func() json.RawMessage
	hash    func() string              // of config
	touched func() map[string][]string // breaker -> ids of tenants
}

func newSight(g *generation) sight {
	config := sync.OnceValue(g.cfg.json)
	return sight{config: config, hash: sync.OnceValue(func() string { return shortHash(config()) }), touched: sync.OnceValue(g.touched)}
}

// shortHash tells configurations apart.
func shortHash(config []byte) string {
	sum := sha256.Sum256(config)
	return hex.EncodeToString(sum[:6])
}

// json is the masked configuration, as JSON.
func (c Config) json() json.RawMessage {
	var tree map[string]any
	b, err := yaml.Marshal(c.masked())
	if err == nil {
		err = yaml.Unmarshal(b, &tree)
	}
	if err == nil {
		b, err = json.Marshal(tree)
	}
	if err != nil { // there is nothing in it that cannot be encoded
		return json.RawMessage("{}")
	}
	return b
}

// touched says whose sources go through which breaker.
func (g *generation) touched() map[string][]string {
	all := make(map[string][]string)
	for _, t := range g.cfg.Tenants {
		for _, src := range t.sources() {
			h := g.upstreams.hosts[hostKey{src.Kind, src.URL}]
			for _, op := range operations(src.Kind) {
				name := h.name + "-" + string(op)
				if !slices.Contains(all[name], t.ID) {
					all[name] = append(all[name], t.ID)
				}
			}
		}
	}
	return all
}

// sources are the tenant's, the store first.
func (t Tenant) sources() []Source {
	if t.CRM == nil {
		return []Source{t.Store}
	}
	return []Source{t.Store, *t.CRM}
}

// tenant returns the tenant of an id; nil: there is none.
func (g *generation) tenant(id string) *enrich.Tenant {
	i := slices.IndexFunc(g.tenants, func(t *enrich.Tenant) bool { return t.ID == id })
	if i < 0 {
		return nil
	}
	return g.tenants[i]
}

// touchedBy returns the tenants that a breaker touches: Redis is everybody's.
func (s *system) touchedBy(b breaker.Snapshot) []string {
	g := s.stage.current.Load()
	if b.Upstream != redisUpstream {
		return g.sight.touched()[b.Name]
	}
	ids := make([]string, len(g.tenants))
	for i, t := range g.tenants {
		ids[i] = t.ID
	}
	return ids
}

// redisUpstream is what the breakers before Redis have as their upstream.
const redisUpstream = "redis"

// opsKeys are the keys that are good for orders now.
func (s *system) opsKeys() []ops.Key {
	var keys []ops.Key
	for _, k := range s.stage.current.Load().cfg.Ops.Keys {
		keys = append(keys, ops.Key{ID: k.ID, SHA256: k.SHA256})
	}
	return keys
}

// opsHosts are the names that the ops listener is known by now, besides those
// that no stranger can have.
func (s *system) opsHosts() []string { return s.stage.current.Load().cfg.Ops.Hosts }

// tenantViews says what tenants ask for and get.
func (s *system) tenantViews() []ops.Tenant {
	g := s.stage.current.Load()
	views := make([]ops.Tenant, 0, len(g.cfg.Tenants))
	for _, t := range g.cfg.Tenants {
		v := ops.Tenant{ID: t.ID, Name: t.Name}
		s.tally.report(&v)
		v.Requests.InFlight = g.server.TenantInFlight(t.ID)
		for i, src := range t.sources() {
			role := []string{roleStore, roleCRM}[i]
			c := g.upstreams.connectors[connectorKey{t.ID, role}].client
			v.Sources = append(v.Sources, ops.TenantSource{
				Role: role, Upstream: g.upstreams.hosts[hostKey{src.Kind, src.URL}].name,
				GateClosedSeconds: c.Limited().Seconds(), CacheOnly: c.Held() > 0,
			})
		}
		views = append(views, v)
	}
	slices.SortFunc(views, func(a, b ops.Tenant) int { return strings.Compare(a.ID, b.ID) })
	return views
}

// nodeName tells this process from other replicas: by its host for people, and
// by chance where several are on one.
func nodeName() string {
	host, err := os.Hostname()
	if err != nil || host == "" || len(host) > 64 {
		host = "weft"
	}
	return host + "-" + strings.ToLower(rand.Text()[:4])
}
