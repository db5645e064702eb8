package breaker

import (
	"maps"
	"time"
)

// Change is a kind of [Transition].
type Change struct {
	From, To State
	Ordered  bool // by somebody; else the breaker's own doing, the end of an order included
}

// keepsBack reports whether a breaker in the state refuses calls, but for probes.
func (s State) keepsBack() bool { return s != Closed && s != ForcedClosed }

// count notes the transition to next. The caller holds turning.
func (b *Breaker) count(next *status, t Transition) {
	b.changes[Change{t.From, t.To, t.By != ""}]++
	if old := b.mirror.Load(); old.state.keepsBack() {
		b.kept += next.since.Sub(old.since)
	}
}

// history returns how often the state has changed, and for how long the breaker
// has kept calls back.
func (b *Breaker) history() (map[Change]uint64, time.Duration) {
	b.turning.Lock()
	defer b.turning.Unlock()
	kept := b.kept
	if s := b.mirror.Load(); s.state.keepsBack() {
		kept += time.Since(s.since)
	}
	return maps.Clone(b.changes), kept
}
