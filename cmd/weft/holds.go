package main

import (
	"slices"
	"sync"
	"time"

	"github.com/weft-gateway/weft/gateway/ops"
)

// holds are the orders that tenants, or what upstreams have, are served from
// the cache alone. They outlive generations.
type holds struct {
	current func() *generation

	mu     sync.Mutex
	orders map[holdKey]ops.Hold // guarded by mu
}

// holdKey names a tenant or an upstream; the other is "".
type holdKey struct{ tenant, upstream string }

func newHolds(current func() *generation) *holds {
	return &holds{current: current, orders: make(map[holdKey]ops.Hold)}
}

func keyOfHold(h ops.Hold) (k holdKey) {
	if h.Tenant != nil {
		k.tenant = *h.Tenant
	}
	if h.Upstream != nil {
		k.upstream = *h.Upstream
	}
	return k
}

// Orders implements [ops.Holds].
func (h *holds) Orders() []ops.Hold {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.live()
}

// live forgets the orders that are over, and returns the others. The caller holds mu.
func (h *holds) live() []ops.Hold {
	list := []ops.Hold{}
	for key, o := range h.orders {
		if !time.Now().Before(o.Until) {
			delete(h.orders, key)
			continue
		}
		list = append(list, o)
	}
	slices.SortFunc(list, func(a, b ops.Hold) int { return a.Until.Compare(b.Until) })
	return list
}

// Start implements [ops.Holds].
func (h *holds) Start(o ops.Hold) error {
	return h.change(o, func(key holdKey) bool { h.orders[key] = o; return true })
}

// End implements [ops.Holds].
func (h *holds) End(o ops.Hold) error {
	return h.change(o, func(key holdKey) bool {
		_, held := h.orders[key]
		delete(h.orders, key)
		return held
	})
}

// change makes a change that finds what it is about, and has it take effect.
func (h *holds) change(o ops.Hold, do func(holdKey) bool) error {
	g := h.current()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.live()
	switch key := keyOfHold(o); {
	case g.has(key):
		if !do(key) {
			return ops.ErrNoOrder
		}
	case key.tenant != "":
		return ops.ErrNoTenant
	default:
		return ops.ErrNoUpstream
	}
	h.apply(g)
	return nil
}

// settle makes the orders take effect in a generation that was just installed.
func (h *holds) settle(g *generation) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.apply(g)
}

// apply tells all hosts and clients until when they are held. The caller holds mu.
func (h *holds) apply(g *generation) {
	for _, host := range g.upstreams.hosts {
		host.Hold(h.orders[holdKey{upstream: host.name}].Until)
	}
	for key, c := range g.upstreams.connectors {
		c.client.Hold(h.orders[holdKey{tenant: key.tenant}].Until)
	}
}

// has reports whether there is such a tenant or upstream.
func (g *generation) has(key holdKey) bool {
	if key.tenant != "" {
		return g.tenant(key.tenant) != nil
	}
	for _, h := range g.upstreams.hosts {
		if h.name == key.upstream {
			return true
		}
	}
	return false
}
