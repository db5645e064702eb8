package client

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
)

// exchange makes the call whose head is in w. A connection that turns out to be
// closed is reason for a new one, once: it may have been closed while idle.
func (t *Transport) exchange(req *http.Request, w *wire) (*http.Response, error) {
	if err := w.body(req); err != nil {
		return nil, err
	}
	for anew := false; ; {
		if err := req.Context().Err(); err != nil {
			return nil, err
		}
		c, err := t.conn(req, anew)
		if err != nil {
			return nil, err
		}
		resp, next, err := t.over(c, req, w)
		switch next {
		case nothing:
			return resp, err
		case another:
			anew = true
		case whichever:
		}
	}
}

// next is what follows on a call over a connection.
type next int

const (
	nothing   next = iota
	another        // a call over a new connection: the failure may be this one's alone, and the call not made
	whichever      // one over any connection: this one was no good to begin with
)

// over makes a call over c, which is kept or closed when the answer's body is.
func (t *Transport) over(c *conn, req *http.Request, w *wire) (*http.Response, next, error) {
	ctx, used := req.Context(), c.used
	stop := c.watch(ctx)
	sent, quiet, sendErr := c.send(w.out)
	if !quiet {
		stop()
		t.conns.drop(c)
		return nil, whichever, nil
	}
	// One that refuses to read on may have said why.
	resp, came, err := c.answer(w, req)
	if err != nil {
		stop()
		t.conns.drop(c)
		if sendErr != nil {
			err = sendErr
		}
		if err = c.why(ctx, err); ctx.Err() != nil {
			return nil, nothing, err
		}
		if used && !came && (sent == 0 && sendErr != nil || repeatable(req)) {
			return nil, another, err
		}
		return nil, nothing, err
	}
	b := &body{t: t, c: c, w: w, ctx: ctx, stop: stop, from: resp.Body}
	b.keep = sendErr == nil && !resp.Close && (c.raw != nil || t.KeepPipes)
	if resp.Body == http.NoBody {
		_ = b.end(io.EOF)
		return resp, nothing, nil
	}
	resp.Body = b
	if w.gzip && strings.EqualFold(resp.Header.Get("Content-Encoding"), "gzip") {
		t.unzip(resp, b)
	}
	return resp, nothing, nil
}

// repeatable reports whether a request may arrive twice, by net/http's rules.
func repeatable(req *http.Request) bool {
	_, key := req.Header["Idempotency-Key"]
	_, also := req.Header["X-Idempotency-Key"]
	return req.Method != http.MethodPost || key || also
}

// body is the body of an answer. Close may be called while it is being read.
type body struct {
	t    *Transport
	c    *conn
	w    *wire
	ctx  context.Context
	stop func() bool // ends the watch over ctx; false: it has struck
	keep bool        // c is good for another call after this one
	over atomic.Bool
	from io.Reader
	err  error // that reading ended with
}

var errClosed = errors.New("the body was closed")

// Read implements [io.Reader].
func (b *body) Read(p []byte) (int, error) {
	switch {
	case b.err != nil:
		return 0, b.err
	case b.over.Load():
		return 0, errClosed
	}
	n, err := b.from.Read(p)
	if err != nil {
		b.err = b.end(err)
	}
	return n, b.err
}

// end ends the call when reading does, and returns what it ended with.
func (b *body) end(err error) error {
	if !b.over.CompareAndSwap(false, true) {
		return err // closed meanwhile, which is why
	}
	undisturbed := b.stop()
	whole := errors.Is(err, io.EOF) && b.w.in.Buffered() == 0
	b.t.keepWire(b.w)
	if whole && undisturbed && b.keep {
		b.t.conns.keep(b.c)
	} else {
		b.t.conns.drop(b.c)
	}
	if errors.Is(err, io.EOF) {
		return err
	}
	return b.c.why(b.ctx, err)
}

// Close implements [io.Closer]. What was not read is lost, with the connection:
// nobody knows how long it would take.
func (b *body) Close() error {
	if b.over.CompareAndSwap(false, true) {
		b.stop()
		b.t.conns.drop(b.c)
	}
	return nil
}
