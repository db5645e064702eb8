package client

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// ended is a connection that notes its end.
type ended struct {
	net.Conn
	closed atomic.Bool
}

func (e *ended) Close() error {
	e.closed.Store(true)
	return nil
}

// some returns connections that are in use.
func some(t *testing.T, p *conns, n int) []*conn {
	t.Helper()
	var cs []*conn
	for range n {
		l, c, err := p.take(t.Context(), at(), false)
		if c != nil || err != nil {
			t.Fatalf("there is %v already, %v", c, err)
		}
		cs = append(cs, newConn(&ended{}, l))
	}
	return cs
}

func at() *url.URL { return &url.URL{Scheme: "http", Host: "crm.test"} }

func closed(c *conn) bool { return c.Conn.(*ended).closed.Load() }

// A connection is closed when it has been idle for too long, and no other.
func TestIdleConnectionsAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p conns
		cs := some(t, &p, 3)
		p.keep(cs[0])
		time.Sleep(maxIdle / 2)
		p.keep(cs[1])
		time.Sleep(maxIdle/2 - 1)
		synctest.Wait()
		if closed(cs[0]) {
			t.Error("closed before its time")
		}
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		if !closed(cs[0]) || closed(cs[1]) || closed(cs[2]) {
			t.Errorf("closed: %t %t %t; want the first", closed(cs[0]), closed(cs[1]), closed(cs[2]))
		}
		time.Sleep(maxIdle / 2)
		synctest.Wait()
		if l := p.lanes[at().Host]; !closed(cs[1]) || l.open != 1 || l.ageing != nil {
			t.Errorf("closed: %t, %d open, the clock runs: %t; want one open and no clock", closed(cs[1]), l.open, l.ageing != nil)
		}
		p.keep(cs[2])
		time.Sleep(maxIdle)
		synctest.Wait()
		if !closed(cs[2]) {
			t.Error("the last is not closed")
		}
	})
}

// The connection that was used last is the next to be used, so that those that
// are too many age.
func TestLastUsedFirst(t *testing.T) {
	var p conns
	cs := some(t, &p, 3)
	for _, c := range cs {
		p.keep(c)
	}
	for i := 2; i >= 0; i-- {
		if _, c, _ := p.take(t.Context(), at(), false); c != cs[i] {
			t.Errorf("not connection %d", i)
		}
	}
	p.closeIdle()
}

// At the bound calls wait in the order in which they came, for a connection or
// for leave to make one; what is given to one that has left goes on to the next.
func TestWaitingForAConnection(t *testing.T) {
	for _, kept := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			p := conns{max: 1}
			only := some(t, &p, 1)[0]
			give := func() {
				if kept {
					p.keep(only)
				} else {
					p.drop(only)
				}
			}
			order := make(chan int, 3)
			gone, leave := context.WithCancel(t.Context())
			for n, ctx := range []context.Context{gone, t.Context(), t.Context()} {
				go func() {
					l, c, err := p.take(ctx, at(), false)
					if err != nil {
						order <- -n
						return
					}
					if order <- n; (c == only) != kept {
						t.Errorf("waiter %d got %v, kept: %t", n, c, kept)
					}
					if only = c; c == nil {
						only = newConn(&ended{}, l)
					}
					give()
				}()
				synctest.Wait()
			}
			leave()
			synctest.Wait()
			give()
			synctest.Wait()
			for _, want := range []int{0, 1, 2} { // the first went
				if got := <-order; got != want {
					t.Errorf("waiter %d was served, want %d", got, want)
				}
			}
			if l := p.lanes[at().Host]; l.open != len(l.idle) || len(l.waiting) > 0 {
				t.Errorf("%d open, %d idle, %d wait", l.open, len(l.idle), len(l.waiting))
			}
			p.closeIdle()
		})
	}
}

// What comes to a waiter that has just left is not lost.
func TestGivenTooLate(t *testing.T) {
	for _, kept := range []bool{true, false} {
		p := conns{max: 1}
		only := some(t, &p, 1)[0]
		l := p.lanes[at().Host]
		given := make(chan *conn, 1)
		l.waiting = append(l.waiting, given)
		if kept {
			p.keep(only)
		} else {
			p.drop(only)
		}
		p.leave(l, given)
		if wanted := map[bool]int{true: 1}[kept]; l.open != wanted || len(l.idle) != wanted {
			t.Errorf("kept %t: %d open, %d idle; want %d", kept, l.open, len(l.idle), wanted)
		}
		p.closeIdle()
	}
}

// After CloseIdleConnections nothing is kept until there is another call.
func TestClosingConnections(t *testing.T) {
	var p conns
	cs := some(t, &p, 3)
	p.keep(cs[0])
	p.closeIdle()
	p.keep(cs[1])
	if l := p.lanes[at().Host]; !closed(cs[0]) || !closed(cs[1]) || l.open != 1 || len(l.idle) > 0 {
		t.Errorf("closed: %t %t, %d open", closed(cs[0]), closed(cs[1]), l.open)
	}
	more := some(t, &p, 1)
	p.keep(more[0])
	if closed(more[0]) {
		t.Error("a connection is not kept after another call")
	}
	p.closeIdle()
}

// A dial that fails gives its place back, one that is asked anew closes an idle
// connection for its place.
func TestDialing(t *testing.T) {
	tr := NewTransport(1, time.Second, nil)
	var dials int
	fails := errors.New("no")
	tr.DialContext = func(context.Context, string, string) (net.Conn, error) {
		if dials++; dials%2 == 1 {
			return nil, fails
		}
		return &ended{}, nil
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, at().String(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, anew := range []bool{false, true} {
		if _, err := tr.conn(req, anew); !errors.Is(err, fails) {
			t.Errorf("err = %v, want the dialer's", err)
		}
		c, err := tr.conn(req, anew)
		if err != nil {
			t.Fatal(err)
		}
		tr.conns.keep(c)
	}
	if l := tr.conns.lanes[at().Host]; l.open != 1 || len(l.idle) != 1 {
		t.Errorf("%d open, %d idle; want 1", l.open, len(l.idle))
	}
	tr.CloseIdleConnections()
}

// A dialer that panics keeps no place.
func TestDialerPanics(t *testing.T) {
	tr := NewTransport(1, time.Second, nil)
	tr.DialContext = func(context.Context, string, string) (net.Conn, error) { panic("dial") }
	func() {
		defer func() { _ = recover() }()
		_, _, _ = read(tr, request(t, http.MethodGet, at().String(), ""))
	}()
	if l := tr.conns.lanes[at().Host]; l.open != 0 {
		t.Errorf("%d open, want none", l.open)
	}
}

// At the bound who needs a new connection gets it in the place of the one that
// comes back, and does not have to wait once more.
func TestNewConnectionInPlaceOfAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := NewTransport(1, time.Second, nil)
		var dials int
		tr.DialContext = func(context.Context, string, string) (net.Conn, error) {
			dials++
			return &ended{}, nil
		}
		only := some(t, &tr.conns, 1)[0]
		served := make(chan bool, 2)
		for _, anew := range []bool{true, false} {
			go func() {
				c, err := tr.conn(request(t, http.MethodGet, at().String(), ""), anew)
				if err != nil || c == only {
					t.Errorf("anew %t: the same connection: %t, %v", anew, c == only, err)
					return
				}
				served <- anew
				tr.conns.keep(c)
			}()
			synctest.Wait()
		}
		tr.conns.keep(only)
		synctest.Wait()
		if first, second := <-served, <-served; !first || second {
			t.Error("the call that came first was not served first")
		}
		if l := tr.conns.lanes[at().Host]; dials != 1 || !closed(only) || l.open != 1 || len(l.idle) != 1 {
			t.Errorf("%d dials, closed: %t, %d open, %d idle; want 1 of each", dials, closed(only), l.open, len(l.idle))
		}
		tr.CloseIdleConnections()
	})
}

// givenUp is a connection that the system gives up.
type givenUp struct{ ended }

func (*givenUp) Write(p []byte) (int, error) { return len(p), nil }
func (*givenUp) SetDeadline(time.Time) error { return nil }
func (*givenUp) Read([]byte) (int, error) {
	return 0, &net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", syscall.ETIMEDOUT)}
}

// A timeout of the system's ends a call at once: it is not the deadline's.
func TestConnectionIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := NewTransport(1, time.Second, nil)
		tr.DialContext = func(context.Context, string, string) (net.Conn, error) { return &givenUp{}, nil }
		begun := time.Now()
		ctx := owned{t.Context(), begun.Add(time.Minute)}
		_, _, err := read(tr, request(t, http.MethodGet, at().String(), "").WithContext(ctx))
		if !errors.Is(err, syscall.ETIMEDOUT) || time.Since(begun) > 0 {
			t.Errorf("%v after %v", err, time.Since(begun))
		}
	})
}

// A connection that cannot be asked how it is makes one call, unless it is to be
// believed.
func TestPipesAreNotKept(t *testing.T) {
	for keep, wanted := range map[bool]int{false: 2, true: 1} {
		tr := NewTransport(1, time.Second, nil)
		tr.KeepPipes = keep
		if dials := pipes(t, tr); dials != wanted {
			t.Errorf("KeepPipes %t: %d connections, want %d", keep, dials, wanted)
		}
		tr.CloseIdleConnections()
	}
}

// pipes makes two calls, and returns how many connections they needed.
func pipes(t *testing.T, tr *Transport) (dials int) {
	answers := piped(func(c net.Conn) {
		for {
			if _, err := c.Read(make([]byte, 4096)); err != nil {
				return
			}
			_, _ = io.WriteString(c, fine)
		}
	})
	tr.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		dials++
		if address != "crm.test:80" {
			t.Errorf("dialed %s", address)
		}
		return answers(ctx, network, address)
	}
	for range 2 {
		want(t, tr, request(t, http.MethodGet, "http://crm.test/", ""), 200, "{}")
	}
	return dials
}
