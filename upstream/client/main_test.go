package client

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/weft-gateway/weft/upstream"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// token, secretID and secretQuery must not show up in any error.
const (
	token       = "tok-canary"
	secretID    = "id-canary"
	secretQuery = "query-canary"
	secretBody  = "body-canary"
)

// newHost returns a host called "rest" with a deadline that a busy machine does
// not miss and the operations contacts and find, but for what change does.
func newHost(t testing.TB, url string, change func(*HostConfig)) *Host {
	t.Helper()
	cfg := HostConfig{
		Name: "rest", URL: url, Deadline: 20 * time.Second,
		Operations: []upstream.Op{upstream.OpContacts, upstream.OpFind},
	}
	if change != nil {
		change(&cfg)
	}
	h, err := NewHost(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Close)
	return h
}

// faked returns a host whose transport is rt, with a deadline of 1 s.
func faked(t testing.TB, rt roundTripper, change func(*HostConfig)) *Host {
	return newHost(t, "http://crm.test", func(c *HostConfig) {
		c.Transport, c.Deadline = rt, time.Second
		if change != nil {
			change(c)
		}
	})
}

// contact is a call whose answer has to be a success.
var contact = Call{Op: upstream.OpContacts, Path: []string{"contacts", secretID}, Decode: Reply.Err}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// answer is a response to r.
func answer(r *http.Request, status int, body string, header ...string) *http.Response {
	h := http.Header{}
	for i := 0; i < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	return &http.Response{
		StatusCode: status, Header: h, Request: r,
		Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)),
	}
}

// always answers each request alike.
func always(status int, body string, header ...string) roundTripper {
	return func(r *http.Request) (*http.Response, error) { return answer(r, status, body, header...), nil }
}

// hung answers when the request's context ends.
func hung(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

// serve returns the URL of a server.
func serve(t testing.TB, h http.HandlerFunc) string {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return srv.URL
}

// speak returns the URL of a server that reads a request and then says what
// it likes on the bare connection.
func speak(t testing.TB, say func(*net.TCPConn)) string {
	return serve(t, func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		say(conn.(*net.TCPConn))
	})
}

// says is speak with a fixed text.
func says(t testing.TB, text string) string {
	return speak(t, func(c *net.TCPConn) { _, _ = io.WriteString(c, text) })
}

// wantKind checks err, and that it names its origin and leaks nothing.
func wantKind(t *testing.T, err error, want upstream.Kind) *upstream.Error {
	t.Helper()
	if want == "" {
		if err != nil {
			t.Fatalf("err = %v, want none", err)
		}
		return nil
	}
	e, ok := errors.AsType[*upstream.Error](err)
	if !ok {
		t.Fatalf("err = %T %v, want an *upstream.Error of kind %s", err, err, want)
	}
	if e.Kind != want || e.Source != "rest" || e.Op == "" {
		t.Errorf("err = %v, want kind %s from rest", err, want)
	}
	for _, secret := range []string{token, secretID, secretQuery, secretBody, "http://", "127.0.0.1"} {
		if strings.Contains(err.Error(), secret) {
			t.Errorf("the error tells %q: %v", secret, err)
		}
	}
	return e
}

// wantTripped checks the breaker of the operation contacts.
func wantTripped(t *testing.T, h *Host, want bool) {
	t.Helper()
	if got, _ := h.Tripped(upstream.OpContacts); got != want {
		t.Errorf("tripped = %t, want %t", got, want)
	}
}

func get(ctx context.Context, h *Host, call Call) error { return h.Client(token).Get(ctx, call) }

func contains(err error, s string) bool { return strings.Contains(err.Error(), s) }
