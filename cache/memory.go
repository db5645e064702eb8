package cache

import (
	"math"
	"sync/atomic"
	"time"

	"github.com/maypok86/otter/v2"
)

// item is a record in memory, decoded once. It is shared; but for when it is
// loaded again, it is never changed. There is one for each record, so it is small.
type item struct {
	value   any           // of the loader's type; nil when absent
	stored  int64         // when the source was asked for it, in Unix nanoseconds
	checked int64         // when the source, or Redis, last had it so, in nanoseconds since epoch
	keep    time.Duration // how long after it was stored it may be used at all
	noted   *noted        // nil where Redis is always told of it

	// ahead is the age from which a reader has it loaded again although it is
	// fresh, in nanoseconds; 0: none has. It is aheadBusy while that goes on.
	ahead atomic.Int64
	pause atomic.Pointer[pause] // nil: it may be loaded again at any time

	about atomic.Pointer[[]subjectID] // nil: nobody has asked yet what it is about

	size   atomic.Uint32 // bytes of its JSON, or fewer, see [Packer]
	absent bool
	shared bool // read from Redis: perhaps another replica's, by another clock
	steady bool // see [Loader.Note]
}

const aheadBusy = math.MaxInt64

// epoch is what moments of this process' clock are counted from, which does not
// step. It never changes.
var epoch = time.Now()

// noted is what says whether Redis has a record so already.
type noted struct {
	sum     uint64 // digest of its JSON; good in this process
	written int64  // stored of the same record as Redis has it; set before it is in memory
}

// newItem makes an item of what the source was asked for at a moment of this
// process' clock.
func newItem(value any, size int, at time.Time, keep time.Duration) *item {
	it := &item{value: value, stored: at.UnixNano(), checked: int64(at.Sub(epoch)), keep: keep}
	it.size.Store(uint32(min(size, math.MaxUint32)))
	return it
}

// storedAt is when the source was asked for it, by the clock on the wall.
func (it *item) storedAt() time.Time { return time.Unix(0, it.stored) }

// newer reports whether it was asked for later than old. Of what this process asked
// for itself it knows, however the clock on the wall was set in between, and so it
// does of what was in Redis well before it asked.
func (it *item) newer(old *item) bool {
	switch {
	case !it.shared && !old.shared:
		return it.checked > old.checked
	case !it.shared && it.checked-old.checked > int64(visitOver):
		return true
	case !old.shared && old.checked-it.checked > int64(visitOver):
		return false
	}
	return it.stored > old.stored
}

// visitOver is longer than any visit of Redis: what it brought was asked for
// within that after it began.
const visitOver = time.Second

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
	if it.noted == nil {
		return false
	}
	it.noted.written = it.stored
	if !it.steady || old == nil || old.absent || old.noted == nil || old.noted.sum != it.noted.sum ||
		time.Duration(it.stored-old.noted.written) >= p.rewriteAfter() {
		return false
	}
	it.noted.written = old.noted.written
	return true
}

// age is never less than it may be. The clock on the wall can be set back, and those of
// replicas differ; that of the process stands still while the machine is suspended, and
// knows of what came from Redis only since when that is here.
func (it *item) age(now time.Time) time.Duration {
	return max(0, time.Duration(now.UnixNano()-it.stored), now.Sub(epoch)-time.Duration(it.checked))
}

// resident is what so many bytes take: the runtime rounds them up by an eighth at
// most, and by half of that as a rule.
func resident(bytes int) int { return bytes + bytes/16 }

// itemOverhead is what an entry weighs beside its id and its JSON, in bytes: the
// tier's own node (112) with its place in the table (24), the item (80), the decoded
// record's own fields (48), and the rounding up of the id.
const itemOverhead = 272

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
	weight := itemOverhead + resident(len(k.ID)+int(it.size.Load()))
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
		if found && old.newer(it) {
			kept = false
			return old, otter.CancelOp
		}
		if found && !it.newer(old) {
			it.follow(old)
		}
		return it, otter.WriteOp
	})
	return kept
}

// weighAgain notes that a record takes so many bytes now.
func (m *memory) weighAgain(key Key, it *item, bytes int) {
	m.items.ComputeIfPresent(key, func(old *item) (*item, otter.ComputeOp) {
		it.size.Store(uint32(min(bytes, math.MaxUint32)))
		if old != it {
			return old, otter.CancelOp
		}
		return it, otter.WriteOp
	})
}

// admit is put for what Redis has. While memory is full it has no room for what
// may never be read again.
func (m *memory) admit(key Key, it *item, now time.Time) {
	if m.get(key) != nil || m.door.opens(key, now) {
		m.put(key, it)
	}
}

// drop removes the item unless it is newer than another one, and reports
// whether none is left.
func (m *memory) drop(key Key, than *item) bool {
	dropped := true
	m.items.ComputeIfPresent(key, func(old *item) (*item, otter.ComputeOp) {
		if old.newer(than) {
			dropped = false
			return old, otter.CancelOp
		}
		return nil, otter.InvalidateOp
	})
	return dropped
}

func (m *memory) close() { m.items.StopAllGoroutines() }
