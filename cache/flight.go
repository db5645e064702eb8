package cache

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
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
	copies map[Key]answer  // what they had; final when looked is closed, as are the next two
	behind error           // why a copy that is shown at once is no better
	later  map[Key]*flight // the flights of keys that another replica is loading
	done   chan struct{}   // closed when the source has answered
	once   sync.Once       // guards the settling
	loaded map[Key]*item   // what it answered, absences included; final when done is closed
	err    error           // why the other keys have nothing; final when done is closed

	// Of the goroutine that flies it.
	turns  map[Key]*turn
	lost   map[Key]bool // keys whose turn somebody else has
	placed bool         // it has a place among the loads that nobody waits for
}

func newFlight() *flight {
	return &flight{
		looked: make(chan struct{}), done: make(chan struct{}), behind: ErrRevalidating,
		turns: map[Key]*turn{}, lost: map[Key]bool{},
	}
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

// fly asks memory, Redis and the source for the keys of f.
func (k *kind) fly(ctx context.Context, f *flight, j job) {
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
		k.settle(f, want, nil, errAbandoned)
	})
	defer overdue.Stop()
	defer k.settle(f, want, nil, errAborted) // a load that left by runtime.Goexit; else settled already
	k.counts.loads.Add(1)
	k.counts.loadedIDs.Add(uint64(len(want)))
	records, err := k.ask(ctx, want, j.src)
	if err != nil {
		k.counts.loadErrors.Add(1)
	}
	k.settle(f, want, records, err)
}

// ask calls the source. A panic in it becomes the error of all who wait; its
// value, which may hold a record, is not logged.
func (k *kind) ask(ctx context.Context, keys []Key, src source) (records map[Key]record, err error) {
	defer func() {
		if p := recover(); p != nil {
			k.cache.log.LogAttrs(ctx, slog.LevelError, "a load panicked",
				slog.String("kind", k.name), slog.String("panic", fmt.Sprintf("%T", p)), slog.String("stack", string(debug.Stack())))
			records, err = nil, fmt.Errorf("cache: load of %s: %w", k.name, errAborted)
		}
	}()
	ids := make([]string, len(keys))
	for i, key := range keys {
		ids[i] = key.ID
	}
	begun := time.Now()
	found, err := src(ctx, ids)
	return k.outcome(keys, found, err, begun), err
}

// outcome pairs keys with what the source answered. Without an error, or with
// one that says so, the keys that it did not answer for are absent.
func (k *kind) outcome(keys []Key, found map[string]record, err error, begun time.Time) map[Key]record {
	absent := err == nil || k.absent(err)
	out := make(map[Key]record, len(keys))
	for _, key := range keys {
		if r, ok := found[key.ID]; ok {
			out[key] = r
		} else if absent {
			out[key] = record{item: k.newAbsence(begun)}
		}
	}
	return out
}

// settle keeps what was loaded, gives up the claims and wakes who waits. The
// first call decides. A key whose claim was taken away by [Loader.Drop] is
// answered but not kept: what was loaded may be what was dropped.
func (k *kind) settle(f *flight, keys []Key, records map[Key]record, err error) {
	var refused []Key
	f.once.Do(func() {
		f.loaded, f.err = make(map[Key]*item, len(records)), err
		k.mu.Lock()
		for _, key := range keys {
			r, ok := records[key]
			if ok {
				f.loaded[key] = r.item
			} else {
				k.failed(f, key, err)
			}
			if k.claims[key] == f {
				if ok && (r.data != nil || r.item.absent) && !k.store(key, r.item, r.data, f.turns[key]) {
					refused = append(refused, key)
				}
				delete(k.claims, key)
			}
			k.cache.giveBack(f.turns[key]) // unless it went with the record
		}
		k.mu.Unlock()
		close(f.done)
	})
	k.cache.follow(refused...)
}
