package client

import (
	"net"
	"net/http"
	"time"
)

// newTransport returns the transport of a host. Idle connections are as many
// as calls, or a busy host would open one for nearly each call.
func newTransport(inFlight int, deadline time.Duration) *http.Transport {
	dialer := &net.Dialer{Timeout: deadline, KeepAlive: 30 * time.Second}
	return &http.Transport{
		DialContext:            dialer.DialContext,
		TLSHandshakeTimeout:    deadline,
		MaxIdleConnsPerHost:    inFlight,
		MaxConnsPerHost:        inFlight,
		IdleConnTimeout:        90 * time.Second,
		ForceAttemptHTTP2:      true,
		MaxResponseHeaderBytes: 64 << 10,
	}
}
