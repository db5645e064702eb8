package cache

import (
	"context"
	"time"
)

// One asks the source for one record. A record is good even when the error is not
// nil. A nil error without one means that the source has none.
type One[V any] func(ctx context.Context) (v V, ok bool, err error)

// Pending is a record that was asked for, by [Loader.Begin].
type Pending[V any] struct {
	loader  *Loader[V]
	key     Key
	opt     Options
	flight  *flight // nil with settled false: the caller's time was up
	settled bool
	result  Result[V]
	at      time.Time
}

// Begin is [Loader.Load] for one record, in two halves: a caller that wants
// several kinds of record begins all, and then waits for each.
func (l *Loader[V]) Begin(ctx context.Context, tenant, id string, opt Options, load One[V]) Pending[V] {
	k, now := l.kind, time.Now()
	p := Pending[V]{loader: l, key: l.key(tenant, id), opt: opt}
	it := k.recall(ctx, p.key)
	a := answer{item: it, state: k.judge(it, now)}
	k.counts.inMemory.add(a.state)
	if a.state == Cached && it.ripe(now) && !opt.StaleNow {
		k.refresh(ctx, tenant, []string{id}, l.sourceOne(load))
	}
	if a.state.fresh() || a.state == Stale && k.paused(&a, now, &opt) {
		p.settle(a, now)
		return p
	}
	f, own := k.claimOne(ctx, p.key)
	if own != nil {
		k.start(ctx, own, k.job(ctx, opt, l.sourceOne(load)))
	}
	p.flight = f
	return p
}

// Wait returns what the record came to, or when ctx ends what is known of it;
// the load goes on then.
func (p *Pending[V]) Wait(ctx context.Context) Result[V] {
	if !p.settled {
		p.settle(p.loader.kind.wait(ctx, p.flight, p.key, p.opt))
	}
	return p.result
}

// At is when the result was there, be it before it was waited for.
func (p *Pending[V]) At() time.Time { return p.at }

func (p *Pending[V]) settle(a answer, at time.Time) {
	p.settled, p.result, p.at = true, result[V](p.key.ID, a), at
	p.loader.count(&p.result)
}

// sourceOne is source for one record.
func (l *Loader[V]) sourceOne(load One[V]) source {
	return func(ctx context.Context, _ []string, records []record) error {
		begun := time.Now()
		v, ok, err := load(ctx)
		if ok {
			records[0] = l.record(v, begun)
		}
		return err
	}
}

// Shared reports whether there is a Redis: without one nothing can be prefetched.
func (c *Cache) Shared() bool { return c.remote != nil }
