// Package cachetest has what tests of the cache, and of what is above it, need of a
// simulated Redis.
package cachetest

import (
	"bytes"
	"net"
	"sync"
)

// Roomy returns one end of a pipe with room for what is written to it, as a socket
// has. Without that, a client that writes more than the server reads at once waits for
// it, and the server for the client to read its answers. What cannot be
// passed on any more is lost. It has a goroutine until it is closed.
func Roomy(conn net.Conn) net.Conn {
	r := &roomy{Conn: conn, out: make(chan []byte, 64), closed: make(chan struct{})}
	go r.pass()
	return r
}

type roomy struct {
	net.Conn
	out    chan []byte
	closed chan struct{}
	once   sync.Once
}

func (r *roomy) pass() {
	for {
		select {
		case b := <-r.out:
			if _, err := r.Conn.Write(b); err != nil {
				return
			}
		case <-r.closed:
			return
		}
	}
}

// Write implements [net.Conn].
func (r *roomy) Write(b []byte) (int, error) {
	select {
	case r.out <- bytes.Clone(b):
		return len(b), nil
	case <-r.closed:
		return 0, net.ErrClosed
	}
}

// Close implements [net.Conn].
func (r *roomy) Close() error {
	r.once.Do(func() { close(r.closed) })
	return r.Conn.Close() //nolint:wrapcheck // it is the pipe's own
}
