package cache

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"
)

const (
	// banFor is how long nothing of what was erased is kept again: longer than
	// any load that began before.
	banFor = 45 * time.Second

	// maxUntold bounds the subjects of a tenant that wait until Redis can be told.
	maxUntold = 8192
)

// untold is what is left to do of a tenant's erasures of which Redis could not
// be told. What led from one subject to the next may have been in memory alone,
// and is gone.
type untold struct {
	subjects []string
	keys     func(subject string) []Key
}

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
// or ctx ended before anything was done. What Redis was not told of is also
// tried again with the tenant's next erasure, here or in another replica.
func (c *Cache) Erase(ctx context.Context, tenant string, subjects []string, keys func(subject string) []Key) error {
	if err := c.begin(ctx); err != nil {
		return fmt.Errorf("cache: erase: %w", err)
	}
	defer func() { <-c.erasures }()
	e := newErasure(c, tenant)
	var failed error
	first := e.learn(tenant, slices.Concat(c.untold[tenant].subjects, subjects))
	for found := first; len(found) > 0; {
		e.note(keysOf(found, keys))
		next := e.purge()
		if c.remote != nil {
			noted, err := c.remote.noted(ctx, tenant, found)
			if err != nil {
				failed = err
			}
			e.note(noted)
			next = append(next, noted...)
		}
		found = e.learn(tenant, c.ownSubjects(next))
	}
	if c.remote == nil {
		return nil
	}
	if failed == nil {
		failed = c.remote.erase(ctx, e, keysOf(first, keys))
	}
	if failed != nil {
		c.untold[tenant] = untold{e.names[max(0, len(e.names)-maxUntold):], keys}
		return &UntoldError{failed}
	}
	delete(c.untold, tenant)
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

// eraseHeard does here what another replica has done in its own memory and in
// Redis. What this process wrote since then is removed there, too.
func (c *Cache) eraseHeard(ctx context.Context, ids []subjectID) error {
	return c.eraseIDs(ctx, ids, ids)
}

// eraseIDs erases what this process knows of subjects. Those that the others
// have not been told of, as they came to light here, they will be.
func (c *Cache) eraseIDs(ctx context.Context, ids, told []subjectID) error {
	if err := c.begin(ctx); err != nil {
		return err
	}
	defer func() { <-c.erasures }()
	e := newErasure(c, "")
	for _, id := range ids {
		e.subjects[id] = true
	}
	for before := -1; before != len(e.subjects); {
		before = len(e.subjects)
		for _, key := range e.purge() {
			e.learn(key.Tenant, c.ownSubjects([]Key{key}))
		}
	}
	if c.remote == nil {
		return nil
	}
	names := c.remote.names(e.keys)
	for id := range e.subjects { // a write of this process may have come after the other's removal
		names = append(names, aboutKey(id))
	}
	for _, id := range told {
		delete(e.subjects, id)
	}
	c.learned = slices.AppendSeq(c.learned, maps.Keys(e.subjects))
	c.askAgain()
	return c.remote.unlink(ctx, names)
}

// askAgain has Redis told what it was not told of.
func (c *Cache) askAgain() {
	select {
	case c.again <- struct{}{}:
	default:
	}
}

// eraseAgain does so whenever it is asked to, until the cache is closed.
func (c *Cache) eraseAgain() {
	for {
		select {
		case <-c.again:
		case <-c.closing.Done():
			return
		}
		if c.begin(c.closing) != nil {
			return
		}
		left, learned := maps.Clone(c.untold), c.learned
		c.learned = nil
		<-c.erasures
		for tenant, u := range left {
			_ = c.Erase(c.closing, tenant, nil, u.keys) // else it stays untold
		}
		if c.remote.tell(c.closing, learned) != nil && c.begin(c.closing) == nil {
			c.learned = append(learned, c.learned...)
			c.learned = c.learned[max(0, len(c.learned)-maxUntold):]
			<-c.erasures
		}
	}
}

// follow erases what else there is about records that were refused because
// they are about what was erased. What they are about was not known before, as
// of a conversation that was being loaded for the first time, of which other
// records may have been kept already.
func (c *Cache) follow(refused ...Key) {
	var ids []subjectID
	c.fence.RLock()
	for _, key := range refused {
		for _, own := range c.ownSubjects([]Key{key}) {
			if id := idOf(key.Tenant, own); !c.banned.until[id].After(time.Now()) {
				ids = append(ids, id)
			}
		}
	}
	c.fence.RUnlock()
	if len(ids) == 0 {
		return
	}
	if err := c.eraseIDs(c.closing, ids, nil); err != nil && c.closing.Err() == nil {
		c.log.Warn("of what was erased something may be left in Redis", "reason", reason(err))
	}
}
