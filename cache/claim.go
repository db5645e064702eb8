package cache

import (
	"cmp"
	"context"
	"time"
)

// answer is a [Result] without its type.
type answer struct {
	item  *item // nil when Failed
	state State
	err   error
}

// load answers for ids, which holds no id twice, in their order.
func (k *kind) load(ctx context.Context, tenant string, ids []string, opt Options, src source) []answer {
	flights, own := k.claim(ctx, tenant, ids)
	if own != nil {
		k.start(ctx, own, k.job(ctx, opt, src))
	}
	answers := make([]answer, len(ids))
	for i, id := range ids {
		answers[i], _ = k.wait(ctx, flights[i], Key{tenant, k.name, id}, opt)
	}
	return answers
}

// job is how what a caller asks for is gone about.
func (k *kind) job(ctx context.Context, opt Options, src source) job {
	return job{src: src, skipRedis: opt.SkipRedis, staleNow: opt.StaleNow, alone: opt.StaleNow, patience: k.patience(ctx)}
}

// claim finds the flight of each id. The ids that nobody is loading become one
// flight of the caller's own, which the caller has to start. A caller whose
// time is up begins nothing: its flights may be nil.
func (k *kind) claim(ctx context.Context, tenant string, ids []string) (flights []*flight, own *flight) {
	flights = make([]*flight, len(ids))
	k.mu.Lock()
	defer k.mu.Unlock()
	for i, id := range ids {
		flights[i], own = k.claimKey(ctx, Key{tenant, k.name, id}, own)
	}
	return flights, own
}

// claimOne is claim for one key.
func (k *kind) claimOne(ctx context.Context, key Key) (f, own *flight) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.claimKey(ctx, key, nil)
}

// claimKey finds the flight of key. Where there is none it is own, which is made
// when it is needed. mu is held.
func (k *kind) claimKey(ctx context.Context, key Key, own *flight) (f, grown *flight) {
	if f := k.claims[key]; f != nil {
		k.counts.coalesced.Add(1)
		return f, own
	}
	if ctx.Err() != nil {
		return nil, own
	}
	if own == nil {
		own = k.newFlight()
	}
	own.keys = append(own.keys, key)
	k.claims[key] = own
	return own, own
}

// patience is until when other replicas are waited for: as long as a turn
// lasts, but so that half of the caller's time is left for a load of its own.
func (k *kind) patience(ctx context.Context) time.Time {
	now := time.Now()
	wait := k.turnTime()
	if end, ok := ctx.Deadline(); ok {
		wait = min(wait, end.Sub(now)/2)
	}
	return now.Add(wait)
}

// wait returns the answer for key, and when it was there. It leaves when ctx
// ends, and the flight goes on without it.
func (k *kind) wait(ctx context.Context, f *flight, key Key, opt Options) (a answer, at time.Time) {
	if f = f.follow(ctx, key); f == nil {
		it, now := k.cache.memory.get(key), time.Now()
		return orFailed(answer{item: it, state: k.judge(it, now)}, ctx.Err()), now
	}
	s, now := f.slot(key), time.Now()
	copied := s.copied
	if f.ahead { // it was fresh when it was looked at
		copied.state = k.judge(copied.item, now)
	}
	switch {
	case copied.state.fresh():
		return copied, f.landed
	case copied.state == Stale && opt.StaleNow:
		return orFailed(copied, opt.StaleErr), f.landed
	case copied.state == Stale && k.revalidates(copied.item, now):
		return orFailed(copied, f.behind), f.landed
	case !f.done.await(ctx):
		return orFailed(copied, ctx.Err()), time.Now()
	}
	switch it := s.loaded; {
	case it == nil:
		return orFailed(copied, cmp.Or(f.err, f.behind)), f.ended
	case it.absent:
		return answer{item: it, state: Absent}, f.ended
	default:
		return answer{item: it, state: Loaded}, f.ended
	}
}

// follow returns the flight that answers for key, once it has looked; nil: ctx
// ended before.
func (f *flight) follow(ctx context.Context, key Key) *flight {
	for f != nil && f.looked.await(ctx) {
		next := f.later[key]
		if next == nil {
			return f
		}
		f = next
	}
	return nil
}

// orFailed returns the copy with the reason why it is not a better one.
func orFailed(copied answer, err error) answer {
	switch {
	case copied.state.fresh():
		return copied
	case copied.state == Stale:
		return answer{item: copied.item, state: Stale, err: err}
	}
	return answer{state: Failed, err: err}
}

// disown takes key away from the load under way, if there is one: what it
// brings is not kept, and who asks from now on begins another.
func (k *kind) disown(key Key) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.claims, key)
}

// forget takes the record out of memory. No load or read of Redis that is
// under way brings it back.
func (k *kind) forget(key Key) {
	k.disown(key)
	c := k.cache
	c.fence.Lock()
	defer c.fence.Unlock()
	c.drops++
	c.trails.remove(key)
	c.memory.items.Invalidate(key)
}
