// Package client is the one HTTP client under all connectors.
//
// A [Host] is the root URL of a service: its connections, its cap on calls at
// once and a circuit breaker for each operation, which all tenants share. A
// [Client] is one tenant's credential on a Host, with a share of the calls at
// once, and with the gate that closes for that tenant alone when its quota is
// used up.
//
// A call goes through, in this order: the gate, the cap, the breaker with the
// deadline, the request, the bounded read, the status, and the connector's own
// decoding, which is inside the breaker so that rubbish counts as a failure.
// All errors are [*upstream.Error].
package client

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weft-gateway/weft/upstream"
	"github.com/weft-gateway/weft/upstream/breaker"
)

// HostConfig configures a [Host].
type HostConfig struct {
	Name       string        // names the source in errors; breakers are called Name-operation; required
	URL        string        // the service's root, http or https; a path is kept as a prefix; required
	Deadline   time.Duration // of each call; three quarters of it are slow, which the breaker counts as failed; required
	InFlight   int           // calls at once, shared by the clients; 0: 64
	MaxBody    int64         // bytes of an answer after decompression, at most 1 GiB; 0: 4 MiB
	Operations []upstream.Op // what may be called; each gets a breaker at once; required
	Breakers   *breaker.Set  // where the breakers are registered; nil: nowhere

	// Transport makes the calls. nil: one of [NewTransport].
	Transport http.RoundTripper

	// AllowAddresses are connected to although [Addressable] would refuse
	// them. It has no effect on a Transport that is given.
	AllowAddresses []netip.Prefix

	// Observe is told of each call: "ok", "not_found" or the kind of failure.
	// nil: nobody is.
	Observe func(op upstream.Op, outcome string, took time.Duration)

	// Trace is told of each call as it begins. It returns the context to make it
	// in, and what is told how often it was made and how it ended, or nil. nil:
	// nobody is told.
	Trace func(ctx context.Context, op upstream.Op) (along context.Context, end func(tries int, err error))

	// Propagate adds to the header of each request what the source is to know
	// of the trace that it is part of. nil: nothing.
	Propagate func(ctx context.Context, header http.Header)

	// Manners are the vendor's own ways to speak of quotas and refusals.
	Manners Manners

	// NoRetry leaves out the second try of a call that failed in passing.
	NoRetry bool

	UserAgent string       // "": weft
	Logger    *slog.Logger // nil: silent
}

// Host is a service that is called. Its methods may be called concurrently.
type Host struct {
	cfg      HostConfig
	root     *url.URL
	prefix   string // the root's path as it is sent, without a slash at its end
	way      atomic.Pointer[way]
	breakers map[upstream.Op]*breaker.Breaker
	past     map[upstream.Op]*past // what the breakers are probed with
	places   places
	budget   budget
	buffers  buffers
	hold     hold

	mu      sync.Mutex
	clients []*Client // guarded by mu
}

// NewHost returns a host. No call is made.
func NewHost(cfg HostConfig) (*Host, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	root, err := parseRoot(cfg.URL)
	if err != nil {
		return nil, fmt.Errorf("client %s: %w", cfg.Name, err)
	}
	h := &Host{
		cfg:      cfg,
		root:     root,
		prefix:   strings.TrimRight(root.EscapedPath(), "/"),
		breakers: make(map[upstream.Op]*breaker.Breaker, len(cfg.Operations)),
		past:     make(map[upstream.Op]*past, len(cfg.Operations)),
		places:   places{size: cfg.InFlight, free: cfg.InFlight},
	}
	transport := cfg.Transport
	if transport == nil {
		transport = NewTransport(cfg.InFlight, cfg.Deadline, cfg.AllowAddresses)
	}
	h.way.Store(&way{transport: transport, deadline: cfg.Deadline, noRetry: cfg.NoRetry})
	h.budget.fifths.Store(firstBudget)
	for _, op := range cfg.Operations {
		h.past[op] = new(past)
		nudge := func(ctx context.Context) { h.nudge(ctx, op) }
		b, err := newBreaker(cfg, root, op, nudge)
		if err != nil {
			h.Close()
			return nil, err
		}
		h.breakers[op] = b
	}
	return h, nil
}

func (c HostConfig) withDefaults() HostConfig {
	if c.InFlight == 0 {
		c.InFlight = 64
	}
	if c.MaxBody == 0 {
		c.MaxBody = 4 << 20
	}
	if c.UserAgent == "" {
		c.UserAgent = "weft"
	}
	if c.Observe == nil {
		c.Observe = func(upstream.Op, string, time.Duration) {}
	}
	return c
}

func (c HostConfig) validate() error {
	problem := ""
	switch {
	case c.Name == "":
		problem = "no name"
	case c.Deadline <= 0:
		problem = "the deadline must be above zero"
	case c.InFlight < 0 || c.MaxBody < 0 || c.MaxBody > 1<<30:
		problem = "a limit is out of range"
	case len(c.Operations) == 0:
		problem = "no operations"
	default:
		return nil
	}
	return fmt.Errorf("client %s: %s", c.Name, problem)
}

// parseRoot reads the root URL. No error quotes it: it may hold a password.
func parseRoot(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return nil, errors.New("the URL is not valid")
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, errors.New("the URL must begin with http:// or https://")
	case u.Hostname() == "":
		return nil, errors.New("the URL has no host")
	case u.User != nil:
		return nil, errors.New("the URL must not hold credentials")
	case strings.ContainsAny(raw, "?#"):
		return nil, errors.New("the URL must have neither query nor fragment")
	}
	return u, nil
}

// Close ends the host's breakers, and closes its connections as they become
// idle: calls that are under way go on.
func (h *Host) Close() {
	for _, b := range h.breakers {
		b.Close()
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.way.Load().retire()
}

// Tripped reports whether the breaker of op is not closed, and how long it is
// until the next probe, 0 if one is due. Asking changes nothing.
func (h *Host) Tripped(op upstream.Op) (bool, time.Duration) {
	b := h.breakers[op]
	if b == nil {
		return false, 0
	}
	return b.Tripped(), b.RetryAfter()
}

// InFlight returns how many calls are out, which is at most HostConfig.InFlight.
func (h *Host) InFlight() int { return h.places.taken() }

// Retries returns how many calls got a second try, and how many did not
// because the budget was used up.
func (h *Host) Retries() (made, refused uint64) {
	return h.budget.made.Load(), h.budget.refused.Load()
}

// GatesClosed returns how many clients keep their calls back, since their
// quota is used up.
func (h *Host) GatesClosed() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := 0
	for _, c := range h.clients {
		if c.gate.wait() > 0 {
			n++
		}
	}
	return n
}
