package client

import (
	"sync/atomic"
	"time"
)

// holdRetry is when it is worth another try at the latest while calls are kept
// back by an order: who gave it may end it at any time.
const holdRetry = time.Minute

// hold keeps calls back until a moment, because somebody ordered so. The zero
// hold keeps none.
type hold struct{ until atomic.Pointer[time.Time] }

func (h *hold) set(until time.Time) {
	if until.IsZero() {
		h.until.Store(nil)
		return
	}
	h.until.Store(&until)
}

func (h *hold) wait() time.Duration {
	until := h.until.Load()
	if until == nil {
		return 0
	}
	return max(time.Until(*until), 0)
}

// Hold keeps all calls of the host back until a moment, as if its breakers were
// open; zero: no longer.
func (h *Host) Hold(until time.Time) { h.hold.set(until) }

// Hold keeps the client's calls back until a moment, as if the breakers were
// open; zero: no longer.
func (c *Client) Hold(until time.Time) { c.hold.set(until) }

// Held returns how long calls are kept back by an order for this client or for
// its host; 0: not at all. Asking changes nothing.
func (c *Client) Held() time.Duration { return max(c.hold.wait(), c.host.hold.wait()) }
