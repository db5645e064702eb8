package gateway

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weft-gateway/weft/enrich"
)

func TestHTTPServerBounds(t *testing.T) {
	s := HTTPServer("127.0.0.1:0", http.NotFoundHandler(), 3*time.Second)
	got := []time.Duration{s.ReadHeaderTimeout, s.ReadTimeout, s.IdleTimeout}
	if diff := cmp.Diff([]time.Duration{5 * time.Second, 15 * time.Second, time.Minute}, got); diff != "" {
		t.Errorf("timeouts (-want +got):\n%s", diff)
	}
	if s.WriteTimeout <= 3*time.Second || s.MaxHeaderBytes != 16<<10 || s.Addr != "127.0.0.1:0" {
		t.Errorf("WriteTimeout %v, MaxHeaderBytes %d, Addr %q", s.WriteTimeout, s.MaxHeaderBytes, s.Addr)
	}
}

// serve runs h on loopback, and returns its address.
func (h *harness) serve(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := HTTPServer("", h.server, h.server.cfg.Deadline)
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	t.Cleanup(func() {
		_ = s.Close()
		if err := <-done; !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("Serve: %v", err)
		}
	})
	return l.Addr().String()
}

// raw sends bytes as they are, and returns the answer with its body.
func raw(t *testing.T, addr, request string) (*http.Response, string) {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = io.WriteString(c, request) }() // fails when the answer comes before the end
	r, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	body, _ := io.ReadAll(r.Body)
	return r, string(body)
}

func TestOverTheWire(t *testing.T) {
	h := newHarness(t, nil)
	addr := h.serve(t)
	key := "Authorization: Bearer " + readKey + "\r\n"
	tests := []struct {
		name, line, headers, body string
		status                    int
		code                      code
	}{
		{"read", "GET " + conversationTarget, key, "", 200, ""},
		{"dots", "GET " + conversationsPath + "/../../livez", key, "", 404, codeConversationNotFound},
		{"encoded slash", "GET " + conversationsPath + "/..%2f..%2flivez", key, "", 404, codeConversationNotFound},
		{"bad encoding", "GET " + conversationsPath + "/%zz", key, "", 400, ""},
		{"half an encoding", "GET " + conversationsPath + "/%2", key, "", 400, ""},
		{"another host in the target", "GET http://evil.test" + conversationTarget, key, "", 200, ""},
		{"fragment", "GET " + conversationTarget + "%23x", key, "", 404, codeConversationNotFound},
		{"long id", "GET " + conversationsPath + "/" + strings.Repeat("a", 5000), key, "", 404, codeConversationNotFound},
		{"headers too long", "GET " + conversationTarget, key + "X-Filler: " + strings.Repeat("a", 64<<10) + "\r\n", "", 431, ""},
		{"key in a folded header", "GET " + conversationTarget, "Authorization: Bearer\r\n " + readKey + "\r\n", "", 200, ""},
		{"body with a read", "GET " + conversationTarget, key + "Content-Length: 5\r\n", "hello", 200, ""},
		{"large body", "POST " + listTarget, key + "Content-Length: 2097152\r\n", strings.Repeat("a", 2<<20), 405, codeMethodNotAllowed},
		{"endless body", "POST " + listTarget, key + "Transfer-Encoding: chunked\r\n", "100000\r\n" + strings.Repeat("a", 1<<20), 405, codeMethodNotAllowed},
		{"expectation", "POST " + listTarget, key + "Content-Length: 5\r\nExpect: 100-continue\r\n", "", 405, codeMethodNotAllowed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, body := raw(t, addr, fmt.Sprintf("%s HTTP/1.1\r\nHost: weft.test\r\nConnection: close\r\n%s\r\n%s", tt.line, tt.headers, tt.body))
			if r.StatusCode != tt.status || tt.code != "" && !strings.Contains(body, `"code":"`+string(tt.code)+`"`) {
				t.Errorf("%d %.200s, want %d %s", r.StatusCode, body, tt.status, tt.code)
			}
			if r.Header.Get("Server") != "" {
				t.Errorf("Server %q", r.Header.Get("Server"))
			}
		})
	}
}

// TestNothingBehindABody: where a body of unknown length ends, a proxy may
// think otherwise, so that what comes behind it is not taken for a request.
func TestNothingBehindABody(t *testing.T) {
	h := newHarness(t, nil)
	addr := h.serve(t)
	const next = "GET /livez HTTP/1.1\r\nHost: weft.test\r\nConnection: close\r\n\r\n"
	for name, tt := range map[string]struct {
		headers, body string
		answers       int
	}{
		"no body":              {"", "", 2},
		"a length":             {"Content-Length: 5\r\n", "hello", 2},
		"chunks":               {"Transfer-Encoding: chunked\r\n", "0\r\n\r\n", 1},
		"chunks, and a length": {"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n", 1},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := net.Dial("tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
				t.Fatal(err)
			}
			if _, err := fmt.Fprintf(c, "GET /livez HTTP/1.1\r\nHost: weft.test\r\n%s\r\n%s%s", tt.headers, tt.body, next); err != nil {
				t.Fatal(err)
			}
			got, _ := io.ReadAll(c)
			if n := strings.Count(string(got), "HTTP/1.1 200 OK"); n != tt.answers {
				t.Errorf("%d answers, want %d:\n%s", n, tt.answers, got)
			}
		})
	}
}

// TestHalfClosed: a caller who can still read is not sent an empty 200.
func TestHalfClosed(t *testing.T) {
	h := newHarness(t, nil)
	h.fake.conversation = func(ctx context.Context, _ *enrich.Tenant, _ enrich.Request) (*enrich.Document, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	c, err := net.Dial("tcp", h.serve(t))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: weft.test\r\nAuthorization: Bearer %s\r\n\r\n", conversationTarget, readKey); err != nil {
		t.Fatal(err)
	}
	if err := c.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if got, _ := io.ReadAll(c); len(got) > 0 {
		t.Errorf("a caller who hung up is sent %q", got)
	}
}
