package client

import (
	"bufio"
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"testing"
	"time"
)

// Whatever a service says, it means the same as to net/http's transport: the
// same status and body, or a failure.
func FuzzAnswer(f *testing.F) {
	log.SetOutput(io.Discard) // which net/http tells of answers that nobody asked for
	f.Cleanup(func() { log.SetOutput(os.Stderr) })
	for _, s := range []string{
		fine, fine + "x", "", "HTTP/1.1 200 OK\r\n\r\n{}", "HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\n{}",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: A\r\n\r\n2\r\n{}\r\n0\r\nA: b\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
		"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", "HTTP/1.1 101 \r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nx",
		"HTTP/1.1 199 x\r\nContent-Length: 5\r\n\r\n" + fine, "HTTP/1.1 304 x\r\nContent-Length: 2\r\n\r\n{}",
		"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff\x03\x00\x00\x00\x00\x00\x00\x00\x00\x00",
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n{}", "HTTP/1.1 200\r\n\r\n", "HTTP/9.9 200 OK\r\n\r\n", "HTTP/1.1 000 x\r\n\r\n",
		"HTTP/1.1 200 OK\r\nX\r\n\r\n", "HTTP/1.1 200 OK\r\n X: y\r\n\r\n", "\r\n" + fine, "HTTP/1.1 200 OK\nContent-Length: 2\n\n{}",
	} {
		f.Add([]byte(s), true)
		f.Add([]byte(s), false)
	}
	f.Fuzz(func(t *testing.T, said []byte, head bool) {
		tr := NewTransport(1, time.Minute, nil)
		tr.DialContext = func(context.Context, string, string) (net.Conn, error) {
			ours, theirs := net.Pipe()
			go func() {
				defer theirs.Close()
				if _, err := http.ReadRequest(bufio.NewReader(theirs)); err == nil {
					_, _ = theirs.Write(said)
				}
			}()
			return ours, nil
		}
		defer tr.CloseIdleConnections()
		method := http.MethodGet
		if head {
			method = http.MethodHead
		}
		wanted, body, wantErr := read(tr.Transport, request(t, method, "http://crm.test/", ""))
		got, text, err := read(tr, request(t, method, "http://crm.test/", ""))
		if wanted == http.StatusSwitchingProtocols && got == 0 {
			return // nobody asked for that, so here it is a failure
		}
		if got != wanted || text != body || (err == nil) != (wantErr == nil) {
			t.Errorf("%d %q, %v; net/http makes of it %d %q, %v", got, text, err, wanted, body, wantErr)
		}
	})
}
