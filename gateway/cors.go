package gateway

import (
	"maps"
	"net/http"
	"slices"
)

// The headers that a page's script may send, and those of an answer that it
// may read, beside the ones that any script may.
const (
	sendable = "Authorization, If-None-Match, X-Request-Id, Traceparent"
	readable = "ETag, Retry-After, X-Request-Id, Server-Timing, Cache-Status, RateLimit, RateLimit-Policy"
)

// origins knows which web pages may read a tenant's answers. Pages send the
// key in a header of their own making: neither cookies nor any other credential
// that a browser adds is ever allowed, and no origin is allowed by a wildcard.
type origins struct {
	tenants map[string][]string // tenant id -> its origins
	any     []string            // those of all tenants, each once
}

func newOrigins(tenants map[string][]string) origins {
	o := origins{tenants: maps.Clone(tenants)}
	for _, list := range tenants {
		o.any = append(o.any, list...)
	}
	slices.Sort(o.any)
	o.any = slices.Compact(o.any)
	return o
}

// share lets the page that asks read the answer, if the caller's tenant lists it.
func (o origins) share(x *exchange, r *http.Request) {
	if origin, ok := originOf(r); ok && slices.Contains(o.tenants[x.who.TenantID], origin) {
		h := x.Header()
		h.Set("Access-Control-Allow-Origin", origin)
		h.Set("Access-Control-Expose-Headers", readable)
	}
}

// preflight tells a browser what it may send. It comes without a key, so the
// answer is for the pages of all tenants, and does not say whose they are: a
// page that another tenant lists may ask, and cannot read what it gets.
func (o origins) preflight(x *exchange, r *http.Request, methods string) {
	h := x.Header()
	h.Set("Vary", "Origin, Access-Control-Request-Method, Access-Control-Request-Headers, Accept-Encoding")
	origin, ok := originOf(r)
	if !ok || r.Header.Get("Access-Control-Request-Method") == "" || !slices.Contains(o.any, origin) {
		return
	}
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Access-Control-Allow-Methods", methods)
	h.Set("Access-Control-Allow-Headers", sendable)
	h.Set("Access-Control-Max-Age", "600") // seconds
}

// originOf returns the origin of the page that asks. Programs send none.
func originOf(r *http.Request) (string, bool) {
	v := r.Header["Origin"]
	if len(v) != 1 {
		return "", false
	}
	return v[0], true
}
