package cache

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"
)

// look fills the slots of f, gives up the claims of the keys that need no load, and
// returns the others. Keys that another replica is loading go to a flight of
// their own, which waits for that. Memory has been asked, unless f is one of those.
//
// Memory is asked although the caller has just done so, because of this order
// of events: A finds nothing in memory; B, who held the claim, puts its record
// into memory and gives the claim up; A gets the claim. Without a second look A
// would load again what is there. B stores before it gives up, so A's second
// look, after the claim, cannot miss it.
func (k *kind) look(ctx context.Context, f *flight) (load []Key) {
	for j := &f.job; ; {
		if j.waits {
			j.alone = k.nap(len(f.keys), j.patience)
			f.load = k.lookMemory(ctx, f)
			f.asks = k.asksFor(f, f.load, *j)
		}
		k.lookRemote(ctx, f)
		if load = k.conclude(f, f.load); f.sorted {
			return load
		}
	}
}

// conclude tells what is to be loaded of keys, those of which there was no copy
// that is good enough, and lets the others go. It does not while all that is left
// is to be waited for.
func (k *kind) conclude(f *flight, keys []Key) (load []Key) {
	load, others := k.sort(f, keys, f.job)
	if f.job.waits && len(others) == len(f.keys) {
		return nil
	}
	f.sorted = true
	later := k.land(f, load, others)
	if later != nil {
		if !f.job.waits {
			k.counts.turnsWaited.Add(uint64(len(others)))
		}
		j := f.job
		j.waits, j.skipRedis = true, false
		k.start(f.leash.caller, later, j)
	}
	return load
}

// nap waits a moment for what another replica loads, and reports whether that
// is to be waited for no longer.
func (k *kind) nap(keys int, patience time.Time) bool {
	timer := time.NewTimer(min(turnPoll+rand.N(turnPollSpread), time.Until(patience)))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-k.cache.closing.Done():
		return true
	}
	if time.Now().Before(patience) {
		return false
	}
	k.counts.turnsExpired.Add(uint64(keys))
	return true
}

// lookMemory fills the slots of f, and returns the keys of which it has none that is
// good enough.
func (k *kind) lookMemory(ctx context.Context, f *flight) (want []Key) {
	now := time.Now()
	want = f.keys[:0:0]
	for i, key := range f.keys {
		it, at := k.recall(ctx, key), &f.slots[i]
		at.copied, at.lost = answer{item: it, state: k.judge(it, now)}, false
		if !f.enough(at) {
			want = with(want, f.keys, i)
		}
	}
	return want
}

// with adds the key at a place to some, which are of those before it. While they are
// all of those, they are a part of keys and cost nothing.
func with(some, keys []Key, place int) []Key {
	if len(some) == place {
		return keys[: place+1 : place+1]
	}
	return append(some, keys[place])
}

// enough reports whether the copy of a key needs no load: it is fresh, and not
// the one that a flight ahead of its time is there to replace.
func (f *flight) enough(at *slot) bool {
	c := at.copied
	replaced := f.ahead && c.item != nil && c.item.ahead.Load() == aheadBusy
	return c.state.fresh() && !replaced
}

// asksFor are the keys that Redis has to be asked for, with the turns of those that
// will have to be loaded. A turn that came with [Cache.Prefetch] is taken.
func (k *kind) asksFor(f *flight, keys []Key, j job) (asks []ask) {
	if k.cache.remote == nil {
		return nil
	}
	turns := k.cache.takesTurns() && !j.alone
	for _, key := range keys {
		a, at := ask{key: key}, f.slot(key)
		if turns && k.wantsTurn(f, at) && !k.take(key, at) {
			a.turn = k.turnTime()
		}
		if a.turn > 0 || !j.skipRedis || k.onlyDue(at.copied.item, time.Now()) {
			asks = append(asks, a)
		}
	}
	return asks
}

// lookRemote betters the copies of f by what Redis has.
func (k *kind) lookRemote(ctx context.Context, f *flight) {
	r := k.cache.fetch(ctx, f.asks)
	now := time.Now()
	for _, a := range f.asks {
		at := f.slot(a.key)
		old, found := at.copied.item, r.of(a.key)
		if it := found.item; it != nil && (old == nil || !old.newer(it)) { // as old means that it was due
			at.copied = answer{item: it, state: k.judge(it, now)}
		}
		if a.turn > 0 && !k.take(a.key, at) && found.lost {
			at.lost = true
		}
	}
}

// onlyDue reports whether all that a copy lacks is that Redis be asked for it. It
// may have come to that since [Cache.Prefetch] looked at it.
func (k *kind) onlyDue(it *item, now time.Time) bool {
	switch {
	case it == nil || !k.cache.due(it, now):
		return false
	case it.absent:
		return it.age(now) < k.policy.Missing
	}
	return it.age(now) < k.policy.Fresh
}

// wantsTurn reports whether one replica alone has to load a key: there is nothing
// to show, or nobody waits for it.
func (k *kind) wantsTurn(f *flight, at *slot) bool {
	c := at.copied
	return c.state == Failed || f.ahead || k.revalidates(c.item, time.Now())
}

// take hands the turn of key, if this process has it, to its flight.
func (k *kind) take(key Key, at *slot) bool {
	w := k.cache.turns.take(key)
	if w == nil {
		return at.turn != nil
	}
	at.turn = w
	return true
}

// sort tells the keys to load from those that another replica is loading and
// that have to be waited for. The others need neither. A load that nobody will
// wait for has to find a place.
func (k *kind) sort(f *flight, keys []Key, j job) (load, others []Key) {
	waited, now := false, time.Now()
	load = keys[:0:0]
	for i, key := range keys {
		at := f.slot(key)
		c := at.copied
		shown := f.ahead || c.state == Stale && (j.staleNow || k.revalidates(c.item, now))
		switch {
		case f.enough(at):
			k.cache.giveBack(at.turn)
		case at.lost && shown:
			k.beat(f, key, ErrRevalidating)
		case at.lost && c.state == Failed:
			others = append(others, key)
		default:
			load = with(load, keys, i)
			waited = waited || !shown
		}
	}
	switch {
	case len(load) == 0 || waited:
	case !k.cache.enter():
		k.skip(f, load)
		load = nil
	default:
		f.placed = true
		k.count(f, len(load))
	}
	return load, others
}

// count counts a load that nobody waits for.
func (k *kind) count(f *flight, ids int) {
	if f.ahead {
		k.counts.ahead.Add(uint64(ids))
	} else {
		k.counts.behind.Add(uint64(ids))
	}
}

// land gives up the claims of f but for those of the keys to load, and returns
// the flight that others go to, if there are any.
func (k *kind) land(f *flight, load, others []Key) (later *flight) {
	if len(others) > 0 {
		later = k.newFlight()
		later.keys = others
		f.later = make(map[Key]*flight, len(others))
	}
	k.mu.Lock()
	for _, key := range others {
		f.later[key] = later
		if k.claims[key] == f {
			k.claims[key] = later
		}
	}
	for _, key := range f.keys {
		if k.claims[key] == f && !slices.Contains(load, key) {
			delete(k.claims, key)
		}
	}
	k.mu.Unlock()
	f.landed = time.Now()
	f.looked.open()
	return later
}
