package cache

import (
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"
)

// crate is a value that can be packed to half of it.
type crate struct {
	reads  int
	packed bool
	solid  bool // it cannot
	broken bool // to try ends in a panic
	packs  int  // so far
}

const crateSize, crateSmall = 10 << 10, 5 << 10

func (c *crate) Reads() int  { return c.reads }
func (c *crate) Rest()       { c.reads = 0 }
func (c *crate) Small() bool { return c.packed || c.solid }

func (c *crate) Pack() (bytes int, ok bool) {
	if c.broken {
		panic("broken")
	}
	c.packs++
	c.packed = true
	return crateSmall, true
}

func (c *crate) Unpack() (bytes int, ok bool) {
	c.packed = false
	return crateSize, true
}

// shelf is a tier with room for 100 crates, and its packer.
type shelf struct {
	*packer
	crates []*crate
}

func newShelf(t *testing.T, crates int) *shelf {
	t.Helper()
	tier, err := newMemory(100 * (crateSize + itemOverhead + crateSize/16 + 16))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tier.close)
	s := &shelf{packer: newPacker(tier, slog.New(slog.DiscardHandler))}
	s.add(crates)
	return s
}

func (s *shelf) add(n int) {
	for range n {
		c := new(crate)
		s.tier.put(crateKey(len(s.crates)), newItem(c, crateSize, time.Now(), time.Hour))
		s.crates = append(s.crates, c)
	}
	s.tier.items.CleanUp()
}

func crateKey(n int) Key { return Key{"t", "crate", fmt.Sprintf("%08d", n)} }

// after lets time pass, and then looks once.
func (s *shelf) after(d time.Duration) {
	time.Sleep(d)
	s.step(time.Now())
	s.tier.items.CleanUp()
}

func (s *shelf) count() (packed int) {
	for _, c := range s.crates {
		if c.packed {
			packed++
		}
	}
	return packed
}

// Nothing is packed while there is room, nor what has just come; then as much as
// it takes, that which is read least, and what nobody can make smaller not at all.
func TestPacks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShelf(t, 70)
		s.after(time.Minute)
		if got := s.count(); got != 0 {
			t.Errorf("%d are packed, and there is room", got)
		}
		s.add(8)
		for i, c := range s.crates {
			c.solid = i == 0
			if i%4 == 1 {
				c.reads = 1
			}
		}
		s.after(time.Second)
		for i, c := range s.crates {
			if c.packed && (i >= 70 || i%4 == 1 || i == 0) {
				t.Errorf("crate %d is packed: solid: %t", i, c.solid)
			}
		}
		packed := s.count()
		if percent := s.tier.items.WeightedSize() * 100 / s.tier.items.GetMaximum(); percent < packLow-2 || percent > packLow+2 {
			t.Errorf("with %d packed, the tier is full to %d %%", packed, percent)
		}
		for i, c := range s.crates {
			if got, _ := s.tier.items.GetIfPresent(crateKey(i)); c.packed && (got == nil || got.value != c || int(got.size.Load()) != crateSmall) {
				t.Errorf("packed crate %d has become %v", i, got)
			}
		}
		if got := s.packed.Load(); int(got) != packed {
			t.Errorf("%d are counted, of %d", got, packed)
		}
	})
}

// Where all is read often, nothing is packed and unpacked in turn, and the packer looks
// less and less often.
func TestPacksOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShelf(t, 90)
		s.tier.items.SetMaximum(s.tier.items.WeightedSize() / 4)
		s.tier.items.CleanUp()
		for range 60 {
			for _, c := range s.crates {
				c.reads = mostReads
			}
			s.after(time.Second)
		}
		packed := 0
		for i, c := range s.crates {
			if c.packs > 1 {
				t.Errorf("crate %d was packed %d times", i, c.packs)
			}
			packed += c.packs
		}
		if packed == 0 || s.unpacked.Load() > 0 {
			t.Errorf("packed %d, and unpacked %d", packed, s.unpacked.Load())
		}
		if s.wait != packSeldom {
			t.Errorf("the next look is after %v", s.wait)
		}
	})
}

// What is read often is unpacked, where there is room for it, and only then.
func TestUnpacks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShelf(t, 90)
		s.after(time.Minute)
		packed := s.count()
		for i := range s.crates[:60] { // there is room again
			if i > 0 {
				s.tier.items.Invalidate(crateKey(i))
			}
		}
		s.tier.items.CleanUp()
		busy := s.crates[0]
		for _, c := range s.crates {
			if c.packed {
				busy = c // the last one
			}
		}
		busy.reads = readOften - 1
		s.after(time.Second)
		if !busy.packed {
			t.Error("it is unpacked for a few reads")
		}
		busy.reads = 2 * readOften
		s.after(2 * time.Second)
		if busy.packed || s.count() != packed-1 || s.unpacked.Load() != 1 {
			t.Errorf("packed: %t, and %d of %d others; %d are counted", busy.packed, s.count(), packed, s.unpacked.Load())
		}
	})
}

// A record on which packing panics leaves memory, and the others are packed.
func TestPackingPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShelf(t, 90)
		for i, c := range s.crates {
			c.solid, c.broken = i > 9, i < 3
		}
		s.after(time.Minute)
		for i, c := range s.crates {
			if got, _ := s.tier.items.GetIfPresent(crateKey(i)); (got == nil) != c.broken {
				t.Errorf("crate %d, broken: %t, is there: %t", i, c.broken, got != nil)
			}
		}
		if got := s.count(); got != 7 {
			t.Errorf("%d are packed, want the 7 that are neither broken nor solid", got)
		}
	})
}

// A record that took the place of one while that was packed keeps its weight.
func TestWeighAgainOfAnother(t *testing.T) {
	s := newShelf(t, 0)
	s.add(1)
	old, _ := s.tier.items.GetIfPresent(crateKey(0))
	s.tier.items.Set(crateKey(0), newItem(new(crate), crateSize, time.Now(), time.Hour))
	before := s.tier.items.WeightedSize()
	s.tier.weighAgain(crateKey(0), old, crateSmall)
	s.tier.weighAgain(crateKey(1), old, crateSmall)
	s.tier.items.CleanUp()
	if got := s.tier.items.WeightedSize(); got != before || s.tier.items.EstimatedSize() != 1 {
		t.Errorf("%d records weigh %d, want %d", s.tier.items.EstimatedSize(), got, before)
	}
}

// What was made of copies goes when one of them has gone, if memory is crowded.
func TestMadeOfNothingIsCleared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, Config{})
		p := newParts(t, c)
		p.make(t)
		c.packer.survey(time.Now(), time.Second, true)
		if c.Kept(madeKey) != "letter" {
			t.Fatal("it is gone although all is there")
		}
		c.memory.items.Invalidate(p.marks[0].key)
		c.packer.survey(time.Now(), time.Second, true)
		if c.memory.get(madeKey) != nil {
			t.Error("it is still there")
		}
	})
}

// heavy is a crate that it takes a while to look at.
type heavy struct{ crate }

func (h *heavy) Small() bool {
	time.Sleep(2 * time.Millisecond)
	return h.crate.Small()
}

// All that can be packed is, wherever it is among the rest: the time that looking at what
// comes before takes is not that of packing. And who looks for long does not look often.
func TestPacksBehindOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShelf(t, 0)
		for i := range 90 {
			s.tier.put(crateKey(i), newItem(new(heavy), crateSize, time.Now(), time.Hour))
		}
		s.tier.items.CleanUp()
		for range 20 {
			s.after(time.Minute)
		}
		if percent := s.tier.items.WeightedSize() * 100 / s.tier.items.GetMaximum(); percent > packHigh {
			t.Errorf("the tier is full to %d %%: %d are packed", percent, s.packed.Load())
		}
		s.step(time.Now().Add(time.Hour))
		if s.rest < 10*90*2*time.Millisecond {
			t.Errorf("it looks again after %v", s.rest)
		}
	})
}

// To see whether what was made of records is still good does not count as reading them.
func TestClearingIsNotReading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, Config{})
		p := newParts(t, c)
		p.make(t)
		synctest.Wait()
		before := order(c)
		for range 100 {
			c.packer.survey(time.Now(), time.Second, true)
		}
		c.memory.items.CleanUp()
		if after := order(c); before != after {
			t.Errorf("the order of eviction was\n%s\nand is\n%s", before, after)
		}
	})
}

func order(c *Cache) (all string) {
	c.memory.items.CleanUp()
	for e := range c.memory.items.Coldest() {
		all += e.Key.Kind + "/" + e.Key.ID + " "
	}
	return all
}
