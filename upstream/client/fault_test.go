package client

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weft-gateway/weft/upstream"
)

const megabyte = 1 << 20

// What goes wrong on the wire is a failure of the right kind, within the
// deadline, and always the host's.
func TestFaultsOnTheWire(t *testing.T) {
	const head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
	zeros := make([]byte, 64<<10)
	tests := []struct {
		name string
		url  func(testing.TB) string
		want upstream.Kind
	}{
		{"refused", closedPort, upstream.Refused},
		{"certificate of a stranger", tlsServer, upstream.Refused},
		{"no TLS where it is expected", func(t testing.TB) string {
			return strings.Replace(says(t, ""), "http://", "https://", 1)
		}, upstream.Refused},
		{"hangs", func(t testing.TB) string {
			return serve(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
		}, upstream.Timeout},
		{"hangs after the header", func(t testing.TB) string {
			return serve(t, func(w http.ResponseWriter, r *http.Request) {
				_ = http.NewResponseController(w).Flush()
				<-r.Context().Done()
			})
		}, upstream.Timeout},
		{"closes without an answer", func(t testing.TB) string { return says(t, "") }, upstream.UpstreamError},
		{"resets", func(t testing.TB) string {
			return speak(t, func(c *net.TCPConn) { _ = c.SetLinger(0) })
		}, upstream.UpstreamError},
		{"resets in the body", resetsInBody, upstream.UpstreamError},
		{"cut in the header", func(t testing.TB) string { return says(t, head) }, upstream.BadResponse},
		{"cut in the body", func(t testing.TB) string {
			return says(t, head+"Content-Length: 100\r\n\r\n{\"id\":\""+secretBody)
		}, upstream.BadResponse},
		{"cut in a chunk", func(t testing.TB) string {
			return says(t, head+"Transfer-Encoding: chunked\r\n\r\n40\r\n{\"id\":\""+secretBody)
		}, upstream.BadResponse},
		{"chunks of nonsense", func(t testing.TB) string {
			return says(t, head+"Transfer-Encoding: chunked\r\n\r\n"+secretBody)
		}, upstream.BadResponse},
		{"not HTTP", func(t testing.TB) string { return says(t, "220 "+secretBody+" ESMTP\r\n\r\n") }, upstream.BadResponse},
		{"a header of 200 KB", func(t testing.TB) string {
			return says(t, head+"X-Long: "+strings.Repeat("x", 200<<10)+"\r\n\r\n")
		}, upstream.BadResponse},
		{"not gzip", func(t testing.TB) string {
			return says(t, head+"Content-Encoding: gzip\r\nContent-Length: 11\r\n\r\n"+secretBody)
		}, upstream.BadResponse},
		{"claims 200 MB", func(t testing.TB) string {
			return says(t, head+"Content-Length: 209715200\r\n\r\n{")
		}, upstream.BadResponse},
		{"sends 200 MB", func(t testing.TB) string {
			return serve(t, func(w http.ResponseWriter, _ *http.Request) {
				sent := 0
				for sent < 200*megabyte {
					n, err := w.Write(zeros)
					if sent += n; err != nil {
						break
					}
				}
				if sent > 50*megabyte {
					t.Errorf("%d bytes went out", sent)
				}
			})
		}, upstream.BadResponse},
		{"an error page that drips", func(t testing.TB) string {
			return serve(t, func(w http.ResponseWriter, r *http.Request) {
				w.WriteHeader(http.StatusBadGateway)
				_ = http.NewResponseController(w).Flush()
				<-r.Context().Done()
			})
		}, upstream.UpstreamError},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := newHost(t, tt.url(t), func(c *HostConfig) {
				c.Deadline, c.MaxBody = 20*time.Second, megabyte
				if tt.want == upstream.Timeout {
					c.Deadline = 50 * time.Millisecond
				}
			})
			for range 5 {
				wantKind(t, get(t.Context(), h, contact), tt.want)
			}
			wantTripped(t, h, true)
		})
	}
}

func closedPort(t testing.TB) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	return "http://" + l.Addr().String()
}

func tlsServer(t testing.TB) string {
	srv := httptest.NewUnstartedServer(http.NotFoundHandler())
	srv.Config.ErrorLog = discardLog()
	srv.StartTLS()
	t.Cleanup(srv.Close)
	return srv.URL
}

// resetsInBody resets once the client has begun to read.
func resetsInBody(t testing.TB) string {
	return speak(t, func(c *net.TCPConn) {
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 900000\r\n\r\n"+strings.Repeat(" ", 500000))
		_ = c.SetLinger(0)
	})
}

// A few hundred kilobytes of gzip must not become hundreds of megabytes.
func TestGzipBomb(t *testing.T) {
	var member bytes.Buffer
	z := gzip.NewWriter(&member)
	_, _ = z.Write(make([]byte, megabyte))
	_ = z.Close()
	bomb := bytes.Repeat(member.Bytes(), 200) // members in a row decompress as one
	h := newHost(t, serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(bomb)
	}), func(c *HostConfig) { c.MaxBody, c.Deadline = megabyte, 10*time.Second })

	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	wantKind(t, get(t.Context(), h, contact), upstream.BadResponse)
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; got > 20*megabyte {
		t.Errorf("%d MB allocated for a limit of 1 MB", got/megabyte)
	}
}

func TestMaxBody(t *testing.T) {
	for n, want := range map[int]upstream.Kind{0: "", 99: "", 100: "", 101: upstream.BadResponse, 5000: upstream.BadResponse} {
		for _, chunked := range []bool{false, true} {
			t.Run(strconv.Itoa(n)+" "+strconv.FormatBool(chunked), func(t *testing.T) {
				h := faked(t, func(r *http.Request) (*http.Response, error) {
					resp := answer(r, 200, strings.Repeat("x", n))
					if chunked {
						resp.ContentLength = -1
					}
					return resp, nil
				}, func(c *HostConfig) { c.MaxBody = 100 })
				size := -1
				call := contact
				call.Decode = func(r Reply) error { size = len(r.Body); return nil }
				wantKind(t, get(t.Context(), h, call), want)
				if want == "" && size != n {
					t.Errorf("%d bytes arrived, want %d", size, n)
				}
			})
		}
	}
}

// dripping gives a byte a second for ever, and closes like a real body when
// its request is over.
type dripping struct{ ctx context.Context }

func (d dripping) Read(p []byte) (int, error) {
	select {
	case <-d.ctx.Done():
		return 0, d.ctx.Err()
	case <-time.After(time.Second):
		return copy(p, " "), nil
	}
}

func (d dripping) Close() error { return nil }

func TestDripFeedIsCutAtTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := faked(t, func(r *http.Request) (*http.Response, error) {
			resp := answer(r, 200, "")
			resp.Body, resp.ContentLength = dripping{r.Context()}, -1
			return resp, nil
		}, func(c *HostConfig) { c.Deadline = 2500 * time.Millisecond })
		start := time.Now()
		wantKind(t, get(t.Context(), h, contact), upstream.Timeout)
		if took := time.Since(start); took != 2500*time.Millisecond {
			t.Errorf("took %v, want the deadline", took)
		}
	})
}

// A transport that does not heed its context, a decoder that does not return.
func TestDeadlineIsHard(t *testing.T) {
	tests := []struct {
		name   string
		rt     roundTripper
		decode func(Reply) error
	}{
		{"transport", func(*http.Request) (*http.Response, error) {
			time.Sleep(time.Hour)
			return nil, io.EOF
		}, nil},
		{"decoder", always(200, "{}"), func(Reply) error { time.Sleep(time.Hour); return nil }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := faked(t, tt.rt, nil)
				call := contact
				call.Decode = tt.decode
				start := time.Now()
				wantKind(t, get(t.Context(), h, call), upstream.Timeout)
				if took := time.Since(start); took != time.Second {
					t.Errorf("took %v, want the deadline", took)
				}
				if got := h.InFlight(); got != 0 {
					t.Errorf("%d calls in flight after the end", got)
				}
				time.Sleep(2 * time.Hour)
			})
		})
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	var reached atomic.Int64
	elsewhere := serve(t, func(http.ResponseWriter, *http.Request) { reached.Add(1) })
	for _, status := range []int{301, 302, 303, 307, 308} {
		h := newHost(t, serve(t, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere, status)
		}), nil)
		wantKind(t, get(t.Context(), h, contact), upstream.BadResponse)
	}
	if got := reached.Load(); got != 0 {
		t.Errorf("%d redirects were followed", got)
	}
}

func TestHTTP2(t *testing.T) {
	var protocol atomic.Int64
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		protocol.Store(int64(r.ProtoMajor))
		switch r.URL.Path {
		case "/reset":
			panic(http.ErrAbortHandler)
		case "/cut":
			_, _ = io.WriteString(w, "{")
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}
		_, _ = io.WriteString(w, "{}")
	}))
	srv.EnableHTTP2 = true
	srv.StartTLS()
	t.Cleanup(srv.Close)
	own := NewTransport(8, time.Second, nil)
	own.TLSClientConfig = &tls.Config{RootCAs: srv.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs}
	h := newHost(t, srv.URL, func(c *HostConfig) { c.Transport = own })
	at := func(path string) Call { return Call{Op: upstream.OpContacts, Path: []string{path}} }

	wantKind(t, get(t.Context(), h, at("fine")), "")
	if got := protocol.Load(); got != 2 {
		t.Errorf("spoke HTTP/%d, want 2", got)
	}
	wantKind(t, get(t.Context(), h, at("reset")), upstream.UpstreamError)
	wantKind(t, get(t.Context(), h, at("cut")), upstream.UpstreamError)
}

// What cannot be staged on loopback.
func TestNoAnswer(t *testing.T) {
	tests := []struct {
		name string
		err  error
		want upstream.Kind
		text string
	}{
		{"no such host", &net.OpError{Op: "dial", Err: &net.DNSError{Name: "crm.test", Server: "127.0.0.1", IsNotFound: true}},
			upstream.Refused, "the host's name is not known"},
		{"unreachable", &net.OpError{Op: "dial", Err: syscall.EHOSTUNREACH}, upstream.Refused, "no route to host"},
		{"dial too slow", &net.OpError{Op: "dial", Err: context.DeadlineExceeded}, upstream.Refused, "no connection"},
		{"TLS alert", &net.OpError{Op: "remote error", Err: tls.AlertError(40)}, upstream.Refused, "no TLS connection"},
		{"broken pipe", &net.OpError{Op: "write", Err: syscall.EPIPE}, upstream.UpstreamError, "the connection broke"},
		{"read timeout", &net.OpError{Op: "read", Err: context.DeadlineExceeded}, upstream.Timeout, "no answer in time"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := noAnswer(tt.err)
			if got.Kind != tt.want || got.Err.Error() != tt.text {
				t.Errorf("noAnswer = %v, %v; want %s, %s", got.Kind, got.Err, tt.want, tt.text)
			}
		})
	}
}

// Connections are kept after answers that were read to the end, whatever they
// said, and given up after one that was too large.
func TestConnectionsAreReused(t *testing.T) {
	var opened atomic.Int64
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		status, _ := strconv.Atoi(r.URL.Path[1:])
		if status == 0 {
			status = 200
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, `{"error":"x"}`)
		if r.URL.Path == "/large" {
			_, _ = w.Write(make([]byte, 2*megabyte))
		}
	}))
	srv.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			opened.Add(1)
		}
	}
	srv.Start()
	t.Cleanup(srv.Close)
	h := newHost(t, srv.URL, func(c *HostConfig) { c.MaxBody, c.Deadline = megabyte, 10*time.Second })
	for range 3 {
		for _, status := range []string{"200", "404", "401", "503", "400"} {
			_ = h.Client(token).Get(t.Context(), Call{Op: upstream.OpContacts, Path: []string{status}})
		}
	}
	if got := opened.Load(); got != 1 {
		t.Errorf("%d connections for 15 calls, want 1", got)
	}
	for range 2 {
		wantKind(t, get(t.Context(), h, Call{Op: upstream.OpContacts, Path: []string{"large"}}), upstream.BadResponse)
	}
	if got := opened.Load(); got != 2 {
		t.Errorf("%d connections after two answers that were too large, want 2", got)
	}
}

func TestCap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var reached, most atomic.Int64
		h := faked(t, func(r *http.Request) (*http.Response, error) {
			now := reached.Add(1)
			defer reached.Add(-1)
			most.Store(max(most.Load(), now))
			time.Sleep(200 * time.Millisecond)
			return answer(r, 200, "{}"), nil
		}, func(c *HostConfig) { c.InFlight = 4 })
		var wg sync.WaitGroup
		for range 12 {
			wg.Go(func() { wantKind(t, get(t.Context(), h, contact), "") })
		}
		synctest.Wait()
		if got := h.InFlight(); got != 4 {
			t.Errorf("%d in flight, want 4", got)
		}
		wg.Wait()
		if most.Load() != 4 || h.InFlight() != 0 {
			t.Errorf("at most %d at once, %d left; want 4 and 0", most.Load(), h.InFlight())
		}
	})
}

func TestWaitingForAPlace(t *testing.T) {
	tests := []struct {
		name string
		ctx  func(context.Context) (context.Context, context.CancelFunc)
		want upstream.Kind
	}{
		{"its time ran out", func(p context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(p, 100*time.Millisecond)
		}, upstream.Overloaded},
		{"it went away", func(p context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(p)
			time.AfterFunc(100*time.Millisecond, cancel)
			return ctx, cancel
		}, upstream.Canceled},
		{"it has all the time", context.WithCancel, upstream.Overloaded},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := faked(t, hung, func(c *HostConfig) { c.InFlight = 1 })
				for range 2 { // the second takes the place over at the deadline
					go func() { _ = get(context.Background(), h, contact) }()
					time.Sleep(time.Millisecond)
				}
				ctx, cancel := tt.ctx(t.Context())
				defer cancel()
				wantKind(t, get(ctx, h, contact), tt.want)
				time.Sleep(time.Minute)
				wantTripped(t, h, false)
			})
		})
	}
}
