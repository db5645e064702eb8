package cache

import (
	"testing"
	"testing/synctest"
	"time"
)

// parts are two records, of which something is made.
type parts struct {
	cache *Cache
	cards *Loader[doc] // fresh for a minute
	pages *Loader[doc]
	marks []Mark
}

var madeKey = Key{"t", "letter-1", "l"}

// make keeps a letter, and reports whether it is there.
func (p *parts) make(t testing.TB) bool {
	t.Helper()
	p.marks = nil
	for _, of := range []struct {
		l  *Loader[doc]
		id string
		v  doc
	}{{p.cards, "ann", doc{"canary card"}}, {p.pages, "n3", doc{"bob's page"}}} {
		m, ok := MarkOf(of.l, "t", of.id, of.v)
		if !ok {
			t.Fatalf("%s is not marked", of.id)
		}
		p.marks = append(p.marks, m)
	}
	p.cache.Keep(madeKey, "letter", 1000, p.marks)
	return p.cache.Kept(madeKey) == "letter"
}

func newParts(t testing.TB, c *Cache) *parts {
	p := newPeople(t, c)
	p.fill()
	return &parts{cache: c, cards: p.cards, pages: p.pages}
}

func TestKept(t *testing.T) {
	past := func(p *parts, d time.Duration) { time.Sleep(d) }
	tests := []struct {
		name   string
		happen func(p *parts)
		want   bool
	}{
		{"nothing", func(*parts) {}, true},
		{"some time", func(p *parts) { past(p, 5*time.Second) }, true},
		{"all of its time", func(p *parts) { past(p, time.Minute) }, false},
		{"due to be loaded ahead", func(p *parts) { p.marks[0].item.ahead.Store(1); past(p, 1) }, false},
		{"being loaded ahead", func(p *parts) { p.marks[0].item.ahead.Store(aheadBusy); past(p, 1) }, true},
		{"another record", func(p *parts) { p.pages.Put("t", "n1", doc{"other"}) }, true},
		{"replaced", func(p *parts) { past(p, 1); p.cards.Put("t", "ann", doc{"canary card"}) }, false},
		{"absent", func(p *parts) { past(p, 1); p.pages.PutAbsent("t", "n3") }, false},
		{"dropped", func(p *parts) { p.pages.Drop("t", "n3") }, false},
		{"evicted", func(p *parts) { p.cache.memory.items.InvalidateAll() }, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newParts(t, newCache(t, Config{}))
				if !p.make(t) {
					t.Fatal("not kept at all")
				}
				before := p.cards.kind.counts.answered[Cached].Load()
				if tt.happen(p); (p.cache.Kept(madeKey) != nil) != tt.want {
					t.Errorf("kept %v, want %v", !tt.want, tt.want)
				}
				if counted := p.cards.kind.counts.answered[Cached].Load() > before; counted != tt.want {
					t.Errorf("counted as an answer: %v, want %v", counted, tt.want)
				}
			})
		})
	}
}

// The same value under another mark, or as another value, has no mark.
func TestMarkOf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newParts(t, newCache(t, Config{}))
		if _, ok := MarkOf(p.cards, "t", "ann", doc{"canary page"}); ok {
			t.Error("another value is marked")
		}
		if _, ok := MarkOf(p.cards, "t", "nobody", doc{}); ok {
			t.Error("nothing is marked")
		}
		time.Sleep(time.Minute)
		if _, ok := MarkOf(p.cards, "t", "ann", doc{"canary card"}); ok {
			t.Error("a stale copy is marked")
		}
	})
}

// With Redis, what is due is asked for; what is made of it waits for that.
func TestKeptIsDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := simLine(t, sim(t))
		gathered()
		began, p := time.Now(), newParts(t, c)
		gathered()
		if !p.make(t) {
			t.Fatal("not kept at all")
		}
		time.Sleep(recheckAfter - time.Since(began) - 1)
		if p.cache.Kept(madeKey) == nil {
			t.Error("not kept until Redis has to be asked")
		}
		time.Sleep(time.Nanosecond)
		if p.cache.Kept(madeKey) != nil {
			t.Error("kept although Redis has to be asked")
		}
	})
}

// Erasing takes along what was made of what is erased, and for a while nothing
// is made of it again.
func TestEraseWhatIsMade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, Config{})
		p := newParts(t, c)
		p.make(t)
		marks, bobs := p.marks, Key{"t", "letter-1", "bob's"}
		c.Keep(bobs, "bob's letter", 1000, p.marks[1:])
		if err := c.Erase(t.Context(), "t", []string{"person:ann"}, named); err != nil {
			t.Fatal(err)
		}
		c.memory.put(marks[0].key, marks[0].item) // as if a reader were late
		c.Keep(madeKey, "letter", 1000, marks)
		for _, it := range []Key{madeKey, {"t", "card", "ann"}} {
			if has := c.memory.get(it) != nil; has != (it != madeKey) {
				t.Errorf("%v is in memory: %v", it, has)
			}
		}
		if c.Kept(bobs) == nil {
			t.Error("what was made of another's records is gone, too")
		}
	})
}

// What is made weighs what it is.
func TestMadeWeighs(t *testing.T) {
	c := newCache(t, Config{})
	p := newParts(t, c)
	c.memory.items.CleanUp()
	before := c.Stats().Memory.Bytes
	p.make(t)
	c.memory.items.CleanUp()
	if got := c.Stats().Memory.Bytes - before; got < 1000+itemOverhead || got > 2500 {
		t.Errorf("%d bytes", got)
	}
	c.Keep(Key{"t", "card", "l"}, "letter", 1, p.marks)
	if c.memory.get(Key{"t", "card", "l"}) != nil {
		t.Error("it takes the place of a record")
	}
}
