package main

import (
	"fmt"
	"syscall"
	"time"
)

// redisAway has a Redis that does not answer, or not in time.
func redisAway() []scenario {
	return []scenario{
		{
			row: "20", name: "redis-killed", fault: "Redis gets SIGKILL, and comes back empty", ci: true,
			line:  "99.9 % answered; at most 10 reads and PINGs fail, and 3 a second; in use again by itself",
			setup: setup{config: due},
			run: func(t *trial) {
				t.warmUp(t.all)
				t.signal(t.redis.process, kill)
				t.withoutRedis(t.span(2500*time.Millisecond, 20*time.Second))
				t.must(t.redis.start(t.ctx))
				t.redisBack()
			},
		},
		{
			row: "21", name: "redis-frozen", fault: "Redis gets SIGSTOP; two minutes at full length show what ten do: the breaker is open and pings",
			line: "99.9 % answered; at most 10 reads and PINGs fail, and 3 a second; in use again by itself", ci: true,
			setup: setup{config: due},
			run: func(t *trial) {
				t.warmUp(t.all)
				t.signal(t.redis.process, syscall.SIGSTOP)
				t.withoutRedis(t.span(2500*time.Millisecond, 2*time.Minute))
				t.signal(t.redis.process, syscall.SIGCONT)
				t.redisBack()
			},
		},
		{
			row: "22", name: "redis-slow", fault: "Redis takes 20 to 200 ms", ci: true,
			line:  "99.9 % answered; the breaker opens or reads are in time; at full length p99 at most 75 ms above the healthy one",
			setup: setup{proxied: []string{"redis"}, config: due},
			run: func(t *trial) {
				t.warmUp(t.all)
				span := t.span(2500*time.Millisecond, 20*time.Second)
				healthy := t.drive(span, nil)
				t.must(t.proxies["redis"].infect(toxic{Type: "latency", Attributes: map[string]int64{"latency": 110, "jitter": 90}}))
				seen := t.drive(span, nil)
				t.answered(seen, nearlyAll)
				t.within(fmt.Sprintf("p99 (healthy: %s)", healthy.quantile(.99).Round(time.Millisecond)), seen.quantile(.99),
					t.span(3*time.Second, healthy.quantile(.99)+75*time.Millisecond))
				t.must(t.proxies["redis"].infect())
				t.redisBack()
			},
		},
		{
			row: "23", name: "redis-half-open", fault: "all connections to Redis pass nothing any more, without being closed", ci: true,
			line:  "99.9 % answered; at most 50 reads and PINGs fail, one for each connection of the pool; new connections serve",
			setup: setup{relayed: []string{"redis"}, config: due},
			run: func(t *trial) {
				t.warmUp(t.all)
				failed := t.failures(redisReads)
				lost := t.relays["redis"].forget()
				seen := t.drive(t.span(2500*time.Millisecond, 20*time.Second), nil)
				t.answered(seen, nearlyAll)
				t.least("connections lost", float64(lost), 1)
				t.most("reads and PINGs that failed", t.failures(redisReads)-failed, 50)
				t.redisBack()
			},
		},
	}
}
