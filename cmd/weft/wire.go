package main

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	weft "github.com/weft-gateway/weft"
	"github.com/weft-gateway/weft/cache"
	"github.com/weft-gateway/weft/enrich"
	"github.com/weft-gateway/weft/gateway"
	"github.com/weft-gateway/weft/gateway/auth"
	"github.com/weft-gateway/weft/gateway/ops"
	"github.com/weft-gateway/weft/upstream"
	"github.com/weft-gateway/weft/upstream/autocalls"
	"github.com/weft-gateway/weft/upstream/breaker"
	"github.com/weft-gateway/weft/upstream/client"
	"github.com/weft-gateway/weft/upstream/native"
	"github.com/weft-gateway/weft/upstream/rest"
)

// system is the running gateway: everything that [build] made, in its order.
type system struct {
	cfg        Config
	log        *slog.Logger
	breakers   *breaker.Set
	redis      redis.UniversalClient // nil: the memory tier alone
	cache      *cache.Cache
	limiter    *cache.Limiter          // nil: nobody has a rate limit
	hosts      map[string]*client.Host // kind and URL -> host, shared by tenants
	tenants    []*enrich.Tenant
	enricher   *enrich.Enricher
	backfiller *enrich.Backfiller
	tokens     *auth.Tokens
	audit      *gateway.Audit // nil: there is no audit log
	auditFile  *os.File       // nil: it goes elsewhere
	public     *http.Server
	ops        *http.Server
	ready      func() (ready bool, degraded []string) // as both listeners tell it
	draining   atomic.Bool
}

// build makes the whole object graph, from the breakers up to the listeners'
// handlers. Nothing listens and nothing is asked yet.
func build(cfg Config, log *slog.Logger) (*system, error) {
	s := &system{cfg: cfg, log: log, hosts: map[string]*client.Host{}}
	m := newMetrics()
	s.breakers = breaker.NewSet()
	err := s.buildCache()
	if err == nil {
		err = s.buildTenants(m)
	}
	if err == nil {
		err = s.buildEnricher(m)
	}
	if err == nil {
		err = s.buildOps(m)
	}
	if err == nil {
		err = s.buildAudit(m)
	}
	if err == nil {
		err = s.buildPublic(m)
	}
	if err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *system) buildCache() (err error) {
	if s.cfg.Redis.URL == "" {
		s.log.Warn("no redis configured: replicas share nothing, and a restart begins with an empty cache")
	} else {
		cache.LogRedis(s.log)
		if s.redis, err = cache.RedisClient(s.cfg.Redis.URL, s.cfg.Deadlines.Redis); err != nil {
			return err
		}
	}
	s.cache, err = cache.New(cache.Config{
		Redis:         s.redis,
		RedisDeadline: s.cfg.Deadlines.Redis,
		Breakers:      s.breakers,
		MemoryBytes:   uint64(s.cfg.Cache.Memory),
		Encryption:    s.cfg.Cache.encryptionKeys(),
		Logger:        s.log,
	})
	return err
}

// buildTenants makes each tenant's connectors, on hosts that tenants with the
// same service share.
func (s *system) buildTenants(m *metrics) error {
	for _, tc := range s.cfg.Tenants {
		t := &enrich.Tenant{
			ID: tc.ID, Name: tc.Name, StoreName: tc.Store.Kind,
			Region: tc.PhoneRegion, Hide: tc.Hide, Places: placesOf(tc),
		}
		for _, l := range tc.Link {
			t.Rules = append(t.Rules, enrich.Rule{Field: l.Field, By: upstream.Lookup(l.Lookup)})
		}
		var err error
		if t.Store, err = s.store(tc, m); err != nil {
			return fmt.Errorf("tenant %s: store: %w", tc.ID, err)
		}
		if tc.CRM != nil {
			t.CRMName = tc.CRM.Kind
			if t.CRM, err = s.crm(tc, m); err != nil {
				return fmt.Errorf("tenant %s: crm: %w", tc.ID, err)
			}
		}
		s.tenants = append(s.tenants, t)
	}
	return nil
}

// placesOf spreads the configured lists into one row per value.
func placesOf(tc Tenant) enrich.Places {
	p := enrich.Places{Workspace: tc.Workspace}
	for _, w := range tc.Workspaces {
		for _, a := range w.Assistants {
			p.Workspaces = append(p.Workspaces, enrich.Place{ID: w.ID, Assistant: a})
		}
		for _, n := range w.Senders {
			p.Workspaces = append(p.Workspaces, enrich.Place{ID: w.ID, Sender: n})
		}
		for _, k := range w.Types {
			p.Workspaces = append(p.Workspaces, enrich.Place{ID: w.ID, Type: k})
		}
	}
	for _, c := range tc.Channels {
		p.Channels = append(p.Channels, enrich.Place{ID: c.ID, Assistant: c.Assistant, Sender: c.Sender, Type: c.Type})
	}
	return p
}

// store makes a tenant's connector to its conversation store.
func (s *system) store(tc Tenant, m *metrics) (upstream.Store, error) {
	src := tc.Store
	switch src.Kind {
	case autocalls.Kind:
		zone, err := time.LoadLocation(src.Timezone)
		if err != nil {
			return nil, err
		}
		host, err := s.host(src, s.cfg.Deadlines.Store, autocalls.Operations(), m)
		if err != nil {
			return nil, err
		}
		return autocalls.New(host.ClientWithShare(src.Token, src.Share), autocalls.Config{TenantID: tc.ID, Timezone: zone})
	case native.Kind:
		host, err := s.host(src, s.cfg.Deadlines.Store, native.Operations(), m)
		if err != nil {
			return nil, err
		}
		return native.New(host.ClientWithShare(src.Token, src.Share), native.Config{TenantID: tc.ID, Foreign: m.foreign(src.Kind)})
	}
	return nil, fmt.Errorf("unknown kind %q", src.Kind)
}

// crm makes a tenant's connector to its CRM.
func (s *system) crm(tc Tenant, m *metrics) (upstream.CRM, error) {
	src := *tc.CRM
	if src.Kind != rest.Kind {
		return nil, fmt.Errorf("unknown kind %q", src.Kind)
	}
	host, err := s.host(src, s.cfg.Deadlines.CRM, rest.Operations(), m)
	if err != nil {
		return nil, err
	}
	return rest.New(host.ClientWithShare(src.Token, src.Share), rest.Config{
		TenantID: tc.ID, Foreign: m.foreign(src.Kind),
		Paths: rest.Paths(src.Paths), Params: rest.Params(src.Params), Envelope: src.Envelope,
		ContactFields: src.ContactFields, AccountFields: src.AccountFields,
	})
}

// host returns the host of a source, making it on first use. The first URL of
// a kind gives its breakers the plain name of the kind.
func (s *system) host(src Source, deadline time.Duration, ops []upstream.Op, m *metrics) (*client.Host, error) {
	key := src.Kind + " " + src.URL
	if h := s.hosts[key]; h != nil {
		return h, nil
	}
	name := src.Kind
	if s.kindInUse(src.Kind) {
		u, err := url.Parse(src.URL)
		if err != nil {
			return nil, err
		}
		name += "@" + u.Host + u.Path
	}
	h, err := client.NewHost(client.HostConfig{
		Name: name, URL: src.URL, Deadline: deadline, InFlight: src.InFlight,
		AllowAddresses: s.cfg.AllowAddresses, Operations: ops, Breakers: s.breakers, Observe: m.upstream(name),
		UserAgent: "weft", Logger: s.log,
	})
	if err != nil {
		return nil, err
	}
	s.hosts[key] = h
	m.inFlight(name, h.InFlight)
	m.gates(name, h.GatesClosed)
	return h, nil
}

func (s *system) kindInUse(kind string) bool {
	for key := range s.hosts {
		if len(key) > len(kind) && key[:len(kind)+1] == kind+" " {
			return true
		}
	}
	return false
}

func (s *system) buildEnricher(m *metrics) (err error) {
	c := s.cfg.Cache
	s.enricher, err = enrich.New(enrich.Config{
		Cache:   s.cache,
		Request: s.cfg.Deadlines.Request, Store: s.cfg.Deadlines.Store, CRM: s.cfg.Deadlines.CRM,
		Conversation: cache.Policy(c.Conversation), Contact: cache.Policy(c.Contact),
		Account: cache.Policy(c.Account), Link: cache.Policy(c.Link),
		Tenants: s.tenants, Observe: m.part, Logger: s.log,
	})
	if err != nil {
		return err
	}
	s.backfiller = s.enricher.Backfiller(s.tenants)
	m.cache(s.cache.Stats)
	m.backfill(s.backfiller.Progress)
	return nil
}

func (s *system) buildPublic(m *metrics) error {
	callers, err := s.credentials(m)
	if err != nil {
		return err
	}
	origins := make(map[string][]string)
	for _, t := range s.cfg.Tenants {
		origins[t.ID] = t.CORS
	}
	byID := make(map[string]*enrich.Tenant, len(s.tenants))
	for _, t := range s.tenants {
		byID[t.ID] = t
	}
	limit, inFlight, err := s.limits(m)
	if err != nil {
		return err
	}
	h, err := gateway.New(gateway.Config{
		Enricher: s.enricher, Auth: callers, Tenants: byID, Deadline: s.cfg.Deadlines.Request,
		Origins: origins, HSTS: s.cfg.HSTS, Limit: limit, TenantInFlight: inFlight,
		Audit: s.audit, OpenAPI: weft.OpenAPI(), Ready: s.ready, Observe: m.http, Logger: s.log, Version: version(),
	})
	if err != nil {
		return err
	}
	s.public = gateway.HTTPServer(s.cfg.Listen, h, s.cfg.Deadlines.Request)
	s.public.ErrorLog = slog.NewLogLogger(s.log.Handler(), slog.LevelWarn)
	return nil
}

// credentials makes what knows the callers: by API keys, and by issuers' tokens.
func (s *system) credentials(m *metrics) (*auth.Credentials, error) {
	var keys []auth.Key
	var tenants []string
	for _, t := range s.cfg.Tenants {
		tenants = append(tenants, t.ID)
		for _, k := range t.Keys {
			keys = append(keys, auth.Key{TenantID: t.ID, ID: k.ID, SHA256: k.SHA256, Scopes: k.Scopes, Workspaces: k.Workspaces, Expires: k.Expires})
			if !k.Expires.IsZero() && time.Now().After(k.Expires) {
				s.log.Warn("a key has expired", "tenant", t.ID, "key", k.ID)
			}
		}
	}
	known, err := auth.New(keys)
	if err != nil {
		return nil, err
	}
	issuers := make([]auth.Issuer, len(s.cfg.Issuers))
	for n, i := range s.cfg.Issuers {
		issuers[n] = auth.Issuer(i)
	}
	s.tokens, err = auth.NewTokens(auth.TokensConfig{
		Issuers: issuers, Tenants: tenants, Logger: s.log,
		Transport: client.NewTransport(len(issuers), auth.MaxLoad, s.cfg.AllowAddresses),
	})
	if err != nil {
		return nil, err
	}
	for _, i := range issuers {
		m.keysAge(i.Name, s.tokens.KeysAge)
	}
	return auth.NewCredentials(known, s.tokens), nil
}

func (s *system) buildOps(m *metrics) error {
	h, err := ops.New(ops.Config{
		Breakers: s.breakers, Gatherer: m.registry, Draining: s.draining.Load, Version: version(), Started: time.Now(), Logger: s.log,
	})
	if err != nil {
		return err
	}
	m.registry.MustRegister(ops.BreakerCollector(s.breakers))
	s.ready = h.Ready
	s.ops = &http.Server{ // no WriteTimeout: a profile takes as long as it was asked to
		Addr: s.cfg.Ops.Listen, Handler: h, ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
		ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10,
	}
	return nil
}

// close stops what runs in the background, in the reverse order of build.
func (s *system) close() {
	if err := s.closeAudit(); err != nil {
		s.log.Error("the audit log may not be whole", "error", err)
	}
	if s.tokens != nil {
		s.tokens.Close()
	}
	if s.limiter != nil {
		s.limiter.Close()
	}
	if s.cache != nil {
		s.cache.Close()
	}
	for _, h := range s.hosts {
		h.Close()
	}
	if s.breakers != nil {
		s.breakers.Close()
	}
	if s.redis != nil {
		if err := s.redis.Close(); err != nil {
			s.log.Debug("redis client", "error", err)
		}
	}
}

func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(unknown)"
}
