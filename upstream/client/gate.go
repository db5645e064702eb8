package client

import (
	"net/http"
	"sync"
	"time"
)

// A gate is closed for at least minShut and at most maxShut, whatever the
// service asks for; for at most maxSpent where its connector knows that a quota
// of a longer time is spent.
const (
	minShut  = time.Second
	maxShut  = time.Minute
	maxSpent = time.Hour
)

// gate keeps a tenant's calls back while its quota is used up: after a 429, or
// after an answer that says that it was the last one. The zero gate is open.
type gate struct {
	mu    sync.Mutex
	until time.Time
}

// wait returns how long the gate stays closed; 0 when it is open.
func (g *gate) wait() time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.until.IsZero() {
		return 0
	}
	return max(time.Until(g.until), 0)
}

// refused closes the gate for what a refusal asks for, else for wait, else for
// what the header says, and returns that.
func (g *gate) refused(h http.Header, wait time.Duration) time.Duration {
	d := retryAfter(h.Get("Retry-After"))
	if h.Get("Retry-After") == "" {
		if wait > 0 {
			d = min(max(wait, minShut), maxSpent)
		} else if reset, ok := exhausted(h); ok {
			d = reset
		}
	}
	g.shut(d)
	return d
}

// heed closes the gate if an answer says that the next call would be refused.
// spent, if not nil, reads the vendor's own way to say so.
func (g *gate) heed(h http.Header, spent func(http.Header) (time.Duration, bool)) {
	if d, ok := exhausted(h); ok {
		g.shut(d)
	}
	if spent == nil {
		return
	}
	if d, ok := spent(h); ok {
		g.shut(min(max(d, minShut), maxSpent))
	}
}

// shut closes the gate. Calls that were out together never shorten one
// another's wait.
func (g *gate) shut(d time.Duration) {
	until := time.Now().Add(d)
	g.mu.Lock()
	defer g.mu.Unlock()
	if until.After(g.until) {
		g.until = until
	}
}
