package client

import (
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// idle waits until there is one idle connection, and something on it to read,
// be it the end.
func idle(t *testing.T, tr *Transport) {
	t.Helper()
	for range 20000 {
		tr.conns.mu.Lock()
		found := false
		for _, l := range tr.conns.lanes {
			for _, c := range l.idle {
				_ = c.raw.Read(func(fd uintptr) bool {
					_, _, err := syscall.Recvfrom(int(fd), make([]byte, 1), syscall.MSG_PEEK)
					found = found || !errors.Is(err, syscall.EAGAIN)
					return true
				})
			}
		}
		tr.conns.mu.Unlock()
		if found {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatal("nothing came on an idle connection")
}

// What an idle connection has become is seen before a call is made over it.
func TestIdleConnectionsAreLookedAt(t *testing.T) {
	tests := []struct {
		name  string
		after func(*net.TCPConn) // what the server does after its first answer
	}{
		{"closed", func(c *net.TCPConn) { c.Close() }},
		{"half closed", func(c *net.TCPConn) { _ = c.CloseWrite() }},
		{"reset", func(c *net.TCPConn) { _ = c.SetLinger(0); c.Close() }},
		{"bytes that nobody asked for", func(c *net.TCPConn) { _, _ = io.WriteString(c, "\r\n") }},
		{"an answer that nobody asked for", func(c *net.TCPConn) {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwrong")
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			read := make(chan struct{})
			url, opened := talks(t, func(n int, c *net.TCPConn, next func() *http.Request) {
				for next() != nil {
					if _, _ = io.WriteString(c, fine); n == 0 {
						<-read
						tt.after(c)
					}
				}
			})
			tr := transport(t, 1)
			want(t, tr, request(t, http.MethodPost, url, ""), 200, "{}")
			close(read)
			idle(t, tr)
			for range 2 { // a POST, which must not be made twice
				want(t, tr, request(t, http.MethodPost, url, "once"), 200, "{}")
			}
			if got := opened.Load(); got != 2 {
				t.Errorf("%d connections, want 2", got)
			}
		})
	}
}

// A connection that breaks under a call, before a byte of an answer, is reason
// for one new one if the call may be made twice.
func TestStaleConnection(t *testing.T) {
	none := func(*net.TCPConn) {}
	tests := []struct {
		name   string
		method string
		body   string
		key    bool
		says   string // on a used connection, before it is closed
		breaks func(*net.TCPConn)
		again  bool
	}{
		{"GET", http.MethodGet, "", false, "", none, true},
		{"HEAD", http.MethodHead, "", false, "", none, true},
		{"GET, reset", http.MethodGet, "", false, "", func(c *net.TCPConn) { _ = c.SetLinger(0) }, true},
		{"POST", http.MethodPost, "{}", false, "", none, false},
		{"POST that may be repeated", http.MethodPost, "{}", true, "", none, true},
		{"GET, a byte came", http.MethodGet, "", false, "H", none, false},
		{"GET, half a head came", http.MethodGet, "", false, "HTTP/1.1 200 OK\r\nContent-Le", none, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			url, opened := talks(t, func(n int, c *net.TCPConn, next func() *http.Request) {
				if next() == nil {
					return
				}
				_, _ = io.WriteString(c, "HTTP/1.1 204 No Content\r\n\r\n")
				for r := next(); r != nil; r = next() {
					if n == 0 {
						_, _ = io.WriteString(c, tt.says)
						tt.breaks(c)
						return
					}
				}
			})
			tr := transport(t, 1)
			want(t, tr, request(t, http.MethodGet, url, ""), 204, "")
			req := request(t, tt.method, url, tt.body)
			if tt.key {
				req.Header["X-Idempotency-Key"] = []string{}
			}
			status, _, err := read(tr, req)
			if (err == nil) != tt.again || tt.again && status != 204 {
				t.Errorf("%d, %v; want another try: %t", status, err, tt.again)
			}
			wanted := int64(1)
			if tt.again {
				wanted = 2
			}
			if got := opened.Load(); got != wanted {
				t.Errorf("%d connections, want %d", got, wanted)
			}
		})
	}
}

// A server that closes each connection at its second call is asked over a used
// one and a new one, and not over all there are.
func TestOneNewConnection(t *testing.T) {
	both := make(chan struct{})
	var requests atomic.Int64
	var met sync.WaitGroup
	met.Add(3)
	url, opened := talks(t, func(_ int, c *net.TCPConn, next func() *http.Request) {
		if next() == nil || requests.Add(1) > 3 {
			return
		}
		met.Done()
		<-both
		_, _ = io.WriteString(c, fine)
		if next() != nil {
			requests.Add(1)
		}
	})
	tr := transport(t, 3)
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() { want(t, tr, request(t, http.MethodGet, url, ""), 200, "{}") })
	}
	met.Wait()
	close(both)
	wg.Wait()
	if _, _, err := read(tr, request(t, http.MethodGet, url, "")); !errors.Is(err, io.EOF) {
		t.Errorf("err = %v, want the end of the connection", err)
	}
	if got := opened.Load(); got != 4 || requests.Load() != 5 {
		t.Errorf("%d connections and %d requests; want a new one, and two more", got, requests.Load())
	}
}
