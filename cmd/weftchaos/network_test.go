package main

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// through asks a server by an address on which something stands before it.
func through(t *testing.T, c *http.Client, address string) (string, error) {
	t.Helper()
	resp, err := c.Get("http://" + address)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return string(body), err
}

func server(t *testing.T) string {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }))
	t.Cleanup(srv.Close)
	return srv.Listener.Addr().String()
}

// A proxy keeps its address through all that is done to it.
func TestProxy(t *testing.T) {
	p, err := newProxy(server(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.cut)
	c := &http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	works := func(when string) {
		t.Helper()
		if got, err := through(t, c, p.address); got != "hello" || err != nil {
			t.Errorf("%s: %q, %v", when, got, err)
		}
	}
	works("new")

	if err := p.infect(toxic{Type: "limit_data", Attributes: map[string]int64{"bytes": 20}}); err != nil {
		t.Fatal(err)
	}
	if got, err := through(t, c, p.address); err == nil {
		t.Errorf("limited: %q", got)
	}
	p.cut()
	if got, err := through(t, c, p.address); err == nil {
		t.Errorf("cut: %q", got)
	}
	if err := p.swallow(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, err = net.DialTimeout("tcp", p.address, 50*time.Millisecond)
	if timeout, ok := errors.AsType[net.Error](err); !ok || !timeout.Timeout() {
		t.Errorf("swallowed: %v", err)
	}
	if err := p.infect(); err != nil {
		t.Fatal(err)
	}
	works("healed")
	if err := p.infect(toxic{Type: "no such"}); err == nil {
		t.Error("a toxic that does not exist was taken")
	}
}

func TestRelay(t *testing.T) {
	r, err := newRelay(t.Context(), server(t), 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.close)
	c := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{}}
	t.Cleanup(c.CloseIdleConnections)
	if got, err := through(t, c, r.address); got != "hello" || err != nil {
		t.Fatalf("%q, %v", got, err)
	}
	if n := r.forget(); n != 1 {
		t.Errorf("%d connections forgotten", n)
	}
	c.Timeout = 100 * time.Millisecond
	if got, err := through(t, c, r.address); err == nil { // on the connection that is forgotten
		t.Errorf("forgotten: %q", got)
	}
	c.Timeout = 5 * time.Second
	if got, err := through(t, c, r.address); got != "hello" || err != nil {
		t.Errorf("on a new connection: %q, %v", got, err)
	}
	r.reset(1)
	if got, err := through(t, c, r.address); err == nil {
		t.Errorf("reset: %q", got)
	}
}

// A profile as Go writes it: a stack a paragraph, with the number in front.
func TestWorkers(t *testing.T) {
	profile := `goroutine profile: total 12
5 @ 0x1 0x2
#	0x1	net/http.(*persistConn).readLoop+0x1	transport.go:1

4 @ 0x1
#	0x1	main.work+0x1	main.go:1

2 @ 0x3
#	0x3	net/http.(*conn).serve+0x1	server.go:1

1 @ 0x4
#	0x4	main.main+0x1	main.go:1
`
	if n := workers(profile); n != 5 {
		t.Errorf("%v goroutines that are of no connection, want 5", n)
	}
}
