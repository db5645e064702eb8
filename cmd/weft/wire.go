package main

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"os"
	"runtime/debug"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/weft-gateway/weft/cache"
	"github.com/weft-gateway/weft/gateway"
	"github.com/weft-gateway/weft/gateway/ops"
	"github.com/weft-gateway/weft/gateway/ops/console"
	"github.com/weft-gateway/weft/tracing"
	"github.com/weft-gateway/weft/upstream/breaker"
)

// system is the running gateway: what lives as long as the process. What a
// configuration can change meanwhile is in the [generation] of the moment.
type system struct {
	boot      Config // as of the start; read for what cannot change since
	log       *slog.Logger
	outside   outside
	metrics   *metrics
	breakers  *breaker.Set
	redis     redis.UniversalClient // nil: the memory tier alone
	cache     *cache.Cache
	activity  *ops.Activity // what callers were answered, for the console
	holds     *holds
	tally     *tally         // of tenants
	fleet     *ops.Fleet     // the replicas, as they tell of themselves
	limiter   *cache.Limiter // nil: nobody has had a rate limit so far
	ops       *http.Server
	ready     func() (ready bool, degraded []string) // as both listeners tell it
	audit     *gateway.Audit                         // nil: there is no audit log
	auditFile *os.File                               // nil: it goes elsewhere
	stage     stage
	public    *http.Server
	pacer     *pacer                // nil: the collector goes its own pace
	reloads   func(context.Context) // installs other generations until the context ends; nil: the first stays

	background context.Context    // of the generations' work; nil before serve
	closing    context.Context    // ends when nobody waits any more
	stopWait   context.CancelFunc // ends closing
	retiring   sync.WaitGroup     // generations that are about to go
	retired    chan struct{}      // closed when the latest of them has gone
}

// build makes the whole object graph, from the breakers up to the listeners'
// handlers. Nothing listens and nothing is asked yet.
func build(cfg Config, log *slog.Logger) (*system, error) {
	return buildWith(cfg, log, nil, nil)
}

// buildWith is build with a log whose level can be changed, and with traces.
func buildWith(cfg Config, log *slog.Logger, level *verbosity, traces *tracing.Tracer) (*system, error) {
	if cfg.Redis.URL != "" {
		cache.LogRedis(log)
	}
	out := network()
	out.level, out.traces = level, traces
	return buildIn(out, cfg, log)
}

// buildIn is build for another outside than the network.
func buildIn(out outside, cfg Config, log *slog.Logger) (*system, error) {
	s := &system{boot: cfg, log: log, outside: out, metrics: newMetrics(), breakers: breaker.NewSet(), retired: make(chan struct{})}
	close(s.retired)
	s.metrics.traces(out.traces.Stats)
	s.holds, s.tally = newHolds(s.stage.current.Load), newTally()
	s.closing, s.stopWait = context.WithCancel(context.Background())
	err := s.buildCache()
	if err == nil {
		err = s.buildOps()
	}
	if err == nil {
		err = s.buildAudit(s.metrics)
	}
	if err == nil {
		err = s.buildPublic()
	}
	if err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *system) buildCache() (err error) {
	if s.boot.Redis.URL == "" {
		s.log.Warn("no redis configured: replicas share nothing, and a restart begins with an empty cache")
	} else if s.redis, err = s.outside.redis(s.boot.Redis.URL, s.boot.Deadlines.Redis); err != nil {
		return err
	}
	if s.redis != nil {
		s.metrics.redis(s.redis)
		if s.outside.traces != nil {
			s.redis.AddHook(&redisTracer{s.outside.traces})
		}
	}
	s.cache, err = cache.New(cache.Config{
		Redis:         s.redis,
		RedisDeadline: s.boot.Deadlines.Redis,
		Breakers:      s.breakers,
		MemoryBytes:   uint64(s.boot.Cache.Memory),
		Encryption:    s.boot.Cache.encryptionKeys(),
		Logger:        s.log,
	})
	if err == nil {
		s.metrics.cache(s.cache.Stats)
	}
	return err
}

func (s *system) buildOps() error {
	s.activity = ops.NewActivity()
	page, err := console.New("/console", version())
	if err != nil {
		return err
	}
	started := time.Now()
	if err := s.buildFleet(started); err != nil {
		return err
	}
	cfg := ops.Config{
		Activity: s.activity, Explain: s.explain, Console: page,
		Breakers: s.breakers, Gatherer: s.metrics.registry, Draining: s.stage.draining.Load, Version: version(), Started: started, Logger: s.log,
		Events: s.breakers, Control: s.breakers, Touched: s.touchedBy, Keys: s.opsKeys, Hosts: s.opsHosts, Fleet: s.fleet,
		Cache: cacheView{s}, Holds: s.holds, Tenants: s.tenantViews,
		Config: func() json.RawMessage { return s.stage.current.Load().sight.config() },
	}
	if s.outside.level != nil {
		cfg.Level = s.outside.level
	}
	h, err := ops.New(cfg)
	if err != nil {
		return err
	}
	s.metrics.registry.MustRegister(ops.BreakerCollector(s.breakers))
	s.ready = h.Ready
	s.ops = &http.Server{ // no WriteTimeout: a profile takes as long as it was asked to
		Addr: s.boot.Ops.Listen, Handler: h, ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
		ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10,
	}
	s.ops.RegisterOnShutdown(h.EndStreams)
	return nil
}

// buildFleet makes what tells the other replicas of this one's breakers.
func (s *system) buildFleet(started time.Time) (err error) {
	cfg := ops.FleetConfig{
		Node: nodeName(), Breakers: s.breakers, Events: s.breakers,
		Draining: s.stage.draining.Load, Version: version(), Started: started, Logger: s.log,
	}
	if board := s.cache.Board(); board != nil {
		cfg.Board = board
	}
	s.fleet, err = ops.NewFleet(cfg)
	return err
}

// buildPublic makes the first generation, and the listener before it. A later
// one may have another deadline: the listener leaves time for the longest.
func (s *system) buildPublic() error {
	g, err := s.generate(s.boot, nil)
	if err != nil {
		return err
	}
	if err := s.install(g); err != nil {
		return err
	}
	s.metrics.registry.MustRegister(&generationCollector{s.stage.current.Load})
	s.public = gateway.HTTPServer(s.boot.Listen, &s.stage, maxCall)
	s.public.ErrorLog = slog.NewLogLogger(s.log.Handler(), slog.LevelWarn)
	return nil
}

// close stops what runs in the background, in the reverse order of build.
func (s *system) close() {
	if err := s.closeAudit(); err != nil {
		s.log.Error("the audit log may not be whole", "error", err)
	}
	s.stopWait()
	s.retiring.Wait()
	g := s.stage.current.Load()
	if g != nil {
		g.tokens.Close()
	}
	if s.limiter != nil {
		s.limiter.Close()
	}
	if s.cache != nil {
		s.cache.Close()
	}
	if g != nil {
		g.upstreams.release(upstreams{})
	}
	s.breakers.Close()
	if s.redis != nil {
		if err := s.redis.Close(); err != nil {
			s.log.Debug("redis client", "error", err)
		}
	}
	s.outside.traces.Close()
}

func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(unknown)"
}
