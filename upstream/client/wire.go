package client

import (
	"bufio"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"slices"
)

// maxTogether is how large a body is at most that is written together with its
// head, in bytes. That much fits into the buffers on the way, so that the write
// ends although the other side answers, or does nothing, before it reads.
const maxTogether = 16 << 10

// wire is what a call needs of memory on its connection. A connection that
// waits has none.
type wire struct {
	in   *bufio.Reader
	out  []byte // the request
	gzip bool   // asked for by the transport, which has to undo it
}

func (t *Transport) wire() *wire {
	if w, ok := t.wires.Get().(*wire); ok {
		return w
	}
	return &wire{in: bufio.NewReaderSize(nil, readSize)}
}

// keepWire takes a wire back that nobody reads from or writes into any more.
func (t *Transport) keepWire(w *wire) {
	w.in.Reset(nil)
	w.out = w.out[:0]
	t.wires.Put(w)
}

// plain reports whether a request is one of those that calls are made of.
func plain(req *http.Request) bool {
	switch {
	case req.URL == nil || req.URL.Scheme != "http" || req.URL.Host == "" || req.URL.Opaque != "" || req.Header == nil:
	case req.Method != http.MethodGet && req.Method != http.MethodHead && req.Method != http.MethodPost:
	case req.Close || len(req.TransferEncoding) > 0 || len(req.Trailer) > 0:
	case req.ContentLength < 0 || req.ContentLength > maxTogether || bodyless(req) != (req.ContentLength == 0):
	case httptrace.ContextClientTrace(req.Context()) != nil:
	default:
		return true
	}
	return false
}

func bodyless(req *http.Request) bool { return req.Body == nil || req.Body == http.NoBody }

var errBodyLength = errors.New("the request's body is not as long as it says")

// body writes a request's body, and closes it.
func (w *wire) body(req *http.Request) error {
	if bodyless(req) {
		return nil
	}
	defer req.Body.Close()
	head := len(w.out)
	w.out = slices.Grow(w.out, int(req.ContentLength))[:head+int(req.ContentLength)]
	if _, err := io.ReadFull(req.Body, w.out[head:]); err != nil {
		return err
	}
	var beyond [1]byte
	if n, _ := req.Body.Read(beyond[:]); n > 0 {
		return errBodyLength
	}
	return nil
}
