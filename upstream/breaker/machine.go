package breaker

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/sony/gobreaker/v2"
)

// State is the state of a [Breaker].
type State string

// The states. The forced ones are an operator's doing.
const (
	Closed       State = "closed"
	HalfOpen     State = "half_open"
	Open         State = "open"
	ForcedOpen   State = "forced_open"
	ForcedClosed State = "forced_closed"
)

// status mirrors gobreaker's state, or is an order. It is replaced, never changed.
type status struct {
	state     State
	since     time.Time
	reason    string    // why it is not closed; "" while closed
	nextProbe time.Time // zero unless open
	order     *Order    // nil unless forced
	trouble   *Trouble  // nil while closed
}

// forcedRetry is when it is worth another try at the latest while a breaker is
// forced open: who ordered it may end it at any time.
const forcedRetry = time.Minute

func (s *status) retryAfter() time.Duration {
	switch s.state {
	case Open:
		return max(time.Until(s.nextProbe), 0)
	case ForcedOpen:
		return min(max(time.Until(s.order.Until), 0), forcedRetry)
	}
	return 0
}

// troubleInto returns what is the trouble in next: it begins where the closed
// state ends, and probes that fail begin no other.
func (s *status) troubleInto(next *status, cause string) *Trouble {
	switch {
	case next.state == Closed:
		return nil
	case s.trouble != nil:
		return s.trouble
	}
	return &Trouble{Since: stamp(next.since), Cause: cause}
}

// machine is gobreaker with what its callbacks need. An order puts a new one in
// its place, and what the old one still hears has no effect.
type machine struct {
	*gobreaker.TwoStepCircuitBreaker[struct{}]
	b      *Breaker
	streak atomic.Int64 // failures in a row

	// Only touched by gobreaker's callbacks, which run under its mutex.
	trip     Trip
	lastKind string
}

// newMachine wires a state machine to b. All callbacks run while gobreaker
// holds its mutex: they may store, but never call the machine or anybody else.
func newMachine(b *Breaker) *machine {
	m := &machine{b: b}
	m.TwoStepCircuitBreaker = gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
		Name:          b.cfg.Name,
		MaxRequests:   uint32(b.cfg.Probes),
		Interval:      b.cfg.Window,
		BucketPeriod:  b.cfg.Bucket,
		Timeout:       b.openFor,
		IsExcluded:    func(err error) bool { return errors.Is(err, errIgnored) },
		IsSuccessful:  m.countStreak,
		ReadyToTrip:   m.shouldTrip,
		OnStateChange: m.changed,
	})
	return m
}

// countStreak keeps the failures in a row: a rolling window would let them
// decay, and a slow trickle of failures would never trip.
func (m *machine) countStreak(err error) bool {
	if f, ok := errors.AsType[failure](err); ok {
		m.streak.Add(1)
		m.lastKind = string(f)
		return false
	}
	m.streak.Store(0)
	return true
}

// shouldTrip keeps the evidence, because gobreaker clears it on a change.
// Requests is of no use here: it counts calls that are still out and ignored ones.
func (m *machine) shouldTrip(c gobreaker.Counts) bool {
	cfg, streak := &m.b.cfg, m.streak.Load()
	m.trip = Trip{
		Successes: int(c.TotalSuccesses), Failures: int(c.TotalFailures),
		ConsecutiveFailures: int(streak), Kind: m.lastKind, window: cfg.Window,
	}
	calls := c.TotalSuccesses + c.TotalFailures
	switch {
	case streak >= int64(cfg.ConsecutiveFailures):
		m.trip.Rule = RuleConsecutive
	case calls >= uint32(cfg.MinCalls) && float64(c.TotalFailures) >= cfg.FailureRatio*float64(calls):
		m.trip.Rule = RuleRatio
	default:
		return false
	}
	return true
}

// changed mirrors a change of state and leaves a note of it for deliver.
func (m *machine) changed(_ string, from, to gobreaker.State) {
	b := m.b
	b.turning.Lock()
	defer b.turning.Unlock()
	if b.machine.Load() != m {
		return // an order came in between
	}
	now := time.Now()
	old := b.mirror.Load()
	next := &status{state: stateOf(to), since: now}
	t := Transition{Breaker: b.cfg.Name, From: stateOf(from), To: next.state, At: stamp(now)}
	switch next.state {
	case Open:
		if old.state == HalfOpen {
			m.trip = Trip{Rule: RuleProbe, Failures: 1, ConsecutiveFailures: 1, Kind: m.lastKind}
		}
		trip := m.trip
		trip.At = stamp(now)
		b.lastTrip.Store(&trip)
		t.Cause = trip.text()
		next.reason, next.nextProbe = t.Cause, now.Add(b.openFor)
		b.openings.Add(1)
	case HalfOpen:
		t.Cause = fmt.Sprintf("open for %v", b.openFor.Round(time.Millisecond))
		next.reason = old.reason
	default:
		t.Cause = fmt.Sprintf("%d probes succeeded", b.cfg.Probes)
	}
	m.streak.Store(0)
	b.install(next, t)
}

// install makes next the state and notes the transition to it. The caller
// holds turning, and has to deliver afterwards.
func (b *Breaker) install(next *status, t Transition) {
	b.count(next, t)
	next.trouble = b.mirror.Load().troubleInto(next, t.Cause)
	b.mirror.Store(next)
	if j := b.journal.Load(); j != nil {
		t = j.add(t)
	}
	b.outbox.put(t)
	if next.state == Open {
		select {
		case b.tripped <- struct{}{}:
		default:
		}
	}
}

func stateOf(s gobreaker.State) State {
	switch s {
	case gobreaker.StateOpen:
		return Open
	case gobreaker.StateHalfOpen:
		return HalfOpen
	}
	return Closed
}
