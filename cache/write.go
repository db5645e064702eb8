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
	do := r.writes.Do
	if r.prompt {
		do = r.writes.DoInPlace
	}
	err := do(context.Background(), func(ctx context.Context) error { return r.transmit(ctx, batch) })
	if _, refused := errors.AsType[*breaker.OpenError](err); refused {
		r.counts.dropped.Add(uint64(len(batch)))
	}
}

func (r *remote) transmit(ctx context.Context, batch []write) error {
	p := r.pack(ctx, batch)
	defer r.unpacked(p) // go-redis has sent it, or given up
	if _, err := submit(ctx, p.pipe); err != nil {
		r.counts.writeErrors.Add(uint64(len(batch)))
		return err
	}
	var failed error
	confirmed := 0
	for _, cmd := range p.counted {
		if err := cmd.Err(); err == nil {
			confirmed++
		} else if failed == nil {
			failed = err
		}
	}
	r.counts.writes.Add(uint64(confirmed))
	r.counts.writeErrors.Add(uint64(len(p.counted) - confirmed))
	if confirmed > 0 {
		return nil
	}
	return failed
}

// pack makes the pipeline of a batch, as far as that can still be of use. What a record
// is about is noted before it is there, or an erasure could miss it. A turn is given back after
// the record, so that who gets it next finds that; one that is about to run out may be
// another replica's by the time Redis reads this.
func (r *remote) pack(ctx context.Context, batch []write) *parcel {
	p, _ := r.parcels.Get().(*parcel)
	if p == nil {
		p = &parcel{pipe: r.client.Pipeline()}
	}
	p.begin(ctx, r, batch)
	for i := range batch {
		if w := &batch[i]; !w.bare {
			r.seal(p, w)
		}
	}
	for i := range p.sealed {
		if s := &p.sealed[i]; len(p.notes) == 0 && s.noted() {
			r.note(p, p.sealed[i:])
		}
		r.putRecord(p, &p.sealed[i])
	}
	r.giveBack(p, batch)
	_ = p.pipe.BatchProcess(ctx, p.cmds...) // they are only queued
	return p
}

// seal decides what becomes of a record: it is written, with the envelope that it gets, or removed,
// or left alone.
func (r *remote) seal(p *parcel, w *write) {
	s := sealed{write: w, name: p.name(w.key, keyPrefix)}
	if !w.remove {
		var err error
		if r.ring != nil {
			s.value, err = r.ring.seal(w.key, w.entry)
		} else {
			s.value, err = p.envelope(w.key, w.entry)
		}
		if s.ttl = jitter(w.keep) - p.now.Sub(w.entry.storedAt); err != nil {
			r.counts.tooLarge.Add(1)
			s.value = nil
		} else if s.ttl < time.Millisecond {
			if !w.tell {
				return
			}
			s.value = nil // it took the place of a removal
		}
	}
	p.sealed = append(p.sealed, s)
}

// putRecord adds what becomes of a record to the pipeline.
func (r *remote) putRecord(p *parcel, s *sealed) {
	if s.value == nil {
		p.counted = append(p.counted, p.integer("del", s.name))
	} else {
		p.counted = append(p.counted, p.status("set", s.name, &s.value, "px", p.number(s.ttl.Milliseconds())))
	}
	if w := s.write; w.tell {
		if r.leavesTrails() {
			p.integer("del", p.name(trailKey(w.key), keyPrefix))
		}
		p.integer("publish", noticeChannel, notice{Drop: &w.key}.encode())
		r.counts.told.Add(1)
	}
}

// giveBack gives the turns back, by one command where a Redis has all keys.
func (r *remote) giveBack(p *parcel, batch []write) {
	_, single := r.client.(*redis.Client)
	from := len(p.args)
	for i := range batch {
		w := &batch[i]
		if w.turn.Sub(p.now) <= writePatience*r.deadline {
			continue
		}
		if len(p.args) == from {
			p.args = append(p.args, "del")
		}
		if p.args = append(p.args, p.name(w.key, keyPrefix+turnField)); !single {
			p.integerOf(from)
			from = len(p.args)
		}
	}
	if len(p.args) > from {
		p.integerOf(from)
	}
}

// jitter varies d by up to a tenth, so that what was written together does not
// expire together.
func jitter(d time.Duration) time.Duration {
	return time.Duration(float64(d) * (0.9 + 0.2*rand.Float64()))
}
