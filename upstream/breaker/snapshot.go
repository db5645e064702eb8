package breaker

import "time"

// Snapshot is what a breaker looks like at one moment.
type Snapshot struct {
	Name        string     `json:"name"`
	Upstream    string     `json:"upstream"`
	Operation   string     `json:"operation"`
	State       State      `json:"state"`
	Since       time.Time  `json:"since"`       // of the state; UTC
	Reason      string     `json:"reason"`      // why it is not closed, with the counts; empty while closed
	Trouble     *Trouble   `json:"trouble"`     // nil while closed
	LastError   *LastError `json:"lastError"`   // the latest failure; nil when there was none
	Trip        *Trip      `json:"trip"`        // why it opened the last time; nil while it never has
	Forced      *Order     `json:"forced"`      // the order that holds; nil: none does
	NextProbeAt *time.Time `json:"nextProbeAt"` // earliest; nil unless open
	HalfOpen    *Places    `json:"halfOpen"`    // nil unless half-open
	Counts      Counts     `json:"counts"`
	Window      Recent     `json:"window"`
	Totals      Totals     `json:"totals"`
	Rejected    uint64     `json:"rejected"` // calls refused since the start
	Openings    uint64     `json:"openings"` // times it opened since the start, failed probes included
	InFlight    int        `json:"inFlight"` // calls that are out now

	Changes  map[Change]uint64 `json:"-"` // of the state, since the start
	KeptBack time.Duration     `json:"-"` // for how long calls were kept back since the start
}

// Trouble is when and why a breaker left the closed state. The history forgets
// that, where probes have failed for long enough.
type Trouble struct {
	Since time.Time `json:"since"` // UTC
	Cause string    `json:"cause"`
}

// LastError is the latest failure.
type LastError struct {
	Kind string    `json:"kind"`
	At   time.Time `json:"at"` // UTC
}

// Places are the calls that a half-open breaker lets through.
type Places struct {
	Places int `json:"places"` // and successes that close it
	Free   int `json:"free"`
}

// Counts are the outcomes that the breaker decides on: those of the window
// while closed, those of the probes while half-open.
type Counts struct {
	Successes           int `json:"successes"`
	Failures            int `json:"failures"`
	Ignored             int `json:"ignored"`
	ConsecutiveFailures int `json:"consecutiveFailures"` // however long ago; a success ends them
}

// Totals are the outcomes since the start.
type Totals struct {
	Successes uint64 `json:"successes"`
	Failures  uint64 `json:"failures"`
	Ignored   uint64 `json:"ignored"`
}

// Name returns the breaker's name.
func (b *Breaker) Name() string { return b.cfg.Name }

// Snapshot describes the breaker. Reading never changes its state: one that is
// due for a probe stays open until somebody calls.
func (b *Breaker) Snapshot() Snapshot {
	s := b.mirror.Load()
	snap := Snapshot{
		Name:      b.cfg.Name,
		Upstream:  b.cfg.Upstream,
		Operation: b.cfg.Operation,
		State:     s.state,
		Since:     stamp(s.since),
		Reason:    s.reason,
		Window:    b.recent.read(),
		Totals:    Totals{b.successes.Load(), b.failures.Load(), b.ignored.Load()},
		Rejected:  b.rejected.Load(),
		Openings:  b.openings.Load(),
		InFlight:  int(b.inFlight.Load()),
	}
	snap.Changes, snap.KeptBack = b.history()
	snap.Counts, snap.HalfOpen = b.counts(s.state)
	snap.LastError, snap.Trip, snap.Forced, snap.Trouble = cloned(b.lastErr.Load()), cloned(b.lastTrip.Load()), cloned(s.order), cloned(s.trouble)
	if !s.nextProbe.IsZero() {
		at := stamp(s.nextProbe)
		snap.NextProbeAt = &at
	}
	return snap
}

// counts reads the machine. Its window rolls only when it is used, so it is
// asked for its state first; that moves an open breaker, but not a closed one.
func (b *Breaker) counts(state State) (counts Counts, halfOpen *Places) {
	m := b.machine.Load()
	if state == Closed {
		_ = m.State()
	}
	c := m.Counts()
	if state == HalfOpen {
		taken := int(c.Requests) - int(c.TotalExclusions)
		halfOpen = &Places{Places: b.cfg.Probes, Free: max(b.cfg.Probes-taken, 0)}
	}
	return Counts{
		Successes:           int(c.TotalSuccesses),
		Failures:            int(c.TotalFailures),
		Ignored:             int(c.TotalExclusions),
		ConsecutiveFailures: int(m.streak.Load()),
	}, halfOpen
}

// cloned keeps what is handed out apart from what is kept.
func cloned[T any](v *T) *T {
	if v == nil {
		return nil
	}
	c := *v
	return &c
}

// stamp is t as the outside sees it.
func stamp(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }
