package cache

import (
	"errors"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// A replica that waits for another's load looks this often, jittered.
	turnPoll       = 10 * time.Millisecond
	turnPollSpread = 20 * time.Millisecond

	// turnLonger is what a turn lasts longer than the load, so that one that
	// goes to its deadline ends before its turn does: 5/4 of it.
	turnLonger = 4
)

// turn is a lease on the load of one record: of all replicas, who has it asks
// the source, and the others wait for what that brings. It is a courtesy: who
// cannot get it from Redis, or has waited long enough, loads all the same.
//
// It is given back by a plain removal, without regard to whose it is. That is
// sound as long as it has not run out, and one that is about to is left to run
// out. A removal that Redis carries out too late can take another replica's
// turn away; then one more replica loads, once.
type turn struct {
	key   Key
	until time.Time // by our clock, from before Redis was asked
}

// spoken is what Redis said to who asked for a turn.
type spoken int

const (
	unasked spoken = iota // or it could not be had: the load goes on without
	won
	lost // somebody else's, perhaps another caller's of this process
)

func turnReply(err error) spoken {
	switch {
	case err == nil:
		return won
	case errors.Is(err, redis.Nil):
		return lost
	}
	return unasked
}

// turns are those that this process has.
type turns struct {
	mu   sync.Mutex
	idle map[Key]*turn  // won, and not yet any flight's; guarded by mu
	held map[*turn]bool // of flights; guarded by mu
}

func newTurns() *turns { return &turns{idle: map[Key]*turn{}, held: map[*turn]bool{}} }

func (t *turns) add(w *turn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.idle[w.key] = w
}

// take hands the idle turn of key over to a flight; nil when there is none.
func (t *turns) take(key Key) *turn {
	t.mu.Lock()
	defer t.mu.Unlock()
	w := t.idle[key]
	if w == nil {
		return nil
	}
	delete(t.idle, key)
	if !time.Now().Before(w.until) {
		return nil
	}
	t.held[w] = true
	return w
}

// drop forgets w, and reports whether it was still idle, or held.
func (t *turns) drop(w *turn) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.forget(w)
}

// forget is drop with the lock held.
func (t *turns) forget(w *turn) bool {
	if t.idle[w.key] == w {
		delete(t.idle, w.key)
		return true
	}
	was := t.held[w]
	delete(t.held, w)
	return was
}

// unused forgets w if no flight has taken it, and reports whether it did.
func (t *turns) unused(w *turn) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.idle[w.key] != w {
		return false
	}
	delete(t.idle, w.key)
	return true
}

// all are those that nobody has given back.
func (t *turns) all() (all []*turn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, w := range t.idle {
		all = append(all, w)
	}
	for w := range t.held {
		all = append(all, w)
	}
	return all
}

// giveBack lets another replica have the turn. It is queued before anybody
// can see that nobody has it: [Cache.Close] closes the queue after that.
func (c *Cache) giveBack(w *turn) {
	if w == nil {
		return
	}
	c.turns.mu.Lock()
	defer c.turns.mu.Unlock()
	if c.turns.forget(w) {
		c.remote.enqueue(write{key: w.key, bare: true, turn: w.until})
	}
}

// giveBackUnused is giveBack for those that no flight has taken.
func (c *Cache) giveBackUnused(won []*turn) {
	for _, w := range won {
		if c.turns.unused(w) {
			c.remote.enqueue(write{key: w.key, bare: true, turn: w.until})
		}
	}
}

// takesTurns reports whether turns can be had at all: not without Redis, and
// not from one that takes no writes.
func (c *Cache) takesTurns() bool { return c.remote != nil && !c.remote.writes.Tripped() }

// turnTime is how long a turn of the kind lasts.
func (k *kind) turnTime() time.Duration { return k.deadline + k.deadline/turnLonger }
