package client

import (
	"context"
	"errors"
	"math"
	"net"
	"net/http"
	"os"
	"syscall"
	"time"
)

// conn is a connection that makes one call at a time.
type conn struct {
	net.Conn
	lane  *lane
	idle  time.Time // since when; guarded by conns.mu
	used  bool      // it has made a call
	bound bool      // it has a deadline
	late  bool      // which has passed, says a read
	left  int64     // what may still be read for the head of an answer, in bytes
	abort func()    // breaks reads and writes off; the connection is of no use then

	raw     syscall.RawConn       // nil: whether it is quiet cannot be asked
	look    func(fd uintptr) bool // is called until it is true, whenever there is something to read
	request []byte                // what look sends
	spare   [1]byte               // what look reads into
	quiet   bool                  // what look found
	sent    int                   // what it sent, in bytes
	sendErr error
}

func newConn(nc net.Conn, l *lane) *conn {
	c := &conn{Conn: nc, lane: l}
	c.abort = func() { _ = nc.SetDeadline(time.Unix(1, 0)) }
	if s, ok := nc.(syscall.Conn); ok {
		c.raw, _ = s.SyscallConn()
	}
	c.look = c.sendIfQuiet
	return c
}

// watch makes reads and writes fail from when ctx ends on. stop reports whether c
// is still as it was; it has to be called before anybody else uses c.
func (c *conn) watch(ctx context.Context) (stop func() bool) {
	watched, _ := undue(ctx)
	if w, ok := watched.(interface{ AfterFunc(func()) func() bool }); ok { // that of a load: eight allocations less
		return w.AfterFunc(c.abort)
	}
	return context.AfterFunc(watched, c.abort)
}

// undue returns what there is to watch of ctx, and whether its deadline is beside
// that: one that has a Caller ends before it by its deadline alone, which
// connections know without a timer.
func undue(ctx context.Context) (watched context.Context, own bool) {
	if o, ok := ctx.(interface{ Caller() context.Context }); ok {
		return o.Caller(), true
	}
	return ctx, false
}

// until sets the deadline that ctx has for watch.
func (c *conn) until(ctx context.Context) {
	var end time.Time
	if _, own := undue(ctx); own {
		end, _ = ctx.Deadline()
	}
	if !end.IsZero() || c.bound {
		_ = c.SetDeadline(end) // fails on a connection that is closed, as using it will
	}
	c.bound = !end.IsZero()
}

// why returns what a read or write failed with, or the end of ctx if that is the
// reason.
func (c *conn) why(ctx context.Context, err error) error {
	if c.bound && (c.late || isLate(err)) {
		<-ctx.Done() // the connection's clock is ahead by as long as setting it took
	}
	if ended := ctx.Err(); ended != nil {
		return ended
	}
	return err
}

// send writes a request. If the connection has made a call before, it is false,
// with nothing sent, where the other side has closed it or has sent anything
// since the last answer: nobody asked for that, and it must not be taken for the
// next answer. Then it also waits until there is something to read, since it has
// to read before it can wait, and that it does once for both.
func (c *conn) send(request []byte) (sent int, quiet bool, err error) {
	if !c.used || c.raw == nil {
		c.used = true
		sent, err = c.Write(request)
		return sent, true, err
	}
	c.request, c.quiet, c.sent, c.sendErr = request, false, 0, nil
	_ = c.raw.Read(c.look) // what it fails with, reading the answer does
	c.request = nil
	return c.sent, c.quiet, c.sendErr
}

var errLongHead = errors.New("the head of the answer is too long")

// Read implements [io.Reader]. Of a head it reads as much as is allowed.
func (c *conn) Read(p []byte) (int, error) {
	if c.left <= 0 {
		return 0, errLongHead
	}
	n, err := c.Conn.Read(p[:min(int64(len(p)), c.left)])
	c.left -= int64(n)
	c.late = err != nil && isLate(err) // which a parser may take for the end of what it reads
	return n, err
}

// isLate reports whether a deadline has passed that was set here. The system has
// timeouts of its own, after which nothing else is to be waited for.
func isLate(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }

var errSwitched = errors.New("the service speaks another protocol from here on")

// answer reads the head of an answer, and reports whether anything came at all.
// Those with a status of 1xx are not answers yet; together with the one that
// follows they are as long as a head may be.
func (c *conn) answer(w *wire, req *http.Request) (resp *http.Response, came bool, err error) {
	w.in.Reset(c)
	c.left = maxHead
	if _, err := w.in.Peek(1); err != nil {
		return nil, false, err
	}
	for {
		resp, err := http.ReadResponse(w.in, req)
		switch {
		case err != nil:
			return nil, true, err
		case resp.StatusCode == http.StatusSwitchingProtocols:
			return nil, true, errSwitched
		case resp.StatusCode < 100 || resp.StatusCode > 199:
			c.left = math.MaxInt64
			return resp, true, nil
		}
	}
}
