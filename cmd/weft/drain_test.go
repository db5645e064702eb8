package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weft-gateway/weft/upstream/sandbox"
)

// drains gives those who send requests here time to notice, on a busy machine too.
const drains = "drain: {delay: 3s, timeout: 15s}\ndeadlines: {request: 15s, store: 14s, crm: 14s}"

// balancer sends each request to a replica that says it is ready.
type balancer struct {
	client   *http.Client
	mu       sync.Mutex
	replicas []*installation
	next     atomic.Int64
}

func (b *balancer) pick() *installation {
	b.mu.Lock()
	all := append([]*installation(nil), b.replicas...)
	b.mu.Unlock()
	first := int(b.next.Add(1))
	for i := range all {
		in := all[(first+i)%len(all)]
		if ask(b.client, in.public+"/readyz", "") == http.StatusOK {
			return in
		}
	}
	return nil
}

// press has some callers ask, again and again, until the function is called
// that it returns: for how many were asked, and how many got no document.
func (b *balancer) press(t *testing.T, path string) (stop func() (asked, failed int64), count func() int64) {
	var asked, failed atomic.Int64
	end := make(chan struct{})
	var callers sync.WaitGroup
	for range 4 {
		callers.Go(func() {
			for {
				select {
				case <-end:
					return
				default:
				}
				in := b.pick()
				if in == nil {
					t.Error("no replica is ready")
					failed.Add(1)
				} else if status := ask(b.client, in.public+path, keyGlobex); status != http.StatusOK {
					t.Errorf("status %d", status)
					failed.Add(1)
				}
				asked.Add(1)
			}
		})
	}
	return func() (int64, int64) {
		close(end)
		callers.Wait()
		b.client.CloseIdleConnections()
		return asked.Load(), failed.Load()
	}, asked.Load
}

// One replica after another is replaced, and nobody notices.
func TestRollingRestart(t *testing.T) {
	o := options{extra: drains}
	b := &balancer{client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 4}}}
	for range 3 {
		b.replicas = append(b.replicas, install(t, o))
	}
	stop, count := b.press(t, "/api/conversations/"+sandbox.ExampleNative)
	eventually(t, "load", func() bool { return count() > 10 })
	for i := range 3 {
		fresh := install(t, o)
		old := b.replicas[i]
		b.mu.Lock()
		b.replicas[i] = fresh
		b.replicas = append(b.replicas, old) // known until it is gone, as to a balancer that is slow to hear
		b.mu.Unlock()
		if err := old.stop(); err != nil {
			t.Errorf("replica %d ended with %v", i, err)
		}
		b.mu.Lock()
		b.replicas = b.replicas[:3]
		b.mu.Unlock()
	}
	after := count()
	eventually(t, "load afterwards", func() bool { return count() > after+10 })
	asked, failed := stop()
	t.Logf("%d requests, %d failed", asked, failed)
	if failed != 0 {
		t.Errorf("%d of %d requests failed", failed, asked)
	}
}

// What is under way is finished, and new connections are answered until those
// who make them can have noticed.
func TestDrain(t *testing.T) {
	began, release := make(chan struct{}, 100), make(chan struct{})
	in := install(t, options{extra: drains, between: func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(r.URL.Path, "/native/conversations/") {
				began <- struct{}{}
				<-release
			}
			next.ServeHTTP(w, r)
		})
	}})
	unblock := sync.OnceFunc(func() { close(release) })
	t.Cleanup(unblock)
	kept := dialKept(t, in.public)
	if closes := kept.get(t, "/livez"); closes {
		t.Error("a connection is given up before the drain")
	}
	underWay := make(chan int, 1)
	go func() {
		underWay <- ask(http.DefaultClient, in.public+"/api/conversations/"+sandbox.ExampleNative, keyGlobex)
	}()
	<-began
	stopped := make(chan error, 1)
	go func() { stopped <- in.stop() }()
	eventually(t, "it is not ready", func() bool { return ask(http.DefaultClient, in.public+"/readyz", "") == http.StatusServiceUnavailable })
	if got := ask(http.DefaultClient, in.ops+"/readyz", ""); got != http.StatusServiceUnavailable {
		t.Errorf("/readyz of the ops listener: %d", got)
	}
	if closes := kept.get(t, "/livez"); !closes {
		t.Error("a connection is kept during the drain")
	}
	if got := ask(http.DefaultClient, in.public+"/api/conversations?per_page=1", keyGlobex); got != http.StatusOK {
		t.Errorf("a new request during the delay: %d", got)
	}
	unblock()
	if got := <-underWay; got != http.StatusOK {
		t.Errorf("the request under way: %d", got)
	}
	if err := <-stopped; err != nil {
		t.Errorf("it ended with %v", err)
	}
}

// keptConn is a connection that is used more than once.
type keptConn struct {
	c net.Conn
	r *bufio.Reader
}

func dialKept(t *testing.T, url string) *keptConn {
	t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return &keptConn{c, bufio.NewReader(c)}
}

// get reports whether the server gives the connection up.
func (k *keptConn) get(t *testing.T, path string) (closes bool) {
	t.Helper()
	if _, err := io.WriteString(k.c, "GET "+path+" HTTP/1.1\r\nHost: weft.test\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(k.r, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		t.Fatal(err)
	}
	return resp.Close
}

// A request that does not end is cut off, which is no failure of the process.
func TestDrainIsBounded(t *testing.T) {
	in := install(t, options{extra: "drain: {delay: 1ms, timeout: 100ms}\ndeadlines: {request: 15s, store: 14s, crm: 14s}"})
	in.dial(t, in.box.Native(), "", sandbox.Dial{Hang: true})
	underWay := make(chan int, 1)
	go func() {
		underWay <- ask(http.DefaultClient, in.public+"/api/conversations/"+sandbox.ExampleNative, keyGlobex)
	}()
	eventually(t, "the store is asked", func() bool { return in.box.Native().Calls("") > 0 })
	if err := in.stop(); err != nil {
		t.Errorf("it ended with %v", err)
	}
	if got := <-underWay; got != 0 {
		t.Errorf("a request that was cut off has status %d", got)
	}
}

// flaky is a listener that has no file descriptors left, for a while.
type flaky struct {
	net.Listener
	failures atomic.Int64
}

func (f *flaky) Accept() (net.Conn, error) {
	if f.failures.Add(-1) >= 0 {
		return nil, &net.OpError{Op: "accept", Err: syscall.EMFILE}
	}
	return f.Listener.Accept()
}

func TestAcceptingGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &flaky{Listener: newPipes()}
		l.failures.Store(100)
		srv := &http.Server{Handler: http.NotFoundHandler(), ReadHeaderTimeout: time.Second, ErrorLog: log.New(io.Discard, "", 0)}
		done := make(chan error, 1)
		go func() { done <- serveOn(srv, l) }()
		client := &http.Client{Transport: &http.Transport{DialContext: l.Listener.(*pipes).dial}}
		if got := ask(client, "http://weft.test/", ""); got != http.StatusNotFound {
			t.Errorf("status %d", got)
		}
		client.CloseIdleConnections()
		srv.Close()
		if err := <-done; err != nil {
			t.Errorf("serving ended with %v", err)
		}
	})
}

// pipes is a network in memory.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case p.conns <- there:
		return here, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-p.closed:
		return nil, errors.New("connection refused")
	}
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
