package breaker

import "time"

// Snapshot is what a breaker looks like at one moment.
type Snapshot struct {
	Name        string     `json:"name"`
	Upstream    string     `json:"upstream"`
	Operation   string     `json:"operation"`
	State       State      `json:"state"`
	Since       time.Time  `json:"since"`       // of the state; UTC
	Reason      string     `json:"reason"`      // why it opened, with the counts; empty while closed
	LastError   *LastError `json:"lastError"`   // the latest failure; nil when there was none
	NextProbeAt *time.Time `json:"nextProbeAt"` // earliest; nil unless open
	Counts      Counts     `json:"counts"`
	Totals      Totals     `json:"totals"`
	Rejected    uint64     `json:"rejected"` // calls refused since the start
	Openings    uint64     `json:"openings"` // times it opened since the start, failed probes included
	InFlight    int        `json:"inFlight"` // calls that are out now
}

// LastError is the latest failure.
type LastError struct {
	Kind string    `json:"kind"`
	At   time.Time `json:"at"` // UTC
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
		Counts:    b.counts(s.state),
		Totals:    Totals{b.successes.Load(), b.failures.Load(), b.ignored.Load()},
		Rejected:  b.rejected.Load(),
		Openings:  b.openings.Load(),
		InFlight:  int(b.inFlight.Load()),
	}
	if last := b.lastErr.Load(); last != nil {
		copied := *last
		snap.LastError = &copied
	}
	if !s.nextProbe.IsZero() {
		at := stamp(s.nextProbe)
		snap.NextProbeAt = &at
	}
	return snap
}

// counts reads the machine. Its window rolls only when it is used, so it is
// asked for its state first; that moves an open breaker, but not a closed one.
func (b *Breaker) counts(state State) Counts {
	if state == Closed {
		_ = b.machine.State()
	}
	c := b.machine.Counts()
	return Counts{
		Successes:           int(c.TotalSuccesses),
		Failures:            int(c.TotalFailures),
		Ignored:             int(c.TotalExclusions),
		ConsecutiveFailures: int(b.streak.Load()),
	}
}

// stamp is t as the outside sees it.
func stamp(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }
