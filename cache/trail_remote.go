package cache

import (
	"strings"
	"time"
)

// A trail is in Redis, too, so that a process which has not seen a record before
// gets what it leads to in the same visit. It is a record like any other, of a kind
// that no loader has; what its envelope holds is the names of records of the same
// tenant, with spaces between. It is only where to look: who follows it believes
// the records that it finds, and those only.
const (
	trailKind = "trail"

	maxTrail      = 2 << 10 // of the envelope of a trail, in bytes
	maxTrailNames = 4

	// trailsOffFor is how long no trail is followed after Redis has refused that.
	trailsOffFor = 10 * time.Minute
)

// trailKey names the trail that begins at a record.
func trailKey(from Key) Key {
	return Key{Tenant: from.Tenant, Kind: trailKind, ID: from.member()}
}

// start is the record itself, or that at which a trail begins.
func (k Key) start() Key {
	if k.Kind != trailKind {
		return k
	}
	from, _ := parseMember(k.Tenant, k.ID)
	return from
}

// names is the trail as Redis has it; "" is one that it cannot have.
func (t trail) names(tenant string) string {
	keys := t.keys(tenant)
	if len(keys) == 0 || len(keys) > maxTrailNames {
		return ""
	}
	names := make([]byte, 0, 160)
	for i, key := range keys {
		if !validKind(key.Kind) {
			return ""
		}
		if i > 0 {
			names = append(names, ' ')
		}
		names = key.appendMember(names)
	}
	return string(names)
}

// leaveTrail queues the trail for Redis. The fence is held: an erasure that comes
// afterwards finds it in the queue.
func (c *Cache) leaveTrail(from Key, to trail, keep time.Duration, now time.Time) {
	key, names := trailKey(from), to.names(from.Tenant)
	if names == "" || sealedSize(key, entry{data: []byte(names)}) > maxTrail {
		return
	}
	var about []subjectID
	for _, k := range to.keys(from.Tenant) { // where it begins is in its name
		if kind := c.kind(k.Kind); kind != nil {
			if own := kind.ownSubject(k); own != "" {
				about = append(about, idOf(k.Tenant, own))
			}
		}
	}
	c.remote.put(write{key: key, entry: entry{data: []byte(names), storedAt: now}, keep: keep, about: about})
}

// trailTime is how long Redis keeps a trail: no longer than any record on it. 0: not
// at all.
func (c *Cache) trailTime(from Key, to []Key) time.Duration {
	k := c.kind(from.Kind)
	if k == nil {
		return 0
	}
	keep := k.policy.Stale
	for i := range to {
		if k = c.kind(to[i].Kind); k == nil {
			return 0
		}
		keep = min(keep, k.policy.Stale)
	}
	return keep * 4 / 5 // either's time varies by a tenth
}

// readTrail takes over what a trail leads to, beside what was asked for, and
// returns where that is.
func (c *Cache) readTrail(l *look, out *reading) {
	if len(l.led.values) == 0 || l.led.values[0] == "" {
		return
	}
	key := trailKey(l.from)
	e, err := open(key, []byte(l.led.values[0]), l.began)
	if err != nil {
		c.remote.discard(key)
		return
	}
	to, ok := c.parseTrail(l.from.Tenant, string(e.data))
	if !ok || len(to) != len(l.led.values)-1 || !c.learnTrail(l.from, to, e.storedAt, l.drops) {
		return
	}
	for i, key := range to {
		if found := out.of(key); found.item != nil {
			continue
		}
		it := c.read(c.kind(key.Kind), key, reply{answered: true, value: []byte(l.led.values[1+i])}, l.began, l.drops)
		out.led = append(out.led, find{key: key, item: it})
	}
	out.trail = to
}

// parseTrail reads the names of a trail: all are of kinds that there are, and none
// has a zero byte, which ends words in a [trail].
func (c *Cache) parseTrail(tenant, names string) (to []Key, ok bool) {
	for name := range strings.SplitSeq(names, " ") {
		key, sound := parseMember(tenant, name)
		if !sound || c.kind(key.Kind) == nil || strings.ContainsRune(key.ID, 0) || len(to) == maxTrailNames {
			return nil, false
		}
		to = append(to, key)
	}
	return to, true
}
