package cache

import (
	"hash/maphash"
	"math/bits"
	"sync/atomic"
	"time"
)

// crowdedFor is how long after the last eviction the memory tier counts as full.
const crowdedFor = 5 * time.Second

// door keeps what Redis has out of a memory tier that is full, until it is read
// a second time: to let it in and something else out costs more than it is worth for
// what is not read again. It never holds more than a few bytes for a record.
type door struct {
	seed    maphash.Seed
	evicted atomic.Int64    // when memory last had to evict something, in Unix nanoseconds
	seen    []atomic.Uint32 // by hash: what was kept out last
}

// doorShare is how many bytes of the memory tier there are to a place in seen.
const doorShare = 2 << 10

func newDoor(bytes uint64) *door {
	places := min(max(bytes/doorShare, 1<<8), 1<<18)
	return &door{seed: maphash.MakeSeed(), seen: make([]atomic.Uint32, 1<<bits.Len64(places-1))}
}

// crowded notes that memory had no room for something.
func (d *door) crowded(now time.Time) { d.evicted.Store(now.UnixNano()) }

// opens reports whether there is room, or the record has been here before.
func (d *door) opens(key Key, now time.Time) bool {
	if now.UnixNano()-d.evicted.Load() > int64(crowdedFor) {
		return true
	}
	h := maphash.Comparable(d.seed, key)
	mark := uint32(h>>32) | 1
	return d.seen[h&uint64(len(d.seen)-1)].Swap(mark) == mark
}
