package main

import (
	"slices"
	"syscall"
	"time"
)

// settled keeps copies for as long as a scenario lasts, so that no source is
// asked but for what is not there.
const settled = `cache: {contact: {fresh: 10m}, account: {fresh: 10m}, link: {fresh: 10m}, conversation: {fresh: 10m}}`

// patient is a deadline that a healthy Redis keeps on a busy machine.
const patient = "deadlines: {redis: 1s}\n"

const kill = syscall.SIGKILL

const (
	redisReads   = `redis"` // the name of the breaker, to its end
	redisOps     = "weft_cache_redis_operations_total"
	redisRecords = "weft_cache_redis_records_total"
)

// withoutRedis drives the load while Redis is not to be had, and holds what was
// tried to what a closed breaker lets through.
func (t *trial) withoutRedis(span time.Duration) *recorder {
	tried := t.failures(redisReads)
	seen := t.drive(span, nil)
	t.answered(seen, nearlyAll)
	state := t.breaker("redis")
	t.holds(state != "closed", "the breaker of reads is %s", state)
	t.most("reads and PINGs that failed", t.failures(redisReads)-tried, 10+3*span.Seconds())
	t.within("slowest", seen.quantile(1), 3*time.Second)
	return seen
}

// redisBack waits until reads go to Redis again.
func (t *trial) redisBack() {
	bound := t.span(30*time.Second, 2*time.Second)
	took := t.until("Redis in use again", bound, func() bool { return t.breaker("redis") == "closed" })
	t.within("Redis in use again after", took, bound)
}

// written waits until the gateways have sent what they queued for Redis.
func (t *trial) written() {
	last, same := int64(-1), 0
	t.until("all written to Redis", 30*time.Second, func() bool {
		n, err := t.redis.admin.DBSize(t.ctx).Result()
		t.must(err)
		if same++; n != last {
			last, same = n, 0
		}
		return same >= 20 // some 400 ms
	})
}

// readOnly has Redis refuse writes. What is in it serves a gateway that has
// nothing in memory as ever.
func (t *trial) readOnly(refuse func()) {
	t.warmUp(t.all)
	t.written()
	refuse()
	t.signal(t.replica(0).process, kill)
	_, err := t.replica(0).ended(t.ctx)
	t.must(err)
	t.revive(0)
	contacts := t.calls("crm", "contacts")
	began := time.Now()
	warned := t.replica(0).said.warnings()
	seen := t.drive(t.span(2*time.Second, 15*time.Second), func(l *load) { l.targets = t.globex() })
	t.answered(seen, nearlyAll)
	t.most("calls for contacts that Redis has", float64(t.calls("crm", "contacts")-contacts), 0)
	t.least("records found in Redis", t.metric(redisRecords, `result="hit"`), 1)
	t.holds(t.breaker("redis") == "closed", "the breaker of reads is %s", t.breaker("redis"))
	t.most("lines of warning", float64(t.replica(0).said.warnings()-warned), 2+time.Since(began).Seconds())
}

// wrongTypes puts a list where each value was.
func (t *trial) wrongTypes() {
	t.must(t.redis.each(t.ctx, func(key, _ string) error {
		if err := t.redis.do(t.ctx, "DEL", key); err != nil {
			return err
		}
		return t.redis.do(t.ctx, "RPUSH", key, "x")
	}))
}

// redisFaults are those of Redis itself, and of the way there.
func redisFaults() []scenario {
	return slices.Concat(redisAway(), redisContents(), redisRefusals())
}
