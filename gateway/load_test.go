package gateway

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"github.com/weft-gateway/weft/enrich"
	"github.com/weft-gateway/weft/gateway/auth"
)

// waiting is an authenticator that a caller may wait for.
type waiting struct {
	auth  Authenticator
	until chan struct{}
	calls atomic.Int64
}

func (w *waiting) Authenticate(header string, now time.Time) (auth.Principal, bool) {
	w.calls.Add(1)
	<-w.until
	return w.auth.Authenticate(header, now)
}

// Beyond the bound nothing is done for a request, not even looking at its
// credential; what is not below /api is answered as ever.
func TestTurnedAwayEarly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &waiting{auth: testKeys(t), until: make(chan struct{})}
		h := newHarness(t, func(c *Config) { c.Requests, c.InFlight, c.Auth = 3, 3, w })
		var held sync.WaitGroup
		for range 3 {
			held.Go(func() {
				if a := h.get(conversationTarget); a.status != 200 {
					t.Errorf("within the bound: %d", a.status)
				}
			})
		}
		synctest.Wait()
		const more = 5
		for range more {
			for _, target := range []string{conversationTarget, listTarget} {
				a := h.do("GET", target) // without a credential: it is not asked for
				a.is(t, 503, codeOverloaded, "")
				if a.header.Get("Retry-After") == "" {
					t.Error("503 without Retry-After")
				}
			}
		}
		h.do("DELETE", contactsPath+"/con-1/cache").is(t, 503, codeOverloaded, "")
		for target, want := range map[string]int{"/livez": 200, "/readyz": 200, "/openapi.yaml": 200, "/docs": 200} {
			if a := h.do("GET", target); a.status != want {
				t.Errorf("%s: %d, want %d", target, a.status, want)
			}
		}
		if a := h.do("OPTIONS", listTarget); a.status != 204 {
			t.Errorf("OPTIONS: %d", a.status)
		}
		if got := w.calls.Load(); got != 3 {
			t.Errorf("%d credentials were looked at, want 3", got)
		}
		if got := h.server.Load(); got != (LoadStats{Requests: 3, Early: 2*more + 1}) {
			t.Errorf("load %+v", got)
		}
		if log := h.logs.String(); strings.Count(log, `"level":"WARN"`) != 1 || !strings.Contains(log, "too many at once") {
			t.Errorf("log, want one warning for all:\n%s", log)
		}
		close(w.until)
		held.Wait()
		if a := h.get(conversationTarget); a.status != 200 || h.server.Load().Requests != 0 {
			t.Errorf("afterwards: %d, load %+v", a.status, h.server.Load())
		}
	})
}

// A flood has one line in the log every ten seconds.
func TestOverloadIsToldNowAndThen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, func(c *Config) { c.Requests = 1 })
		h.server.load.requests.Add(1)
		for range 30 {
			h.get(conversationTarget).is(t, 503, codeOverloaded, "")
			time.Sleep(time.Second)
		}
		if got := strings.Count(h.logs.String(), `"level":"WARN"`); got != 3 {
			t.Errorf("%d lines in 30 s, want 3", got)
		}
	})
}

// A Server that takes another's place counts what that has under way.
func TestReplacedServerCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bounds := func(c *Config) { c.Requests, c.InFlight, c.TenantInFlight = 4, 3, map[string]int{"acme": 2} }
		first := newHarness(t, bounds)
		release := make(chan struct{})
		first.fake.conversation = func(context.Context, *enrich.Tenant, enrich.Request) (*enrich.Document, error) {
			<-release
			return document(first.contract.example(t, "Complete")), nil
		}
		var held sync.WaitGroup
		for range 2 {
			held.Go(func() {
				if a := first.get(conversationTarget); a.status != 200 {
					t.Errorf("within the bound: %d", a.status)
				}
			})
		}
		synctest.Wait()
		second := newHarness(t, func(c *Config) { bounds(c); c.Replaces = first.server })
		second.get(conversationTarget).is(t, 503, codeOverloaded, "")
		if got := second.server.Load(); got.Requests != 2 || got.Asking != 2 || got.Late != 1 {
			t.Errorf("load %+v", got)
		}
		third := newHarness(t, func(c *Config) { bounds(c); c.TenantInFlight["acme"] = 3; c.Replaces = second.server })
		if a := third.get(conversationTarget); a.status != 200 {
			t.Errorf("with a larger bound: %d", a.status)
		}
		close(release)
		held.Wait()
		if got := third.server.Load(); got.Requests != 0 || got.Asking != 0 || third.server.slots["acme"].taken.Load() != 0 {
			t.Errorf("afterwards: %+v", got)
		}
		gone := newHarness(t, func(c *Config) { c.Tenants = nil; c.Replaces = third.server })
		if n := len(gone.server.load.tenants); n != 0 {
			t.Errorf("%d tenants are counted, want none", n)
		}
	})
}

// Servers do not keep those alive whose place they have taken.
func TestReplacedServerIsForgotten(t *testing.T) {
	replace := func(old *Server) *Server {
		return newHarness(t, func(c *Config) { c.Replaces = old }).server
	}
	first := newHarness(t, nil).server
	seen := weak.Make(first)
	last := replace(first)
	first = nil
	for range 10 {
		runtime.GC()
	}
	if seen.Value() != nil {
		t.Error("a server that was replaced is still there")
	}
	runtime.KeepAlive(last)
}

func BenchmarkTurnedAway(b *testing.B) {
	h := newHarness(b, func(c *Config) { c.Requests = 1; c.Logger = slog.New(slog.DiscardHandler) })
	h.server.load.requests.Add(1)
	r, _ := http.NewRequest(http.MethodGet, conversationTarget, http.NoBody)
	w := &silentWriter{header: http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		clear(w.header)
		h.server.ServeHTTP(w, r)
	}
}

// pipes is a network in memory.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipes) dial() net.Conn {
	here, there := net.Pipe()
	p.conns <- there
	return here
}

// Accept implements [net.Listener].
func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

// Close implements [net.Listener].
func (p *pipes) Close() error { p.once.Do(func() { close(p.closed) }); return nil }

// Addr implements [net.Listener].
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "pipe"} }

// status reads the answer on a connection.
func status(t *testing.T, c net.Conn) int {
	t.Helper()
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Errorf("no answer: %v", err)
		return 0
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		t.Errorf("half an answer: %v", err)
	}
	return resp.StatusCode
}

// Callers who take for ever to say what they want, or who say too much, are
// hung up on within the time that a request's head may take, and disturb nobody.
func TestSlowloris(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, nil)
		l := newPipes()
		s := HTTPServer("", h.server, h.server.cfg.Deadline)
		s.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
		done := make(chan error, 1)
		go func() { done <- s.Serve(l) }()
		began := time.Now()
		var slow sync.WaitGroup
		var cut atomic.Int64
		const callers = 300
		for n := range callers {
			c := l.dial()
			slow.Go(func() { _, _ = io.Copy(io.Discard, c) }) // a pipe has no buffer for what they are told
			slow.Go(func() {
				defer c.Close()
				for _, b := range []byte("GET / HTTP/1.1\r\nHost: weft.test\r\nX-Filler: " + strings.Repeat("a", 100)) {
					if _, err := c.Write([]byte{b}); err != nil { // hung up on
						cut.Add(1)
						if took := time.Since(began); took > 5*time.Second+time.Second {
							t.Errorf("caller %d is hung up on after %v", n, took)
						}
						return
					}
					time.Sleep(500 * time.Millisecond)
				}
			})
		}
		for range 50 {
			c := l.dial()
			fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: weft.test\r\nAuthorization: Bearer %s\r\nConnection: close\r\n\r\n", conversationTarget, readKey)
			if got := status(t, c); got != 200 {
				t.Errorf("another caller meanwhile: %d", got)
			}
			c.Close()
			time.Sleep(50 * time.Millisecond)
		}
		slow.Wait()
		if got := cut.Load(); got != callers {
			t.Errorf("%d of %d were hung up on", got, callers)
		}
		large := l.dial()
		go func() {
			_, _ = large.Write(append([]byte("GET / HTTP/1.1\r\nHost: weft.test\r\nX-Filler: "), bytes.Repeat([]byte("a"), 1<<20)...))
		}()
		if got := status(t, large); got != http.StatusRequestHeaderFieldsTooLarge {
			t.Errorf("a header of 1 MiB: %d", got)
		}
		large.Close()
		_ = s.Close()
		if err := <-done; !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("Serve: %v", err)
		}
		time.Sleep(time.Second) // net/http waits before it closes what it hung up on
	})
}
