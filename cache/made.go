package cache

import (
	"math"
	"time"
)

// What a made value weighs beside its size and an entry's overhead, and what each
// of its ties does, in bytes.
const (
	madeOverhead = 48
	tieWeight    = 32
)

// Mark points at a copy that memory has within its time, so that what is made
// of it can be kept for as long as memory has that very copy.
type Mark struct {
	kind *kind
	key  Key
	item *item
}

// MarkOf returns the mark of v, if that is what memory has of id, within its time.
func MarkOf[V comparable](l *Loader[V], tenant, id string, v V) (Mark, bool) {
	m := Mark{kind: l.kind, key: l.key(tenant, id)}
	m.item = l.kind.cache.memory.get(m.key)
	if m.item == nil {
		return m, false
	}
	got, ok := m.item.value.(V)
	return m, ok && got == v && m.good(time.Now())
}

// good reports whether the copy answers, and nobody has to load it again yet.
func (m *Mark) good(now time.Time) bool {
	return m.kind.judge(m.item, now) == Cached && !m.item.ripe(now)
}

// current reports whether memory still has the copy.
func (m *Mark) current() bool { return m.kind.cache.memory.get(m.key) == m.item }

// Current reports whether memory has all of the marked copies, as it has to for
// [Cache.Keep].
func Current(marks []Mark) bool {
	for i := range marks {
		if !marks[i].current() {
			return false
		}
	}
	return true
}

// made is a value that was made of copies.
type made struct {
	value any
	of    []tie
}

// tie is a mark as it is kept: the tenant is that of the made value.
type tie struct {
	kind *kind
	item *item
	id   string
}

func (t *tie) mark(tenant string) Mark {
	return Mark{kind: t.kind, key: Key{tenant, t.kind.name, t.id}, item: t.item}
}

// whole reports whether memory still has all copies that it was made of. To ask is
// not to read them: else they would stay in memory for that.
func (m *made) whole(tier *memory, tenant string) bool {
	for i := range m.of {
		t := &m.of[i]
		if e, ok := tier.items.GetEntryQuietly(Key{tenant, t.kind.name, t.id}); !ok || e.Value != t.item {
			return false
		}
	}
	return true
}

// Keep keeps a value that was made of the marked copies in memory, until it has
// not all of them any more. The key's kind is none of a loader's. size is in bytes,
// and counts against the bound of memory beside what the marks take. Without marks, or
// with one of another tenant's, nothing is kept.
func (c *Cache) Keep(key Key, value any, size int, marks []Mark) {
	if len(marks) == 0 || c.kind(key.Kind) != nil {
		return
	}
	now := time.Now()
	m := &made{value: value, of: make([]tie, len(marks))}
	keep := time.Duration(math.MaxInt64)
	for i := range marks {
		mark := &marks[i]
		if mark.key.Tenant != key.Tenant {
			return
		}
		m.of[i] = tie{mark.kind, mark.item, mark.key.ID}
		keep = min(keep, mark.kind.policy.Fresh-mark.item.age(now))
	}
	it := newItem(m, size+madeOverhead+len(marks)*tieWeight, now, keep)
	c.fence.RLock()
	defer c.fence.RUnlock()
	for i := range marks {
		m := &marks[i]
		if !m.current() || c.banned.cover(m.kind, m.key, m.item, now) {
			return // else an erasure might miss what was made of it
		}
	}
	c.memory.put(key, it)
}

// stepBack is by how much the clock on the wall may have been set back since something
// was made that tells ages by it.
const stepBack = time.Second

// Kept returns what [Cache.Keep] was given, if each copy that it was made of
// would answer now, without anybody having to ask for it: nil otherwise, and if the
// clock on the wall was set back since then. It counts as an answer of each.
func (c *Cache) Kept(key Key) any {
	it := c.memory.get(key)
	if it == nil {
		return nil
	}
	m, ok := it.value.(*made)
	if !ok {
		return nil
	}
	now := time.Now()
	if it.age(now)-time.Duration(now.UnixNano()-it.stored) > stepBack {
		return nil
	}
	for i := range m.of {
		if mark := m.of[i].mark(key.Tenant); !mark.current() || !mark.good(now) {
			return nil
		}
	}
	for i := range m.of {
		m.of[i].kind.counts.answered[Cached].Add(1)
	}
	return m.value
}

// madeOf reports whether something was made of a record that has to go.
func (e *erasure) madeOf(tenant string, it *item) bool {
	m, ok := it.value.(*made)
	if !ok {
		return false
	}
	for i := range m.of {
		if mark := m.of[i].mark(tenant); e.hit(mark.key, mark.kind.aboutIDs(mark.key, mark.item)) {
			return true
		}
	}
	return false
}
