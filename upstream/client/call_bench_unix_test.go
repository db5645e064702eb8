//go:build unix

package client

import (
	"bytes"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// tell serves a fixed answer on loopback, for each request that ends in an empty
// line, and allocates nothing for it.
func tell(t testing.TB, answer string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	said := []byte(answer)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				b, n := make([]byte, 16<<10), 0
				for {
					m, err := c.Read(b[n:])
					if err != nil {
						return
					}
					if n += m; bytes.HasSuffix(b[:n], []byte("\r\n\r\n")) {
						n = 0
						_, _ = c.Write(said)
					}
				}
			}()
		}
	}()
	return "http://" + l.Addr().String()
}

// fixed is an answer as sources give it.
func fixed(bytes int) string {
	return "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nDate: Sun, 22 Nov 2026 15:00:00 GMT\r\nContent-Length: " +
		strconv.Itoa(bytes) + "\r\n\r\n" + strings.Repeat(" ", bytes)
}

// BenchmarkRoundTrip makes calls by turns with net/http's transport. The time
// is CPU of the whole process, so that of a server that does the least is in it.
func BenchmarkRoundTrip(b *testing.B) {
	url := tell(b, fixed(1000))
	t := NewTransport(4, time.Second, nil)
	defer t.CloseIdleConnections()
	ways := []struct {
		name string
		rt   http.RoundTripper
	}{{"net-http", t.Transport}, {"ours", t}}
	req, err := http.NewRequestWithContext(b.Context(), http.MethodGet, url+"/contacts/c-1", nil)
	if err != nil {
		b.Fatal(err)
	}
	req.Header = http.Header{"Accept": {"application/json"}, "Authorization": {"Bearer secret"}, "User-Agent": {"weft"}}
	call := func(rt http.RoundTripper, buf *bytes.Buffer) {
		resp, err := rt.RoundTrip(req)
		if err != nil {
			b.Fatal(err)
		}
		buf.Reset()
		_, err = buf.ReadFrom(resp.Body)
		if resp.Body.Close(); err != nil || buf.Len() != 1000 {
			b.Fatal(err, buf.Len())
		}
	}
	var buf bytes.Buffer
	const batch = 100
	used := make([][]time.Duration, len(ways))
	for b.Loop() {
		for i, w := range ways {
			before := spent(b)
			for range batch {
				call(w.rt, &buf)
			}
			used[i] = append(used[i], spent(b)-before)
		}
	}
	for i, w := range ways {
		d := slices.Sorted(slices.Values(used[i]))
		b.ReportMetric(float64(d[len(d)/2].Nanoseconds())/batch/1000, w.name+"-cpu-µs/call")
		b.ReportMetric(testing.AllocsPerRun(100, func() { call(w.rt, &buf) }), w.name+"-allocs/call")
	}
	b.ReportMetric(0, "ns/op") // of a turn of both
}

// BenchmarkCall is a call with all that is around it: gate, place, breaker,
// request, answer.
func BenchmarkCall(b *testing.B) {
	h := newHost(b, tell(b, fixed(1000)), nil)
	c := h.Client(token)
	b.ReportAllocs()
	for b.Loop() {
		if err := c.Get(b.Context(), contact); err != nil {
			b.Fatal(err)
		}
	}
}

// spent is the CPU that the process has used so far.
func spent(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
