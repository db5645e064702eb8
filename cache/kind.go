package cache

import (
	"errors"
	"fmt"
	"hash/maphash"
	"sync"
	"time"
)

// Policy says how long a record may be used, counted from when the source was
// asked for it.
type Policy struct {
	Fresh   time.Duration // younger answers without asking the source; 0: never
	Stale   time.Duration // younger stands in while the source fails; 0: Fresh, which is no standing in
	Missing time.Duration // how long an absence is remembered, never longer; 0: not at all

	// Revalidate: a copy past Fresh and younger than this is shown at once, as
	// Stale with [ErrRevalidating], and loaded behind it; 0: who asks waits.
	Revalidate time.Duration
}

func (p Policy) check() (Policy, error) {
	if p.Stale == 0 {
		p.Stale = p.Fresh
	}
	if p.Fresh < 0 || p.Missing < 0 || p.Revalidate < 0 || p.Stale < p.Fresh {
		return p, errors.New("a time is negative, or Stale is shorter than Fresh")
	}
	return p, nil
}

// rewriteAfter is how long Redis is not told of a record that comes by again
// and again, although it may have lost it meanwhile; 0: it is always told. That
// holds where replicas would have something of knowing how fresh it is.
func (p Policy) rewriteAfter() time.Duration {
	if p.Fresh >= aheadLeast {
		return 0
	}
	return min(10*time.Minute, p.Stale/4)
}

// State is how a record was obtained.
type State int

// The states. Only Failed and Stale come with an error.
const (
	Failed State = iota // nothing to show
	Loaded              // the source answered now, for this caller or one it waited with
	Cached              // a fresh copy
	Stale               // a copy past its fresh time
	Absent              // the source has no such record, said now or within the policy's Missing
)

// fresh reports whether the source need not be asked.
func (s State) fresh() bool { return s == Cached || s == Absent }

// String implements [fmt.Stringer].
func (s State) String() string {
	switch s {
	case Failed:
		return "failed"
	case Loaded:
		return "loaded"
	case Cached:
		return "cached"
	case Stale:
		return "stale"
	case Absent:
		return "absent"
	}
	return fmt.Sprintf("State(%d)", int(s))
}

// kind is what is common to all records of one kind: a [Loader] without its type.
type kind struct {
	cache    *Cache
	name     string
	policy   Policy
	deadline time.Duration
	decode   func([]byte) (any, error)
	absent   func(error) bool
	unasked  func(error) bool
	own      func(id string) string                      // nil: see [LoaderConfig]
	about    func(tenant, id string, value any) []string // nil likewise

	deadlines deadlines
	*ledger
}

// ledger is what all loaders of a kind share: one that takes the place of
// another goes on with it.
type ledger struct {
	counts kindCounters

	mu     sync.Mutex
	claims map[Key]*flight // key -> the load under way; guarded by mu
}

// judge says what it is good for now. No item is Failed. An item that is due
// counts as past its time, until Redis has been asked for it.
func (k *kind) judge(it *item, now time.Time) State {
	if it == nil {
		return Failed
	}
	age := it.age(now)
	switch {
	case it.absent && age < k.policy.Missing && !k.cache.due(it, now):
		return Absent
	case it.absent:
		return Failed
	case age < k.policy.Fresh && !k.cache.due(it, now):
		return Cached
	case age < k.policy.Stale:
		return Stale
	}
	return Failed
}

// revalidates reports whether a copy past its fresh time is shown at once.
func (k *kind) revalidates(it *item, now time.Time) bool {
	return it.age(now) < min(k.policy.Revalidate, k.policy.Stale)
}

// newItem makes a record from its JSON and its decoded value.
func (k *kind) newItem(value any, data []byte, storedAt time.Time) *item {
	it := newItem(value, len(data), storedAt, k.policy.Stale)
	it.ahead.Store(k.policy.aheadOf())
	if k.cache.remote != nil && k.policy.rewriteAfter() > 0 {
		it.noted = &noted{sum: maphash.Bytes(k.cache.seed, data)}
	}
	return it
}

func (k *kind) newAbsence(storedAt time.Time) *item {
	it := newItem(nil, 0, storedAt, k.policy.Missing)
	it.absent = true
	return it
}

// unpack reads what Redis held under key. Nothing there is nil, nil.
func (k *kind) unpack(key Key, envelope []byte, now time.Time) (*item, error) {
	if len(envelope) == 0 {
		return nil, nil
	}
	e, err := k.cache.ring.open(key, envelope, now)
	if err != nil {
		return nil, err
	}
	var it *item
	if e.absent {
		it = k.newAbsence(e.storedAt)
	} else {
		value, err := k.decodeSafely(e.data)
		if err != nil {
			return nil, err
		}
		it = k.newItem(value, e.data, e.storedAt)
	}
	it.shared, it.checked = true, int64(now.Sub(epoch))
	if it.noted != nil {
		it.noted.written = it.stored
	}
	return it, nil
}

// decodeSafely keeps a codec that panics on odd bytes from ending the process:
// it runs on a goroutine that no handler guards.
func (k *kind) decodeSafely(data []byte) (value any, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("cache: %s: decode panicked with a %T", k.name, p)
		}
	}()
	return k.decode(data)
}

// store keeps a record in both tiers, unless memory has a more recent one. It
// reports false for one that it refuses, since it is about what was erased just
// now: [Cache.follow] is then to be called, without any lock. A turn is given back with
// the record.
func (k *kind) store(key Key, it *item, data []byte, w *turn) bool {
	if it.absent && k.policy.Missing == 0 {
		k.remove(key, it)
		return true
	}
	c := k.cache
	c.fence.RLock()
	defer c.fence.RUnlock()
	if c.banned.cover(k, key, it, time.Now()) {
		return false
	}
	told := it.told(c.memory.get(key), k.policy)
	if !c.memory.put(key, it) || c.remote == nil || told {
		return true
	}
	record := write{
		key: key, entry: entry{data: data, absent: it.absent, storedAt: it.storedAt()}, keep: it.keep, about: k.readAbout(key, it),
	}
	if w != nil && c.turns.drop(w) {
		record.turn = w.until
	}
	c.remote.put(record)
	return true
}

// remove takes a record from both tiers, unless memory has one that is newer than it.
func (k *kind) remove(key Key, it *item) {
	if k.cache.memory.drop(key, it) && k.cache.remote != nil {
		k.cache.remote.remove(key)
	}
}
