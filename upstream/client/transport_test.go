package client

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// talk is what a server says on its nth connection, from 0 on. next reads a
// request, and is nil when no more come.
type talk func(n int, c *net.TCPConn, next func() *http.Request)

// talks returns the URL of a server and how many connections it has had.
func talks(t testing.TB, say talk) (url string, opened *atomic.Int64) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	opened = new(atomic.Int64)
	var wg sync.WaitGroup
	t.Cleanup(func() { l.Close(); wg.Wait() })
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			n := int(opened.Add(1)) - 1
			wg.Go(func() {
				defer c.Close()
				from := bufio.NewReader(c)
				say(n, c.(*net.TCPConn), func() *http.Request {
					r, err := http.ReadRequest(from)
					if err != nil {
						return nil
					}
					body, _ := io.ReadAll(r.Body)
					r.Body = io.NopCloser(bytes.NewReader(body))
					return r
				})
			})
		}
	})
	return "http://" + l.Addr().String(), opened
}

// each answers each request alike, and goes on.
func each(text string) talk {
	return func(_ int, c *net.TCPConn, next func() *http.Request) {
		for next() != nil {
			_, _ = io.WriteString(c, text)
		}
	}
}

const fine = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"

// transport returns a transport with at most so many connections.
func transport(t testing.TB, most int) *Transport {
	tr := NewTransport(most, 20*time.Second, nil)
	t.Cleanup(tr.CloseIdleConnections)
	return tr
}

func request(t testing.TB, method, url, body string) *http.Request {
	t.Helper()
	var from io.Reader
	if body != "" {
		from = strings.NewReader(body)
	}
	req, err := http.NewRequestWithContext(t.Context(), method, url, from)
	if err != nil {
		t.Fatal(err)
	}
	return req
}

// read makes a call and reads the answer.
func read(rt http.RoundTripper, req *http.Request) (status int, body string, err error) {
	resp, err := rt.RoundTrip(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(b), err
}

// want makes a call that has to be answered like this.
func want(t *testing.T, rt http.RoundTripper, req *http.Request, status int, body string) {
	t.Helper()
	if got, text, err := read(rt, req); got != status || text != body || err != nil {
		t.Errorf("%d %q, %v; want %d %q", got, text, err, status, body)
	}
}

// seen is a request as it arrives.
type seen struct {
	Method, URI, Host, Body string
	Length                  int64
	Header                  http.Header
}

// A request arrives as net/http would have sent it, or fails as it would there.
func TestRequestsAreThoseOfNetHTTP(t *testing.T) {
	var last atomic.Pointer[seen]
	url, _ := talks(t, func(_ int, c *net.TCPConn, next func() *http.Request) {
		for r := next(); r != nil; r = next() {
			body, _ := io.ReadAll(r.Body)
			last.Store(&seen{r.Method, r.RequestURI, r.Host, string(body), r.ContentLength, r.Header})
			_, _ = io.WriteString(c, fine)
		}
	})
	tests := []struct {
		name   string
		method string
		path   string
		body   string
		change func(*http.Request)
		fails  bool
	}{
		{name: "no path", method: "GET"},
		{name: "path", method: "GET", path: "/a/b"},
		{name: "escaped path", method: "GET", path: "/a%2Fb/%20%C3%A9?q=a+b%26&r="},
		{name: "empty query", method: "GET", path: "/a?"},
		{name: "two slashes", method: "GET", path: "//a//b"},
		{name: "HEAD", method: "HEAD", path: "/a"},
		{name: "POST", method: "POST", path: "/a", body: `{"q":1}`},
		{name: "POST of nothing", method: "POST", path: "/a"},
		{name: "POST of much", method: "POST", path: "/a", body: strings.Repeat("x", 100000)},
		{name: "PUT", method: "PUT", path: "/a", body: "x"},
		{name: "no agent", method: "GET", change: func(r *http.Request) { r.Header.Set("User-Agent", "") }},
		{name: "agent", method: "GET", change: func(r *http.Request) { r.Header.Set("User-Agent", "weft") }},
		{name: "coding", method: "GET", change: func(r *http.Request) { r.Header.Set("Accept-Encoding", "identity") }},
		{name: "range", method: "GET", change: func(r *http.Request) { r.Header.Set("Range", "bytes=0-1") }},
		{name: "host", method: "GET", change: func(r *http.Request) { r.Host = "crm.test:8080" }},
		{name: "coding without a name", method: "GET", change: func(r *http.Request) { r.Header["Accept-Encoding"] = []string{""} }},
		{name: "no coding, no range", method: "GET", change: func(r *http.Request) {
			r.Header["Accept-Encoding"], r.Header["Range"] = []string{}, []string{}
		}},
		{name: "header of the wire", method: "GET", change: func(r *http.Request) {
			r.Header["Host"], r.Header["Content-Length"] = []string{"evil.test"}, []string{"5"}
		}},
		{name: "values", method: "GET", change: func(r *http.Request) { r.Header["X-A"] = []string{" a\t", "", "é\x80"} }},
		{name: "no values", method: "GET", change: func(r *http.Request) { r.Header["X-Idempotency-Key"] = []string{} }},
		{name: "close", method: "GET", change: func(r *http.Request) { r.Close = true }},
		{name: "connection", method: "GET", change: func(r *http.Request) { r.Header.Set("Connection", "close") }},
		{name: "trailer", method: "POST", body: "x", change: func(r *http.Request) {
			r.ContentLength, r.Trailer = -1, http.Header{"Sum": {"1"}}
		}},
		{name: "unknown length", method: "POST", body: "x", change: func(r *http.Request) { r.ContentLength = -1 }},
		{name: "body too short", method: "POST", body: "x", change: func(r *http.Request) { r.ContentLength = 2 }, fails: true},
		{name: "body too long", method: "POST", body: "xx", change: func(r *http.Request) { r.ContentLength = 1 }, fails: true},
		{name: "newline in a value", method: "GET", change: func(r *http.Request) { r.Header.Set("X-A", "a\r\nX-B: b") }, fails: true},
		{name: "control in a value", method: "GET", change: func(r *http.Request) { r.Header.Set("X-A", "a\x00") }, fails: true},
		{name: "newline in a name", method: "GET", change: func(r *http.Request) { r.Header["X-A\r\nX-B"] = []string{"b"} }, fails: true},
		{name: "empty name", method: "GET", change: func(r *http.Request) { r.Header[""] = []string{"b"} }, fails: true},
		{name: "newline in the query", method: "GET", change: func(r *http.Request) { r.URL.RawQuery = "a\r\nX-B: b" }, fails: true},
		{name: "method", method: "GET", change: func(r *http.Request) { r.Method = "GET /x HTTP/1.1\r\n" }, fails: true},
		{name: "no header", method: "GET", change: func(r *http.Request) { r.Header = nil }, fails: true},
		{name: "newline in the host", method: "GET", change: func(r *http.Request) { r.Host = "a\r\nX-B: b" }},
	}
	tr := transport(t, 2)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got [2]seen
			for i, rt := range []http.RoundTripper{tr.Transport, tr} {
				last.Store(new(seen))
				req := request(t, tt.method, url+tt.path, tt.body)
				if tt.change != nil {
					tt.change(req)
				}
				_, _, err := read(rt, req)
				if (err != nil) != tt.fails {
					t.Errorf("%T: %v, want failure: %t", rt, err, tt.fails)
				}
				if err == nil {
					got[i] = *last.Load()
				}
			}
			if diff := cmp.Diff(got[0], got[1]); diff != "" {
				t.Errorf("net/http's and ours differ:\n%s", diff)
			}
		})
	}
}

// A connection is made to where net/http makes it, or to nowhere.
func TestAddressesAreThoseOfNetHTTP(t *testing.T) {
	for _, host := range []string{
		"crm.test", "crm.test:", "crm.test:8080", "127.0.0.1:1", "[::1]", "[::1]:8080", "[fe80::1%lo]:80", "b\u00fccher.test", "",
	} {
		for _, header := range []string{"", "other.test"} {
			var got [2]string
			tr := transport(t, 1)
			for i, rt := range []http.RoundTripper{tr.Transport, tr} {
				tr.DialContext = func(_ context.Context, _, address string) (net.Conn, error) {
					got[i] = address
					return nil, errors.New("no")
				}
				req := request(t, http.MethodGet, "http://crm.test/", "")
				req.URL.Host, req.Host = host, header
				if _, _, err := read(rt, req); err == nil {
					t.Errorf("%q: there is an answer", host)
				}
			}
			if got[0] != got[1] {
				t.Errorf("%q with Host %q: connects to %q, net/http to %q", host, header, got[1], got[0])
			}
		}
	}
}

// Over the bound no connection is made, calls wait for those there are.
func TestConnectionsAreBounded(t *testing.T) {
	const most, calls = 3, 60
	var now, peak atomic.Int64
	url, opened := talks(t, func(_ int, c *net.TCPConn, next func() *http.Request) {
		defer now.Add(-1)
		peak.Store(max(peak.Load(), now.Add(1)))
		for n := 0; next() != nil; n++ {
			if _, _ = io.WriteString(c, fine); n%7 == 6 {
				return
			}
		}
	})
	tr := transport(t, most)
	var wg sync.WaitGroup
	for n := range calls {
		wg.Go(func() {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if n%5 == 0 {
				cancel() // it may be waiting by then
			}
			_, _, _ = read(tr, request(t, http.MethodGet, url, "").WithContext(ctx))
		})
	}
	wg.Wait()
	for _, l := range tr.conns.lanes {
		if l.open != len(l.idle) || l.open > most || len(l.waiting) > 0 {
			t.Errorf("%d open, %d idle, %d wait", l.open, len(l.idle), len(l.waiting))
		}
	}
	// The server learns of a close later than the client makes its next connection.
	if peak.Load() > 2*most || opened.Load() < most {
		t.Errorf("%d at once, %d in all; want at most %d", peak.Load(), opened.Load(), most)
	}
	want(t, tr, request(t, http.MethodGet, url, ""), 200, "{}")
}

// The end of the context ends a call in whatever it is about, and what is left
// of the connection is not used.
func TestCancelInEachPhase(t *testing.T) {
	const head = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n"
	tests := []struct {
		name string
		says []string // pieces; the call is canceled after the last
	}{
		{"before the head", nil},
		{"in the head", []string{head}},
		{"after a 1xx", []string{"HTTP/1.1 100 Continue\r\n\r\n"}},
		{"before the body", []string{head + "\r\n"}},
		{"in the body", []string{head + "\r\n{"}},
	}
	for _, tt := range tests {
		for _, cause := range []error{context.Canceled, context.DeadlineExceeded} {
			for _, used := range []bool{false, true} {
				t.Run(fmt.Sprint(tt.name, ", ", cause, ", used=", used), func(t *testing.T) {
					cancelAfter(t, tt.says, cause, used)
				})
			}
		}
	}
}

func cancelAfter(t *testing.T, says []string, cause error, used bool) {
	ctx, cancel := context.WithCancel(t.Context())
	if errors.Is(cause, context.DeadlineExceeded) {
		ctx, cancel = context.WithTimeout(t.Context(), 50*time.Millisecond)
	}
	defer cancel()
	url, opened := talks(t, func(n int, c *net.TCPConn, next func() *http.Request) {
		for r := next(); r != nil; r = next() {
			if n > 0 || r.URL.Path != "/hang" {
				_, _ = io.WriteString(c, fine)
				continue
			}
			for _, piece := range says {
				_, _ = io.WriteString(c, piece)
			}
			if errors.Is(cause, context.Canceled) {
				cancel()
			}
		}
	})
	tr := transport(t, 1)
	if used {
		want(t, tr, request(t, http.MethodGet, url, ""), 200, "{}")
	}
	if _, _, err := read(tr, request(t, http.MethodGet, url+"/hang", "").WithContext(ctx)); !errors.Is(err, cause) {
		t.Errorf("err = %v, want %v", err, cause)
	}
	want(t, tr, request(t, http.MethodGet, url, ""), 200, "{}")
	if got := opened.Load(); got != 2 {
		t.Errorf("%d connections, want 2", got)
	}
}

// A connection that the end of a context may have struck is not used again, also
// where the whole answer had come before.
func TestStruckConnectionIsNotKept(t *testing.T) {
	url, opened := talks(t, each(fine))
	tr := transport(t, 1)
	ctx, cancel := context.WithCancel(t.Context())
	resp, err := tr.RoundTrip(request(t, http.MethodGet, url, "").WithContext(ctx))
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	_, _ = io.ReadAll(resp.Body)
	if l := tr.conns.lanes[strings.TrimPrefix(url, "http://")]; l.open+len(l.idle) != 0 {
		t.Errorf("%d open, %d idle; want none", l.open, len(l.idle))
	}
	resp.Body.Close()
	want(t, tr, request(t, http.MethodGet, url, ""), 200, "{}")
	if got := opened.Load(); got != 2 {
		t.Errorf("%d connections, want 2", got)
	}
}

// A deadline that a breaker has set ends its call, and not the next one over the
// same connection.
func TestDeadlineStaysWithItsCall(t *testing.T) {
	url, opened := talks(t, func(_ int, c *net.TCPConn, next func() *http.Request) {
		for n := 0; next() != nil; n++ {
			if n < 3 {
				_, _ = io.WriteString(c, fine)
			}
		}
	})
	tr := transport(t, 1)
	within := func(d time.Duration) *http.Request {
		ctx := owned{t.Context(), time.Now().Add(d)}
		return request(t, http.MethodGet, url, "").WithContext(ctx)
	}
	want(t, tr, within(20*time.Second), 200, "{}")
	for _, c := range tr.conns.lanes[strings.TrimPrefix(url, "http://")].idle {
		_ = c.SetDeadline(time.Unix(1, 0)) // as that of a call that was long ago
	}
	want(t, tr, request(t, http.MethodGet, url, ""), 200, "{}") // which has none
	want(t, tr, within(20*time.Second), 200, "{}")
	if _, _, err := read(tr, within(30*time.Millisecond)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("err = %v, want the deadline", err)
	}
	if got := opened.Load(); got != 1 {
		t.Errorf("%d connections, want 1", got)
	}
}

// owned is a context with a deadline of its own, as a breaker makes it.
type owned struct {
	context.Context
	end time.Time
}

func (o owned) Caller() context.Context     { return o.Context }
func (o owned) Deadline() (time.Time, bool) { return o.end, true }

func (o owned) Done() <-chan struct{} {
	ctx, cancel := context.WithDeadline(o.Context, o.end)
	context.AfterFunc(ctx, cancel)
	return ctx.Done()
}

func (o owned) Err() error {
	if !time.Now().Before(o.end) {
		return context.DeadlineExceeded
	}
	return o.Context.Err()
}

// A body that is closed before its end takes its connection along, also while it
// is being read.
func TestBodyIsClosedEarly(t *testing.T) {
	url, opened := talks(t, func(_ int, c *net.TCPConn, next func() *http.Request) {
		for next() != nil {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{")
		}
	})
	tr := transport(t, 1)
	for range 2 {
		resp, err := tr.RoundTrip(request(t, http.MethodGet, url, ""))
		if err != nil {
			t.Fatal(err)
		}
		begun := make(chan struct{})
		go func() {
			<-begun
			resp.Body.Close()
		}()
		_, _ = io.ReadFull(resp.Body, make([]byte, 1))
		close(begun)
		if _, err := resp.Body.Read(make([]byte, 1)); err == nil || errors.Is(err, io.EOF) {
			t.Errorf("err = %v after Close", err)
		}
		resp.Body.Close()
	}
	if got := opened.Load(); got != 2 {
		t.Errorf("%d connections, want 2", got)
	}
}

// Requests to different hosts do not share connections.
func TestHostsHaveConnectionsOfTheirOwn(t *testing.T) {
	var urls []string
	for _, name := range []string{"first", "other"} {
		url, _ := talks(t, each("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"+name))
		urls = append(urls, url)
	}
	tr := transport(t, 1)
	for _, i := range []int{0, 1, 1, 0} {
		want(t, tr, request(t, http.MethodGet, urls[i], ""), 200, []string{"first", "other"}[i])
	}
}
