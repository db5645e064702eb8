package client

import (
	"errors"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"github.com/weft-gateway/weft/upstream/breaker"
)

// Tuning is what can be changed of a [Host] that is in use.
type Tuning struct {
	Deadline  time.Duration     // of each call that begins from now on; required
	InFlight  int               // calls at once; required
	Transport http.RoundTripper // makes the calls that begin from now on; nil: the same as before
	NoRetry   bool              // see HostConfig.NoRetry
}

// Tune changes a host. Its breakers, its clients and the calls that are under
// way stay as they are.
func (h *Host) Tune(t Tuning) error {
	if t.InFlight <= 0 {
		return errors.New("client " + h.cfg.Name + ": a limit is out of range")
	}
	for _, b := range h.breakers {
		if err := b.Tune(t.Deadline, slowAfter(t.Deadline)); err != nil {
			return err
		}
	}
	h.places.resize(t.InFlight)
	h.mu.Lock()
	defer h.mu.Unlock()
	old := h.way.Load()
	next := &way{transport: old.transport, deadline: t.Deadline, noRetry: t.NoRetry}
	if t.Transport != nil {
		next.transport = t.Transport
	}
	h.way.Store(next)
	if t.Transport != nil {
		old.retire()
	}
	return nil
}

// way is how calls are made. It is replaced, never changed.
type way struct {
	transport http.RoundTripper
	deadline  time.Duration
	noRetry   bool
	retired   atomic.Bool
}

// heeds reports whether a call is known to be over soon after its context has
// ended: ours and net/http give up the connection, in whatever they are reading
// or writing, and decoding is a matter of bytes that are here. Of any other
// transport nothing is known.
func (w *way) heeds() bool {
	switch w.transport.(type) {
	case *Transport, *http.Transport:
		return true
	}
	return false
}

// retire closes the connections that are idle, or become so.
func (w *way) retire() {
	w.retired.Store(true)
	w.left()
}

// left is called when a call is over. A transport that was told to close its
// idle connections goes on doing so until the next call, so it is told again.
func (w *way) left() {
	if !w.retired.Load() {
		return
	}
	if t, ok := w.transport.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
}

// Join puts the host's breakers into a set.
func (h *Host) Join(set *breaker.Set) error {
	var err error
	for _, b := range h.breakers {
		err = errors.Join(err, set.Add(b))
	}
	return err
}

// Leave takes the host's breakers out of the set.
func (h *Host) Leave(set *breaker.Set) {
	for _, b := range h.breakers {
		set.Remove(b)
	}
}

// Close ends the client: the host forgets it, and makes none of its calls
// again. Calls may still be made.
func (c *Client) Close() {
	h := c.host
	c.closed.Store(true)
	for _, p := range h.past {
		p.forget(c)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.clients = slices.DeleteFunc(h.clients, func(o *Client) bool { return o == c })
}
