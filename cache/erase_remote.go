package cache

import (
	"cmp"
	"context"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// erasuresKept is how long Redis remembers what was erased, for replicas
	// that do not hear of it. One that was deaf for longer forgets everything.
	erasuresKept = 24 * time.Hour

	eraseChunk = 500  // commands in one pipeline
	scanCount  = 1000 // members of a set in one answer, about
	noteChunk  = 64   // members that one command adds to a set
)

// about is a record that is about a subject.
type about struct {
	subject subjectID
	record  *sealed
}

// noted reports whether a record is there to be found by what it is about.
func (s *sealed) noted() bool { return s.value != nil && len(s.write.about) > 0 }

// note adds to the pipeline which of the records are about whom: a sorted set for each
// subject, of records by when what belongs to them will have ended, which may have been
// kept until the record itself did. The sets are cleared of those now and then.
func (r *remote) note(p *parcel, records []sealed) {
	for i := range records {
		if s := &records[i]; s.noted() {
			for _, id := range s.write.about {
				p.notes = append(p.notes, about{id, s})
			}
		}
	}
	slices.SortFunc(p.notes, func(a, b about) int { return cmp.Compare(a.subject, b.subject) })
	keep := p.number((time.Duration(r.longest.Load())*11/10 + maxSkew).Milliseconds()) // as long as the record that is kept longest
	for rest := p.notes; len(rest) > 0; {
		of := rest[:min(len(rest), noteChunk)]
		if end := slices.IndexFunc(of, func(a about) bool { return a.subject != of[0].subject }); end > 0 {
			of = of[:end]
		}
		rest = rest[len(of):]
		name := p.text(append([]byte(aboutPrefix), of[0].subject...))
		if rand.N(16) == 0 {
			p.integer("zremrangebyscore", name, "-inf", p.number(p.now.Add(-maxSkew).UnixMilli()))
		}
		from := len(p.args)
		p.args = append(p.args, "zadd", name)
		for _, a := range of {
			w := a.record.write
			p.args = append(p.args, p.number(p.now.Add(a.record.ttl+w.keep).UnixMilli()), p.member(w.key))
		}
		p.integerOf(from)
		p.integer("pexpire", name, keep)
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
		last = r.appendNames(last, key)
	}
	ids := slices.Collect(maps.Keys(e.subjects))
	for _, id := range ids {
		last = append(last, aboutKey(id))
	}
	if err := r.unlink(ctx, r.names(e.keys)); err != nil {
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

// names are the Redis keys of records and of their trails.
func (r *remote) names(keys map[Key]bool) []string {
	names := make([]string, 0, 2*len(keys))
	for key := range keys {
		names = r.appendNames(names, key)
	}
	return names
}

func (r *remote) appendNames(names []string, key Key) []string {
	names = append(names, key.redisKey())
	if r.leavesTrails() && key.Kind != trailKind {
		names = append(names, trailKey(key).redisKey())
	}
	return names
}
