package client

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"time"
)

// NewTransport returns a transport for one service: at most conns connections,
// deadline for each step to a connection, no proxy, and only addresses that
// [Addressable] lets pass. Idle connections are as many as calls, or a busy
// host would open one for nearly each call. Most answers fit into one read.
func NewTransport(conns int, deadline time.Duration, allow []netip.Prefix) *http.Transport {
	dialer := &net.Dialer{Timeout: deadline, KeepAlive: 30 * time.Second, Control: guarded(slices.Clone(allow))}
	return &http.Transport{
		DialContext:            dialer.DialContext,
		TLSHandshakeTimeout:    deadline,
		MaxIdleConnsPerHost:    conns,
		MaxConnsPerHost:        conns,
		IdleConnTimeout:        90 * time.Second,
		ForceAttemptHTTP2:      true,
		MaxResponseHeaderBytes: 64 << 10,
		ReadBufferSize:         16 << 10,
	}
}
