package cache

import (
	"context"
	"slices"
	"time"
)

// sight is what [Cache.Prefetch] saw in Redis, along with a request: memory may
// have no room for it, or give its room to others before it is asked for.
type sight struct {
	context.Context // that carries it
	*reading
	prev *sight // of an earlier visit; nil: there was none
}

type sightKey struct{}

// Value implements [context.Context].
func (s *sight) Value(key any) any {
	if key == (sightKey{}) {
		return s
	}
	return s.Context.Value(key)
}

// with returns a context that carries what was found along.
func (r *reading) with(ctx context.Context) context.Context {
	has := func(f find) bool { return f.item != nil }
	if !slices.ContainsFunc(r.got, has) && !slices.ContainsFunc(r.led, has) {
		return ctx
	}
	prev, _ := ctx.Value(sightKey{}).(*sight)
	return &sight{Context: ctx, reading: r, prev: prev}
}

// recall returns what memory has, or what ctx carries, if that is more recent:
// unless it may have been dropped or erased since.
func (k *kind) recall(ctx context.Context, key Key) *item {
	c := k.cache
	it := c.memory.get(key)
	if c.remote == nil {
		return it
	}
	s, _ := ctx.Value(sightKey{}).(*sight)
	for ; s != nil; s = s.prev {
		seen := s.of(key).item
		if seen != nil && (it == nil || seen.newer(it)) && c.stands(k, key, seen, s.drops) {
			it = seen
		}
	}
	return it
}

// stands reports whether nothing that was dropped since, or erased, can be it.
func (c *Cache) stands(k *kind, key Key, it *item, drops uint64) bool {
	c.fence.RLock()
	defer c.fence.RUnlock()
	return c.drops == drops && !c.banned.cover(k, key, it, time.Now())
}
