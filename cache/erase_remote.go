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

	eraseChunk = 500  // commands in one pipeline
	scanCount  = 1000 // members of a set in one answer, about
)

// note adds to the pipeline that w's record is about its subjects: a sorted
// set for each, of records by when what belongs to them will have ended, which
// may have been kept until the record itself did. The sets are cleared of those
// now and then.
func (r *remote) note(ctx context.Context, pipe redis.Pipeliner, w write, ttl time.Duration) {
	now := time.Now()
	for _, id := range w.about {
		name := aboutKey(id)
		if rand.N(16) == 0 {
			pipe.ZRemRangeByScore(ctx, name, "-inf", strconv.FormatInt(now.Add(-maxSkew).UnixMilli(), 10))
		}
		pipe.ZAdd(ctx, name, redis.Z{Score: float64(now.Add(ttl + w.keep).UnixMilli()), Member: w.key.member()})
		pipe.PExpire(ctx, name, time.Duration(r.longest.Load())*11/10+maxSkew) // as long as the record that is kept longest
	}
}

// noted returns the records that are noted as being about the subjects. Sets
// can be large, and are read by the piece.
func (r *remote) noted(ctx context.Context, tenant string, subjects []string) (keys []Key, err error) {
	for chunk := range slices.Chunk(idsOf(tenant, subjects), eraseChunk) {
		left := make(map[subjectID]uint64, len(chunk)) // subject -> where its set is read on
		for _, id := range chunk {
			left[id] = 0
		}
		for len(left) > 0 {
			members, err := r.scanSets(ctx, left)
			if err != nil {
				return keys, err
			}
			for _, m := range members {
				if key, ok := parseMember(tenant, m); ok {
					keys = append(keys, key)
				}
			}
		}
	}
	return keys, nil
}

// scanSets reads a piece of each of the sets, and takes out of left those that
// have no more.
func (r *remote) scanSets(ctx context.Context, left map[subjectID]uint64) (members []string, err error) {
	cmds, err := call(ctx, r.reads, func(ctx context.Context) (map[subjectID]*redis.ScanCmd, error) {
		pipe := r.client.Pipeline()
		cmds := make(map[subjectID]*redis.ScanCmd, len(left))
		for id, at := range left {
			cmds[id] = pipe.ZScan(ctx, aboutKey(id), at, "", scanCount)
		}
		if _, err := submit(ctx, pipe); err != nil {
			return nil, err
		}
		for _, cmd := range cmds {
			if err := cmd.Err(); err != nil && !wrongType(err) { // what somebody else put there says nothing
				return nil, err
			}
		}
		return cmds, nil
	})
	for id, cmd := range cmds {
		page, next := cmd.Val()
		for i := 0; i < len(page); i += 2 { // each with its score
			members = append(members, page[i])
		}
		if left[id] = next; next == 0 {
			delete(left, id)
		}
	}
	return members, err
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
	if err := r.tell(ctx, ids); err != nil {
		return err
	}
	return r.unlink(ctx, last)
}

// tell tells the other replicas of subjects that have been erased.
func (r *remote) tell(ctx context.Context, ids []subjectID) error {
	for chunk := range slices.Chunk(ids, maxNotice/(2*subjectLen)) {
		if err := r.announce(ctx, notice{From: r.name, Erase: chunk}); err != nil {
			return err
		}
	}
	return nil
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
	for chunk := range slices.Chunk(names, eraseChunk) {
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
