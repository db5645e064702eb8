package main

import (
	"fmt"
	"sync/atomic"
	"time"
)

// redisContents has a Redis that lost or altered what it was given.
func redisContents() []scenario {
	return []scenario{
		{
			row: "24", name: "redis-flushed", fault: "FLUSHALL under load, with one of three gateways warm, and the load goes on over all three", ci: true,
			line:  "99.9 % answered; one call of the sources for each record, by whichever of the gateways",
			setup: setup{replicas: 3, config: unhurried + settled},
			run: func(t *trial) {
				t.all = t.globex()
				t.warmOne(t.replica(0), t.all)
				t.slowly(50) // so that the others meet in a load
				before := t.everyRecord()
				var flushed atomic.Bool
				reached := func() []*replica {
					if flushed.Load() {
						return t.live()
					}
					return t.live()[:1]
				}
				seen := t.drive(t.span(2500*time.Millisecond, 40*time.Second), func(l *load) {
					l.trespass, l.rate, l.even, l.replicas = 0, 150, true, reached
				}, func() {
					t.sleep(500 * time.Millisecond)
					t.redisDo("FLUSHALL")
					flushed.Store(true)
				})
				t.answered(seen, nearlyAll)
				t.share("complete", 1-seen.degraded(), nearlyAll)
				t.most(fmt.Sprintf("calls for any record of %d documents", len(t.all)), float64(t.busiest(before)), 1)
			},
		},
		{
			row: "25", name: "redis-evicts", fault: "Redis has room for little (maxmemory, allkeys-lfu), and evicts",
			line:  "99.9 % answered; keys are evicted; no read fails",
			setup: setup{config: patient + due, records: 300},
			run: func(t *trial) {
				t.warmUp(t.all)
				used, err := t.redis.figure(t.ctx, "memory", "used_memory")
				t.must(err)
				t.redisDo("CONFIG", "SET", "maxmemory-policy", "allkeys-lfu")
				t.redisDo("CONFIG", "SET", "maxmemory", fmt.Sprintf("%.0f", used-100<<10))
				failed := t.metric(redisOps, `operation="read_error"`)
				seen := t.drive(t.span(3*time.Second, 20*time.Second), nil)
				t.answered(seen, nearlyAll)
				evicted, err := t.redis.figure(t.ctx, "stats", "evicted_keys")
				t.must(err)
				t.least("keys evicted", evicted, 1)
				t.most("reads that failed", t.metric(redisOps, `operation="read_error"`)-failed, 0)
			},
		},
		{
			row: "31", name: "damaged-values", fault: "every value in Redis is damaged: cut, flipped, of another key, empty, 10 MB", ci: true,
			line:  "99.9 % answered, none with 500; the damage is counted",
			setup: setup{config: unhurried + settled},
			run: func(t *trial) {
				t.warmUp(t.all)
				t.written()
				t.damage()
				t.signal(t.replica(0).process, kill)
				_, err := t.replica(0).ended(t.ctx)
				t.must(err)
				t.revive(0) // with nothing in memory
				seen := t.drive(t.span(2*time.Second, 10*time.Second), nil)
				t.answered(seen, nearlyAll)
				t.most("500s", float64(seen.count("500")), 0)
				t.least("values that were found damaged", t.metric("weft_cache_redis_operations_total", `operation="corrupt"`), 1)
			},
		},
	}
}

// redisRefusals has a Redis that answers, but not as it should.
func redisRefusals() []scenario {
	return []scenario{
		{
			row: "26", name: "redis-full", fault: "Redis has no room and evicts nothing (OOM, noeviction)", ci: true,
			line:  "99.9 % answered; reads go on, also in a gateway that starts then; at most a line in the log a second",
			setup: setup{config: patient + settled},
			run: func(t *trial) {
				t.readOnly(func() {
					t.redisDo("CONFIG", "SET", "maxmemory-policy", "noeviction")
					t.redisDo("CONFIG", "SET", "maxmemory", "1")
				})
			},
		},
		{
			row: "27", name: "redis-read-only", fault: "Redis has become a replica, which refuses writes", ci: true,
			line:  "99.9 % answered; reads go on, also in a gateway that starts then; at most a line in the log a second",
			setup: setup{config: patient + settled},
			run: func(t *trial) {
				t.readOnly(func() { t.redisDo("REPLICAOF", "127.0.0.1", "1") }) // a master that is not there
			},
		},
		{
			row: "30", name: "redis-refuses", fault: "Redis asks for a password; has other types under our keys; takes no more connections", ci: true,
			line:  "99.9 % answered; at most 10 reads and PINGs fail, and 3 a second; in use again by itself",
			setup: setup{config: due},
			run: func(t *trial) {
				t.warmUp(t.all)
				span := t.span(1500*time.Millisecond, 10*time.Second)
				t.redisDo("CONFIG", "SET", "requirepass", "another")
				t.redisDo("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
				t.withoutRedis(span)
				t.redisDo("CONFIG", "SET", "requirepass", "")
				t.redisBack()

				t.wrongTypes()
				seen := t.drive(span, nil)
				t.share("answered with other types", seen.success(), nearlyAll)

				t.redisDo("CONFIG", "SET", "maxclients", "1")
				t.redisDo("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
				t.redisDo("CLIENT", "KILL", "TYPE", "pubsub")
				seen = t.drive(span, nil)
				t.share("answered with one connection", seen.success(), nearlyAll)
				t.redisDo("CONFIG", "SET", "maxclients", "10000")
				t.redisBack()
			},
		},
	}
}
