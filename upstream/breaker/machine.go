package breaker

import (
	"errors"
	"fmt"
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

// status mirrors gobreaker's state. It is replaced, never changed.
type status struct {
	state     State
	since     time.Time
	reason    string    // why it opened; "" while closed
	nextProbe time.Time // zero unless open
}

// newMachine wires the state machine to b. All callbacks run while gobreaker
// holds its mutex: they may store, but never call the machine or anybody else.
func newMachine(b *Breaker) *gobreaker.TwoStepCircuitBreaker[struct{}] {
	return gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
		Name:          b.cfg.Name,
		MaxRequests:   uint32(b.cfg.Probes),
		Interval:      b.cfg.Window,
		BucketPeriod:  b.cfg.Bucket,
		Timeout:       b.openFor,
		IsExcluded:    func(err error) bool { return errors.Is(err, errIgnored) },
		IsSuccessful:  b.countStreak,
		ReadyToTrip:   b.shouldTrip,
		OnStateChange: b.changed,
	})
}

// countStreak keeps the failures in a row: a rolling window would let them
// decay, and a slow trickle of failures would never trip.
func (b *Breaker) countStreak(err error) bool {
	if f, ok := errors.AsType[failure](err); ok {
		b.streak.Add(1)
		b.lastKind = string(f)
		return false
	}
	b.streak.Store(0)
	return true
}

// shouldTrip keeps the evidence, because gobreaker clears it on a change.
// Requests is of no use here: it counts calls that are still out and ignored ones.
func (b *Breaker) shouldTrip(c gobreaker.Counts) bool {
	if n := b.streak.Load(); n >= int64(b.cfg.ConsecutiveFailures) {
		b.tripCause = fmt.Sprintf("%d failures in a row, last %s", n, b.lastKind)
		return true
	}
	calls := c.TotalSuccesses + c.TotalFailures
	if calls >= uint32(b.cfg.MinCalls) && float64(c.TotalFailures) >= b.cfg.FailureRatio*float64(calls) {
		b.tripCause = fmt.Sprintf("%d of %d calls failed in %v, last %s", c.TotalFailures, calls, b.cfg.Window, b.lastKind)
		return true
	}
	return false
}

// changed mirrors a change of state and leaves a note of it for deliver.
func (b *Breaker) changed(_ string, from, to gobreaker.State) {
	now := time.Now()
	old := b.mirror.Load()
	next := &status{state: stateOf(to), since: now}
	t := Transition{Breaker: b.cfg.Name, From: stateOf(from), To: next.state, At: stamp(now)}
	switch next.state {
	case Open:
		t.Cause = b.tripCause
		if old.state == HalfOpen {
			t.Cause = "a probe failed: " + b.lastKind
		}
		next.reason, next.nextProbe = t.Cause, now.Add(b.openFor)
		b.openings.Add(1)
	case HalfOpen:
		t.Cause = fmt.Sprintf("open for %v", b.openFor.Round(time.Millisecond))
		next.reason = old.reason
	default:
		t.Cause = fmt.Sprintf("%d probes succeeded", b.cfg.Probes)
	}
	b.streak.Store(0)
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
