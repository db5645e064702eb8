package cache

import (
	"context"
	"slices"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"
)

// The steps of a purge. Each has the time of a batch of writes.
const (
	purgeLook = 500 // keys that Redis looks at
	purgeTell = 100 // keys that are removed and told of
)

// Purge removes all records of a tenant that are of the kinds: from memory,
// from Redis and from the other replicas, and keeps loads under way from
// bringing them back. It returns how many there were. An error means that
// Redis, or the others, may still have some.
func (c *Cache) Purge(ctx context.Context, tenant string, kinds []string) (int, error) {
	p := newPurge(c, tenant)
	for _, kind := range kinds {
		p.kinds[kind] = true
	}
	p.local()
	var err error
	if c.remote != nil {
		if err = p.tell(ctx, p.keys()); err == nil {
			err = p.scan(ctx)
		}
		p.local() // what was read from Redis meanwhile
	}
	return len(p.seen), err
}

// PurgeRecords is Purge of single records.
func (c *Cache) PurgeRecords(ctx context.Context, keys []Key) (int, error) {
	n := 0
	for _, i := range c.Inspect(ctx, keys) {
		if i.Memory != nil || i.Redis != nil {
			n++
		}
	}
	forget := func() {
		for _, key := range keys {
			if k := c.kind(key.Kind); k != nil {
				k.forget(key)
			}
		}
	}
	forget()
	if c.remote == nil {
		return n, nil
	}
	c.remote.queue.withdraw(func(w write) bool { return !w.remove && slices.Contains(keys, w.key.start()) })
	err := newPurge(c, "").tell(ctx, keys)
	forget() // what was read from Redis meanwhile
	return n, err
}

func newPurge(c *Cache, tenant string) *purge {
	return &purge{cache: c, tenant: tenant, kinds: map[string]bool{}, seen: map[Key]bool{}}
}

// purge is one Purge.
type purge struct {
	cache  *Cache
	tenant string
	kinds  map[string]bool

	mu   sync.Mutex
	seen map[Key]bool // guarded by mu: the nodes of a cluster are asked at once
}

func (p *purge) match(key Key) bool { return key.Tenant == p.tenant && p.kinds[key.Kind] }

func (p *purge) keys() []Key {
	p.mu.Lock()
	defer p.mu.Unlock()
	keys := make([]Key, 0, len(p.seen))
	for key := range p.seen {
		keys = append(keys, key)
	}
	return keys
}

// local removes what this process has, is loading, or has queued for Redis.
func (p *purge) local() {
	var found []Key
	if r := p.cache.remote; r != nil {
		found = r.queue.withdraw(func(w write) bool { return !w.remove && p.match(w.key.start()) })
		found = slices.DeleteFunc(found, func(key Key) bool { return key.Kind == trailKind })
	}
	for key := range p.cache.memory.items.All() {
		if p.match(key) {
			found = append(found, key)
		}
	}
	for name := range p.kinds {
		if k := p.cache.kind(name); k != nil {
			found = append(found, k.claimed(p.tenant)...)
		}
	}
	p.cache.forgetTrails(p.match)
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, key := range found {
		p.seen[key] = true
		if k := p.cache.kind(key.Kind); k != nil {
			k.forget(key)
		}
	}
}

// claimed returns the tenant's records that are being loaded.
func (k *kind) claimed(tenant string) (keys []Key) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for key := range k.claims {
		if key.Tenant == tenant {
			keys = append(keys, key)
		}
	}
	return keys
}

// scan finds and removes what Redis has, on all nodes of a cluster.
func (p *purge) scan(ctx context.Context) error {
	if cluster, ok := p.cache.remote.client.(*redis.ClusterClient); ok {
		return cluster.ForEachMaster(ctx, func(ctx context.Context, node *redis.Client) error { return p.scanNode(ctx, node) })
	}
	return p.scanNode(ctx, p.cache.remote.client)
}

func (p *purge) scanNode(ctx context.Context, node redis.Cmdable) error {
	prefix := keyPrefix + tenantDigest(p.tenant) + ":"
	for cursor, more := uint64(0), true; more; more = cursor != 0 {
		page, err := call(ctx, p.cache.remote.writes, func(ctx context.Context) (scanned, error) {
			names, next, err := node.Scan(ctx, cursor, prefix+"*", purgeLook).Result()
			return scanned{names, next}, err
		})
		if err != nil {
			return err
		}
		cursor = page.next
		var keys []Key
		for _, name := range page.names {
			if key, ok := parseMember(p.tenant, strings.TrimPrefix(name, prefix)); ok && p.match(key.start()) {
				keys = append(keys, key)
			}
		}
		if err := p.tell(ctx, keys); err != nil {
			return err
		}
	}
	return nil
}

type scanned struct {
	names []string
	next  uint64
}

// tell removes keys from Redis, and tells the other replicas of it. Of a trail it
// tells them the record at which that begins.
func (p *purge) tell(ctx context.Context, keys []Key) error {
	for len(keys) > 0 {
		page := keys[:min(len(keys), purgeTell)]
		keys = keys[len(page):]
		_, err := call(ctx, p.cache.remote.writes, func(ctx context.Context) (struct{}, error) {
			pipe := p.cache.remote.client.Pipeline()
			for _, key := range page {
				for _, name := range p.cache.remote.appendNames(nil, key) {
					pipe.Del(ctx, name)
				}
				start := key.start()
				pipe.Publish(ctx, noticeChannel, notice{Drop: &start}.encode())
			}
			_, err := pipe.Exec(ctx)
			return struct{}{}, err
		})
		if err != nil {
			return err
		}
		p.cache.remote.counts.told.Add(uint64(len(page)))
		p.mu.Lock()
		for _, key := range page {
			if key.Kind != trailKind {
				p.seen[key] = true
			}
		}
		p.mu.Unlock()
	}
	return nil
}
