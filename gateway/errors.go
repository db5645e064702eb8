package gateway

import (
	"context"
	"errors"
	"math"
	"net/http"
	"slices"
	"time"

	"github.com/weft-gateway/weft/enrich"
	"github.com/weft-gateway/weft/upstream"
)

// code is what an error is called in the answer. It is an error, too: that of
// which nothing more is to be said.
type code string

const (
	codeInvalidParameter     code = "invalid_parameter"
	codeInvalidCursor        code = "invalid_cursor"
	codeUnauthorized         code = "unauthorized"
	codeInsufficientScope    code = "insufficient_scope"
	codeConversationNotFound code = "conversation_not_found"
	codeNotFound             code = "not_found"
	codeMethodNotAllowed     code = "method_not_allowed"
	codeRateLimited          code = "rate_limited"
	codePartUnavailable      code = "part_unavailable"
	codeConversationUnproven code = "conversation_unproven"
	codeStoreUnavailable     code = "store_unavailable"
	codeStoreBusy            code = "store_busy"
	codeStoreInvalid         code = "store_invalid"
	codeStoreRefused         code = "store_refused"
	codeOverloaded           code = "overloaded"
	codeCacheUnavailable     code = "cache_unavailable"
	codeInternal             code = "internal"
)

// Error implements error.
func (c code) Error() string { return "gateway: " + string(c) }

// fault is a row of the error table.
type fault struct {
	code   code
	status int
	text   string
	kinds  []upstream.Kind // the failures of a store that come out as this
}

type faults []fault

// newFaults is the one table of errors. A code is a promise to programs and a
// text is fixed, so that nothing of the cause can show in it.
func newFaults() faults {
	return faults{
		{codeInvalidParameter, http.StatusBadRequest, "The parameter is not one that can be used here", nil},
		{codeInvalidCursor, http.StatusBadRequest, "The cursor does not belong to this list", nil},
		{codeUnauthorized, http.StatusUnauthorized, "A valid API key or token is required", nil},
		{codeInsufficientScope, http.StatusForbidden, "The credential may not do this", nil},
		{codeConversationNotFound, http.StatusNotFound, "Conversation not found", []upstream.Kind{upstream.NotFound}},
		{codeNotFound, http.StatusNotFound, "There is nothing here", nil},
		{codeMethodNotAllowed, http.StatusMethodNotAllowed, "The method is not allowed here", nil},
		{codeRateLimited, http.StatusTooManyRequests, "Too many requests", nil},
		{codePartUnavailable, http.StatusServiceUnavailable, "A required part is not available", nil},
		{codeConversationUnproven, http.StatusServiceUnavailable, "The conversation could not be looked up in time", nil},
		{codeStoreUnavailable, http.StatusServiceUnavailable, "The conversation store is not available", []upstream.Kind{
			upstream.Refused, upstream.Timeout, upstream.Deadline, upstream.UpstreamError,
			upstream.BreakerOpen, upstream.Overloaded, upstream.Canceled,
		}},
		{codeStoreBusy, http.StatusServiceUnavailable, "The conversation store is busy", []upstream.Kind{upstream.RateLimited}},
		{codeStoreInvalid, http.StatusBadGateway, "The conversation store gave no usable answer", []upstream.Kind{upstream.BadResponse, upstream.WrongRecord}},
		{codeStoreRefused, http.StatusBadGateway, "The conversation store refused the gateway", []upstream.Kind{upstream.Denied}},
		{codeOverloaded, http.StatusServiceUnavailable, "The gateway is busy", nil},
		{codeCacheUnavailable, http.StatusServiceUnavailable, "Not all of the cache could be reached", nil},
		{codeInternal, http.StatusInternalServerError, "Something went wrong in the gateway", nil},
	}
}

// find returns the row of an error, the field it is about ("" for none), and
// how long to wait (0 where nobody said). What is in no row is internal.
func (f faults) find(err error) (row fault, field string, wait time.Duration) {
	c := codeInternal
	if e, ok := errors.AsType[*enrich.FieldError](err); ok {
		if c, field = codeInvalidParameter, e.Field; field == "cursor" {
			c = codeInvalidCursor
		}
	} else if e, ok := errors.AsType[badParam](err); ok {
		c, field = codeInvalidParameter, e.field()
	} else if e, ok := errors.AsType[*enrich.PartError](err); ok {
		c, field, wait = codePartUnavailable, string(e.Part), e.RetryAfter
	} else if e, ok := errors.AsType[*enrich.UntoldError](err); ok {
		c, wait = codeCacheUnavailable, e.RetryAfter
	} else if e, ok := errors.AsType[*enrich.UnprovenError](err); ok {
		c, wait = codeConversationUnproven, e.RetryAfter
	} else if e, ok := errors.AsType[limited](err); ok {
		c, wait = codeRateLimited, time.Duration(e)
	} else if e, ok := errors.AsType[code](err); ok {
		c = e
	} else if row, ok := f.ofKind(err); ok {
		return row, "", upstream.RetryAfter(err)
	} else if errors.Is(err, context.DeadlineExceeded) {
		c = codeStoreUnavailable // the request's own deadline, not yet told as a kind
	}
	return f.row(c), field, wait
}

func (f faults) row(c code) fault {
	return f[slices.IndexFunc(f, func(row fault) bool { return row.code == c })]
}

// ofKind finds the row of a store's failure.
func (f faults) ofKind(err error) (fault, bool) {
	var kind upstream.Kind
	if e, ok := errors.AsType[*upstream.Error](err); ok {
		kind = e.Kind
	} else if kind, ok = errors.AsType[upstream.Kind](err); !ok {
		return fault{}, false
	}
	i := slices.IndexFunc(f, func(row fault) bool { return slices.Contains(row.kinds, kind) })
	if i < 0 {
		return fault{}, false
	}
	return f[i], true
}

// The bounds of Retry-After, in seconds.
const (
	minWait = 1
	maxWait = 24 * 60 * 60
)

// seconds rounds up: nobody is to come back too early.
func seconds(d time.Duration) int { return min(max(upSeconds(d), minWait), maxWait) }

func upSeconds(d time.Duration) int { return int(math.Ceil(d.Seconds())) }
