package cache

import "time"

// erasure is what is known so far of what has to go.
type erasure struct {
	cache    *Cache
	tenant   string // whose records it looks at; "": everybody's
	subjects map[subjectID]bool
	names    []string     // of the subjects; not of those that another replica told of
	keys     map[Key]bool // of records that Redis may hold
}

func newErasure(c *Cache, tenant string) *erasure {
	return &erasure{cache: c, tenant: tenant, subjects: map[subjectID]bool{}, keys: map[Key]bool{}}
}

// learn adds subjects, and returns those that were not known.
func (e *erasure) learn(tenant string, subjects []string) (fresh []string) {
	for _, s := range subjects {
		if id := idOf(tenant, s); !e.subjects[id] {
			e.subjects[id] = true
			fresh = append(fresh, s)
		}
	}
	e.names = append(e.names, fresh...)
	return fresh
}

func (e *erasure) note(keys []Key) {
	for _, key := range keys {
		e.keys[key] = true
	}
}

// purge takes what is about the subjects out of this process, and returns what
// it was. The order counts: first nothing is put into memory any more; then
// nothing goes to Redis any more; then what is there is removed.
func (e *erasure) purge() []Key {
	c := e.cache
	c.fence.Lock()
	c.banned.add(e.subjects, time.Now())
	c.drops++
	c.fence.Unlock()
	var gone []Key
	if c.remote != nil {
		gone = c.remote.queue.withdraw(func(w write) bool { return e.hit(w.key, w.about) })
	}
	for key, it := range c.memory.items.All() {
		if e.tenant != "" && key.Tenant != e.tenant {
			continue
		}
		if e.madeOf(key.Tenant, it) {
			c.memory.items.Invalidate(key)
			continue
		}
		if k := c.kind(key.Kind); k != nil && e.hit(key, k.aboutIDs(key, it)) {
			c.memory.items.Invalidate(key)
			gone = append(gone, key)
		}
	}
	e.note(gone)
	for _, from := range c.trails.drop(e.leads) {
		e.keys[trailKey(from)] = true // it may have come to Redis after another replica had removed it there
	}
	return gone
}

// hit reports whether a record has to go.
func (e *erasure) hit(key Key, about []subjectID) bool {
	for _, id := range about {
		if e.subjects[id] {
			return true
		}
	}
	key = key.start()
	k := e.cache.kind(key.Kind)
	if k == nil {
		return false
	}
	own := k.ownSubject(key)
	return own != "" && e.subjects[idOf(key.Tenant, own)]
}

// ownSubjects are the subjects that the ids of records name.
func (c *Cache) ownSubjects(keys []Key) (subjects []string) {
	for _, key := range keys {
		if k := c.kind(key.Kind); k != nil {
			if own := k.ownSubject(key); own != "" {
				subjects = append(subjects, own)
			}
		}
	}
	return subjects
}
