package client

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/weft-gateway/weft/upstream"
	"github.com/weft-gateway/weft/upstream/breaker"
)

// Client is one tenant's access to a [Host]. Its methods may be called
// concurrently.
type Client struct {
	host   *Host
	access access
	header func() http.Header // of all requests, with a token that does not end; behind a function, so that no %s shows it
	line   line
	gate   gate
	hold   hold
	closed atomic.Bool
}

// Client returns a client that sends token as a bearer token, "" sends none,
// and has half of the host's calls at once.
func (h *Host) Client(token string) *Client { return h.ClientWithShare(token, 0) }

// ClientWithShare is Client with at most share calls at once; 0: half of the
// host's, and at least one.
func (h *Host) ClientWithShare(token string, share int) *Client {
	return h.ClientWith(Access{Token: token}, share)
}

// ClientWith is ClientWithShare for any way to be let in.
func (h *Host) ClientWith(a Access, share int) *Client {
	if share <= 0 {
		share = max(h.places.most()/2, 1)
	}
	c := &Client{host: h, access: newAccess(a), line: line{share: share}}
	header := http.Header{"Accept": {"application/json"}, "User-Agent": {h.cfg.UserAgent}}
	maps.Copy(header, h.cfg.Manners.Header)
	if c.access.value != nil {
		header[c.access.field] = []string{*c.access.value}
	}
	c.header = func() http.Header { return header }
	h.mu.Lock()
	defer h.mu.Unlock()
	h.clients = append(h.clients, c)
	return c
}

// Call is one read: a GET, or a POST for what an address has no room for.
type Call struct {
	Op upstream.Op

	// Path is the segments below the root. Each arrives as one segment,
	// whatever it holds; "", "." and ".." cannot, and are not found.
	Path  []string
	Query url.Values

	Post     []byte // what a POST sends; nil: a GET
	PostType string // its media type; "": application/json

	// Once is for a call that changes something: it is never made again, be it
	// as a second try or as a probe.
	Once bool

	// Decode reads the answer. An error that is an [upstream.Kind] or an
	// [*upstream.Error] keeps its kind, any other is a bad response; its text
	// must not quote the body. It may be called again, for a second try, and
	// still run or run anew when Get has returned, so what it writes must not
	// be read without care. nil: the answer is not looked at but for Reply.Err.
	Decode func(Reply) error
}

// Get makes a call. The error is nil or an [*upstream.Error].
func (c *Client) Get(ctx context.Context, call Call) error {
	start, outcome := time.Now(), "ok"
	var t traced
	if trace := c.host.cfg.Trace; trace != nil {
		ctx, t = tracing(ctx, trace, call.Op)
	}
	err := c.get(ctx, call, t.tries)
	if err != nil {
		failure := explain(err)
		failure.Source, failure.Op = c.host.cfg.Name, call.Op
		err, outcome = failure, string(failure.Kind)
	}
	c.host.cfg.Observe(call.Op, outcome, time.Since(start))
	t.over(err)
	return err
}

func (c *Client) get(ctx context.Context, call Call, tries *atomic.Int32) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	guard := c.host.breakers[call.Op]
	if guard == nil {
		return failure(upstream.UpstreamError, "the host has no such operation")
	}
	target, ok := c.host.target(call.Path, call.Query)
	if !ok {
		return upstream.NotFound
	}
	if wait := c.Held(); wait > 0 {
		return &upstream.Error{Kind: upstream.BreakerOpen, RetryAfter: min(wait, holdRetry)}
	}
	if wait := c.gate.wait(); wait > 0 {
		return &upstream.Error{Kind: upstream.RateLimited, RetryAfter: wait}
	}
	pass, err := c.pass(ctx, "")
	if err != nil {
		return err
	}
	err = c.make(ctx, guard, errand{call: call, target: target, pass: pass, tries: tries})
	if c.access.tokens == nil || !unauthorized(err) {
		return err
	}
	// The token has ended before its time: once more, with another.
	if pass, err = c.pass(ctx, pass.token); err != nil {
		return err
	}
	return c.make(ctx, guard, errand{call: call, target: target, pass: pass, tries: tries})
}

// make makes a call when there is a place for it.
func (c *Client) make(ctx context.Context, guard *breaker.Breaker, e errand) error {
	// Half a deadline for a place: who waited longer would have no time left
	// for the call, and make it for nothing.
	if err := c.host.places.take(ctx, &c.line, c.host.way.Load().deadline/2); err != nil {
		return err
	}
	defer c.host.places.give(&c.line)
	way := c.host.way.Load()
	try := func(ctx context.Context) error { return c.try(ctx, guard, way, e) }
	var err error
	if way.heeds() {
		err = guard.DoInPlace(ctx, try)
	} else {
		err = guard.Do(ctx, try)
	}
	if !e.call.Once {
		c.host.past[e.call.Op].note(c, e.call, err)
	}
	return err
}

// Tripped is [Host.Tripped], but that calls are also kept back by an order.
func (c *Client) Tripped(op upstream.Op) (bool, time.Duration) {
	if wait := c.Held(); wait > 0 {
		return true, min(wait, holdRetry)
	}
	return c.host.Tripped(op)
}

// Limited returns how long the tenant's quota keeps its calls back; 0: not at
// all. Asking changes nothing.
func (c *Client) Limited() time.Duration { return c.gate.wait() }
