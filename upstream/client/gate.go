package client

import (
	"errors"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// A gate is closed for at least minShut and at most maxShut, whatever the
// service asks for.
const (
	minShut = time.Second
	maxShut = time.Minute
)

// gate keeps a tenant's calls back after a 429. The zero gate is open.
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

// shut closes the gate for what a Retry-After header says, and returns that.
// Calls that were out together never shorten one another's wait.
func (g *gate) shut(header string) time.Duration {
	d := retryAfter(header)
	until := time.Now().Add(d)
	g.mu.Lock()
	defer g.mu.Unlock()
	if until.After(g.until) {
		g.until = until
	}
	return d
}

// retryAfter reads a Retry-After header: seconds, or an HTTP date. What it
// cannot read is the shortest wait.
func retryAfter(header string) time.Duration {
	if at, err := http.ParseTime(header); err == nil {
		return min(max(time.Until(at), minShut), maxShut)
	}
	seconds, err := strconv.ParseUint(header, 10, 32)
	switch {
	case errors.Is(err, strconv.ErrRange):
		return maxShut
	case err != nil:
		return minShut
	}
	return min(max(time.Duration(seconds)*time.Second, minShut), maxShut)
}
