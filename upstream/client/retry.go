package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/weft-gateway/weft/upstream/breaker"
)

// try makes the request, and once more if the first failure may have passed by
// then. Both are one call to the breaker, within one deadline and one place: a
// source that fails each first time is not well, and one that answers a second
// time has answered.
func (c *Client) try(ctx context.Context, guard *breaker.Breaker, way *way, e errand) error {
	c.host.budget.deposit()
	begun := time.Now()
	passing, err := c.fetch(ctx, way, e)
	if !passing || e.call.Once || way.noRetry || guard.Tripped() || c.gate.wait() > 0 {
		return err
	}
	end, _ := ctx.Deadline()
	if time.Until(end) < time.Since(begun) || !c.host.budget.withdraw(guard.FailuresInARow()) || !pause(ctx) {
		return err
	}
	_, err = c.fetch(ctx, way, e)
	return err
}

// pause waits for 5 to 25 ms, so that what failed together is not repeated
// together, and reports whether ctx is still alive.
func pause(ctx context.Context) bool {
	timer := time.NewTimer(5*time.Millisecond + rand.N(20*time.Millisecond)) //nolint:gosec // spreads load, guards nothing
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// The budget in fifths of a try, so that a call pays in one.
const (
	tryPrice    = 5
	maxBudget   = 10 * tryPrice
	firstBudget = 5 * tryPrice
	reserve     = 3 * tryPrice // kept for calls that decide whether a breaker opens
	decisive    = 2            // failures in a row after which a call is one of those
)

// budget bounds second tries to a fifth of the calls and firstBudget: when much
// fails, repeating it would be what keeps the source down.
type budget struct {
	fifths        atomic.Int64
	made, refused atomic.Uint64
}

func (b *budget) deposit() {
	for {
		have := b.fifths.Load()
		if have >= maxBudget || b.fifths.CompareAndSwap(have, have+1) {
			return
		}
	}
}

// withdraw takes a try out of the budget, if it has one to give to a call that
// follows on so many failures in a row.
func (b *budget) withdraw(failures int) bool {
	floor := int64(tryPrice)
	if failures < decisive {
		floor += reserve
	}
	for {
		have := b.fifths.Load()
		if have < floor {
			b.refused.Add(1)
			return false
		}
		if b.fifths.CompareAndSwap(have, have-tryPrice) {
			b.made.Add(1)
			return true
		}
	}
}

// brokeOff reports whether a connection ended too early: not one that was never
// made, nor one that was too slow.
func brokeOff(err error) bool {
	op, isNet := errors.AsType[*net.OpError](err)
	switch {
	case isNet && (op.Op == "dial" || op.Op == "local error" || op.Op == "remote error"), isTLS(err), isTimeout(err):
		return false
	}
	return isNet || isReset(err) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// cutOff reports whether a body is the beginning of a JSON value.
func cutOff(body []byte) bool {
	var all json.RawMessage
	return errors.Is(json.NewDecoder(bytes.NewReader(body)).Decode(&all), io.ErrUnexpectedEOF)
}

// outage reports whether a status says that another try may go better. A source
// that says when to come back means it.
func outage(resp *http.Response) bool {
	switch resp.StatusCode {
	case http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return resp.Header.Get("Retry-After") == ""
	}
	return false
}
