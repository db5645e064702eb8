package client

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/weft-gateway/weft/upstream"
)

// maxDrain is how much of an answer that nobody reads is read all the same, in
// bytes, so that its connection can be used again.
const maxDrain = 16 << 10

// target builds the URL of a call. It is false where a segment cannot arrive
// as one: empty and dot segments are folded away on the road.
func (h *Host) target(path []string, query url.Values) (*url.URL, bool) {
	u := *h.root
	u.RawPath = strings.TrimRight(u.EscapedPath(), "/")
	for _, segment := range path {
		if segment == "" || segment == "." || segment == ".." {
			return nil, false
		}
		u.RawPath += "/" + url.PathEscape(segment)
	}
	plain, err := url.PathUnescape(u.RawPath)
	u.Path, u.RawQuery = plain, query.Encode()
	return &u, err == nil
}

// fetch makes the request and hands the answer to decode, and says whether a
// failure may be over when the next request is made. It runs inside the breaker
// and may be left behind, so it writes nothing but the gate.
func (c *Client) fetch(ctx context.Context, target *url.URL, decode func(Reply) error) (passing bool, err error) {
	way := c.host.way.Load()
	defer way.left()
	// A transport, not an http.Client, does not follow redirects.
	resp, err := way.transport.RoundTrip(c.request(ctx, target))
	if err != nil {
		return brokeOff(err), unlessEnded(ctx, noAnswer(err))
	}
	defer resp.Body.Close()
	kind := kindOf(resp.StatusCode)
	if kind != upstream.RateLimited {
		c.gate.heed(resp.Header)
	}
	if kind != "" {
		return outage(resp), c.turnedAway(resp, kind)
	}
	body, err := c.read(resp)
	if err != nil {
		return brokeOff(err), unlessEnded(ctx, unread(err, resp.StatusCode))
	}
	if decode == nil {
		decode = Reply.Err
	}
	err = rejected(decode(Reply{Status: resp.StatusCode, Header: resp.Header, Body: body}), resp.StatusCode)
	return upstream.KindOf(err) == upstream.BadResponse && cutOff(body), err
}

func (c *Client) request(ctx context.Context, target *url.URL) *http.Request {
	req := &http.Request{
		Method: http.MethodGet,
		URL:    target,
		Host:   target.Host,
		Proto:  "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{
			"Accept":     {"application/json"},
			"User-Agent": {c.host.cfg.UserAgent},
		},
	}
	if c.auth != nil {
		req.Header["Authorization"] = []string{*c.auth}
	}
	return req.WithContext(ctx)
}

// turnedAway is the failure of an answer whose status says it all. A 429
// closes the gate before anything else can take time.
func (c *Client) turnedAway(resp *http.Response, kind upstream.Kind) error {
	e := &upstream.Error{Kind: kind, Status: resp.StatusCode}
	if kind == upstream.RateLimited {
		e.RetryAfter = c.gate.refused(resp.Header)
	} else if after := resp.Header.Get("Retry-After"); after != "" {
		e.RetryAfter = retryAfter(after)
	}
	if resp.ContentLength > 0 && resp.ContentLength <= maxDrain {
		_, _ = io.CopyN(io.Discard, resp.Body, resp.ContentLength)
	}
	return e
}

var errTooLarge = errors.New("the answer is too large")

// read reads a body up to the limit, which counts what decompression makes of
// it. Beyond it the rest is left unread, which costs the connection.
func (c *Client) read(resp *http.Response) ([]byte, error) {
	limit := c.host.cfg.MaxBody
	var b bytes.Buffer
	if resp.ContentLength > 0 { // claimed, not yet proved
		b.Grow(int(min(resp.ContentLength, 64<<10)) + bytes.MinRead)
	}
	n, err := b.ReadFrom(io.LimitReader(resp.Body, limit+1))
	switch {
	case n > limit:
		return nil, errTooLarge
	case err != nil:
		return nil, err
	}
	return b.Bytes(), nil
}
