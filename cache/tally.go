package cache

import (
	"sync/atomic"
	"time"
)

// TierStats count what one tier had of the ids that it was looked up for.
type TierStats struct {
	Hit      uint64 // fresh copies
	Stale    uint64 // copies past their fresh time
	Negative uint64 // remembered absences
	Miss     uint64 // nothing of use
}

// tierCounters are the counters behind [TierStats].
type tierCounters [Absent + 1]atomic.Uint64 // by State

func (c *tierCounters) add(s State) { c[s].Add(1) }

func (c *tierCounters) stats() TierStats {
	return TierStats{Hit: c[Cached].Load(), Stale: c[Stale].Load(), Negative: c[Absent].Load(), Miss: c[Failed].Load()}
}

// ageSteps is how many bounds there are, and one for what is older.
const ageSteps = 9

// AgeBounds are the ages by which [KindStats].Ages counts, ascending.
func AgeBounds() [ageSteps - 1]time.Duration {
	return [...]time.Duration{
		time.Second, 10 * time.Second, time.Minute, 10 * time.Minute, time.Hour, 6 * time.Hour, 24 * time.Hour, 7 * 24 * time.Hour,
	}
}

// ageCounters count the copies that were shown.
type ageCounters struct {
	counts [ageSteps]atomic.Uint64
	total  atomic.Int64 // in milliseconds: nanoseconds of week-old copies would soon be too many
}

func (c *ageCounters) add(age time.Duration) {
	i := 0
	for _, bound := range AgeBounds() {
		if age < bound {
			break
		}
		i++
	}
	c.counts[i].Add(1)
	c.total.Add(age.Milliseconds())
}

func (c *ageCounters) stats() []uint64 {
	counts := make([]uint64, len(c.counts))
	for i := range c.counts {
		counts[i] = c.counts[i].Load()
	}
	return counts
}

func (c *ageCounters) seconds() float64 { return float64(c.total.Load()) / 1000 }

// unread counts the keys that Redis said nothing of.
func (c *Cache) unread(asks []ask, counter func(*kindCounters) *atomic.Uint64) {
	for _, a := range asks {
		if k := c.kind(a.key.Kind); k != nil {
			counter(&k.counts).Add(1)
		}
	}
}
