// Package cache keeps what the sources answered, so that they are asked less
// and so that something can be shown while they cannot be asked.
//
// A [Loader] looks a record up in this order:
//
//  1. Memory. A fresh copy, or an absence the source reported lately, answers.
//  2. The claim. Who finds no fresh copy claims the keys that nobody is
//     loading, and waits with the others for those that somebody is. A load
//     goes on when the caller that began it has gone.
//  3. Memory again, because an earlier claim may have ended in between.
//  4. Redis, in one pipeline: another replica may have a fresher copy. Redis
//     has a deadline of its own and a breaker; its trouble is a miss.
//  5. The source, one call for all keys of the claim. What it answers goes to
//     memory now and to Redis behind the caller's back.
//  6. The stale copy, if the source failed and there is one.
//
// Errors are never kept. Every key carries the tenant. The package knows
// nothing of the records: a kind is a name, a policy and a codec.
package cache

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/weft-gateway/weft/upstream/breaker"
)

// Config says what a [Cache] is made of.
type Config struct {
	Redis         redis.UniversalClient // shared tier, best made by [RedisClient]; nil: memory alone. Close leaves it open
	RedisDeadline time.Duration         // longest wait for one read of Redis; 0: 50 ms
	Encryption    []EncryptionKey       // what is in Redis is encrypted with the first, and read with any; none: in the clear
	Breakers      *breaker.Set          // where the Redis breakers are registered; nil: nowhere
	MemoryBytes   uint64                // bound on the memory tier, in bytes of encoded records and their keys; less under a memory limit; 0: 32 MiB
	Logger        *slog.Logger          // nil: slog.Default()
}

func (c Config) redisDeadline() time.Duration {
	if c.RedisDeadline == 0 {
		return defaultRedisDeadline
	}
	return c.RedisDeadline
}

func (c Config) memoryBytes() uint64 {
	if c.MemoryBytes == 0 {
		return 32 << 20
	}
	return c.MemoryBytes
}

// trailBytes bounds what is remembered of where records lead. From 32 MiB on it is taken
// from what records may have. Without Redis there is nothing to follow.
func (c Config) trailBytes() uint64 {
	if c.Redis == nil {
		return 0
	}
	return max(c.memoryBytes()/8, 4<<20)
}

func (c Config) recordBytes() uint64 {
	if c.memoryBytes() < 8*c.trailBytes() {
		return c.memoryBytes()
	}
	return c.memoryBytes() - c.trailBytes()
}

func (c Config) logger() *slog.Logger {
	if c.Logger == nil {
		return slog.Default()
	}
	return c.Logger
}

// Cache is memory before Redis. It is used through loaders; several loaders,
// each with a kind of its own, share one Cache.
type Cache struct {
	memory *memory
	trails *trails
	remote *remote       // nil without Redis
	looks  *convoys      // of fetch; nil without Redis
	turns  *turns        // that this process has
	behind chan struct{} // a token for each load that nobody waits for
	crew   crew          // that loads run on
	index  *Index
	packer *packer
	local  *localStore // leases and checkpoints of a cache without Redis
	ring   *keyring    // nil: nothing is encrypted
	log    *slog.Logger
	seed   maphash.Seed

	born    time.Time
	gap     atomic.Int64   // what was checked before this, in nanoseconds since born, is due
	hearing sync.WaitGroup // of the listener, of who erases again, of the governor and the packer

	// fence is held for reading by who puts something into memory, so that
	// who drops or bans something under the lock meets it later or not at all.
	fence    sync.RWMutex
	drops    uint64            // so far; guarded by fence
	banned   bans              // guarded by fence
	erasures chan struct{}     // holds a token while something is being erased
	untold   map[string]untold // tenant -> erasures that Redis was not told of; of who holds the token
	learned  []subjectID       // of which the other replicas are to be told; likewise
	again    chan struct{}     // holds a token while Redis is to be told of both

	closing context.Context // ends with Close; loads under way are cancelled
	close   context.CancelFunc

	mu    sync.RWMutex
	kinds map[string]*kind // name -> kind; guarded by mu
}

// New returns a Cache that must be closed.
func New(cfg Config) (*Cache, error) {
	if cfg.RedisDeadline < 0 {
		return nil, errors.New("cache: RedisDeadline is negative")
	}
	mem, err := newMemory(cfg.recordBytes())
	if err != nil {
		return nil, fmt.Errorf("cache: memory tier: %w", err)
	}
	c := &Cache{memory: mem, trails: newTrails(cfg.trailBytes()), log: cfg.logger(), seed: maphash.MakeSeed(), kinds: map[string]*kind{}, born: time.Now(), erasures: make(chan struct{}, 1), untold: map[string]untold{}, again: make(chan struct{}, 1)}
	c.turns, c.behind = newTurns(), make(chan struct{}, maxBehind)
	if c.ring, err = newKeyring(cfg.Encryption); err != nil {
		mem.close()
		return nil, err
	}
	if cfg.Redis != nil {
		if c.remote, err = newRemote(cfg, c.ring); err != nil {
			mem.close()
			return nil, fmt.Errorf("cache: redis tier: %w", err)
		}
		c.looks = newConvoys(c.remote.deadline, c.visit, c.desert)
	} else {
		c.local = newLocalStore()
	}
	c.index = newIndex(c.remote)
	c.closing, c.close = context.WithCancel(context.Background())
	c.packer = newPacker(mem, c.log)
	c.hearing.Go(func() { c.packer.run(c.closing.Done()) })
	if c.remote != nil {
		c.hearing.Go(newListener(c).run)
		c.hearing.Go(c.eraseAgain)
	}
	if measure().limit > 0 {
		g := newGovernor(mem, cfg.recordBytes(), measure, c.log)
		c.hearing.Go(func() { g.run(c.closing.Done()) })
	}
	return c, nil
}

// Close sends what is queued for Redis, for about a second at most, and stops
// the goroutines. Loads under way are cancelled and not waited for; what they
// bring after Close is not written to Redis.
func (c *Cache) Close() {
	c.close()
	c.hearing.Wait()
	if c.remote != nil {
		for _, w := range c.turns.all() { // the loads will bring nothing any more
			c.giveBack(w)
		}
		c.remote.close()
	}
	c.crew.close()
	c.memory.close()
}

// Prefetch asks Redis in one pipeline for all keys of which memory has no
// fresh copy, and fills memory with what it finds. Kinds without a loader are
// passed over. A caller that has done this asks its loaders to skip Redis, with
// the context that is returned, which carries along what was found.
//
// keys are those that the caller will load, peeked those that it will not. Of
// the former, those of which memory knows nothing come with the right to load
// them, which goes to whoever loads them in this process; release gives back
// what is left of it.
func (c *Cache) Prefetch(ctx context.Context, keys []Key, peeked ...Key) (along context.Context, release func()) {
	along, release, _ = c.prefetch(ctx, Key{}, keys, peeked)
	return along, release
}

// Follow is Prefetch, which brings along what the record from led to when another
// process last looked that up, and returns what that is: as [Cache.Trail], which is to be
// asked first. nil: that is not known.
func (c *Cache) Follow(ctx context.Context, from Key, keys []Key, peeked ...Key) (along context.Context, release func(), trail []Key) {
	if c.remote == nil || !c.remote.followsTrails() {
		from = Key{}
	}
	return c.prefetch(ctx, from, keys, peeked)
}

func (c *Cache) prefetch(ctx context.Context, from Key, keys, peeked []Key) (along context.Context, release func(), trail []Key) {
	if c.remote == nil {
		return ctx, func() {}, nil
	}
	now, turns := time.Now(), c.takesTurns()
	need := make([]ask, 0, len(keys)+len(peeked))
	for i := range len(keys) + len(peeked) {
		mine := i < len(keys)
		var key Key
		if mine {
			key = keys[i]
		} else {
			key = peeked[i-len(keys)]
		}
		k := c.kind(key.Kind)
		if k == nil {
			continue
		}
		state := k.judge(c.memory.get(key), now)
		if state.fresh() {
			continue
		}
		a := ask{key: key}
		if state == Failed && turns && mine {
			a.turn = k.turnTime()
		}
		need = append(need, a)
	}
	r := c.fetchAlong(ctx, distinct(need), from)
	if len(r.won) == 0 {
		return r.with(ctx), func() {}, r.trail
	}
	return r.with(ctx), func() { c.giveBackUnused(r.won) }, r.trail
}

// read takes a record over from Redis; nil: there is none that can be used.
func (c *Cache) read(k *kind, key Key, r reply, now time.Time, drops uint64) *item {
	if !r.answered {
		k.counts.redisErrors.Add(1)
		return nil
	}
	it, err := k.unpack(key, r.value, now)
	switch {
	case errors.Is(err, errUnknownKey): // another replica may have the key, and use the value
		c.remote.counts.unknownKeys.Add(1)
	case err != nil || r.wrongType:
		c.remote.discard(key)
	}
	state := k.judge(it, now)
	k.counts.inRedis.add(state)
	if state == Failed || !c.adopt(k, key, it, drops) {
		k.counts.redisMisses.Add(1)
		return nil
	}
	k.counts.redisHits.Add(1)
	return it
}

// adopt puts into memory what was read from Redis, if there is room. It reports false
// for what may have been dropped or erased since the read began.
func (c *Cache) adopt(k *kind, key Key, it *item, drops uint64) bool {
	c.fence.RLock()
	defer c.fence.RUnlock()
	now := time.Now()
	if c.drops != drops || c.banned.cover(k, key, it, now) {
		return false
	}
	c.memory.admit(key, it, now)
	return true
}

// dropped returns how often something was dropped so far.
func (c *Cache) dropped() uint64 {
	c.fence.RLock()
	defer c.fence.RUnlock()
	return c.drops
}

// kind returns the registered kind, or nil.
func (c *Cache) kind(name string) *kind {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.kinds[name]
}

// register makes k the kind of its name, with the ledger that there is.
func (c *Cache) register(k *kind) {
	c.mu.Lock()
	defer c.mu.Unlock()
	k.ledger = &ledger{claims: map[Key]*flight{}}
	if old := c.kinds[k.name]; old != nil {
		k.ledger = old.ledger
	}
	c.kinds[k.name] = k
	if c.remote != nil {
		c.remote.longest.Store(max(c.remote.longest.Load(), int64(k.policy.Stale)))
	}
}
