package client

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// retryAfter reads a Retry-After header: seconds, or an HTTP date. What it
// cannot read is the shortest wait.
func retryAfter(header string) time.Duration {
	if at, err := http.ParseTime(header); err == nil {
		return bounded(time.Until(at))
	}
	seconds, err := strconv.ParseUint(header, 10, 32)
	switch {
	case errors.Is(err, strconv.ErrRange):
		return maxShut
	case err != nil:
		return minShut
	}
	return bounded(time.Duration(seconds) * time.Second)
}

func bounded(d time.Duration) time.Duration { return min(max(d, minShut), maxShut) }

// exhausted reports whether an answer says that nothing is left of a quota,
// and for how long. A service that leaves the time out is not believed: it
// refuses soon enough, and says then when to come back. The forms:
//
//	X-RateLimit-Remaining: 0, X-RateLimit-Reset: 30 (seconds, or a unix time)
//	RateLimit-Remaining: 0, RateLimit-Reset: 30
//	RateLimit: "burst";r=0;t=30, "day";r=500;t=3600
//	RateLimit: limit=100, remaining=0, reset=30
func exhausted(h http.Header) (time.Duration, bool) {
	var longest time.Duration
	found := false
	note := func(left, reset string) {
		if d, ok := resetIn(reset); ok && none(left) {
			longest, found = max(longest, d), true
		}
	}
	for _, prefix := range []string{"X-Ratelimit-", "Ratelimit-"} { // in the form of the header's map
		if left := h[prefix+"Remaining"]; len(left) == 1 {
			note(left[0], h.Get(prefix+"Reset"))
		}
	}
	for _, list := range h["Ratelimit"] {
		var left, reset string // of the form without policies
		for item := range strings.SplitSeq(list, ",") {
			params := parameters(item)
			note(params["r"], params["t"])
			if v := params["remaining"]; v != "" {
				left = v
			}
			if v := params["reset"]; v != "" {
				reset = v
			}
		}
		note(left, reset)
	}
	return longest, found
}

// parameters reads what is between semicolons as name=value.
func parameters(item string) map[string]string {
	params := map[string]string{}
	for p := range strings.SplitSeq(item, ";") {
		if name, value, ok := strings.Cut(p, "="); ok {
			params[strings.TrimSpace(name)] = strings.TrimSpace(value)
		}
	}
	return params
}

// none reports whether a number says that nothing is left. Some services count
// below zero.
func none(s string) bool {
	n, err := strconv.ParseFloat(s, 64)
	return err == nil && n <= 0
}

// resetIn reads when a quota begins anew: seconds from now, or a unix time in
// seconds or milliseconds, which are told apart by their size.
func resetIn(s string) (time.Duration, bool) {
	const (
		unixSeconds      = 5e8  // in 1985
		unixMilliseconds = 5e11 // in 1985
	)
	n, err := strconv.ParseFloat(s, 64)
	switch {
	case err != nil || !(n >= 0): // not a number, too
		return 0, false
	case n >= unixMilliseconds:
		n = n/1000 - float64(time.Now().UnixMilli())/1000
	case n >= unixSeconds:
		n -= float64(time.Now().UnixMilli()) / 1000
	}
	n = min(max(n, minShut.Seconds()), maxShut.Seconds()) // before it could be too large for a Duration
	return time.Duration(n * float64(time.Second)), true
}
