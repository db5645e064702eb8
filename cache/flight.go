package cache

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"sync"
	"time"
)

// abandonAfter is how long past its deadline a load may run before it is given
// up, so that one that respects its context can still say what happened.
const abandonAfter = 100 * time.Millisecond

var (
	errAborted   = errors.New("cache: the load ended without an answer")
	errAbandoned = fmt.Errorf("cache: the load outlived its deadline: %w", context.DeadlineExceeded)
)

// record is a value on its way from the source to the tiers.
type record struct {
	item *item
	data []byte // its JSON; nil when it cannot be encoded, and is not kept then
}

// source asks the source for ids, and puts what it answers into records, in
// their order. See [Load] for the error.
type source func(ctx context.Context, ids []string, records []record) error

// flight is one load: the keys that one caller claimed together. What a single
// key needs is in it.
type flight struct {
	kind   *kind
	keys   []Key
	ahead  bool            // it replaces copies that are fresh
	looked gate            // open when memory and Redis have been asked
	slots  []slot          // one for each key; what was looked up is final when looked is open, as are the next four
	index  map[Key]int     // where in keys a key is; nil where they are few
	behind error           // why a copy that is shown at once is no better
	later  map[Key]*flight // the flights of keys that another replica is loading
	landed time.Time       // when looked was opened
	done   gate            // open when the source has answered
	once   sync.Once       // guards the settling
	err    error           // why keys that were to be loaded have nothing; final when done is open
	ended  time.Time       // when done was opened; likewise
	job    job             // of the goroutine that flies it, as are the next four
	placed bool            // it has a place among the loads that nobody waits for
	sorted bool            // it is known what is to be loaded
	load   []Key           // that; then final
	asks   []ask           // what Redis is to be asked for before that
	leash  leash           // the context of the load

	held       bool    // it is among deadlines; guarded by that, as are the next two
	prev, next *flight // there

	key    [1]Key
	slot0  [1]slot
	id     [1]string
	record [1]record
}

// slot is what a flight came to for one of its keys.
type slot struct {
	copied answer // what memory and Redis had
	loaded *item  // what the source answered, be it an absence; nil: nothing. Final when done is open

	// Of the goroutine that flies it.
	turn *turn
	lost bool // the turn is somebody else's
}

func (k *kind) newFlight() *flight {
	f := &flight{kind: k, behind: ErrRevalidating}
	f.keys = f.key[:0]
	return f
}

// fewKeys are found faster by looking at each.
const fewKeys = 8

// open makes the slots, once all keys are there.
func (f *flight) open() {
	f.slots = f.slot0[:]
	if len(f.keys) > 1 {
		f.slots = make([]slot, len(f.keys))
	}
	if len(f.keys) <= fewKeys {
		return
	}
	f.index = make(map[Key]int, len(f.keys))
	for i, key := range f.keys {
		f.index[key] = i
	}
}

// slot returns the slot of one of the keys.
func (f *flight) slot(key Key) *slot {
	switch {
	case f.index != nil:
		return &f.slots[f.index[key]]
	case len(f.keys) == 1:
		return &f.slots[0]
	}
	return &f.slots[slices.Index(f.keys, key)]
}

// close ends a flight that has nothing to load, or has loaded it.
func (f *flight) close() {
	f.ended = time.Now()
	f.done.open()
}

// job is how a flight goes about its keys.
type job struct {
	src       source
	skipRedis bool      // Redis was asked just now
	staleNow  bool      // copies past their time are shown at once
	alone     bool      // other replicas are not waited for
	waits     bool      // they are, from the beginning
	patience  time.Time // until when
}

// start sets a flight off, which outlives ctx. What can be looked up without
// waiting is looked up here and now, so that most callers wait once, for the
// source; and a flight that has nothing to load needs no goroutine.
func (k *kind) start(ctx context.Context, f *flight, j job) {
	f.open()
	f.job, f.leash.caller = j, ctx
	if !j.waits && !k.glance(ctx, f) {
		return
	}
	k.cache.crew.fly(f)
}

// glance looks for the keys of f as far as that needs no waiting, and reports
// whether something is left to do.
func (k *kind) glance(ctx context.Context, f *flight) (more bool) {
	f.load = k.lookMemory(ctx, f)
	if f.asks = k.asksFor(f, f.load, f.job); len(f.asks) > 0 {
		return true
	}
	f.load = k.conclude(f, f.load)
	if len(f.load) == 0 {
		f.close()
		return false
	}
	return true
}

// fly asks Redis and the source for what is left of the keys of f.
func (k *kind) fly(f *flight) {
	if !f.sorted {
		f.load = k.look(context.WithoutCancel(f.leash.caller), f)
	}
	if f.placed {
		defer k.cache.leave()
	}
	want := f.load
	if len(want) == 0 {
		f.close()
		return
	}
	k.deadlines.add(f)
	defer f.leash.finish(context.Canceled)
	defer k.deadlines.remove(f)
	defer k.settle(f, want, loaded{}, errAborted) // a load that left by runtime.Goexit; else settled already
	k.counts.loads.Add(1)
	k.counts.loadedIDs.Add(uint64(len(want)))
	got, err := k.ask(&f.leash, f, f.job.src)
	if err != nil {
		k.counts.loadErrors.Add(1)
	}
	k.settle(f, want, got, err)
}

// loaded is what the source answered, in the order of what was asked. It may be
// that those that are not there do not exist, as of begun.
type loaded struct {
	records []record // none: it did not answer
	absent  bool
	begun   time.Time
}

// of returns what there is to keep of the key at a place.
func (l loaded) of(k *kind, place int) (r record, ok bool) {
	if place < len(l.records) {
		r = l.records[place]
	}
	if r.item == nil && l.absent {
		r.item = k.newAbsence(l.begun)
	}
	return r, r.item != nil
}

// ask calls the source. A panic in it becomes the error of all who wait; its
// value, which may hold a record, is not logged.
func (k *kind) ask(ctx context.Context, f *flight, src source) (got loaded, err error) {
	defer func() {
		if p := recover(); p != nil {
			k.cache.log.LogAttrs(ctx, slog.LevelError, "a load panicked",
				slog.String("kind", k.name), slog.String("panic", fmt.Sprintf("%T", p)), slog.String("stack", string(debug.Stack())))
			got, err = loaded{}, fmt.Errorf("cache: load of %s: %w", k.name, errAborted)
		}
	}()
	ids, records := f.id[:], f.record[:]
	if n := len(f.load); n > 1 {
		ids, records = make([]string, n), make([]record, n)
	}
	for i, key := range f.load {
		ids[i] = key.ID
	}
	begun := time.Now()
	err = src(ctx, ids, records)
	return loaded{records, err == nil || k.absent(err), begun}, err
}

// settle keeps what was loaded, gives up the claims and wakes who waits. The
// first call decides. A key whose claim was taken away by [Loader.Drop] is
// answered but not kept: what was loaded may be what was dropped.
func (k *kind) settle(f *flight, keys []Key, got loaded, err error) {
	var refused []Key
	f.once.Do(func() {
		f.err = err
		k.mu.Lock()
		for i, key := range keys {
			at := f.slot(key)
			r, ok := got.of(k, i)
			if ok {
				at.loaded = r.item
			} else {
				k.failed(f, key, err)
			}
			if k.claims[key] == f {
				if ok && (r.data != nil || r.item.absent) && !k.store(key, r.item, r.data, at.turn) {
					refused = append(refused, key)
				}
				delete(k.claims, key)
			}
			k.cache.giveBack(at.turn) // unless it went with the record
		}
		k.mu.Unlock()
		f.close()
	})
	k.cache.follow(refused...)
}
