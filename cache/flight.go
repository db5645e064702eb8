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

// source asks the source for ids: id -> record. See [Load] for the error.
type source func(ctx context.Context, ids []string) (map[string]record, error)

// flight is one load: the keys that one caller claimed together.
type flight struct {
	keys   []Key
	ahead  bool            // it replaces copies that are fresh
	looked chan struct{}   // closed when memory and Redis have been asked
	slots  []slot          // one for each key; what was looked up is final when looked is closed, as are the next three
	index  map[Key]int     // where in keys a key is; nil where they are few
	behind error           // why a copy that is shown at once is no better
	later  map[Key]*flight // the flights of keys that another replica is loading
	done   chan struct{}   // closed when the source has answered
	once   sync.Once       // guards the settling
	err    error           // why keys that were to be loaded have nothing; final when done is closed
	placed bool            // it has a place among the loads that nobody waits for; of the goroutine that flies it
}

// slot is what a flight came to for one of its keys.
type slot struct {
	copied answer // what memory and Redis had
	loaded *item  // what the source answered, be it an absence; nil: nothing. Final when done is closed

	// Of the goroutine that flies it.
	turn *turn
	lost bool // the turn is somebody else's
}

func newFlight() *flight {
	return &flight{looked: make(chan struct{}), done: make(chan struct{}), behind: ErrRevalidating}
}

// fewKeys are found faster by looking at each.
const fewKeys = 8

// open makes the slots, once all keys are there.
func (f *flight) open() {
	f.slots = make([]slot, len(f.keys))
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
	if f.index != nil {
		return &f.slots[f.index[key]]
	}
	return &f.slots[slices.Index(f.keys, key)]
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

// deepen makes the stack of a new goroutine as large as a load needs it. By
// itself it would grow three times over, and copy what is on it each time.
//
//go:noinline
func deepen(n int) byte {
	var frame [12 << 10]byte
	frame[n%len(frame)] = 1
	return frame[(n+1)%len(frame)]
}

// fly asks memory, Redis and the source for the keys of f.
func (k *kind) fly(ctx context.Context, f *flight, j job) {
	deepen(len(f.keys))
	f.open()
	want := k.look(ctx, f, j)
	if f.placed {
		defer k.cache.leave()
	}
	if len(want) == 0 {
		close(f.done)
		return
	}
	ctx, cancel := context.WithTimeout(ctx, k.deadline)
	defer cancel()
	defer context.AfterFunc(k.cache.closing, cancel)()
	overdue := time.AfterFunc(k.deadline+abandonAfter, func() {
		k.counts.abandoned.Add(1)
		k.settle(f, want, loaded{}, errAbandoned)
	})
	defer overdue.Stop()
	defer k.settle(f, want, loaded{}, errAborted) // a load that left by runtime.Goexit; else settled already
	k.counts.loads.Add(1)
	k.counts.loadedIDs.Add(uint64(len(want)))
	got, err := k.ask(ctx, want, j.src)
	if err != nil {
		k.counts.loadErrors.Add(1)
	}
	k.settle(f, want, got, err)
}

// loaded is what the source answered: id -> record. It may be that those that
// are not there do not exist, as of begun.
type loaded struct {
	records map[string]record
	absent  bool
	begun   time.Time
}

// of returns what there is to keep of key.
func (l loaded) of(k *kind, key Key) (record, bool) {
	r, ok := l.records[key.ID]
	if !ok && l.absent {
		return record{item: k.newAbsence(l.begun)}, true
	}
	return r, ok
}

// ask calls the source. A panic in it becomes the error of all who wait; its
// value, which may hold a record, is not logged.
func (k *kind) ask(ctx context.Context, keys []Key, src source) (got loaded, err error) {
	defer func() {
		if p := recover(); p != nil {
			k.cache.log.LogAttrs(ctx, slog.LevelError, "a load panicked",
				slog.String("kind", k.name), slog.String("panic", fmt.Sprintf("%T", p)), slog.String("stack", string(debug.Stack())))
			got, err = loaded{}, fmt.Errorf("cache: load of %s: %w", k.name, errAborted)
		}
	}()
	ids := make([]string, len(keys))
	for i, key := range keys {
		ids[i] = key.ID
	}
	begun := time.Now()
	found, err := src(ctx, ids)
	return loaded{found, err == nil || k.absent(err), begun}, err
}

// settle keeps what was loaded, gives up the claims and wakes who waits. The
// first call decides. A key whose claim was taken away by [Loader.Drop] is
// answered but not kept: what was loaded may be what was dropped.
func (k *kind) settle(f *flight, keys []Key, got loaded, err error) {
	var refused []Key
	f.once.Do(func() {
		f.err = err
		k.mu.Lock()
		for _, key := range keys {
			at := f.slot(key)
			r, ok := got.of(k, key)
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
		close(f.done)
	})
	k.cache.follow(refused...)
}
