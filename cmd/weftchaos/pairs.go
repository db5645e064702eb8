package main

import (
	"syscall"
	"time"
)

// pairedFaults are two at once.
func pairedFaults() []scenario {
	return []scenario{
		{
			row: "3+20", name: "crm-slow-and-redis-killed", fault: "the CRM takes 30 s, and Redis gets SIGKILL",
			line:  "99.9 % answered, none after more than the request's deadline",
			setup: setup{config: due},
			run: func(t *trial) {
				t.warmUp(t.all)
				t.turn(dial{"service": "crm", "latencyMs": 30000})
				t.signal(t.redis.process, kill)
				t.withoutRedis(t.span(4*time.Second, 30*time.Second))
				t.mend()
				t.must(t.redis.start(t.ctx))
				t.redisBack()
				t.recovered()
			},
		},
		{
			row: "17+21", name: "stores-down-and-redis-frozen", fault: "both stores' ports are closed, and Redis gets SIGSTOP",
			line:  "99.9 % answered, from memory",
			setup: setup{proxied: []string{"store"}, config: due},
			run: func(t *trial) {
				t.warmUp(t.all)
				t.proxies["store"].cut()
				t.signal(t.redis.process, syscall.SIGSTOP)
				seen := t.withoutRedis(t.span(4*time.Second, 30*time.Second))
				t.least("documents with a stale conversation", float64(seen.state("conversation stale")), 1)
				t.signal(t.redis.process, syscall.SIGCONT)
				t.must(t.proxies["store"].infect())
				t.redisBack()
				t.recovered()
			},
		},
		{
			row: "35+20", name: "herd-without-redis", fault: "10,000 requests for one cold conversation over three gateways, after Redis got SIGKILL", ci: true,
			line:  "99.9 % answered; at most three calls for each record",
			setup: setup{replicas: 3, config: crowd},
			run: func(t *trial) {
				t.signal(t.redis.process, kill)
				_, err := t.redis.ended(t.ctx)
				t.must(err)
				t.until("the breaker of Redis open", 20*time.Second, func() bool {
					t.ask(t.replica(0), t.globex()[1], "")
					t.ask(t.replica(0), t.globex()[2], "")
					return t.breaker("redis") != "closed"
				})
				t.slowly(500)
				t.herd(10_000, t.globex()[0])
			},
		},
		{
			row: "38+3", name: "hot-tenant-and-crm-slow", fault: "one tenant asks eight times as often as it may, and the CRM takes 30 s",
			line:  "99.9 % of the other's answered; the hot one is told 429",
			setup: setup{config: patient + due, tenant: "    limits: {requests: 50/s, burst: 50}\n"},
			run: func(t *trial) {
				t.hotTenant(t.span(4*time.Second, 20*time.Second), func() { t.turn(dial{"service": "crm", "latencyMs": 30000}) })
			},
		},
		{
			row: "41+3", name: "sigterm-and-crm-slow", fault: "one of two gateways gets SIGTERM under load, while the CRM takes 30 s",
			line:  "no request fails; the exit code is 0, within 15 s",
			setup: setup{replicas: 2, config: patient + drained + due},
			run: func(t *trial) {
				t.warmUp(t.all[:len(t.all)/2])
				t.stopped(func() { t.turn(dial{"service": "crm", "latencyMs": 30000}) })
			},
		},
	}
}
