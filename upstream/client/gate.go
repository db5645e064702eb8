package client

import (
	"net/http"
	"sync"
	"time"
)

// A gate is closed for at least minShut and at most maxShut, whatever the
// service asks for.
const (
	minShut = time.Second
	maxShut = time.Minute
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

// refused closes the gate for what a 429 asks for, and returns that.
func (g *gate) refused(h http.Header) time.Duration {
	d := retryAfter(h.Get("Retry-After"))
	if reset, ok := exhausted(h); ok && h.Get("Retry-After") == "" {
		d = reset
	}
	g.shut(d)
	return d
}

// heed closes the gate if an answer says that the next call would be refused.
func (g *gate) heed(h http.Header) {
	if d, ok := exhausted(h); ok {
		g.shut(d)
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
