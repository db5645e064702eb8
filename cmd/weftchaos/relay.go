package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
)

// relay passes bytes on between two addresses, and does what toxiproxy does not
// have: it resets a share of the answers, whatever connection they are on, and it
// forgets connections without closing them, as a NAT that lost its table.
type relay struct {
	address, upstream string

	mu       sync.Mutex
	listener net.Listener
	rng      *rand.Rand         // guarded by mu
	resets   float64            // share of the answers; guarded by mu
	pairs    map[*pair]struct{} // guarded by mu
	done     sync.WaitGroup     // of all goroutines
}

// pair is a connection and what it is passed on to.
type pair struct {
	client, server net.Conn
	forgotten      chan struct{} // closed: nothing passes any more
}

func newRelay(ctx context.Context, upstream string, seed uint64) (*relay, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("relay: %w", err)
	}
	r := &relay{
		address: l.Addr().String(), upstream: upstream, listener: l,
		rng: rand.New(rand.NewPCG(seed, 1)), pairs: map[*pair]struct{}{},
	}
	r.done.Go(r.accept)
	return r, nil
}

func (r *relay) accept() {
	for {
		client, err := r.listener.Accept()
		if err != nil {
			return // closed
		}
		server, err := net.Dial("tcp", r.upstream)
		if err != nil {
			_ = client.Close()
			continue
		}
		p := &pair{client: client, server: server, forgotten: make(chan struct{})}
		r.mu.Lock()
		r.pairs[p] = struct{}{}
		r.mu.Unlock()
		r.done.Go(func() { r.pass(p, client, server, false) })
		r.done.Go(func() { r.pass(p, server, client, true) })
	}
}

// pass copies from one side to the other until either ends.
func (r *relay) pass(p *pair, from, to net.Conn, answers bool) {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if p.isForgotten() {
			return // both ends stay open, and nobody hears of it
		}
		if n > 0 {
			if answers && r.unlucky() {
				_, _ = to.Write(buf[:n/2])
				abort(to)
				break
			}
			if _, werr := to.Write(buf[:n]); werr != nil {
				break
			}
		}
		if err != nil {
			break
		}
	}
	r.drop(p)
}

func (r *relay) unlucky() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.resets > 0 && r.rng.Float64() < r.resets
}

// abort has a connection end with a RST when it is closed.
func abort(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // it is closed in any case
	}
}

func (r *relay) drop(p *pair) {
	_ = p.client.Close()
	_ = p.server.Close()
	r.mu.Lock()
	delete(r.pairs, p)
	r.mu.Unlock()
}

func (p *pair) isForgotten() bool {
	select {
	case <-p.forgotten:
		return true
	default:
		return false
	}
}

// reset sets the share of the answers that are cut in the middle.
func (r *relay) reset(share float64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.resets = share
}

// forget lets nothing pass any more on the connections that there are, and
// returns how many these are. New ones are served.
func (r *relay) forget() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for p := range r.pairs {
		if !p.isForgotten() {
			close(p.forgotten)
			n++
		}
	}
	return n
}

func (r *relay) close() {
	_ = r.listener.Close()
	r.mu.Lock()
	for p := range r.pairs {
		_ = p.client.Close()
		_ = p.server.Close()
	}
	r.mu.Unlock()
	r.done.Wait()
}
