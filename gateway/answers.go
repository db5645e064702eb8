package gateway

import (
	"bytes"
	"net"
	"strconv"
	"sync"
)

// Answers returns l with connections that send an answer to net/http's buffer and what
// is beyond it in one system call, and not in two.
func Answers(l net.Listener) net.Listener {
	return &joining{Listener: l, spares: sync.Pool{New: func() any { return new([bufferSize]byte) }}}
}

type joining struct {
	net.Listener
	spares sync.Pool // of *[bufferSize]byte
}

// Accept implements [net.Listener].
func (l *joining) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err //nolint:wrapcheck // net/http looks at it
	}
	return &joined{Conn: c, spares: &l.spares}, nil
}

// bufferSize is that of the buffer that net/http has for what it writes, in bytes.
// If it were another, nothing would be held back.
const bufferSize = 4 << 10

// joined is a connection that holds back a buffer which begins an answer, as long as
// it is certain that the rest of the answer is written next. net/http writes from
// one goroutine at a time, but may close from others: what is held is lost then, as half
// an answer may be.
type joined struct {
	net.Conn
	spares *sync.Pool
	held   *[bufferSize]byte // nil: nothing is

	both  net.Buffers
	parts [2][]byte // room for it
}

// Write implements [net.Conn].
func (c *joined) Write(p []byte) (int, error) {
	if c.held == nil {
		if !unfinished(p) {
			return c.Conn.Write(p) //nolint:wrapcheck // net/http is to see its own errors
		}
		c.held = c.spares.Get().(*[bufferSize]byte)
		return copy(c.held[:], p), nil
	}
	held := c.held
	c.held, c.both = nil, append(c.parts[:0], held[:], p)
	n, err := c.both.WriteTo(c.Conn)
	c.parts = [2][]byte{}
	c.spares.Put(held)
	return int(max(0, n-bufferSize)), err //nolint:wrapcheck // likewise
}

// CloseWrite is what net/http does before it hangs up on who may still be sending.
func (c *joined) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite() //nolint:wrapcheck // likewise
	}
	return nil
}

// unfinished reports whether p is a whole buffer that begins an answer of known
// length, and ends within its body: then there is more of it to come, in any case.
func unfinished(p []byte) bool {
	if len(p) != bufferSize || !bytes.HasPrefix(p, []byte("HTTP/1.1 200 OK\r\n")) {
		return false
	}
	head, body, ok := bytes.Cut(p, []byte("\r\n\r\n"))
	if !ok || len(body) == 0 {
		return false
	}
	_, value, ok := bytes.Cut(head, []byte("\r\nContent-Length: "))
	if !ok {
		return false
	}
	value, _, _ = bytes.Cut(value, []byte("\r\n"))
	length, err := strconv.Atoi(string(value))
	return err == nil && length > len(body)
}
