package client

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"
)

// conns are the connections of a transport, by the host of a URL. The zero value
// has no bound.
type conns struct {
	max int // to one host, in use or idle; 0: any number

	mu      sync.Mutex
	lanes   map[string]*lane // guarded by mu; the hosts that a service has are few
	closing bool             // connections are not kept until the next call; guarded by mu
}

// lane is the connections to one host. Its fields are guarded by conns.mu.
type lane struct {
	address string
	open    int          // in use, idle or being made
	idle    []*conn      // the one that was used last is last
	waiting []chan *conn // each gets a connection, or nil: it may make one
	ageing  *time.Timer  // closes what has been idle for too long; nil: nothing is
}

func (p *conns) lane(u *url.URL) *lane {
	l := p.lanes[u.Host]
	if l == nil {
		l = &lane{address: u.Host}
		if u.Port() == "" {
			l.address = net.JoinHostPort(u.Hostname(), "80")
		}
		if p.lanes == nil {
			p.lanes = make(map[string]*lane)
		}
		p.lanes[u.Host] = l
	}
	return l
}

// conn returns a connection for a call: one that has made a call before or, with
// anew or where there is none, a new one.
func (t *Transport) conn(req *http.Request, anew bool) (*conn, error) {
	l, c, err := t.conns.take(req.Context(), req.URL, anew)
	switch {
	case err != nil:
		return nil, err
	case c == nil:
		return t.dial(req.Context(), l)
	case anew:
		_ = c.Close() // in the place of which the new one is; given back, the place would be another's turn
		return t.dial(req.Context(), l)
	}
	c.until(req.Context())
	return c, nil
}

// dial makes a connection in a place that the caller has.
func (t *Transport) dial(ctx context.Context, l *lane) (c *conn, err error) {
	defer func() {
		if c == nil { // also after a panic, which a breaker may have caught
			t.conns.lose(l)
		}
	}()
	nc, err := t.DialContext(ctx, "tcp", l.address)
	if err != nil {
		return nil, err
	}
	c = newConn(nc, l)
	c.until(ctx)
	return c, nil
}

// take returns an idle connection, or nil where the caller may make one: then it
// has to come back to lose or keep, as for any. At the bound it waits.
func (p *conns) take(ctx context.Context, u *url.URL, anew bool) (*lane, *conn, error) {
	p.mu.Lock()
	p.closing = false
	l := p.lane(u)
	n := len(l.idle)
	full := p.max > 0 && l.open >= p.max
	switch {
	case n > 0 && (!anew || full):
		c := l.idle[n-1]
		l.idle[n-1] = nil
		l.idle = l.idle[:n-1]
		p.mu.Unlock()
		return l, c, nil
	case !full:
		l.open++
		p.mu.Unlock()
		return l, nil, nil
	}
	given := make(chan *conn, 1)
	l.waiting = append(l.waiting, given)
	p.mu.Unlock()
	select {
	case c := <-given:
		return l, c, nil
	case <-ctx.Done():
		p.leave(l, given)
		return nil, nil, ctx.Err()
	}
}

// leave stops waiting, and hands on what came too late.
func (p *conns) leave(l *lane, given chan *conn) {
	p.mu.Lock()
	i := slices.Index(l.waiting, given)
	if i >= 0 {
		l.waiting = slices.Delete(l.waiting, i, i+1)
	}
	p.mu.Unlock()
	if i >= 0 {
		return
	}
	if c := <-given; c != nil {
		p.keep(c)
	} else {
		p.lose(l)
	}
}

// keep takes a connection back that can make another call.
func (p *conns) keep(c *conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	l := c.lane
	switch {
	case len(l.waiting) > 0:
		l.next() <- c
	case p.closing:
		l.open--
		_ = c.Close()
	default:
		c.idle = time.Now()
		l.idle = append(l.idle, c)
		if l.ageing == nil {
			l.ageing = time.AfterFunc(maxIdle, func() { p.age(l) })
		}
	}
}

// drop closes a connection.
func (p *conns) drop(c *conn) {
	_ = c.Close()
	p.lose(c.lane)
}

// lose takes note that a connection is no more, and that another may be made.
func (p *conns) lose(l *lane) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(l.waiting) > 0 {
		l.next() <- nil
		return
	}
	l.open--
}

func (l *lane) next() chan *conn {
	given := l.waiting[0]
	l.waiting = l.waiting[1:]
	return given
}

// age closes what has been idle for too long.
func (p *conns) age(l *lane) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	old := 0
	for old < len(l.idle) && now.Sub(l.idle[old].idle) >= maxIdle {
		_ = l.idle[old].Close()
		old++
	}
	l.open -= old
	l.idle = slices.Delete(l.idle, 0, old)
	l.ageing = nil
	if len(l.idle) > 0 {
		l.ageing = time.AfterFunc(maxIdle-now.Sub(l.idle[0].idle), func() { p.age(l) })
	}
}

// closeIdle closes what is idle, and until the next call what becomes so.
func (p *conns) closeIdle() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closing = true
	for _, l := range p.lanes {
		for _, c := range l.idle {
			_ = c.Close()
		}
		l.open -= len(l.idle)
		l.idle = nil
		if l.ageing != nil {
			l.ageing.Stop()
			l.ageing = nil
		}
	}
}
