package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/Shopify/toxiproxy/v2"
)

// toxic is a fault of the network, as toxiproxy names and describes them.
type toxic struct {
	Type       string           `json:"type"`
	Stream     string           `json:"stream,omitempty"`   // "upstream" or "downstream"; "": downstream
	Toxicity   float64          `json:"toxicity,omitempty"` // share of the connections that meet it; 0: all
	Attributes map[string]int64 `json:"attributes"`
}

// proxy stands on an address of its own between the gateway and a service.
// Toxiproxy can change toxics while connections are open, but may then wait for
// itself; so each change here is a new proxy on the same address, and costs the
// connections that there were.
type proxy struct {
	address, upstream string

	mu    sync.Mutex
	proxy *toxiproxy.Proxy // nil: cut; guarded by mu
	hole  *blackHole       // nil: none; guarded by mu
}

// newProxy starts a proxy without toxics.
func newProxy(upstream string) (*proxy, error) {
	p := &proxy{address: "127.0.0.1:0", upstream: upstream}
	return p, p.infect()
}

// infect begins anew with these toxics, and with none it heals.
func (p *proxy) infect(toxics ...toxic) error {
	p.cut()
	p.mu.Lock()
	defer p.mu.Unlock()
	fresh := toxiproxy.NewProxy(quietServer(), "weft", p.address, p.upstream)
	for _, t := range toxics {
		body, err := json.Marshal(t)
		if err != nil {
			return fmt.Errorf("toxic: %w", err)
		}
		if _, err := fresh.Toxics.AddToxicJson(strings.NewReader(string(body))); err != nil {
			return fmt.Errorf("toxic %s: %w", body, err)
		}
	}
	if err := fresh.Start(); err != nil {
		return fmt.Errorf("proxy: %w", err)
	}
	p.proxy, p.address = fresh, fresh.Listen // the port stays once it is known
	return nil
}

// cut ends the connections and refuses new ones.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.proxy != nil {
		p.proxy.Stop()
		p.proxy = nil
	}
	if p.hole != nil {
		p.hole.close()
		p.hole = nil
	}
}

// swallow ends the connections, and lets new ones hang before they are made.
func (p *proxy) swallow(ctx context.Context) error {
	p.cut()
	p.mu.Lock()
	defer p.mu.Unlock()
	var err error
	p.hole, err = dig(ctx, p.address)
	return err
}

// quietServer is what toxiproxy wants of its surroundings, without a log.
func quietServer() *toxiproxy.ApiServer {
	s := &toxiproxy.ApiServer{Collection: toxiproxy.NewProxyCollection(), Metrics: toxiproxy.NewMetricsContainer(nil)}
	fill(&s.Logger)
	const disabled = 7
	*s.Logger = s.Logger.Level(disabled)
	return s
}

// fill makes a value of a type whose package is not imported here.
func fill[T any](p **T) { *p = new(T) }

// blackHole is an address at which the kernel drops whoever tries to connect:
// a listener with a queue of one, which is full.
type blackHole struct {
	listener net.Listener
	fill     []net.Conn
}

func dig(ctx context.Context, address string) (*blackHole, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("black hole: %w", err)
	}
	h := &blackHole{listener: l}
	raw, err := l.(*net.TCPListener).SyscallConn()
	if err == nil {
		var refused error
		err = raw.Control(func(fd uintptr) { refused = syscall.Listen(int(fd), 0) })
		if err == nil {
			err = refused
		}
	}
	if err != nil {
		h.close()
		return nil, fmt.Errorf("black hole: %w", err)
	}
	return h, h.plug(address)
}

// patience is how long a connection may take before it counts as hanging.
const patience = 100 * time.Millisecond

// plug fills the queue until a connection hangs.
func (h *blackHole) plug(address string) error {
	for range 8 {
		c, err := net.DialTimeout("tcp", address, patience)
		if err != nil {
			return nil //nolint:nilerr // it hangs, as it should
		}
		h.fill = append(h.fill, c)
	}
	return fmt.Errorf("black hole: %s still takes connections", address)
}

func (h *blackHole) close() {
	for _, c := range h.fill {
		_ = c.Close()
	}
	_ = h.listener.Close()
}
