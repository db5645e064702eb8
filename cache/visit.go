package cache

import (
	"context"
	"sync/atomic"
	"time"
)

// fetch asks Redis for all keys at once, and fills memory with what it finds.
// Callers that ask at once may share a pipeline, which is bounded by the deadline
// of Redis alone, see [convoys]. The turns that it wins are idle until a flight
// takes them.
func (c *Cache) fetch(ctx context.Context, asks []ask) *reading {
	return c.fetchAlong(ctx, asks, Key{})
}

// fetchAlong is fetch, and follows the trail from a record, if there is one.
func (c *Cache) fetchAlong(ctx context.Context, asks []ask, from Key) *reading {
	if c.remote == nil || len(asks) == 0 || ctx.Err() != nil {
		return new(reading)
	}
	if !c.remote.ready() {
		c.unread(asks, func(k *kindCounters) *atomic.Uint64 { return &k.redisBypassed })
		return new(reading)
	}
	l := c.looks.ask(ctx, &look{asks: asks, from: from})
	if l == nil {
		return new(reading)
	}
	return c.open(l)
}

// visit asks Redis for what all of the looks want, in one pipeline. What is read
// in the replies is for who waits for them.
func (c *Cache) visit(ctx context.Context, looks []*look) (keys, bytes int) {
	began, drops := time.Now(), c.dropped()
	asks, at := looks[0].asks, []int(nil)
	if len(looks) > 1 {
		asks, at = merged(looks)
		c.remote.counts.shared.Add(uint64(len(looks) - 1))
	}
	replies, found := c.remote.readAlong(ctx, asks, trailsOf(looks))
	var turns []turn
	for i := range replies {
		bytes += len(replies[i].value)
		if replies[i].turn == won {
			if turns == nil {
				turns = make([]turn, 0, len(replies)-i)
			}
			turns = append(turns, turn{key: asks[i].key, until: began.Add(asks[i].turn)})
			replies[i].won = &turns[len(turns)-1]
			c.turns.add(replies[i].won)
		}
	}
	for _, l := range looks {
		l.began, l.drops = began, drops
		if l.from != (Key{}) && len(found) > 0 {
			l.led, found = found[0], found[1:]
			for _, value := range l.led.values {
				bytes += len(value)
			}
		}
		switch {
		case len(replies) == 0:
		case at == nil:
			l.replies = replies
		default:
			l.replies = make([]reply, len(l.asks))
			for i := range l.asks {
				l.replies[i] = replies[at[i]]
			}
			at = at[len(l.asks):]
		}
	}
	return len(replies), bytes
}

// trailsOf are the records whose trails the looks follow, in their order.
func trailsOf(looks []*look) (from []Key) {
	for _, l := range looks {
		if l.from != (Key{}) {
			from = append(from, l.from)
		}
	}
	return from
}

// open reads what came of a look, once for all who share it.
func (c *Cache) open(l *look) *reading {
	l.once.Do(func() { l.reading = c.readReplies(l) })
	return &l.reading
}

// desert keeps what came of a look that nobody waits for any more.
func (c *Cache) desert(l *look) { c.giveBackUnused(c.open(l).won) }

func (c *Cache) readReplies(l *look) reading {
	out := newReading(l.asks, l.drops)
	if len(l.replies) == 0 {
		c.unread(l.asks, func(k *kindCounters) *atomic.Uint64 { return &k.redisErrors })
	}
	for i, r := range l.replies {
		a := &l.asks[i]
		k := c.kind(a.key.Kind)
		if k == nil {
			continue
		}
		switch {
		case a.turn == 0: // if one came, it is another look's
		case r.won != nil:
			out.won = append(out.won, r.won)
		case r.turn == lost:
			out.got[i].lost = true
		}
		out.got[i].item = c.read(k, a.key, r, l.began, l.drops)
	}
	c.readTrail(l, &out)
	return out
}
