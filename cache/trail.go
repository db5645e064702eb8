package cache

import (
	"strings"
	"sync"
	"time"
)

// trails remember which records were last looked up along with another one, so
// that Redis can be asked for all of them at once when memory has none of them any more.
// They are far smaller than records, and only ever say what to ask for.
type trails struct {
	mu    sync.Mutex
	bound int // of the weight of one generation, in bytes
	// What was used lately is in young. When that is full it becomes old, and
	// what was old is forgotten.
	young, old map[Key]trail
	weight     int // of young
}

// trail is kinds and ids, each ended by a zero byte.
type trail string

// trailOverhead is what a trail weighs beside its words, in bytes.
const trailOverhead = 128

func newTrails(bytes uint64) *trails {
	return &trails{bound: int(bytes / 2), young: map[Key]trail{}}
}

func newTrail(keys []Key) trail {
	var b strings.Builder
	for _, k := range keys {
		b.WriteString(k.Kind + "\x00" + k.ID + "\x00")
	}
	return trail(b.String())
}

// keys are those of the tenant's records that the trail leads to.
func (t trail) keys(tenant string) (keys []Key) {
	for rest := string(t); rest != ""; {
		var k Key
		k.Tenant = tenant
		k.Kind, rest, _ = strings.Cut(rest, "\x00")
		k.ID, rest, _ = strings.Cut(rest, "\x00")
		keys = append(keys, k)
	}
	return keys
}

func (t *trails) get(from Key) (to trail, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if to, ok = t.young[from]; ok {
		return to, true
	}
	if to, ok = t.old[from]; ok {
		t.put(from, to)
	}
	return to, ok
}

// put is called with the lock held.
func (t *trails) put(from Key, to trail) {
	before, had := t.young[from]
	if had {
		t.weight += len(to) - len(before)
	} else {
		t.weight += trailOverhead + len(from.Tenant) + len(from.Kind) + len(from.ID) + len(to)
	}
	t.young[from] = to
	if t.weight > t.bound {
		t.young, t.old, t.weight = map[Key]trail{}, t.young, 0
	}
}

// drop forgets the trails that match.
func (t *trails) drop(match func(from Key, to trail) bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, generation := range []map[Key]trail{t.young, t.old} {
		for from, to := range generation {
			if match(from, to) {
				delete(generation, from)
			}
		}
	}
}

func (t *trails) remove(from Key) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.young, from)
	delete(t.old, from)
}

func (t *trails) clear() {
	t.mu.Lock()
	defer t.mu.Unlock()
	clear(t.young)
	t.old, t.weight = nil, 0
}

// Trail returns the records that were looked up along with a record when that was
// last done, if that is remembered. They may not be there any more, or may not belong
// to it any more.
func (c *Cache) Trail(from Key) (to []Key, ok bool) {
	t, ok := c.trails.get(from)
	if !ok {
		return nil, false
	}
	return t.keys(from.Tenant), true
}

// SetTrail remembers which records of the tenant were looked up along with a
// record. Without Redis nothing is remembered: it is of no use.
func (c *Cache) SetTrail(from Key, to []Key) {
	if c.remote == nil {
		return
	}
	t := newTrail(to)
	c.fence.RLock()
	defer c.fence.RUnlock()
	if now := time.Now(); !now.After(c.banned.last) {
		for _, key := range append(to[:len(to):len(to)], from) {
			if k := c.kind(key.Kind); k != nil && c.banned.cover(k, key, &item{absent: true}, now) {
				return
			}
		}
	}
	c.trails.mu.Lock()
	defer c.trails.mu.Unlock()
	if had, ok := c.trails.young[from]; !ok || had != t {
		c.trails.put(from, t)
	}
}

// leads reports whether a trail names a record that has to go.
func (e *erasure) leads(from Key, to trail) bool {
	if e.tenant != "" && from.Tenant != e.tenant {
		return false
	}
	if e.keys[from] || e.hit(from, nil) {
		return true
	}
	for _, key := range to.keys(from.Tenant) {
		if e.hit(key, nil) {
			return true
		}
	}
	return false
}
