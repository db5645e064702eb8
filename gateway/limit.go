package gateway

import (
	"context"
	"net/http"
	"strconv"
	"time"
)

// Quota is one of a caller's rate limits, and where the caller stands with it.
type Quota struct {
	Name   string        // in the headers; letters and hyphens
	Burst  int           // requests that may come at once
	Window time.Duration // in which a whole burst comes back
	Left   int           // requests that may still come at once
	Reset  time.Duration // until the whole burst is back
	Wait   time.Duration // until the next request may come
}

// limited is the error of a request that came too early: by how much.
type limited time.Duration

// Error implements error.
func (limited) Error() string { return "gateway: over the rate limit" }

// limit counts the request against its caller's rate limits, also for a caller
// who hangs up at once: what it began goes on, and all replicas hear of it.
func (s *Server) limit(x *exchange, r *http.Request) error {
	if s.cfg.Limit == nil {
		return nil
	}
	quotas, ok := s.cfg.Limit(context.WithoutCancel(r.Context()), x.who)
	x.quotas = quotas
	if ok {
		return nil
	}
	var wait time.Duration
	for _, q := range quotas {
		wait = max(wait, q.Wait)
	}
	return limited(wait)
}

// announce says where the caller stands with its limits. An answer of 404 does
// not: two of them are alike to the byte, and no figure may tell one unknown id
// from another.
func announce(h http.Header, status int, quotas []Quota) {
	if len(quotas) == 0 || status == http.StatusNotFound {
		return
	}
	policy, state := make([]byte, 0, 64), make([]byte, 0, 64)
	for i, q := range quotas {
		if i > 0 {
			policy, state = append(policy, ", "...), append(state, ", "...)
		}
		policy = appendItem(policy, q.Name, "q", q.Burst, "w", seconds(q.Window))
		state = appendItem(state, q.Name, "r", q.Left, "t", upSeconds(q.Reset))
	}
	h.Set("RateLimit-Policy", string(policy))
	h.Set("RateLimit", string(state))
}

// appendItem writes a string with two parameters, as structured fields have it.
func appendItem(b []byte, name, key1 string, value1 int, key2 string, value2 int) []byte {
	b = append(append(append(b, '"'), name...), `";`...)
	b = strconv.AppendInt(append(append(b, key1...), '='), int64(value1), 10)
	return strconv.AppendInt(append(append(append(b, ';'), key2...), '='), int64(value2), 10)
}
