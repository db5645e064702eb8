package main

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"

	weft "github.com/weft-gateway/weft"
	"github.com/weft-gateway/weft/cache"
	"github.com/weft-gateway/weft/enrich"
	"github.com/weft-gateway/weft/gateway"
	"github.com/weft-gateway/weft/gateway/auth"
)

// generation is what is made of one configuration. Another configuration makes
// another generation, which takes over what has stayed the same; requests end
// on the one that they began on.
type generation struct {
	cfg        Config
	upstreams  upstreams
	tenants    []*enrich.Tenant
	enricher   *enrich.Enricher
	backfiller *enrich.Backfiller
	tokens     *auth.Tokens
	server     *gateway.Server

	sight sight
	users users              // requests, and the stage while it is the current one
	stop  context.CancelFunc // ends work
	work  sync.WaitGroup     // in the background
}

// generate makes a generation to take the place of before, nil for the first.
// Until it is installed nothing that before uses is changed, but for the loaders
// of the cache, which come last among what can fail.
func (s *system) generate(cfg Config, before *generation) (*generation, error) {
	if before == nil {
		before = &generation{}
	}
	g := &generation{cfg: cfg, users: newUsers(), stop: func() {}}
	g.sight = newSight(g)
	err := g.buildTenants(s, before)
	var callers *auth.Credentials
	if err == nil {
		callers, err = g.credentials(s, before)
	}
	if err == nil && cfg.rated() && s.limiter == nil {
		s.limiter, err = cache.NewLimiter(s.cache, s.breakers)
	}
	if err == nil {
		err = g.buildEnricher(s, before)
	}
	if err == nil {
		err = g.buildServer(s, before, callers)
	}
	if err != nil {
		g.release(s, before)
		return nil, err
	}
	return g, nil
}

func (g *generation) buildEnricher(s *system, before *generation) (err error) {
	c := g.cfg.Cache
	g.enricher, err = enrich.New(enrich.Config{
		Cache:   s.cache,
		Request: g.cfg.Deadlines.Request, Store: g.cfg.Deadlines.Store, CRM: g.cfg.Deadlines.CRM,
		Conversation: cache.Policy(c.Conversation), Contact: cache.Policy(c.Contact),
		Account: cache.Policy(c.Account), Link: cache.Policy(c.Link),
		Tenants: g.tenants, Replaces: before.enricher, Observe: s.metrics.part, Logger: s.log,
	})
	if err == nil {
		g.backfiller = g.enricher.Backfiller(g.tenants)
	}
	return err
}

func (g *generation) buildServer(s *system, before *generation, callers *auth.Credentials) (err error) {
	cfg := gateway.Config{
		Enricher: g.watch(s), Auth: callers, Tenants: make(map[string]*enrich.Tenant),
		Deadline: g.cfg.Deadlines.Request, Requests: g.cfg.Limits.InFlight, TenantInFlight: make(map[string]int),
		Origins: make(map[string][]string), HSTS: g.cfg.HSTS, Replaces: before.server,
		Audit: s.audit, OpenAPI: weft.OpenAPI(), Ready: s.ready, Observe: s.metrics.http, Tally: s.tally.request, Logger: s.log, Access: g.cfg.Log.Access, Version: version(),
	}
	if traces := s.outside.traces; traces != nil {
		cfg.Trace = func(ctx context.Context, h http.Header) (context.Context, gateway.Span) {
			return traces.Request(ctx, h)
		}
	}
	for n, t := range g.cfg.Tenants {
		cfg.Tenants[t.ID], cfg.Origins[t.ID], cfg.TenantInFlight[t.ID] = g.tenants[n], t.CORS, t.Limits.InFlight
	}
	if g.cfg.rated() {
		cfg.Limit = s.tally.limits(newLimits(g.cfg, s.limiter, s.metrics.limit).take)
	}
	g.server, err = gateway.New(cfg)
	return err
}

// credentials makes what knows the callers: by API keys, and by issuers' tokens.
func (g *generation) credentials(s *system, before *generation) (*auth.Credentials, error) {
	keys, tenants := g.keys(s.log)
	known, err := auth.New(keys)
	if err != nil {
		return nil, err
	}
	cfg := auth.TokensConfig{
		Tenants: tenants, Logger: s.log,
		Transport: s.outside.transport(len(g.cfg.Issuers), auth.MaxLoad, g.cfg.AllowAddresses),
	}
	for _, i := range g.cfg.Issuers {
		cfg.Issuers = append(cfg.Issuers, auth.Issuer(i))
	}
	if sameAddresses(g.cfg.AllowAddresses, before.cfg.AllowAddresses) {
		cfg.Replaces = before.tokens
	}
	if g.tokens, err = auth.NewTokens(cfg); err != nil {
		return nil, err
	}
	return auth.NewCredentials(known, g.tokens), nil
}

func (g *generation) keys(log *slog.Logger) (keys []auth.Key, tenants []string) {
	for _, t := range g.cfg.Tenants {
		tenants = append(tenants, t.ID)
		for _, k := range t.Keys {
			keys = append(keys, auth.Key{TenantID: t.ID, ID: k.ID, SHA256: k.SHA256, Scopes: k.Scopes, Workspaces: k.Workspaces, Expires: k.Expires})
			if !k.Expires.IsZero() && time.Now().After(k.Expires) {
				log.Warn("a key has expired", "tenant", t.ID, "key", k.ID)
			}
		}
	}
	return keys, tenants
}

// run works in the background until ctx ends or the generation is retired. It
// lets the work of before end first: two backfills of a tenant would be in each
// other's way.
func (g *generation) run(ctx context.Context, before *generation) {
	ctx, g.stop = context.WithCancel(ctx)
	g.work.Go(func() { g.tokens.Run(ctx) })
	g.work.Go(func() {
		if before != nil {
			before.work.Wait()
		}
		g.backfiller.Run(ctx, g.tenants)
	})
}

// release closes what the generation has for itself alone: other has what it
// does not.
func (g *generation) release(s *system, other *generation) {
	if g.tokens != nil {
		g.tokens.Close()
	}
	for _, name := range g.upstreams.release(other.upstreams) {
		s.metrics.forget(name)
	}
}

// install makes g the current generation, from which on new requests use it,
// and retires the one before.
func (s *system) install(g *generation) error {
	before := s.stage.current.Load()
	err := g.upstreams.settle(s.breakers, before)
	s.stage.current.Store(g)
	s.holds.settle(g)
	s.tally.keep(func(id string) bool { return g.tenant(id) != nil })
	if before == nil {
		return err
	}
	before.stop()
	if s.background != nil {
		g.run(s.background, before)
	}
	s.retire(before, g)
	return err
}

// retire closes what only old had once its last request is done and those
// before it are gone.
func (s *system) retire(old, next *generation) {
	previous, gone := s.retired, make(chan struct{})
	s.retired = gone
	s.retiring.Go(func() {
		defer close(gone)
		old.work.Wait()
		old.users.leave()
		select {
		case <-old.users.gone:
		case <-s.closing.Done():
		}
		<-previous
		old.release(s, next)
	})
}
