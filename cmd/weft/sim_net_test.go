package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/weft-gateway/weft/upstream/client"
)

// way is what becomes of a connection to a service.
type way int

const (
	wayOpen      way = iota
	wayRefused       // nothing listens
	wayBlackHole     // nothing answers
	wayNoName        // the host's name is not known
	wayNoDNS         // nobody answers what its address is
)

// simNet is the network between replicas and services, in memory.
type simNet struct {
	mu      sync.Mutex
	servers map[string]*station // host name -> service
	unknown int                 // connections to hosts that are not there
}

// station is a service on it.
type station struct {
	in    chan net.Conn
	done  chan struct{}
	once  sync.Once
	way   way
	dials int
	conns map[net.Conn]*replica // the gateway's ends
}

func newSimNet() *simNet { return &simNet{servers: map[string]*station{}} }

// serve lets h answer under a host name until the test ends.
func (n *simNet) serve(t *testing.T, host string, h http.Handler) {
	t.Helper()
	s := &station{in: make(chan net.Conn), done: make(chan struct{}), conns: map[net.Conn]*replica{}}
	n.mu.Lock()
	n.servers[host] = s
	n.mu.Unlock()
	srv := &http.Server{Handler: h} //nolint:gosec // no stranger calls it
	stopped := make(chan error, 1)
	go func() { stopped <- srv.Serve(s) }()
	t.Cleanup(func() {
		srv.Close()
		if err := <-stopped; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
}

// Accept, Close and Addr implement [net.Listener].
func (s *station) Accept() (net.Conn, error) {
	select {
	case c := <-s.in:
		return c, nil
	case <-s.done:
		return nil, net.ErrClosed
	}
}

func (s *station) Close() error { s.once.Do(func() { close(s.done) }); return nil }

func (s *station) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 80} }

// set changes the way to a host. Connections that there are stay, unless cut.
func (n *simNet) set(host string, w way, cut bool) {
	n.mu.Lock()
	s := n.servers[host]
	s.way = w
	n.mu.Unlock()
	if cut {
		n.cut(host, func(*replica) bool { return true })
	}
}

// cut closes connections to a host.
func (n *simNet) cut(host string, of func(*replica) bool) {
	n.mu.Lock()
	var gone []net.Conn
	for c, from := range n.servers[host].conns {
		if of(from) {
			gone = append(gone, c)
			delete(n.servers[host].conns, c)
		}
	}
	n.mu.Unlock()
	for _, c := range gone {
		c.Close()
	}
}

func (n *simNet) dials(host string) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.servers[host].dials
}

// strays counts the connections to hosts that are not there.
func (n *simNet) strays() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.unknown
}

func (n *simNet) dial(ctx context.Context, from *replica, address string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	n.mu.Lock()
	s := n.servers[host]
	if s == nil {
		n.unknown++
		n.mu.Unlock()
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}}
	}
	s.dials++
	w := s.way
	n.mu.Unlock()
	fail := func(err error) (net.Conn, error) { return nil, &net.OpError{Op: "dial", Net: "tcp", Err: err} }
	switch {
	case w == wayRefused || from.crashed.Load():
		return fail(syscall.ECONNREFUSED)
	case w == wayNoName:
		return fail(&net.DNSError{Err: "no such host", Name: host, IsNotFound: true})
	case w == wayNoDNS:
		<-ctx.Done()
		return fail(&net.DNSError{Err: "i/o timeout", Name: host, IsTimeout: true})
	case w == wayBlackHole:
		<-ctx.Done()
		return fail(os.ErrDeadlineExceeded)
	}
	near, far := net.Pipe()
	select {
	case s.in <- far:
	case <-s.done:
		return fail(syscall.ECONNREFUSED)
	case <-ctx.Done():
		return fail(ctx.Err())
	}
	n.mu.Lock()
	s.conns[near] = from
	n.mu.Unlock()
	return near, nil
}

// transport is the gateway's own, but for how it connects.
func (n *simNet) transport(from *replica) func(int, time.Duration, []netip.Prefix) http.RoundTripper {
	return func(conns int, deadline time.Duration, allow []netip.Prefix) http.RoundTripper {
		t := client.NewTransport(conns, deadline, allow)
		t.KeepPipes = true
		t.DialContext = func(ctx context.Context, _, address string) (net.Conn, error) {
			ctx, cancel := context.WithTimeout(ctx, deadline)
			defer cancel()
			return n.dial(ctx, from, address)
		}
		return &panicking{t, from}
	}
}

// panicking is a transport with a fault of its own, for as long as its
// replica is to have one.
type panicking struct {
	*client.Transport
	from *replica
}

// RoundTrip implements [http.RoundTripper].
func (p *panicking) RoundTrip(r *http.Request) (*http.Response, error) {
	if p.from.panics.Load() && strings.Contains(r.URL.Path, "/crm/contacts") {
		panic("simulated")
	}
	return p.Transport.RoundTrip(r)
}

// listen gives a replica a listener that nothing but [simNet.dial] reaches.
func (n *simNet) listen(_ context.Context, address string) (net.Listener, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	s := &station{in: make(chan net.Conn), done: make(chan struct{}), conns: map[net.Conn]*replica{}}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.servers[host] = s
	return s, nil
}
