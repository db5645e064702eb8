package breaker

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Outcome is what a call means for the health of its upstream.
type Outcome int

// The outcomes.
const (
	Success Outcome = iota // the upstream answered as it should
	Failure                // it did not
	Ignored                // says nothing about it: somebody's quota, credentials or hang-up
)

// Words for LastError.Kind where the breaker itself knows the reason.
const (
	kindUnknown = "upstream_error"
	kindTimeout = "timeout"
)

// errIgnored and failure are how a verdict passes through gobreaker.
var errIgnored = errors.New("ignored")

type failure string

func (f failure) Error() string { return string(f) }

// OpenError is a refusal: the breaker is open, or half-open with all its
// places taken.
type OpenError struct {
	Name       string        // the breaker
	RetryAfter time.Duration // until it is worth another try; above zero
}

// Error implements error.
func (e *OpenError) Error() string { return "breaker " + e.Name + " is open" }

// DeadlineError says that a call used up the breaker's deadline. It is a
// [context.DeadlineExceeded].
type DeadlineError struct {
	Name  string        // the breaker
	After time.Duration // the deadline
}

// Error implements error.
func (e *DeadlineError) Error() string {
	return fmt.Sprintf("breaker %s: no answer within %v", e.Name, e.After)
}

// Unwrap returns [context.DeadlineExceeded].
func (e *DeadlineError) Unwrap() error { return context.DeadlineExceeded }

// PanicError is a call that panicked, or left its goroutine by runtime.Goexit.
// Its text leaves out the value, which may hold anything.
type PanicError struct {
	Value any    // what was passed to panic; nil after runtime.Goexit
	Stack []byte // of the goroutine that panicked
}

// Error implements error.
func (e *PanicError) Error() string {
	if e.Value == nil {
		return "the call left its goroutine"
	}
	return fmt.Sprintf("the call panicked with a %T", e.Value)
}
