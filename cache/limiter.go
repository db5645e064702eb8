package cache

import (
	"context"
	"time"

	"github.com/weft-gateway/weft/upstream/breaker"
)

// Limiter counts what comes against rates, by the generic cell rate algorithm:
// of a bucket nothing is kept but the time at which it is full again.
//
// With Redis the replicas share the buckets, which are judged by the clock of
// Redis. While that is away each process counts for itself, from where the
// buckets were last seen: a limiter never refuses for want of Redis, and never
// waits for it longer than for a read.
type Limiter struct {
	remote *remote          // nil without Redis
	script *breaker.Breaker // of the script; nil without Redis
	local  *localRates
}

// NewLimiter returns a limiter that shares its counts by the Redis of c, if
// that has one. Its breaker is registered with set; nil: nowhere. It is to be
// closed before c is.
//
// The breaker is not that of reads, because a Redis that is full or a read-only
// replica answers those. In the background it is probed with the script itself.
func NewLimiter(c *Cache, set *breaker.Set) (*Limiter, error) {
	l := &Limiter{local: newLocalRates()}
	if c.remote == nil {
		return l, nil
	}
	l.remote = c.remote
	b, err := breaker.New(breaker.Config{
		Name: "redis-limits", Upstream: "redis", Operation: "limit",
		Deadline: c.remote.deadline, ConsecutiveFailures: redisTrip, OpenFor: readsOpenFor,
		Classify: classify, Reason: reason, Logger: c.log,
		Probe: func(ctx context.Context) error {
			_, err := l.run(ctx, []string{rateKey("", "probe")}, []Bucket{{Rate: Rate{Count: 1, Per: time.Second, Burst: 60}}})
			return err
		},
	})
	if err == nil && set != nil {
		err = set.Add(b)
	}
	if err != nil {
		return nil, err
	}
	l.script = b
	return l, nil
}

// Close ends the probes of Redis.
func (l *Limiter) Close() {
	if l.script != nil {
		l.script.Close()
	}
}

// Take takes one from each of the tenant's buckets, or, if one of them is
// empty, from none, and reports which it was. The levels are in the order of
// the buckets; those of which nothing could be taken have a Wait.
func (l *Limiter) Take(ctx context.Context, tenant string, buckets []Bucket) (levels []Level, ok bool) {
	if len(buckets) == 0 {
		return nil, true
	}
	keys := make([]string, len(buckets))
	for i, b := range buckets {
		keys[i] = rateKey(tenant, b.Name)
	}
	full, ok := l.take(ctx, keys, buckets)
	levels = make([]Level, len(buckets))
	for i, b := range buckets {
		levels[i] = b.Rate.level(full[i])
	}
	return levels, ok
}

// take returns how long each bucket takes to be full again. A bucket only ever
// empties by what others take, so that one that is known to be empty is not
// asked for: who is refused costs no visit of Redis.
func (l *Limiter) take(ctx context.Context, keys []string, buckets []Bucket) (full []time.Duration, ok bool) {
	began := time.Now()
	if l.remote == nil || l.remote.reads.Tripped() {
		return l.local.take(began, keys, buckets)
	}
	if full, ok = l.local.look(began, keys, buckets); !ok {
		return full, false
	}
	reply, err := call(ctx, l.script, func(ctx context.Context) (taken, error) { return l.run(ctx, keys, buckets) })
	if err != nil {
		return l.local.take(began, keys, buckets)
	}
	l.local.note(began, keys, reply.full)
	return reply.full, reply.ok
}
