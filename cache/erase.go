package cache

import (
	"context"
	"fmt"
	"time"
)

// banFor is how long nothing of what was erased is kept again: longer than any
// load that began before, and than it takes other replicas to hear of it.
const banFor = 30 * time.Second

// UntoldError is the error of an erasure that is done in this process, and of
// which Redis could not be told. It has to be asked for again.
type UntoldError struct{ Err error }

// Error implements error.
func (e *UntoldError) Error() string { return fmt.Sprintf("cache: erase: redis: %v", e.Err) }

// Unwrap returns the cause.
func (e *UntoldError) Unwrap() error { return e.Err }

// Erase removes the records of a tenant that are about one of the subjects
// from memory, from Redis and from the other replicas. A record whose id names
// a subject itself takes all along that is about that one. For a while nothing
// is kept of what was erased, so that no load under way brings it back.
//
// Of a subject, keys returns the records whose id names it: they are removed
// from Redis whether or not anybody noted them. An error is an [UntoldError],
// or ctx ended before anything was done.
func (c *Cache) Erase(ctx context.Context, tenant string, subjects []string, keys func(subject string) []Key) error {
	if err := c.begin(ctx); err != nil {
		return fmt.Errorf("cache: erase: %w", err)
	}
	defer func() { <-c.erasures }()
	e := newErasure(c)
	var untold error
	first := e.learn(tenant, subjects)
	for found := first; len(found) > 0; {
		e.note(keysOf(found, keys))
		next := e.purge()
		if c.remote != nil {
			noted, err := c.remote.noted(ctx, tenant, found)
			if err != nil {
				untold = err
			}
			e.note(noted)
			next = append(next, noted...)
		}
		found = e.learn(tenant, c.ownSubjects(next))
	}
	if c.remote == nil {
		return nil
	}
	if untold == nil {
		untold = c.remote.erase(ctx, e, keysOf(first, keys))
	}
	if untold != nil {
		return &UntoldError{untold}
	}
	return nil
}

// begin waits until no other erasure is under way.
func (c *Cache) begin(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case c.erasures <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func keysOf(subjects []string, keys func(string) []Key) (all []Key) {
	for _, s := range subjects {
		all = append(all, keys(s)...)
	}
	return all
}

// erasure is what is known so far of what has to go.
type erasure struct {
	cache    *Cache
	subjects map[subjectID]bool
	keys     map[Key]bool // of records that Redis may hold
}

func newErasure(c *Cache) *erasure {
	return &erasure{cache: c, subjects: map[subjectID]bool{}, keys: map[Key]bool{}}
}

// learn adds subjects, and returns those that were not known.
func (e *erasure) learn(tenant string, subjects []string) (fresh []string) {
	for _, s := range subjects {
		if id := idOf(tenant, s); !e.subjects[id] {
			e.subjects[id] = true
			fresh = append(fresh, s)
		}
	}
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
		k := c.kind(key.Kind)
		if k != nil && e.hit(key, k.aboutIDs(key, it)) {
			c.memory.items.Invalidate(key)
			gone = append(gone, key)
		}
	}
	e.note(gone)
	return gone
}

// hit reports whether a record has to go.
func (e *erasure) hit(key Key, about []subjectID) bool {
	for _, id := range about {
		if e.subjects[id] {
			return true
		}
	}
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

// eraseHeard does here what another replica has done in its own memory and in
// Redis. What this process wrote since then is removed there, too.
func (c *Cache) eraseHeard(ctx context.Context, ids []subjectID) error {
	if err := c.begin(ctx); err != nil {
		return err
	}
	defer func() { <-c.erasures }()
	e := newErasure(c)
	for _, id := range ids {
		e.subjects[id] = true
	}
	for before := -1; before != len(e.subjects); {
		before = len(e.subjects)
		for _, key := range e.purge() {
			e.learn(key.Tenant, c.ownSubjects([]Key{key}))
		}
	}
	return c.remote.unlink(ctx, redisNames(e.keys))
}
