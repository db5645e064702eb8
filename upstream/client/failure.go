package client

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"syscall"

	"github.com/weft-gateway/weft/upstream"
	"github.com/weft-gateway/weft/upstream/breaker"
)

// failure returns an error of ours, whose text is fixed.
func failure(kind upstream.Kind, text string) *upstream.Error {
	return &upstream.Error{Kind: kind, Err: errors.New(text)}
}

// explain turns whatever ended a call into an error of the vocabulary. The
// context's own errors are the caller's: the host's deadline has its own type.
func explain(err error) *upstream.Error {
	if e, ok := errors.AsType[*upstream.Error](err); ok {
		return e
	}
	if k, ok := errors.AsType[upstream.Kind](err); ok {
		return &upstream.Error{Kind: k}
	}
	if open, ok := errors.AsType[*breaker.OpenError](err); ok {
		return &upstream.Error{Kind: upstream.BreakerOpen, RetryAfter: open.RetryAfter}
	}
	if late, ok := errors.AsType[*breaker.DeadlineError](err); ok {
		return &upstream.Error{Kind: upstream.Timeout, Err: late}
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return &upstream.Error{Kind: upstream.Deadline}
	case errors.Is(err, context.Canceled):
		return &upstream.Error{Kind: upstream.Canceled}
	}
	return &upstream.Error{Kind: upstream.UpstreamError, Err: err} // a *breaker.PanicError
}

// unlessEnded is e, or the end of ctx if that is what caused it.
func unlessEnded(ctx context.Context, e *upstream.Error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return e
}

// noAnswer is the failure of a request that got no answer. Of the cause only
// what cannot quote the URL or the answer is kept.
func noAnswer(err error) *upstream.Error {
	op, isNet := errors.AsType[*net.OpError](err)
	switch {
	case isNet && op.Op == "dial":
		return &upstream.Error{Kind: upstream.Refused, Err: dialCause(err)}
	case isTLS(err) || isNet && (op.Op == "local error" || op.Op == "remote error"): // a TLS alert
		return failure(upstream.Refused, "no TLS connection")
	case isTimeout(err):
		return failure(upstream.Timeout, "no answer in time")
	case isNet || isReset(err):
		return failure(upstream.UpstreamError, "the connection broke")
	case errors.Is(err, io.EOF):
		return failure(upstream.UpstreamError, "the connection was closed")
	}
	return failure(upstream.BadResponse, "the answer is cut or not HTTP")
}

// unread is the failure of an answer whose body cannot be read to its end.
func unread(err error, status int) *upstream.Error {
	e := failure(upstream.BadResponse, "the body is cut or damaged")
	if _, ok := errors.AsType[*net.OpError](err); ok || isReset(err) {
		e = failure(upstream.UpstreamError, "the connection broke")
	}
	if errors.Is(err, errTooLarge) {
		e.Err = errTooLarge
	}
	e.Status = status
	return e
}

// dialCause is the system's word for why there is no connection, without the address.
func dialCause(err error) error {
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		return errno
	}
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return errors.New("the host's name is not known")
	}
	if errors.Is(err, errAddress) {
		return errAddress
	}
	return errors.New("no connection")
}

func isTLS(err error) bool {
	_, certificate := errors.AsType[*tls.CertificateVerificationError](err)
	_, record := errors.AsType[tls.RecordHeaderError](err)
	return certificate || record || errors.Is(err, http.ErrSchemeMismatch)
}

func isTimeout(err error) bool {
	t, ok := errors.AsType[net.Error](err)
	return ok && t.Timeout()
}

func isReset(err error) bool {
	_, tcp := errors.AsType[syscall.Errno](err)
	_, h2 := errors.AsType[streamError](err)
	return tcp || h2
}

// streamError is a reset HTTP/2 stream. net/http keeps its own type to itself,
// and fills any with the same fields.
type streamError struct {
	StreamID uint32
	Code     uint32
	Cause    error
}

func (streamError) Error() string { return "the stream was reset" }

// rejected is the failure that a connector's decoder found. An error that has
// a kind keeps it; any other means that the answer is not what it should be.
func rejected(err error, status int) error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*upstream.Error](err); ok {
		filled := *e
		filled.Status = cmp.Or(e.Status, status)
		return &filled
	}
	kind, ok := errors.AsType[upstream.Kind](err)
	if !ok {
		return &upstream.Error{Kind: upstream.BadResponse, Status: status, Err: err}
	}
	if error(kind) == err { //nolint:errorlint // nothing around the kind, so no cause
		err = nil
	}
	return &upstream.Error{Kind: kind, Status: status, Err: err}
}
