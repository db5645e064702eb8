package main

import (
	"bytes"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// redisConn is a connection to a simRedis, and meets its faults. It has
// buffers both ways, as sockets have them, and the latency is that of the way
// and not of each read.
type redisConn struct {
	net.Conn
	redis      *simRedis
	from       *replica
	subscribed atomic.Bool
	lost       atomic.Bool
	deadline   atomic.Pointer[time.Time] // of reads

	out    chan []byte
	in     chan arrived // closed when nothing more comes
	rest   arrived      // what was read in part; used by Read alone
	closed chan struct{}
	once   sync.Once
}

// arrived is a part of the answers.
type arrived struct {
	data []byte
	at   time.Time
}

func newRedisConn(conn net.Conn, r *simRedis, from *replica) *redisConn {
	c := &redisConn{Conn: conn, redis: r, from: from, out: make(chan []byte, 256), in: make(chan arrived, 256), closed: make(chan struct{})}
	go c.pumpOut()
	go c.pumpIn()
	return c
}

func (c *redisConn) Close() error {
	c.once.Do(func() {
		close(c.closed)
		c.redis.mu.Lock()
		delete(c.redis.conns, c)
		c.redis.mu.Unlock()
	})
	return c.Conn.Close()
}

func (c *redisConn) pumpOut() {
	for {
		select {
		case b := <-c.out:
			if _, err := c.Conn.Write(b); err != nil {
				return
			}
		case <-c.closed:
			return
		}
	}
}

func (c *redisConn) pumpIn() {
	defer close(c.in)
	b := make([]byte, 16<<10)
	for {
		n, err := c.Conn.Read(b)
		if err != nil {
			return
		}
		if c.redis.loses(c) {
			continue
		}
		select {
		case c.in <- arrived{bytes.Clone(b[:n]), time.Now()}:
		case <-c.closed:
			return
		}
	}
}

func (c *redisConn) Write(b []byte) (int, error) {
	if bytes.Contains(bytes.ToLower(b), []byte("subscribe")) {
		c.subscribed.Store(true)
	}
	if c.lost.Load() {
		return len(b), nil
	}
	select {
	case c.out <- bytes.Clone(b):
		return len(b), nil
	case <-c.closed:
		return 0, net.ErrClosed
	}
}

func (c *redisConn) SetReadDeadline(t time.Time) error { c.deadline.Store(&t); return nil }

func (c *redisConn) SetDeadline(t time.Time) error { return c.SetReadDeadline(t) }

func (c *redisConn) SetWriteDeadline(time.Time) error { return nil } // writes do not wait

func (c *redisConn) Read(b []byte) (int, error) {
	var late <-chan time.Time // nil: never
	if d := c.deadline.Load(); d != nil && !d.IsZero() {
		timer := time.NewTimer(time.Until(*d))
		defer timer.Stop()
		late = timer.C
	}
	if len(c.rest.data) == 0 {
		select {
		case part, ok := <-c.in:
			if !ok {
				return 0, io.EOF
			}
			c.rest = part
		case <-late:
			return 0, os.ErrDeadlineExceeded
		case <-c.closed:
			return 0, net.ErrClosed
		}
	}
	if err := c.hold(late); err != nil {
		return 0, err
	}
	n := copy(b, c.rest.data)
	c.rest.data = c.rest.data[n:]
	return n, nil
}

// hold keeps what arrived back for as long as the fault wants, or the reader waits.
func (c *redisConn) hold(late <-chan time.Time) error {
	thaw, slow := c.redis.holds()
	var passed <-chan time.Time
	if thaw == nil {
		wait := time.Until(c.rest.at.Add(slow))
		if slow == 0 || wait <= 0 {
			return nil
		}
		timer := time.NewTimer(wait)
		defer timer.Stop()
		passed = timer.C
	}
	select {
	case <-thaw:
		return nil
	case <-passed:
		return nil
	case <-late:
		return os.ErrDeadlineExceeded
	case <-c.closed:
		return net.ErrClosed
	}
}

// loses reports whether what arrives on a connection gets lost.
func (r *simRedis) loses(c *redisConn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return c.lost.Load() || r.deaf && c.subscribed.Load()
}

// holds are a channel that ends a standstill, or nil, and the latency.
func (r *simRedis) holds() (thaw chan struct{}, slow time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.thaw, r.slow
}
