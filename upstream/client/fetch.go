package client

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/weft-gateway/weft/upstream"
)

// maxDrain is how much of an answer that nobody reads is read all the same, in
// bytes, so that its connection can be used again.
const maxDrain = 16 << 10

// target builds the URL of a call. It is false where a segment cannot arrive
// as one: empty and dot segments are folded away on the road.
func (h *Host) target(path []string, query url.Values) (*url.URL, bool) {
	var room [256]byte // on the stack; what does not fit is elsewhere
	raw := append(room[:0], h.prefix...)
	for _, segment := range path {
		if segment == "" || segment == "." || segment == ".." {
			return nil, false
		}
		raw = append(raw, '/')
		raw = append(raw, url.PathEscape(segment)...)
	}
	u := *h.root
	u.RawPath = string(raw)
	plain, err := url.PathUnescape(u.RawPath)
	u.Path, u.RawQuery = plain, query.Encode()
	return &u, err == nil
}

// errand is a call on its way.
type errand struct {
	call   Call
	target *url.URL
	pass   pass
	tries  *atomic.Int32 // so far; nil: nobody counts them
}

// fetch makes the request and hands the answer to decode, and says whether a
// failure may be over when the next request is made. It runs inside the breaker
// and may be left behind, so it writes nothing but the gate.
func (c *Client) fetch(ctx context.Context, way *way, e errand) (passing bool, err error) {
	defer way.left()
	if e.tries != nil {
		e.tries.Add(1)
	}
	// A transport, not an http.Client, does not follow redirects.
	resp, err := way.transport.RoundTrip(c.request(ctx, e))
	if err != nil {
		return brokeOff(err), unlessEnded(ctx, noAnswer(err))
	}
	defer resp.Body.Close()
	kind := kindOf(resp.StatusCode)
	if kind != upstream.RateLimited {
		c.gate.heed(resp.Header, c.host.cfg.Manners.Spent)
	}
	if kind != "" {
		return outage(resp), c.turnedAway(resp, kind)
	}
	buf := c.host.buffers.get(resp.ContentLength)
	defer c.host.buffers.put(buf)
	if err := c.read(resp, buf); err != nil {
		return brokeOff(err), unlessEnded(ctx, unread(err, resp.StatusCode))
	}
	body, decode := buf.Bytes(), e.call.Decode
	if decode == nil {
		decode = Reply.Err
	}
	err = rejected(decode(Reply{Status: resp.StatusCode, Header: resp.Header, Body: body}), resp.StatusCode)
	return upstream.KindOf(err) == upstream.BadResponse && cutOff(body), err
}

func (c *Client) request(ctx context.Context, e errand) *http.Request {
	req := &http.Request{
		Method: http.MethodGet,
		URL:    e.target,
		Host:   e.target.Host,
		Proto:  "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: c.header(), // a transport changes nothing of a request
	}
	propagate := c.host.cfg.Propagate
	if e.pass.token != "" || propagate != nil || e.call.Post != nil {
		req.Header = maps.Clone(req.Header)
	}
	if e.pass.token != "" {
		req.Header[e.pass.field] = []string{*e.pass.value}
	}
	if propagate != nil {
		propagate(ctx, req.Header)
	}
	if e.call.Post != nil {
		e.call.post(req)
	}
	return req.WithContext(ctx)
}

// post makes req one that sends the call's body.
func (call Call) post(req *http.Request) {
	body := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(call.Post)), nil }
	req.Method, req.ContentLength, req.GetBody = http.MethodPost, int64(len(call.Post)), body
	req.Body, _ = body()
	req.Header["Content-Type"] = []string{cmp.Or(call.PostType, "application/json")}
	if !call.Once {
		// Present and empty, it is not sent, and tells the transport that a
		// connection that was closed while idle is reason enough for another.
		req.Header["X-Idempotency-Key"] = []string{}
	}
}

// turnedAway is the failure of an answer whose status says nearly all. One that
// means a quota closes the gate before anything else can take time. A body that
// does not come is not waited for: with the deadline the call would become a
// failure of the source, which all tenants share.
func (c *Client) turnedAway(resp *http.Response, kind upstream.Kind) error {
	if kind == upstream.RateLimited {
		c.gate.shut(minShut)
	}
	patience := time.AfterFunc(c.host.way.Load().deadline/4, func() { _ = resp.Body.Close() })
	defer patience.Stop()
	after := resp.Header.Get("Retry-After")
	var wait time.Duration
	if judge := c.host.cfg.Manners.Refused; judge != nil && kind != upstream.UpstreamError && kind != upstream.BadResponse {
		judged, said := judge(Reply{Status: resp.StatusCode, Header: resp.Header, Body: beginning(resp.Body)})
		kind, wait = cmp.Or(judged, kind), said
	}
	e := &upstream.Error{Kind: kind, Status: resp.StatusCode}
	if kind == upstream.RateLimited {
		e.RetryAfter = c.gate.refused(resp.Header, wait)
	} else if after != "" {
		e.RetryAfter = retryAfter(after)
	}
	if resp.ContentLength > 0 && resp.ContentLength <= maxDrain {
		_, _ = io.CopyN(io.Discard, resp.Body, resp.ContentLength)
	}
	return e
}

// beginning reads what there is of a body, up to maxDrain.
func beginning(body io.Reader) []byte {
	b, _ := io.ReadAll(io.LimitReader(body, maxDrain)) // cut, it says what it says
	return b
}

var errTooLarge = errors.New("the answer is too large")

// read reads a body up to the limit, which counts what decompression makes of
// it. Beyond it the rest is left unread, which costs the connection.
func (c *Client) read(resp *http.Response, b *buffer) error {
	limit := c.host.cfg.MaxBody
	b.bounded = io.LimitedReader{R: resp.Body, N: limit + 1}
	n, err := b.ReadFrom(&b.bounded)
	if n > limit {
		return errTooLarge
	}
	return err
}
