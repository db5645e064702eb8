package cache

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

const (
	// A copy that is read is loaded again between these shares of its fresh
	// time, in twentieths. The span is half of it, so that of records that were
	// stored together no moment sees twice as many as another.
	aheadFirst = 10
	aheadLast  = 19

	// aheadLeast is the shortest fresh time in which it is worth it.
	aheadLeast = 10 * time.Second

	// maxBehind is how many loads that nobody waits for go on at once.
	maxBehind = 64
)

// The errors of copies that are Stale although no load of them has failed.
var (
	ErrRevalidating = errors.New("cache: a newer copy is being loaded")
	ErrBusy         = errors.New("cache: too many loads in the background")
)

// aheadOf draws the age from which a record is loaded ahead; 0: it is not.
func (p Policy) aheadOf() int64 {
	if p.Fresh < aheadLeast {
		return 0
	}
	return int64(p.Fresh/20*aheadFirst + rand.N(p.Fresh/20*(aheadLast-aheadFirst)))
}

// refresh loads the ripe copies among ids again, and along with them those that
// will be before long: what is asked for together is loaded together.
func (k *kind) refresh(ctx context.Context, tenant string, ids []string, src source) {
	c, now := k.cache, time.Now()
	if c.closing.Err() != nil {
		return
	}
	var keys []Key
	for _, id := range ids {
		key := Key{tenant, k.name, id}
		it := c.memory.get(key)
		if it == nil || it.age(now) < k.policy.Fresh/20*aheadFirst {
			continue
		}
		if ahead := it.ahead.Load(); ahead > 0 && ahead != aheadBusy && it.ahead.CompareAndSwap(ahead, aheadBusy) {
			keys = append(keys, key)
		}
	}
	f := k.claimAhead(keys)
	if f == nil {
		return
	}
	if len(c.behind) == cap(c.behind) { // not even Redis is asked
		k.withdraw(f)
		return
	}
	k.start(ctx, f, job{src: src})
}

// claimAhead makes a flight of the keys that nobody is loading.
func (k *kind) claimAhead(keys []Key) *flight {
	f := k.newFlight()
	f.ahead = true
	k.mu.Lock()
	for _, key := range keys {
		if k.claims[key] != nil {
			k.beat(f, key, ErrRevalidating)
			continue
		}
		f.keys = append(f.keys, key)
		k.claims[key] = f
	}
	k.mu.Unlock()
	if len(f.keys) == 0 {
		return nil
	}
	return f
}

// withdraw ends a flight that found no place, before it began.
func (k *kind) withdraw(f *flight) {
	f.open()
	now := time.Now()
	for i, key := range f.keys {
		it := k.cache.memory.get(key)
		f.slots[i].copied = answer{item: it, state: k.judge(it, now)}
	}
	k.skip(f, f.keys)
	k.land(f, nil, nil)
	f.close()
}

// skip puts off what nobody waits for and there is no place for.
func (k *kind) skip(f *flight, keys []Key) {
	f.behind = ErrBusy
	k.counts.skipped.Add(1)
	for _, key := range keys {
		k.cache.giveBack(f.slot(key).turn)
		k.beat(f, key, ErrBusy)
	}
}

// enter takes a place among the loads that nobody waits for.
func (c *Cache) enter() bool {
	select {
	case c.behind <- struct{}{}:
		return true
	default:
		return false
	}
}

func (c *Cache) leave() { <-c.behind }
