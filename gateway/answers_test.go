package gateway

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
)

// countingListener counts the writes of all of its connections. They are no TCP
// connections, so that one call with two buffers counts as two.
type countingListener struct {
	net.Listener
	sizes atomic.Pointer[[]int]
}

func (l *countingListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	return &countingConn{Conn: c, l: l}, err
}

type countingConn struct {
	net.Conn
	l *countingListener
}

func (c *countingConn) Write(p []byte) (int, error) {
	sizes := append([]int{len(p)}, *c.l.sizes.Load()...)
	c.l.sizes.Store(&sizes)
	return c.Conn.Write(p)
}

// Answers of all lengths arrive as they are, one after the other on a connection,
// whether or not their beginning was held back.
func TestAnswersArrive(t *testing.T) {
	for _, counted := range []bool{false, true} {
		t.Run(fmt.Sprint("counted ", counted), func(t *testing.T) {
			l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			if counted {
				l = &countingListener{Listener: l}
				l.(*countingListener).sizes.Store(new([]int))
			}
			server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				n, _ := strconv.Atoi(r.URL.Query().Get("n"))
				if r.URL.Query().Has("length") {
					w.Header().Set("Content-Length", strconv.Itoa(n))
				}
				_, _ = io.WriteString(w, strings.Repeat("x", n))
			})}
			done := make(chan struct{})
			go func() { defer close(done); _ = server.Serve(Answers(l)) }()
			defer func() { _ = server.Close(); <-done }()
			transport := &http.Transport{}
			defer transport.CloseIdleConnections()
			client := &http.Client{Transport: transport}
			for _, method := range []string{http.MethodGet, http.MethodHead} {
				for n := range 200 {
					size := n * 97
					if n >= 100 {
						size = bufferSize - 150 + n - 100 // about what ends with the buffer
					}
					for _, form := range []string{"", "&length"} {
						req, err := http.NewRequestWithContext(t.Context(), method, fmt.Sprintf("http://%s/?n=%d%s", l.Addr(), size, form), nil)
						if err != nil {
							t.Fatal(err)
						}
						resp, err := client.Do(req)
						if err != nil {
							t.Fatalf("%s %d%s: %v", method, size, form, err)
						}
						body, err := io.ReadAll(resp.Body)
						_ = resp.Body.Close()
						want := size
						if method == http.MethodHead {
							want = 0
						}
						if err != nil || len(body) != want {
							t.Fatalf("%s %d%s: %d bytes, %v", method, size, form, len(body), err)
						}
					}
				}
			}
		})
	}
}

// written is a connection that takes what is written to it.
type written struct {
	net.Conn
	bytes.Buffer
	writes int
	fail   error
}

func (w *written) Write(p []byte) (int, error) {
	if w.fail != nil {
		return 0, w.fail
	}
	w.writes++
	return w.Buffer.Write(p)
}

func (w *written) Read(p []byte) (int, error) { return w.Buffer.Read(p) }

// oneConn is a listener that has one connection.
type oneConn struct {
	net.Listener
	c net.Conn
}

func (l oneConn) Accept() (net.Conn, error) { return l.c, nil }

func joinedTo(t *testing.T, c net.Conn) net.Conn {
	t.Helper()
	c, err := Answers(oneConn{c: c}).Accept()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Only what certainly has more behind it is held back.
func TestAnswersHeld(t *testing.T) {
	fill := func(head string, size int) []byte { return []byte(head + strings.Repeat("x", max(0, size-len(head)))) }
	const ok = "HTTP/1.1 200 OK\r\n"
	for name, tt := range map[string]struct {
		p    []byte
		held bool
	}{
		"begun":                {fill(ok+"Content-Length: 9000\r\n\r\n", bufferSize), true},
		"whole":                {fill(ok+"Content-Length: 4055\r\n\r\n", bufferSize), false},
		"one more byte":        {fill(ok+"Content-Length: 4056\r\n\r\n", bufferSize), true},
		"flushed early":        {fill(ok+"Content-Length: 9000\r\n\r\n", bufferSize-1), false},
		"longer than a buffer": {fill(ok+"Content-Length: 9000\r\n\r\n", bufferSize+1), false},
		"of unknown length":    {fill(ok+"Transfer-Encoding: chunked\r\n\r\n", bufferSize), false},
		"length in the body":   {fill(ok+"A: b\r\n\r\n\r\nContent-Length: 9000\r\n", bufferSize), false},
		"a head alone":         {append(fill(ok+"Content-Length: 9000\r\nA: ", bufferSize-4), "\r\n\r\n"...), false},
		"a part of a head":     {fill(ok+"Content-Length: 9000\r\nA: ", bufferSize), false},
		"no length":            {fill(ok+"Content-Length: many\r\n\r\n", bufferSize), false},
		"of a body":            {fill("", bufferSize), false},
		"no 200":               {fill("HTTP/1.1 206 Partial Content\r\nContent-Length: 9000\r\n\r\n", bufferSize), false},
	} {
		t.Run(name, func(t *testing.T) {
			under := &written{}
			c := joinedTo(t, under)
			if n, err := c.Write(tt.p); n != len(tt.p) || err != nil {
				t.Fatal(n, err)
			}
			if held := under.Len() == 0; held != tt.held {
				t.Fatalf("held %v, want %v", held, tt.held)
			}
			if n, err := c.Write([]byte("rest")); n != 4 || err != nil {
				t.Fatal(n, err)
			}
			if got := under.String(); got != string(tt.p)+"rest" {
				t.Errorf("%d bytes arrived in another order", len(got))
			}
		})
	}
}

// What cannot be written of either half is not said to be written.
func TestAnswersFail(t *testing.T) {
	under := &written{}
	c := joinedTo(t, under)
	if _, err := c.Write([]byte("HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n" + strings.Repeat("x", bufferSize-41))); err != nil {
		t.Fatal(err)
	}
	under.fail = io.ErrClosedPipe
	if n, err := c.Write([]byte("rest")); n != 0 || err == nil {
		t.Errorf("got %d, %v", n, err)
	}
}
