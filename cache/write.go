package cache

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/weft-gateway/weft/upstream/breaker"
)

// put queues a record for Redis.
func (r *remote) put(w write) {
	if len(w.entry.data) > maxValue {
		// Redis may hold an earlier, smaller version, which must not outlive this one.
		r.counts.tooLarge.Add(1)
		w = write{key: w.key, remove: true, turn: w.turn}
	}
	r.enqueue(w)
}

// remove queues the removal of a record from Redis.
func (r *remote) remove(key Key) { r.enqueue(write{key: key, remove: true}) }

// discard queues the removal of a value that is not one of ours, unless
// something is queued for the key already.
func (r *remote) discard(key Key) {
	r.counts.corrupt.Add(1)
	r.enqueue(write{key: key, remove: true, yield: true})
}

func (r *remote) enqueue(w write) {
	if r.reads.Tripped() || !r.queue.add(w) {
		r.counts.dropped.Add(1)
	}
}

// send writes a batch in one pipeline. What Redis does not take is lost.
func (r *remote) send(batch []write) {
	if r.reads.Tripped() {
		r.counts.dropped.Add(uint64(len(batch)))
		return
	}
	err := r.writes.Do(context.Background(), func(ctx context.Context) error { return r.transmit(ctx, batch) })
	if _, refused := errors.AsType[*breaker.OpenError](err); refused {
		r.counts.dropped.Add(uint64(len(batch)))
	}
}

func (r *remote) transmit(ctx context.Context, batch []write) error {
	pipe := r.client.Pipeline()
	cmds := make([]redis.Cmder, 0, len(batch)) // of each write the one that counts
	for _, w := range batch {
		if cmd := r.append(ctx, pipe, w); cmd != nil {
			cmds = append(cmds, cmd)
		}
	}
	if _, err := submit(ctx, pipe); err != nil {
		r.counts.writeErrors.Add(uint64(len(batch)))
		return err
	}
	var failed error
	confirmed := 0
	for _, cmd := range cmds {
		if err := cmd.Err(); err == nil {
			confirmed++
		} else if failed == nil {
			failed = err
		}
	}
	r.counts.writes.Add(uint64(confirmed))
	r.counts.writeErrors.Add(uint64(len(cmds) - confirmed))
	if confirmed > 0 {
		return nil
	}
	return failed
}

// append adds w to the pipeline, if it can still be of use, and returns the
// command by which Redis confirms it. A turn is given back after the record,
// so that who gets it next finds that; one that is about to run out may be
// another replica's by the time Redis reads this.
func (r *remote) append(ctx context.Context, pipe redis.Pipeliner, w write) (cmd redis.Cmder) {
	if !w.bare {
		cmd = r.appendRecord(ctx, pipe, w)
	}
	if time.Until(w.turn) > writePatience*r.deadline {
		pipe.Del(ctx, w.key.turnKey())
	}
	return cmd
}

func (r *remote) appendRecord(ctx context.Context, pipe redis.Pipeliner, w write) (cmd redis.Cmder) {
	name := w.key.redisKey()
	value, err := r.value(w)
	ttl := jitter(w.keep) - time.Since(w.entry.storedAt)
	switch {
	case w.remove:
		cmd = pipe.Del(ctx, name)
	case err != nil:
		r.counts.tooLarge.Add(1)
		cmd = pipe.Del(ctx, name)
	case ttl >= time.Millisecond:
		r.note(ctx, pipe, w, ttl)
		cmd = pipe.Set(ctx, name, value, ttl)
	}
	if w.tell {
		pipe.Publish(ctx, noticeChannel, notice{Drop: &w.key}.encode())
		r.counts.told.Add(1)
	}
	return cmd
}

func (r *remote) value(w write) ([]byte, error) {
	if w.remove {
		return nil, nil
	}
	return r.ring.seal(w.key, w.entry)
}

// jitter varies d by up to a tenth, so that what was written together does not
// expire together.
func jitter(d time.Duration) time.Duration {
	return time.Duration(float64(d) * (0.9 + 0.2*rand.Float64()))
}
