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
		go k.fly(context.WithoutCancel(ctx), own, job{
			src: src, skipRedis: opt.SkipRedis, staleNow: opt.StaleNow, alone: opt.StaleNow, patience: k.patience(ctx),
		})
	}
	answers := make([]answer, len(ids))
	for i, id := range ids {
		answers[i] = k.wait(ctx, flights[i], Key{tenant, k.name, id}, opt)
	}
	return answers
}

// claim finds the flight of each id. The ids that nobody is loading become one
// flight of the caller's own, which the caller has to start. A caller whose
// time is up begins nothing: its flights may be nil.
func (k *kind) claim(ctx context.Context, tenant string, ids []string) (flights []*flight, own *flight) {
	flights = make([]*flight, len(ids))
	k.mu.Lock()
	defer k.mu.Unlock()
	for i, id := range ids {
		key := Key{tenant, k.name, id}
		if f := k.claims[key]; f != nil {
			k.counts.coalesced.Add(1)
			flights[i] = f
			continue
		}
		if ctx.Err() != nil {
			continue
		}
		if own == nil {
			own = newFlight()
		}
		own.keys = append(own.keys, key)
		flights[i], k.claims[key] = own, own
	}
	return flights, own
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

// wait returns the answer for key. It leaves when ctx ends, and the flight
// goes on without it.
func (k *kind) wait(ctx context.Context, f *flight, key Key, opt Options) answer {
	if f = f.follow(ctx, key); f == nil {
		it := k.cache.memory.get(key)
		return orFailed(answer{item: it, state: k.judge(it, time.Now())}, ctx.Err())
	}
	at, now := f.slot(key), time.Now()
	copied := at.copied
	if f.ahead { // it was fresh when it was looked at
		copied.state = k.judge(copied.item, now)
	}
	switch {
	case copied.state.fresh():
		return copied
	case copied.state == Stale && opt.StaleNow:
		return orFailed(copied, opt.StaleErr)
	case copied.state == Stale && k.revalidates(copied.item, now):
		return orFailed(copied, f.behind)
	case !await(ctx, f.done):
		return orFailed(copied, ctx.Err())
	}
	switch it := at.loaded; {
	case it == nil:
		return orFailed(copied, cmp.Or(f.err, f.behind))
	case it.absent:
		return answer{item: it, state: Absent}
	default:
		return answer{item: it, state: Loaded}
	}
}

// follow returns the flight that answers for key, once it has looked; nil: ctx
// ended before.
func (f *flight) follow(ctx context.Context, key Key) *flight {
	for f != nil && await(ctx, f.looked) {
		next := f.later[key]
		if next == nil {
			return f
		}
		f = next
	}
	return nil
}

// await reports whether ch was closed before ctx ended; both is a yes.
func await(ctx context.Context, ch <-chan struct{}) bool {
	select {
	case <-ch:
		return true
	case <-ctx.Done():
	}
	select {
	case <-ch:
		return true
	default:
		return false
	}
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
