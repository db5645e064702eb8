package cache

import (
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"
)

// Packer is what the value of a record may be that can be made smaller in memory, and
// is then slower to read. Its methods may be called while others read the value; those
// that change it are called by one goroutine.
type Packer interface {
	// Reads is how often it was read since Rest was last called, about. A count that is large enough to
	// tell what is read often may stay where it is.
	Reads() int
	Rest()

	Small() bool // it is as small as it can be

	// Pack makes it small, and Unpack fast to read again. They return what it takes
	// then; false: it is as it was.
	Pack() (bytes int, ok bool)
	Unpack() (bytes int, ok bool)
}

// While memory is full, what is read least is packed, so that less has to be evicted.
const (
	packEvery  = time.Second
	packSeldom = 16 * time.Second      // when there was nothing to do
	packBudget = 50 * time.Millisecond // of one step; as long as looking at all that there is takes, if that is longer
	packShare  = 20                    // between two steps is so many times what looking took, at least
	packAfter  = 10 * time.Second      // what is younger may not be here for long

	packHigh = 75 // per cent of the bound, above which something is packed
	packLow  = 60 // at which that ends
	packFree = 50 // up to which something is unpacked: so the two do not take turns

	readOften = 32 // times a second: then it is better not packed, if there is room
	mostReads = 64 // that are told apart
)

// packer packs and unpacks what is in memory.
type packer struct {
	tier *memory
	log  *slog.Logger
	last time.Time     // when it last looked
	wait time.Duration // until it looks again, if nothing changes
	rest time.Duration // until it does in any case
	full bool          // whether memory was crowded then

	packed, unpacked atomic.Uint64 // records, so far
	small            int           // that were, when it last looked
}

func newPacker(tier *memory, log *slog.Logger) *packer {
	return &packer{tier: tier, log: log, last: time.Now(), wait: packEvery}
}

// run goes on until done is closed.
func (p *packer) run(done <-chan struct{}) {
	tick := time.NewTicker(packEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			p.step(time.Now())
		case <-done:
			return
		}
	}
}

// step packs what it takes, the least read first, and unpacks what is read often.
func (p *packer) step(now time.Time) {
	passed, full := now.Sub(p.last), p.tier.items.GetMaximum()
	crowded := p.tier.items.WeightedSize() > full/100*packHigh
	if turned := crowded && !p.full; passed < p.rest || passed < p.wait && !turned || !crowded && p.small == 0 {
		p.full = p.full && crowded
		return
	}
	p.last, p.full = now, crowded
	begun := time.Now()
	s := p.survey(now, passed, crowded)
	var c change
	switch weight, low, free := p.tier.items.WeightedSize(), full/100*packLow, full/100*packFree; {
	case crowded && weight > low:
		if limit, any := s.limit(weight - low); any {
			c.need, c.limit = weight-low, limit
		}
	case weight < free:
		c.room = free - weight
	}
	if p.wait = packEvery; c.need == 0 && (c.room == 0 || s.often == 0) {
		p.wait = min(2*passed, packSeldom)
	}
	looking := time.Since(begun)
	working := p.change(now, passed, c, max(packBudget, looking))
	p.rest = packShare * (time.Since(begun) - working)
}

// survey is what can be packed, and what is packed.
type survey struct {
	bytes [mostReads + 1]uint64 // by how often it was read
	often int                   // packed, and read often
}

// survey looks at what there is. While memory is crowded, it lets go of what was made of
// copies that are not there any more: that is of no use, and keeps alive what had to leave.
func (p *packer) survey(now time.Time, passed time.Duration, crowded bool) (s survey) {
	p.small = 0
	for key, it := range p.tier.items.All() {
		if m, ok := it.value.(*made); ok && crowded && !m.whole(p.tier, key.Tenant) {
			p.tier.drop(key, it)
			continue
		}
		v, ok := it.value.(Packer)
		switch {
		case !ok:
		case !v.Small():
			if it.age(now) >= packAfter {
				s.bytes[min(v.Reads(), mostReads)] += uint64(it.size.Load())
			}
		default:
			p.small++
			if often(v, passed) {
				s.often++
			}
		}
	}
	return s
}

// often reports whether it was read so often that it should not be packed.
func often(v Packer, passed time.Duration) bool {
	return float64(v.Reads()) >= readOften*passed.Seconds()
}

// limit is how often something may have been read that is packed so that this much is
// won, if packing takes half of it.
func (s *survey) limit(need uint64) (limit int, any bool) {
	var won uint64
	for n, bytes := range s.bytes {
		if bytes > 0 {
			limit, any, won = n, true, won+bytes/2
		}
		if won >= need {
			break
		}
	}
	return limit, any
}

// change is what has to be done.
type change struct {
	need  uint64 // bytes that are to be won by packing; 0: nothing is packed
	limit int    // how often something may have been read that is packed
	room  uint64 // bytes that unpacking may take; 0: nothing is unpacked
}

// change packs and unpacks for as long as its budget, and begins to count reads anew. It
// returns how long it packed and unpacked.
func (p *packer) change(now time.Time, passed time.Duration, c change, budget time.Duration) (working time.Duration) {
	for key, it := range p.tier.items.All() {
		v, ok := it.value.(Packer)
		if !ok {
			continue
		}
		if (c.need > 0 || c.room > 0) && working <= budget {
			begun := time.Now()
			if p.one(key, it, v, now, passed, &c) {
				working += time.Since(begun)
			}
		}
		v.Rest()
	}
	return working
}

// one packs or unpacks a record, if that is called for, and reports whether it did. No
// handler guards its goroutine: a record on which that panics is let go of, and the process goes on.
func (p *packer) one(key Key, it *item, v Packer, now time.Time, passed time.Duration, c *change) (did bool) {
	defer func() {
		if cause := recover(); cause != nil {
			p.tier.drop(key, it)
			p.log.Error("a record cannot be packed or unpacked, and has left memory", "kind", key.Kind, "panic", fmt.Sprintf("%T", cause))
			did = true
		}
	}()
	before := uint64(it.size.Load())
	switch small := v.Small(); {
	case !small && c.need > 0 && v.Reads() <= c.limit && it.age(now) >= packAfter:
		if bytes, ok := v.Pack(); ok {
			p.packed.Add(1)
			p.small++
			p.tier.weighAgain(key, it, bytes)
			c.need -= min(c.need, before-min(before, uint64(bytes)))
		}
	case small && c.room > before && often(v, passed):
		if bytes, ok := v.Unpack(); ok {
			p.unpacked.Add(1)
			p.small--
			p.tier.weighAgain(key, it, bytes)
			c.room -= min(c.room, uint64(bytes)-min(before, uint64(bytes)))
		}
	default:
		return false
	}
	return true
}
