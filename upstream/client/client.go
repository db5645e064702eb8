package client

import (
	"context"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/weft-gateway/weft/upstream"
)

// Client is one tenant's access to a [Host]. Its methods may be called
// concurrently.
type Client struct {
	host   *Host
	auth   *string // the Authorization header; behind a pointer, so that no %v prints it
	line   line
	gate   gate
	closed atomic.Bool
}

// Client returns a client that sends token as a bearer token, "" sends none,
// and has half of the host's calls at once.
func (h *Host) Client(token string) *Client { return h.ClientWithShare(token, 0) }

// ClientWithShare is Client with at most share calls at once; 0: half of the
// host's, and at least one.
func (h *Host) ClientWithShare(token string, share int) *Client {
	if share <= 0 {
		share = max(h.places.most()/2, 1)
	}
	c := &Client{host: h, line: line{share: share}}
	if token != "" {
		auth := "Bearer " + token
		c.auth = &auth
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.clients = append(h.clients, c)
	return c
}

// Call is one GET.
type Call struct {
	Op upstream.Op

	// Path is the segments below the root. Each arrives as one segment,
	// whatever it holds; "", "." and ".." cannot, and are not found.
	Path  []string
	Query url.Values

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
	err := c.get(ctx, call)
	if err != nil {
		failure := explain(err)
		failure.Source, failure.Op = c.host.cfg.Name, call.Op
		err, outcome = failure, string(failure.Kind)
	}
	c.host.cfg.Observe(call.Op, outcome, time.Since(start))
	return err
}

func (c *Client) get(ctx context.Context, call Call) error {
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
	if c.auth != nil && strings.ContainsFunc(*c.auth, control) {
		return failure(upstream.Denied, "the token holds a control character")
	}
	if wait := c.gate.wait(); wait > 0 {
		return &upstream.Error{Kind: upstream.RateLimited, RetryAfter: wait}
	}
	// Half a deadline for a place: who waited longer would have no time left
	// for the call, and make it for nothing.
	if err := c.host.places.take(ctx, &c.line, c.host.way.Load().deadline/2); err != nil {
		return err
	}
	defer c.host.places.give(&c.line)
	err := guard.Do(ctx, func(ctx context.Context) error { return c.try(ctx, guard, target, call.Decode) })
	c.host.past[call.Op].note(c, call, err)
	return err
}

// Tripped is [Host.Tripped].
func (c *Client) Tripped(op upstream.Op) (bool, time.Duration) { return c.host.Tripped(op) }

// Limited returns how long the tenant's quota keeps its calls back; 0: not at
// all. Asking changes nothing.
func (c *Client) Limited() time.Duration { return c.gate.wait() }

func control(r rune) bool { return r < ' ' || r == 0x7f }
