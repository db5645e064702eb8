package client

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"time"
)

const (
	maxHead  = 64 << 10         // bytes of an answer before its body, those with a status of 1xx included
	maxIdle  = 90 * time.Second // that a connection waits for its next call
	readSize = 16 << 10         // bytes; most answers fit into one read
)

// Transport makes calls to one service. Over TLS it is net/http's transport,
// which speaks HTTP/2 there. A plain http:// call it makes itself, over
// connections that the embedded transport's DialContext makes.
//
// net/http has two goroutines for each connection, one that reads and one that
// writes, so that a request can be written while its answer is already being
// read, and a connection is watched while nobody uses it. A call pays for that
// with being handed on three times, and with their buffers for as long as the
// connection lives. The calls of a gateway are small: they fit into one write,
// and whoever makes one can wait for its answer himself. So here a call is a
// write and a read on the caller's goroutine; that a connection is still good is
// asked when it is used again. Answers are parsed by net/http in either case,
// and what is out of the ordinary, such as a large body, is its call altogether.
type Transport struct {
	*http.Transport

	// KeepPipes uses connections again that have no descriptor, and cannot be
	// asked whether they are still good: those within a process, in tests.
	KeepPipes bool

	conns conns
	wires sync.Pool // *wire
	zips  sync.Pool // *zip
}

// NewTransport returns a transport for one service: at most conns connections,
// deadline for each step to a connection, no proxy, and only addresses that
// [Addressable] lets pass. Idle connections are as many as calls, or a busy
// host would open one for nearly each call.
func NewTransport(conns int, deadline time.Duration, allow []netip.Prefix) *Transport {
	dialer := &net.Dialer{Timeout: deadline, KeepAlive: 30 * time.Second, Control: guarded(slices.Clone(allow))}
	t := &Transport{Transport: &http.Transport{
		DialContext:            dialer.DialContext,
		TLSHandshakeTimeout:    deadline,
		MaxIdleConnsPerHost:    conns,
		MaxConnsPerHost:        conns,
		IdleConnTimeout:        maxIdle,
		ForceAttemptHTTP2:      true,
		MaxResponseHeaderBytes: maxHead,
		ReadBufferSize:         readSize,
	}}
	t.conns.max = conns
	return t
}

// RoundTrip implements [http.RoundTripper].
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if !direct || !plain(req) {
		return t.Transport.RoundTrip(req)
	}
	w := t.wire()
	if !w.head(req, !t.DisableCompression) {
		t.keepWire(w)
		return t.Transport.RoundTrip(req)
	}
	return t.exchange(req, w)
}

// CloseIdleConnections closes the connections that wait for a call, and until
// the next call those that are no longer in use.
func (t *Transport) CloseIdleConnections() {
	t.conns.closeIdle()
	t.Transport.CloseIdleConnections()
}
