package cache

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// indexKeep is how long the ids of a tenant stay in Redis after the last
	// were added, while no walk has made them complete.
	indexKeep = 30 * 24 * time.Hour

	// Fields that stand for an id have 16 bytes. These two have another
	// length, so that no id can be taken for them.
	fieldComplete = "complete" // there when the tenant's ids are all there
	fieldWalk     = "walk"     // the name of the walk under way

	addChunk = 500 // ids in one call of the script
)

// Index knows which ids are a tenant's own, and whether it knows them all.
//
// The ids of a tenant, the mark of completeness and that of the walk under way
// are fields of one hash under one key: whatever is evicted, flushed or expires
// takes all of them, so that completeness is never claimed for ids that are
// gone. For the same reason a walk leaves its mark when it begins, and completes
// the index only if that mark is still there.
//
// Without Redis the index is the process's own, and bounded.
type Index struct {
	remote *remote     // nil without Redis
	local  *localIndex // nil with Redis

	mu     sync.Mutex
	events uint64           // doubts so far; guarded by mu
	doubts map[string]doubt // tenant -> why its marks have to go, until Redis was told; guarded by mu
}

func newIndex(r *remote) *Index {
	if r == nil {
		return &Index{local: newLocalIndex()}
	}
	return &Index{remote: r, doubts: map[string]doubt{}}
}

// Index returns the index of c.
func (c *Cache) Index() *Index { return c.index }

// digest is the field that stands for id.
func digest(id string) string {
	sum := sha256.Sum256([]byte(id))
	return string(sum[:16])
}

// Add notes that ids are the tenant's own. It ends by the deadline of Redis
// and not with ctx. After an error some ids may be missing: the index is then
// withdrawn, and a walk under way cannot complete it any more.
func (x *Index) Add(ctx context.Context, tenant string, ids []string) error {
	if x.local != nil {
		x.local.add(tenant, ids)
		return nil
	}
	ctx = context.WithoutCancel(ctx)
	for chunk := range slices.Chunk(ids, addChunk) {
		args := []any{indexKeep.Milliseconds()}
		for _, id := range chunk {
			args = append(args, digest(id), "")
		}
		if _, err := x.script(ctx, addScript, tenant, args...); err != nil {
			x.distrust(ctx, tenant, true)
			return fmt.Errorf("cache: index: add: %w", err)
		}
	}
	return nil
}

// Lookup reports whether id is known to be the tenant's own, and whether all
// of the tenant's ids are known. Both are of one moment. The error says that
// Redis could not be asked.
func (x *Index) Lookup(ctx context.Context, tenant, id string) (has, complete bool, err error) {
	if x.local != nil {
		has, complete = x.local.lookup(tenant, id)
		return has, complete, nil
	}
	doubted, _ := x.settle(ctx, tenant)
	found, err := call(ctx, x.remote.reads, func(ctx context.Context) ([]any, error) {
		found, err := x.remote.client.HMGet(ctx, indexKey(tenant), digest(id), fieldComplete).Result()
		switch {
		case wrongType(err):
			return make([]any, 2), x.remote.client.Del(ctx, indexKey(tenant)).Err()
		case err == nil && len(found) != 2:
			return nil, errIndexReply
		}
		return found, err
	})
	if err != nil {
		return false, false, fmt.Errorf("cache: index: look up: %w", err)
	}
	return found[0] != nil, found[1] != nil && !doubted, nil
}

var errIndexReply = errors.New("cache: HMGET answered for another number of fields")

// Begin is to be called before the first id of a walk over all of a tenant's
// ids is added, with a name that no other walk has. A walk that was under way
// can no longer complete the index.
func (x *Index) Begin(ctx context.Context, tenant, walk string) error {
	if x.local != nil {
		x.local.begin(tenant, walk)
		return nil
	}
	x.settle(ctx, tenant)
	if _, err := x.script(ctx, addScript, tenant, indexKeep.Milliseconds(), fieldWalk, walk); err != nil {
		return fmt.Errorf("cache: index: begin: %w", err)
	}
	return nil
}

// MarkComplete notes that the walk added all ids of the tenant. After ttl the
// index is forgotten. It reports false, and marks nothing, if something that
// was to be added since the walk began has been lost; the walk has to be made
// again, under another name.
func (x *Index) MarkComplete(ctx context.Context, tenant, walk string, ttl time.Duration) (bool, error) {
	if x.local != nil {
		return x.local.markComplete(tenant, walk, ttl), nil
	}
	if _, doubted := x.settle(ctx, tenant); doubted {
		return false, nil
	}
	done, err := x.script(ctx, completeScript, tenant, ttl.Milliseconds(), walk)
	if err != nil {
		return false, fmt.Errorf("cache: index: complete: %w", err)
	}
	return done == 1, nil
}

// Remove notes that an id is no longer among the tenant's own. If Redis cannot
// be told, the id stays until the next walk over all of them.
func (x *Index) Remove(ctx context.Context, tenant, id string) error {
	if x.local != nil {
		x.local.remove(tenant, id)
		return nil
	}
	_, err := call(ctx, x.remote.writes, func(ctx context.Context) (int64, error) {
		return x.remote.client.HDel(ctx, indexKey(tenant), digest(id)).Result()
	})
	if err != nil {
		return fmt.Errorf("cache: index: remove: %w", err)
	}
	return nil
}

// Forget empties the tenant's index, so that a walk over all ids leaves none
// that the tenant no longer has.
func (x *Index) Forget(ctx context.Context, tenant string) error {
	if x.local != nil {
		x.local.forget(tenant)
		return nil
	}
	_, err := call(ctx, x.remote.writes, func(ctx context.Context) (int64, error) {
		return x.remote.client.Del(ctx, indexKey(tenant)).Result()
	})
	if err != nil {
		return fmt.Errorf("cache: index: forget: %w", err)
	}
	return nil
}

// addScript sets fields, and gives a key that has no end of life one; a key
// that has keeps it, since that is how long its completeness may be believed.
var addScript = redis.NewScript(`
redis.call('HSET', KEYS[1], unpack(ARGV, 2))
if redis.call('PTTL', KEYS[1]) < 0 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return 1`)

var completeScript = redis.NewScript(`
if redis.call('HGET', KEYS[1], 'walk') ~= ARGV[2] then return 0 end
redis.call('HDEL', KEYS[1], 'walk')
redis.call('HSET', KEYS[1], 'complete', '')
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return 1`)

func (x *Index) script(ctx context.Context, s *redis.Script, tenant string, args ...any) (int, error) {
	return call(ctx, x.remote.writes, func(ctx context.Context) (int, error) {
		return s.Run(ctx, x.remote.client, []string{indexKey(tenant)}, args...).Int()
	})
}
