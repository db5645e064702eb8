package cache

import (
	"strings"
	"sync"
	"time"
)

// trails remember which records were last looked up along with another one, so
// that Redis can be asked for all of them at once when memory has none of them any more.
// They are far smaller than records, and only ever say what to ask for. Of those
// that other processes know there is more in Redis, see [Cache.Follow].
type trails struct {
	mu    sync.Mutex
	bound int // of the weight of one generation, in bytes
	// What was used lately is in young. When that is full it becomes old, and
	// what was old is forgotten.
	young, old map[Key]path
	weight     int // of young
}

// path is a trail that is remembered.
type path struct {
	to   trail
	told int64 // when Redis was last told of it, in Unix nanoseconds; 0: never
}

// trail is kinds and ids, each ended by a zero byte.
type trail string

// trailOverhead is what a trail weighs beside its words, in bytes.
const trailOverhead = 128

func newTrails(bytes uint64) *trails {
	return &trails{bound: int(bytes / 2), young: map[Key]path{}}
}

func newTrail(keys []Key) trail {
	var b strings.Builder
	for _, k := range keys {
		b.WriteString(k.Kind + "\x00" + k.ID + "\x00")
	}
	return trail(b.String())
}

// leadsTo reports whether it is the trail of keys.
func (t trail) leadsTo(keys []Key) bool {
	rest := string(t)
	for i := range keys {
		for _, word := range [...]string{keys[i].Kind, keys[i].ID} {
			var ok bool
			if rest, ok = strings.CutPrefix(rest, word); !ok || rest == "" || rest[0] != 0 {
				return false
			}
			rest = rest[1:]
		}
	}
	return rest == ""
}

// keys are those of the tenant's records that the trail leads to.
func (t trail) keys(tenant string) (keys []Key) {
	keys = make([]Key, 0, strings.Count(string(t), "\x00")/2)
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
	p, ok := t.find(from)
	return p.to, ok
}

// find is called with the lock held.
func (t *trails) find(from Key) (p path, ok bool) {
	if p, ok = t.young[from]; ok {
		return p, true
	}
	if p, ok = t.old[from]; ok {
		t.keep(from, p)
	}
	return p, ok
}

// put is called with the lock held.
func (t *trails) put(from Key, to trail) { t.keep(from, path{to: to}) }

func (t *trails) keep(from Key, p path) {
	before, had := t.young[from]
	if had {
		t.weight += len(p.to) - len(before.to)
	} else {
		t.weight += trailOverhead + len(from.Tenant) + len(from.Kind) + len(from.ID) + len(p.to)
	}
	t.young[from] = p
	if t.weight > t.bound {
		t.young, t.old, t.weight = map[Key]path{}, t.young, 0
	}
}

// drop forgets the trails that match, and returns where they began.
func (t *trails) drop(match func(from Key, to trail) bool) (gone []Key) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, generation := range []map[Key]path{t.young, t.old} {
		for from, p := range generation {
			if match(from, p.to) {
				delete(generation, from)
				gone = append(gone, from)
			}
		}
	}
	return gone
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
// record, and tells Redis of it now and then. Without Redis nothing is remembered:
// it is of no use.
func (c *Cache) SetTrail(from Key, to []Key) {
	if c.remote == nil {
		return
	}
	now := time.Now()
	c.fence.RLock()
	defer c.fence.RUnlock()
	if c.bars(from, to, now) {
		return
	}
	c.trails.mu.Lock()
	defer c.trails.mu.Unlock()
	p, ok := c.trails.find(from)
	t, same := p.to, ok && p.to.leadsTo(to)
	if !same {
		t = newTrail(to)
	}
	if keep := c.trailTime(from, to); keep > 0 && c.remote.leavesTrails() && (!same || now.UnixNano()-p.told > int64(keep/4)) {
		c.leaveTrail(from, t, keep, now)
		p.told, same = now.UnixNano(), false
	}
	if !same {
		c.trails.keep(from, path{t, p.told})
	}
}

// learnTrail remembers a trail that Redis had. It reports false for one that may
// have been dropped or erased since.
func (c *Cache) learnTrail(from Key, to []Key, told time.Time, drops uint64) bool {
	c.fence.RLock()
	defer c.fence.RUnlock()
	if c.drops != drops || c.bars(from, to, time.Now()) {
		return false
	}
	c.trails.mu.Lock()
	defer c.trails.mu.Unlock()
	if _, ok := c.trails.find(from); !ok {
		c.trails.keep(from, path{newTrail(to), told.UnixNano()})
	}
	return true
}

// forgetTrails forgets the trails from records that match. None that is being read
// brings them back.
func (c *Cache) forgetTrails(match func(from Key) bool) {
	c.fence.Lock()
	defer c.fence.Unlock()
	c.drops++
	c.trails.drop(func(from Key, _ trail) bool { return match(from) })
}

// bars reports whether something on a trail was erased just now. It is called with
// the fence held.
func (c *Cache) bars(from Key, to []Key, now time.Time) bool {
	if now.After(c.banned.last) {
		return false
	}
	for _, key := range append(to[:len(to):len(to)], from) {
		if k := c.kind(key.Kind); k != nil && c.banned.cover(k, key, &item{absent: true}, now) {
			return true
		}
	}
	return false
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
