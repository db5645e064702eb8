package cache

import "time"

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

// made is a value that was made of copies.
type made struct {
	value any
	marks []Mark
}

// makeOverhead is what a made value weighs beside its size and an entry's
// overhead, in bytes: a mark for each of six copies.
const makeOverhead = 384

// Keep keeps a value that was made of the marked copies in memory, until it has
// not all of them any more. The key's kind is none of a loader's. size is in bytes,
// and counts against the bound of memory. Without marks nothing is kept.
func (c *Cache) Keep(key Key, value any, size int, marks []Mark) {
	if len(marks) == 0 || c.kind(key.Kind) != nil {
		return
	}
	now := time.Now()
	it := &item{value: &made{value, marks}, storedAt: now, checked: now, size: size + makeOverhead}
	for i := range marks {
		left := marks[i].kind.policy.Fresh - marks[i].item.age(now)
		if it.keep = min(left, it.keep); i == 0 {
			it.keep = left
		}
	}
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

// Kept returns what [Cache.Keep] was given, if each copy that it was made of
// would answer now, without anybody having to ask for it: nil otherwise. It
// counts as an answer of each.
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
	for i := range m.marks {
		if mark := &m.marks[i]; !mark.current() || !mark.good(now) {
			return nil
		}
	}
	for i := range m.marks {
		m.marks[i].kind.counts.answered[Cached].Add(1)
	}
	return m.value
}

// madeOf reports whether something was made of a record that has to go.
func (e *erasure) madeOf(it *item) bool {
	m, ok := it.value.(*made)
	if !ok {
		return false
	}
	for i := range m.marks {
		if mark := &m.marks[i]; e.hit(mark.key, mark.kind.aboutIDs(mark.key, mark.item)) {
			return true
		}
	}
	return false
}
