package sandbox

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"slices"
	"strconv"
	"time"
)

const (
	dripEvery = 100 * time.Millisecond
	htmlPage  = "<!doctype html>\n<title>Sign in</title>\n<p>Sign in to use this network.</p>\n"

	// The huge body is one JSON document: head, 200 chunks of padding, tail.
	hugeHead   = `{"data":[{"id":"`
	hugeTail   = `"}]}`
	hugeChunk  = 1 << 20
	hugeChunks = 200
)

// write sends an answer, its body spoilt as asked.
func (s *Service) write(w http.ResponseWriter, r *http.Request, d Dial, a answer) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	body := encode(a.body)
	switch d.Body {
	case BodyHTML:
		h.Set("Content-Type", "text/html; charset=utf-8")
		body = []byte(htmlPage)
	case BodyTruncated:
		body = body[:len(body)/2]
	case BodyEmpty:
		body = nil
	case BodyReset:
		s.reset(w, a.status, body, d.RST)
		return
	case BodyOtherTenant:
		body = estranged(body)
	case BodyDuplicateKeys:
		body = doubled(body)
	case BodyDeep:
		body = deep()
	case BodyHuge:
		s.huge(w, a.status)
		return
	case BodyGzipBomb:
		h.Set("Content-Encoding", "gzip")
		body = s.bomb()
	case BodyDrip:
		s.drip(w, r, a.status, body)
		return
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(a.status)
	_, _ = w.Write(body) // the caller may be gone
}

// reset promises a whole body, sends half of it, and cuts the connection.
func (s *Service) reset(w http.ResponseWriter, status int, body []byte, rst bool) {
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body[:len(body)/2])
	_ = http.NewResponseController(w).Flush()
	cut(w, rst)
}

// cut ends the connection: by closing it, or by a TCP reset where that is possible.
func cut(w http.ResponseWriter, rst bool) {
	if rst {
		if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
			if tcp, ok := conn.(interface{ SetLinger(sec int) error }); ok {
				_ = tcp.SetLinger(0)
			}
			_ = conn.Close()
			return
		}
	}
	panic(http.ErrAbortHandler)
}

// drip sends one byte at a time, until the caller has enough.
func (s *Service) drip(w http.ResponseWriter, r *http.Request, status int, body []byte) {
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	for i := range body {
		_, _ = w.Write(body[i : i+1])
		_ = http.NewResponseController(w).Flush()
		if !s.pause(r.Context(), Dial{Latency: dripEvery}) {
			panic(http.ErrAbortHandler)
		}
	}
}

// huge streams, so that it costs the sandbox one chunk of memory.
func (s *Service) huge(w http.ResponseWriter, status int) {
	w.WriteHeader(status)
	_, err := io.WriteString(w, hugeHead)
	chunk := padding()
	for range hugeChunks {
		select {
		case <-s.done:
			panic(http.ErrAbortHandler)
		default:
		}
		if err == nil {
			_, err = w.Write(chunk)
		}
	}
	if err == nil {
		_, _ = io.WriteString(w, hugeTail)
	}
}

// gzipBomb is the huge body as a chain of gzip members, of which the padding
// needs to be packed only once.
func gzipBomb() []byte {
	return slices.Concat(
		pack([]byte(hugeHead)),
		bytes.Repeat(pack(padding()), hugeChunks),
		pack([]byte(hugeTail)),
	)
}

func padding() []byte { return bytes.Repeat([]byte("a"), hugeChunk) }

func pack(data []byte) []byte {
	var b bytes.Buffer
	zw := gzip.NewWriter(&b)
	_, _ = zw.Write(data) // a bytes.Buffer takes everything
	_ = zw.Close()
	return b.Bytes()
}
