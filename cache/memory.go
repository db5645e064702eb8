package cache

import (
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/maypok86/otter/v2"
)

// item is a record in memory, decoded once. It is shared; but for when it is
// loaded again, it is never changed. What it is about is worked out when it is
// first asked for.
type item struct {
	value    any // of the loader's type; nil when absent
	absent   bool
	storedAt time.Time     // when the source was asked for it
	checked  time.Time     // when the source, or Redis, last had it so
	keep     time.Duration // how long after storedAt it may be used at all
	size     int           // bytes of its JSON
	shared   bool          // read from Redis: perhaps another replica's, by another clock
	sum      uint64        // digest of its JSON; good in this process
	steady   bool          // see [Loader.Note]
	written  time.Time     // storedAt of the same record as Redis has it; set before it is in memory

	reading sync.Once // of about
	about   []subjectID

	// ahead is the age from which a reader has it loaded again although it is
	// fresh, in nanoseconds; 0: none has. It is aheadBusy while that goes on.
	ahead atomic.Int64
	pause atomic.Pointer[pause] // nil: it may be loaded again at any time
}

const aheadBusy = math.MaxInt64

// ripe reports whether a reader has to have it loaded again.
func (it *item) ripe(now time.Time) bool {
	ahead := it.ahead.Load()
	return ahead > 0 && int64(it.age(now)) >= ahead
}

// follow takes over from old, which is the same record.
func (it *item) follow(old *item) {
	it.ahead.Store(old.ahead.Load())
	it.pause.Store(old.pause.Load())
}

// told reports whether Redis need not be told of a record, since it has old,
// which is the same. It notes since when.
func (it *item) told(old *item, p Policy) bool {
	it.written = it.storedAt
	if !it.steady || old == nil || old.absent || old.sum != it.sum || it.storedAt.Sub(old.written) >= p.rewriteAfter() {
		return false
	}
	it.written = old.written
	return true
}

// age is never negative: clocks step back, and replicas' clocks differ.
func (it *item) age(now time.Time) time.Duration { return max(0, now.Sub(it.storedAt)) }

// resident is what so many bytes take: the runtime rounds them up by an eighth at
// most.
func resident(bytes int) int { return bytes + bytes/8 }

// itemOverhead is what an entry weighs beside its key and its JSON, in bytes:
// the tier's own node, the item and the pointers of the decoded record.
const itemOverhead = 512

// memory is the tier in the process.
type memory struct {
	items *otter.Cache[Key, *item]
	door  *door

	evicted, evictedBytes atomic.Uint64
}

func newMemory(bytes uint64) (*memory, error) {
	m := &memory{door: newDoor(bytes)}
	var err error
	m.items, err = otter.New(&otter.Options[Key, *item]{
		MaximumWeight: bytes,
		Weigher:       weigh,
		OnAtomicDeletion: func(e otter.DeletionEvent[Key, *item]) {
			if e.Cause == otter.CauseOverflow {
				m.door.crowded(time.Now())
				m.evicted.Add(1)
				m.evictedBytes.Add(uint64(weigh(e.Key, e.Value)))
			}
		},
		ExpiryCalculator: otter.ExpiryWritingFunc(func(e otter.Entry[Key, *item]) time.Duration {
			return max(1, e.Value.keep-e.Value.age(time.Now()))
		}),
	})
	if err != nil {
		return nil, err
	}
	return m, nil
}

func weigh(k Key, it *item) uint32 {
	weight := itemOverhead + resident(len(k.Tenant)+len(k.Kind)+len(k.ID)+it.size)
	return uint32(min(weight, math.MaxUint32))
}

// get returns the item, fresh or not, or nil.
func (m *memory) get(key Key) *item {
	it, _ := m.items.GetIfPresent(key)
	return it
}

// put keeps it unless memory has one that is more recent, and reports whether
// it did.
func (m *memory) put(key Key, it *item) bool {
	kept := true
	m.items.Compute(key, func(old *item, found bool) (*item, otter.ComputeOp) {
		if found && old.storedAt.After(it.storedAt) {
			kept = false
			return old, otter.CancelOp
		}
		if found && old.storedAt.Equal(it.storedAt) {
			it.follow(old)
		}
		return it, otter.WriteOp
	})
	return kept
}

// admit is put for what Redis has. While memory is full it has no room for what
// may never be read again.
func (m *memory) admit(key Key, it *item, now time.Time) {
	if m.get(key) != nil || m.door.opens(key, now) {
		m.put(key, it)
	}
}

// drop removes the item unless it is more recent than asOf, and reports
// whether none is left.
func (m *memory) drop(key Key, asOf time.Time) bool {
	dropped := true
	m.items.ComputeIfPresent(key, func(old *item) (*item, otter.ComputeOp) {
		if old.storedAt.After(asOf) {
			dropped = false
			return old, otter.CancelOp
		}
		return nil, otter.InvalidateOp
	})
	return dropped
}

func (m *memory) close() { m.items.StopAllGoroutines() }
