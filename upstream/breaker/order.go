package breaker

import (
	"fmt"
	"time"
)

// Order is an operator's decision that holds for a while in the place of the
// breaker's own.
type Order struct {
	By     string    `json:"by"`     // who; required
	Reason string    `json:"reason"` // why; required
	At     time.Time `json:"at"`     // when it was given; set by [Breaker.Force]; UTC
	Until  time.Time `json:"until"`  // when it ends by itself; required; UTC
}

// Force makes the breaker [ForcedOpen], so that it refuses all calls, or
// [ForcedClosed], so that it lets all through whatever becomes of them. An order
// that held before ends. When this one is over the breaker is closed, with
// nothing counted.
func (b *Breaker) Force(state State, o Order) error {
	now := time.Now()
	switch {
	case state != ForcedOpen && state != ForcedClosed:
		return fmt.Errorf("breaker %s: %q cannot be ordered", b.cfg.Name, state)
	case o.By == "" || o.Reason == "" || !o.Until.After(now):
		return fmt.Errorf("breaker %s: an order needs somebody, a reason and an end", b.cfg.Name)
	}
	o.At, o.Until = stamp(now), stamp(o.Until)
	next := &status{state: state, since: now, reason: "ordered by " + o.By + ": " + o.Reason, order: &o}
	b.turning.Lock()
	b.turn(next, Transition{Cause: next.reason, By: o.By})
	b.expiry = time.AfterFunc(time.Until(o.Until), func() { b.expire(next) })
	b.turning.Unlock()
	b.deliver()
	return nil
}

// Reset closes the breaker, whatever it is, with nothing counted.
func (b *Breaker) Reset(by, reason string) {
	b.turning.Lock()
	b.turn(&status{state: Closed, since: time.Now()}, Transition{Cause: "reset by " + by + ": " + reason, By: by})
	b.turning.Unlock()
	b.deliver()
}

// expire ends an order, unless another has taken its place.
func (b *Breaker) expire(ordered *status) {
	b.turning.Lock()
	if b.mirror.Load() == ordered {
		b.turn(&status{state: Closed, since: time.Now()}, Transition{Cause: "the order of " + ordered.order.By + " is over"})
	}
	b.turning.Unlock()
	b.deliver()
}

// turn puts a new machine in the place of the old, and next in that of the
// state. A state that stays is no transition. The caller holds turning.
func (b *Breaker) turn(next *status, t Transition) {
	if b.expiry != nil {
		b.expiry.Stop()
	}
	old := b.mirror.Load()
	b.machine.Store(newMachine(b))
	if old.state == next.state {
		next.since, next.trouble = old.since, old.trouble
		b.mirror.Store(next)
		return
	}
	t.Breaker, t.From, t.To, t.At = b.cfg.Name, old.state, next.state, stamp(next.since)
	b.install(next, t)
}
