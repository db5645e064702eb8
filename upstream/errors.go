package upstream

import (
	"errors"
	"fmt"
	"time"
)

// Kind is what went wrong with an upstream, in words that the public document
// uses as reasons too. It is an error, so that errors.Is(err, upstream.NotFound)
// works on anything that wraps an [*Error].
type Kind string

// The kinds. NotFound and Canceled never reach a caller as a reason.
const (
	NotFound      Kind = "not_found"      // the source says that there is none
	Canceled      Kind = "canceled"       // the caller's own context ended: nobody's fault
	BreakerOpen   Kind = "breaker_open"   // the circuit breaker refused the call
	Timeout       Kind = "timeout"        // the call used up its own deadline
	Deadline      Kind = "deadline"       // the request had no time left for the call
	Refused       Kind = "refused"        // no connection: refused, unreachable, no such host, TLS
	RateLimited   Kind = "rate_limited"   // 429, or the gate that an earlier 429 closed
	UpstreamError Kind = "upstream_error" // 5xx, a reset connection, an error the source reports
	BadResponse   Kind = "bad_response"   // not JSON, cut, too large, undocumented, not as the contract has it
	WrongRecord   Kind = "wrong_record"   // a record of another id or tenant than was asked for
	Denied        Kind = "denied"         // 401, 403
	Overloaded    Kind = "overloaded"     // the gateway's own cap on calls to the source
)

// Error implements error.
func (k Kind) Error() string { return string(k) }

// Error is a failed call of an upstream. Its text is for the log: it names the
// source and the operation and never holds a token, a query string or a body.
type Error struct {
	Kind       Kind
	Source     string        // breaker-name prefix of the host, as "rest"
	Op         Op            // which operation
	Status     int           // HTTP status; 0 when there was none
	RetryAfter time.Duration // how long the source asks to be left alone; 0 when it did not say
	Err        error         // the cause; may be nil
}

// Error implements error.
func (e *Error) Error() string {
	s := fmt.Sprintf("%s %s: %s", e.Source, e.Op, e.Kind)
	if e.Status != 0 {
		s += fmt.Sprintf(" (HTTP %d)", e.Status)
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Is reports whether target is the error's kind.
func (e *Error) Is(target error) bool {
	k, ok := target.(Kind)
	return ok && k == e.Kind
}

// FilterError says that no conversation can match a filter: the store does not
// know such a value. It is the asker's mistake, and not a failed call.
type FilterError struct{ Filter Filter }

// Error implements error.
func (e *FilterError) Error() string { return "no such value of the filter " + string(e.Filter) }

// KindOf returns the kind of err: that of the [*Error] or [Kind] it wraps, ""
// for nil, and [UpstreamError] for an error of no known kind.
func KindOf(err error) Kind {
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	if k, ok := errors.AsType[Kind](err); ok {
		return k
	}
	return UpstreamError
}

// RetryAfter returns how long the source of err asks to be left alone, or 0.
func RetryAfter(err error) time.Duration {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.RetryAfter
	}
	return 0
}
