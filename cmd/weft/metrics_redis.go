package main

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
)

// redis publishes the client's connections, and times what goes over them.
func (m *metrics) redis(client redis.UniversalClient) {
	m.registry.MustRegister(&poolCollector{client.PoolStats}, m.visits)
	client.AddHook(newRedisTimer(m.visits))
}

// redisTimer times each visit of Redis, a pipeline being one.
type redisTimer struct {
	read, write, script, ping prometheus.Observer
}

func newRedisTimer(visits *prometheus.HistogramVec) *redisTimer {
	of := func(op string) prometheus.Observer { return visits.WithLabelValues("redis", op) }
	return &redisTimer{read: of("read"), write: of("write"), script: of("script"), ping: of("ping")}
}

// DialHook implements [redis.Hook].
func (*redisTimer) DialHook(next redis.DialHook) redis.DialHook { return next }

// ProcessHook implements [redis.Hook].
func (t *redisTimer) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		start := time.Now()
		err := next(ctx, cmd)
		t.observe(cmd, start)
		return err
	}
}

// ProcessPipelineHook implements [redis.Hook].
func (t *redisTimer) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		start := time.Now()
		err := next(ctx, cmds)
		t.observe(cmds[0], start)
		return err
	}
}

// observe counts a visit by its first command.
func (t *redisTimer) observe(first redis.Cmder, start time.Time) {
	var to prometheus.Observer
	switch operationOf(first) {
	case "read":
		to = t.read
	case "write":
		to = t.write
	case "script":
		to = t.script
	case "ping":
		to = t.ping
	default:
		return
	}
	to.Observe(time.Since(start).Seconds())
}

// operationOf names a visit by its first command: reads and writes do not mix,
// but for the turn that is asked for behind a read. "" is what go-redis says to
// a new connection by itself.
func operationOf(first redis.Cmder) string {
	switch first.Name() {
	case "get", "getrange", "hmget", "scan", "zrevrange", "zrangebyscore":
		return "read"
	case "eval", "evalsha", "script":
		return "script"
	case "ping":
		return "ping"
	case "hello", "client", "auth", "select", "readonly", "cluster":
		return ""
	}
	return "write"
}

// poolCollector publishes the state of the connections to Redis when scraped.
type poolCollector struct{ stats func() *redis.PoolStats }

// poolDescs are its metrics; a function, since none may be changed.
func poolDescs() map[string]*prometheus.Desc {
	desc := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc("weft_redis_pool_"+name, help, nil, nil)
	}
	return map[string]*prometheus.Desc{
		"hits":     desc("hits_total", "Times that a free connection to Redis was there."),
		"misses":   desc("misses_total", "Times that there was none, so that one was made."),
		"timeouts": desc("timeouts_total", "Times that none became free in time."),
		"stale":    desc("stale_connections_total", "Connections to Redis that were given up because of their age or state."),
		"total":    desc("connections", "Connections to Redis."),
		"idle":     desc("idle_connections", "Connections to Redis that nobody uses."),
	}
}

// Describe implements [prometheus.Collector].
func (c *poolCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range poolDescs() {
		ch <- d
	}
}

// Collect implements [prometheus.Collector].
func (c *poolCollector) Collect(ch chan<- prometheus.Metric) {
	d, s := poolDescs(), c.stats()
	for name, n := range map[string]uint32{"hits": s.Hits, "misses": s.Misses, "timeouts": s.Timeouts, "stale": s.StaleConns} {
		ch <- prometheus.MustNewConstMetric(d[name], prometheus.CounterValue, float64(n))
	}
	ch <- prometheus.MustNewConstMetric(d["total"], prometheus.GaugeValue, float64(s.TotalConns))
	ch <- prometheus.MustNewConstMetric(d["idle"], prometheus.GaugeValue, float64(s.IdleConns))
}
