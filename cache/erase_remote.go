package cache

import (
	"context"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// erasuresKept is how long Redis remembers what was erased, for replicas
	// that do not hear of it. One that was deaf for longer forgets everything.
	erasuresKept = 24 * time.Hour

	unlinkChunk = 500 // keys in one pipeline
)

// note adds to the pipeline that w's record is about its subjects: a sorted
// set for each, of records by when they will have ended. The sets are cleared
// of those that have now and then.
func (r *remote) note(ctx context.Context, pipe redis.Pipeliner, w write, ttl time.Duration) {
	now := time.Now()
	for _, id := range w.about {
		name := aboutKey(id)
		if rand.N(16) == 0 {
			pipe.ZRemRangeByScore(ctx, name, "-inf", strconv.FormatInt(now.Add(-maxSkew).UnixMilli(), 10))
		}
		pipe.ZAdd(ctx, name, redis.Z{Score: float64(now.Add(ttl).UnixMilli()), Member: w.key.member()})
		pipe.PExpire(ctx, name, time.Duration(r.longest.Load())*11/10+maxSkew) // as long as the record that is kept longest
	}
}

// noted returns the records that are noted as being about the subjects.
func (r *remote) noted(ctx context.Context, tenant string, subjects []string) ([]Key, error) {
	members, err := call(ctx, r.reads, func(ctx context.Context) ([]string, error) {
		pipe := r.client.Pipeline()
		cmds := make([]*redis.StringSliceCmd, len(subjects))
		for i, id := range idsOf(tenant, subjects) {
			cmds[i] = pipe.ZRange(ctx, aboutKey(id), 0, -1)
		}
		if _, err := submit(ctx, pipe); err != nil {
			return nil, err
		}
		var all []string
		for _, cmd := range cmds {
			members, err := cmd.Result()
			if err != nil && !wrongType(err) { // what somebody else put there says nothing
				return nil, err
			}
			all = append(all, members...)
		}
		return all, nil
	})
	keys := make([]Key, 0, len(members))
	for _, m := range members {
		if key, ok := parseMember(tenant, m); ok {
			keys = append(keys, key)
		}
	}
	return keys, err
}

// erase removes what was found from Redis and tells the other replicas. What
// led to the rest, first, goes last: if anything fails before, all of it is
// found again when the erasure is asked for again.
func (r *remote) erase(ctx context.Context, e *erasure, first []Key) error {
	last := make([]string, 0, len(first)+len(e.subjects))
	for _, key := range first {
		delete(e.keys, key)
		last = append(last, key.redisKey())
	}
	ids := slices.Collect(maps.Keys(e.subjects))
	for _, id := range ids {
		last = append(last, aboutKey(id))
	}
	if err := r.unlink(ctx, redisNames(e.keys)); err != nil {
		return err
	}
	for chunk := range slices.Chunk(ids, maxNotice/(2*subjectLen)) {
		if err := r.announce(ctx, notice{From: r.name, Erase: chunk}); err != nil {
			return err
		}
	}
	return r.unlink(ctx, last)
}

// announce writes a notice down and publishes it.
func (r *remote) announce(ctx context.Context, n notice) error {
	_, err := call(ctx, r.writes, func(ctx context.Context) (any, error) {
		return announceScript.Run(ctx, r.client, []string{erasuresKey}, n.encode(), erasuresKept.Milliseconds(), noticeChannel).Result()
	})
	if err == nil {
		r.counts.told.Add(1)
	}
	return err
}

// missed returns the erasures of the given time until now, by the clock of Redis.
func (r *remote) missed(ctx context.Context, since time.Duration) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, writePatience*r.deadline)
	defer cancel()
	return missedScript.Run(ctx, r.client, []string{erasuresKey}, since.Milliseconds()).StringSlice()
}

var (
	announceScript = redis.NewScript(`
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[2])
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return redis.call('PUBLISH', ARGV[3], ARGV[1])`)

	missedScript = redis.NewScript(`
local t = redis.call('TIME')
return redis.call('ZRANGEBYSCORE', KEYS[1], t[1] * 1000 + math.floor(t[2] / 1000) - ARGV[1], '+inf')`)
)

// unlink removes keys now, and not by the queue.
func (r *remote) unlink(ctx context.Context, names []string) error {
	for chunk := range slices.Chunk(names, unlinkChunk) {
		err := r.writes.Do(ctx, func(ctx context.Context) error {
			pipe := r.client.Pipeline()
			for _, name := range chunk {
				pipe.Unlink(ctx, name)
			}
			cmds, err := submit(ctx, pipe)
			for _, cmd := range cmds {
				if err == nil {
					err = cmd.Err()
				}
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func redisNames(keys map[Key]bool) []string {
	names := make([]string, 0, len(keys))
	for key := range keys {
		names = append(names, key.redisKey())
	}
	return names
}
