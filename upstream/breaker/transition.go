package breaker

import (
	"runtime/debug"
	"sync"
	"time"
)

// Transition is one change of a breaker's state.
type Transition struct {
	ID      uint64    `json:"id"` // ascending within a Set from 1; 0 outside one
	Breaker string    `json:"breaker"`
	From    State     `json:"from"`
	To      State     `json:"to"`
	At      time.Time `json:"at"` // UTC
	Cause   string    `json:"cause"`
	By      string    `json:"by"` // whose order it was; "": the breaker's own doing
}

// outbox holds transitions until it is safe to tell anybody: they are put in
// under gobreaker's mutex and taken out after it is released.
type outbox struct {
	mu      sync.Mutex
	waiting []Transition
	busy    bool // somebody is delivering, and will take what is put in meanwhile
}

func (o *outbox) put(t Transition) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.waiting = append(o.waiting, t)
}

// claim takes what waits. Only one goroutine holds the claim, which keeps the
// order and lets a callback use the breaker; it loops until claim is false.
func (o *outbox) claim(held bool) ([]Transition, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.busy && !held {
		return nil, false
	}
	ts := o.waiting
	o.waiting, o.busy = nil, len(ts) > 0
	return ts, o.busy
}

// deliver logs and hands out the transitions that wait.
func (b *Breaker) deliver() {
	for ts, held := b.outbox.claim(false); held; ts, held = b.outbox.claim(true) {
		for _, t := range ts {
			b.announce(t)
		}
	}
}

func (b *Breaker) announce(t Transition) {
	log := b.log.Debug // a probe, every few seconds for as long as the trouble lasts
	switch {
	case t.From == Closed || t.By != "":
		log = b.log.Warn
	case t.To == Closed:
		log = b.log.Info
	}
	attrs := []any{"breaker", t.Breaker, "from", string(t.From), "to", string(t.To), "cause", t.Cause}
	if t.By != "" {
		attrs = append(attrs, "by", t.By)
	}
	log("breaker changed state", attrs...)
	if b.cfg.OnTransition == nil {
		return
	}
	defer func() { // a listener's panic is not the guarded call's
		if v := recover(); v != nil {
			b.log.Error("a breaker's listener panicked", "breaker", t.Breaker, "stack", string(debug.Stack()))
		}
	}()
	b.cfg.OnTransition(t)
}
