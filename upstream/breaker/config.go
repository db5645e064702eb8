package breaker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"
)

// Config configures a [Breaker].
type Config struct {
	Name      string // unique within a Set; required
	Upstream  string // what is called, for display; may be empty
	Operation string // which of its operations, for display; may be empty

	// Deadline bounds each call; required. It is kept even if the call ignores
	// its context.
	Deadline time.Duration

	// SlowAfter makes a success that took longer count as a failure. The
	// caller keeps its result. 0: no such rule.
	SlowAfter time.Duration

	ConsecutiveFailures int     // failures in a row that open it; 0: 5
	MinCalls            int     // calls in the window before the ratio counts; 0: 20
	FailureRatio        float64 // failed share of the window's calls that opens it, above 0, at most 1; 0: 0.5

	Window time.Duration // what the ratio looks back on, at least twice the Deadline; 0: 30 s
	Bucket time.Duration // the step in which the window rolls, at most half of it; 0: a tenth of the window

	OpenFor time.Duration // from opening to the first probe, less up to 20 % for each breaker; 0: 5 s
	Probes  int           // successes in a row that close it, and calls let through meanwhile; 0: 3

	// InFlight is the cap on calls that the owner keeps, held against Probes:
	// more probes than places could never all be made. 0: not checked.
	InFlight int

	// Classify says what an error of a call means for the upstream; required.
	// It is not asked about nil, which is a success, nor about a panic, a
	// passed deadline or a caller that went away.
	Classify func(error) Outcome

	// Reason puts a failure in a word for LastError.Kind. nil: "upstream_error".
	Reason func(error) string

	// Probe, when set, is how the upstream is tried while the breaker is not
	// closed: by a goroutine of the breaker, never by a caller. nil: callers probe.
	Probe func(context.Context) error

	// Nudge, when set, is asked to make a call through Do when a probe is due
	// and no caller makes one. It returns when the call is over, and at the
	// latest soon after its context ends. nil, or with Probe: nobody is asked.
	Nudge func(context.Context)

	Logger       *slog.Logger     // nil: silent
	OnTransition func(Transition) // called in order and outside any lock; nil: nobody
}

func (c Config) withDefaults() Config {
	c.ConsecutiveFailures = cmp.Or(c.ConsecutiveFailures, 5)
	c.MinCalls = cmp.Or(c.MinCalls, 20)
	c.FailureRatio = cmp.Or(c.FailureRatio, 0.5)
	c.Window = cmp.Or(c.Window, 30*time.Second)
	c.Bucket = cmp.Or(c.Bucket, c.Window/10)
	c.OpenFor = cmp.Or(c.OpenFor, 5*time.Second)
	c.Probes = cmp.Or(c.Probes, 3)
	if c.Reason == nil {
		c.Reason = func(error) string { return kindUnknown }
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

func (c Config) validate() error {
	if c.Name == "" {
		return errors.New("breaker: no name")
	}
	if err := c.problem(); err != "" {
		return fmt.Errorf("breaker %s: %s", c.Name, err)
	}
	return nil
}

// problem says which rule the configuration breaks.
func (c Config) problem() string {
	switch {
	case c.Classify == nil:
		return "no classification of errors"
	case c.Deadline <= 0:
		return "the deadline must be above zero"
	case c.Window < 2*c.Deadline:
		// gobreaker drops the result of a call that began before the window.
		return fmt.Sprintf("window %v is shorter than two deadlines of %v, so that it might never open", c.Window, c.Deadline)
	case c.Bucket < 0 || c.Bucket > c.Window/2:
		return "a bucket must be above zero and at most half the window"
	case c.SlowAfter < 0 || c.OpenFor < 0:
		return "a time is below zero"
	case c.ConsecutiveFailures < 0 || c.MinCalls < 0 || c.Probes < 0 || c.InFlight < 0:
		return "a count is below zero"
	case !(c.FailureRatio > 0 && c.FailureRatio <= 1):
		return "the failure ratio must be above 0 and at most 1"
	case c.InFlight > 0 && c.Probes > c.InFlight:
		return fmt.Sprintf("%d probes are more than the %d calls allowed at once", c.Probes, c.InFlight)
	}
	return ""
}

// jitter takes up to 20 % off d, so that replicas do not probe in step. It adds
// nothing: recovery is promised within a bound.
func jitter(d time.Duration) time.Duration {
	return time.Duration(float64(d) * (1 - 0.2*rand.Float64())) //nolint:gosec // spreads load, guards nothing
}
