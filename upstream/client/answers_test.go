package client

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// What an answer looks like on the wire, what is made of it, and whether the
// connection is used again.
func TestAnswers(t *testing.T) {
	const head = "HTTP/1.1 200 OK\r\n"
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, _ = z.Write([]byte("{}"))
	_ = z.Close()
	tests := []struct {
		name   string
		says   string
		closes bool // the server, after that
		method string
		status int // 0: the call fails
		body   string
		cut    bool // reading the body fails
		kept   bool
	}{
		{name: "length", says: fine, status: 200, body: "{}", kept: true},
		{name: "length 0", says: head + "Content-Length: 0\r\n\r\n", status: 200, kept: true},
		{name: "chunks", says: head + "Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n", status: 200, body: "{}", kept: true},
		{name: "chunks and a trailer", says: head + "Transfer-Encoding: chunked\r\nTrailer: Sum\r\n\r\n2\r\n{}\r\n0\r\nSum: 1\r\n\r\n", status: 200, body: "{}", kept: true},
		{name: "until the end", says: head + "\r\n{}", closes: true, status: 200, body: "{}"},
		{name: "HTTP/1.0", says: "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}", status: 200, body: "{}"},
		{name: "says close", says: head + "Connection: close\r\nContent-Length: 2\r\n\r\n{}", status: 200, body: "{}"},
		{name: "more than its length", says: fine + "x", status: 200, body: "{}"},
		{name: "two answers", says: fine + fine, status: 200, body: "{}"},
		{name: "HEAD", says: head + "Content-Length: 2\r\n\r\n", method: http.MethodHead, status: 200, kept: true},
		{name: "HEAD without a length", says: head + "\r\n", method: http.MethodHead, status: 200, kept: true},
		{name: "HEAD with a body", says: fine, method: http.MethodHead, status: 200},
		{name: "204", says: "HTTP/1.1 204 No Content\r\n\r\n", status: 204, kept: true},
		{name: "304", says: "HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\n", status: 304, kept: true},
		{name: "100 first", says: "HTTP/1.1 100 Continue\r\n\r\n" + fine, status: 200, body: "{}", kept: true},
		{name: "103 twice", says: strings.Repeat("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", 2) + fine, status: 200, body: "{}", kept: true},
		{name: "100 and nothing", says: "HTTP/1.1 100 Continue\r\n\r\n", closes: true},
		{name: "100 for ever", says: strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 4000)},
		{name: "101", says: "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"},
		{name: "head cut", says: "HTTP/1.1 200 OK\r\nContent-", closes: true},
		{name: "a long head", says: head + "X: " + strings.Repeat("x", 60<<10) + "\r\nContent-Length: 2\r\n\r\n{}", status: 200, body: "{}", kept: true},
		{name: "a head that is too long", says: head + "X: " + strings.Repeat("x", 80<<10) + "\r\nContent-Length: 2\r\n\r\n{}"},
		{name: "lines without end", says: head + strings.Repeat("X: x\r\n", 20<<10)},
		{name: "body cut", says: head + "Content-Length: 3\r\n\r\n{}", closes: true, status: 200, body: "{}", cut: true},
		{name: "chunk cut", says: head + "Transfer-Encoding: chunked\r\n\r\n3\r\n{}", closes: true, status: 200, body: "{}", cut: true},
		{name: "two lengths", says: head + "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}"},
		{name: "a length below zero", says: head + "Content-Length: -1\r\n\r\n{}"},
		{name: "not HTTP", says: "220 smtp ESMTP\r\n\r\n"},
		{name: "gzip", says: head + "Content-Encoding: gzip\r\nContent-Length: " + fmt.Sprint(packed.Len()) + "\r\n\r\n" + packed.String(), status: 200, body: "{}", kept: true},
		{name: "gzip cut", says: head + "Content-Encoding: gzip\r\nContent-Length: " + fmt.Sprint(packed.Len()-9) + "\r\n\r\n" + packed.String()[:packed.Len()-9], status: 200, body: "{}", cut: true, kept: true},
		{name: "not gzip", says: head + "Content-Encoding: gzip\r\nContent-Length: 20\r\n\r\n" + strings.Repeat("x", 20), status: 200, cut: true, kept: true},
		{name: "another coding", says: head + "Content-Encoding: br\r\nContent-Length: 2\r\n\r\n{}", status: 200, body: "{}", kept: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			url, opened := talks(t, func(_ int, c *net.TCPConn, next func() *http.Request) {
				for next() != nil {
					if _, _ = io.WriteString(c, tt.says); tt.closes {
						return
					}
				}
			})
			tr := transport(t, 1)
			for range 2 {
				status, body, err := read(tr, request(t, cmp.Or(tt.method, http.MethodGet), url, ""))
				if status != tt.status || body != tt.body || (err != nil) != (tt.cut || tt.status == 0) {
					t.Errorf("%d %q, %v; want %d %q", status, body, err, tt.status, tt.body)
				}
			}
			wanted := int64(2)
			if tt.kept {
				wanted = 1
			}
			if got := opened.Load(); got != wanted {
				t.Errorf("%d connections for two calls, want %d", got, wanted)
			}
		})
	}
}

// An answer that comes before the request is read ends the call, whatever is
// left of the request, and the connection.
func TestAnswerBeforeTheRequestIsRead(t *testing.T) {
	url, opened := talks(t, func(_ int, c *net.TCPConn, _ func() *http.Request) {
		_, _ = c.Read(make([]byte, 1))
		_, _ = io.WriteString(c, "HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}")
		_, _ = io.Copy(io.Discard, c)
	})
	tr := transport(t, 1)
	for _, size := range []int{1, maxTogether, maxTogether + 1} { // the last is net/http's
		want(t, tr, request(t, http.MethodPost, url, strings.Repeat("x", size)), 413, "{}")
	}
	if got := opened.Load(); got != 3 {
		t.Errorf("%d connections, want 3", got)
	}
}
