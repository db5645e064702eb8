// Package gateway is the public edge: it finds out who asks, reads what was
// asked, and says the answer in HTTP.
//
// A request passes these steps, each in a file of its own:
//
//  1. The exchange starts: request id, headers that every answer has (exchange.go, headers.go).
//  2. Below /api it is turned away while too many are under way (load.go); else the credential is checked, whatever the path is (guard.go), and
//     whether the page that asks may read the answer (cors.go).
//  3. The request is counted against the caller's rate limits (limit.go).
//  4. The route is found (routes.go).
//  5. A slot is taken, of the tenant's and of all (guard.go, limit.go).
//  6. Parameters are parsed; nothing is clamped (params.go, query.go).
//  7. The document is asked for, within a deadline (guard.go).
//  8. Document or error is sent (document.go, errors.go, respond.go).
//  9. The exchange is logged and counted (access.go).
package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/gorilla/mux"
	"github.com/klauspost/compress/gzhttp"

	"github.com/weft-gateway/weft/enrich"
	"github.com/weft-gateway/weft/gateway/auth"
)

// Enricher makes the documents. Its errors are those of the packages enrich
// and upstream; any other error is the gateway's own fault.
type Enricher interface {
	Conversation(ctx context.Context, t *enrich.Tenant, r enrich.Request) (*enrich.Document, error)
	// Kept is a Conversation that nobody has to be asked for; nil: there is none.
	Kept(t *enrich.Tenant, r enrich.Request) *enrich.Document
	List(ctx context.Context, t *enrich.Tenant, r enrich.ListRequest) (*enrich.Document, error)
	Erase(ctx context.Context, t *enrich.Tenant, contactID string) error
}

// Authenticator tells who carries an Authorization header.
type Authenticator interface {
	Authenticate(header string, now time.Time) (auth.Principal, bool)
}

// Config is what a [Server] is made of.
type Config struct {
	Enricher Enricher                  // required
	Auth     Authenticator             // required
	Tenants  map[string]*enrich.Tenant // tenant id -> tenant; required

	Deadline time.Duration // of one request to the Enricher; required
	Requests int           // requests below /api at once, more are refused before anything else; 0: 2048
	InFlight int           // of them, those to the Enricher; 0: half of Requests

	TenantInFlight map[string]int // tenant id -> the same of one tenant; 0: 256

	// Limit counts a request against the rate limits of whoever asks, and
	// reports where they stand and whether the request may pass; nil: none.
	Limit func(ctx context.Context, who auth.Principal) (quotas []Quota, ok bool)

	Origins map[string][]string // tenant id -> web pages' origins that may read its answers, as "https://inbox.example"
	HSTS    bool                // tell browsers to come back over TLS only

	OpenAPI []byte // the contract, served as it is; required
	Version string // shown on the explorer's page; "": not shown

	// Ready reports whether requests should be sent here, and which
	// dependencies are in trouble; nil: ready, none.
	Ready func() (ready bool, degraded []string)

	// Replaces is the Server of an earlier configuration, whose place this one
	// takes: what that still has under way counts here, too. nil: none.
	Replaces *Server

	Audit *Audit // writes down who was shown what; nil: nobody does. Close is the caller's

	// Observe is told of each request. The route is a template or "", the
	// method one of GET, HEAD, DELETE, OPTIONS and OTHER, the code 499 for a caller
	// that hung up; nil: nobody is told.
	Observe func(route, method string, code int, took time.Duration)

	// Tally is told of each request of a tenant, with the same code; nil: nobody is.
	Tally func(tenant string, code int)

	// Trace is told of each request as it begins. It returns the context to
	// answer it in, and what is told of the rest. nil: nobody is told.
	Trace func(ctx context.Context, header http.Header) (context.Context, Span)

	Logger *slog.Logger // nil: discarded
	Access int          // of so many answers to tenants that are no errors, one is logged as information; 0: none
}

// Span is the account that somebody keeps of one request.
type Span interface {
	ID() string                          // of the trace, for the log
	Document(parts []enrich.NamedReport) // what was answered; not to be kept
	// End is told what [Config.Observe] is, and whose the request was, "" for nobody's.
	End(tenant, route, method string, code int)
}

// Server is the handler of the public listener.
type Server struct {
	cfg     Config
	log     *slog.Logger
	router  *mux.Router
	reading http.Handler // of the route of one conversation
	listed  []Route
	faults  faults
	headers http.Header  // of every answer
	shared  sharedValues // of many
	origins origins
	packed  http.Handler // serve, behind the compressor
	load    *load
	slots   map[string]*slots // tenant id -> what it may have of load
	quiet   atomic.Uint64     // answers of which Config.Access are logged
}

// New returns a Server.
func New(cfg Config) (*Server, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	cfg.fill()
	explorer, err := newExplorer(cfg.Version)
	if err != nil {
		return nil, err
	}
	compress, err := gzhttp.NewWrapper(gzhttp.MinSize(minPacked), gzhttp.EnableZstd(true))
	if err != nil {
		return nil, fmt.Errorf("gateway: compressor: %w", err)
	}
	s := &Server{cfg: cfg, log: cfg.Logger, faults: newFaults(), headers: hardening(cfg.HSTS), shared: newSharedValues(), origins: newOrigins(cfg.Origins), load: &load{tenants: map[string]*atomic.Int64{}}}
	if before := cfg.Replaces; before != nil {
		s.load = before.load
	}
	s.slots = newSlots(cfg, s.load)
	s.cfg.Replaces = nil // else none would ever be forgotten
	s.packed = compress(http.HandlerFunc(s.serve))
	s.router = s.routes(explorer)
	if err := s.undecided(); err != nil {
		return nil, err
	}
	return s, nil
}

func (c *Config) check() error {
	switch {
	case c.Enricher == nil || c.Auth == nil:
		return errors.New("gateway: an enricher and an authenticator are required")
	case c.Deadline <= 0:
		return errors.New("gateway: a deadline is required")
	case c.Requests < 0 || c.InFlight < 0 || c.Access < 0:
		return errors.New("gateway: a negative number of requests at once, or of answers to one line in the log")
	case len(c.OpenAPI) == 0:
		return errors.New("gateway: the contract is required")
	}
	for id, t := range c.Tenants {
		if t == nil || t.ID != id {
			return fmt.Errorf("gateway: tenant %q is not the tenant of that id", id)
		}
	}
	return nil
}

func (c *Config) fill() {
	c.Tenants = maps.Clone(c.Tenants)
	if c.Requests == 0 {
		c.Requests = defaultRequests
	}
	if c.InFlight == 0 {
		c.InFlight = max(c.Requests/2, 1)
	}
	if c.Ready == nil {
		c.Ready = func() (bool, []string) { return true, nil }
	}
	if c.Tally == nil {
		c.Tally = func(string, int) {}
	}
	if c.Observe == nil {
		c.Observe = func(string, string, int, time.Duration) {}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
}

// ServeHTTP implements [http.Handler]. An answer to HEAD has no body to
// compress, and who takes no coding gets none.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodHead || len(r.Header["Accept-Encoding"]) == 0 {
		w.Header()["Vary"] = s.shared.varyPublic
		s.serve(w, r)
		return
	}
	s.packed.ServeHTTP(w, r)
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	x := newExchange(w, r)
	if s.cfg.Trace != nil {
		ctx, span := s.cfg.Trace(r.Context(), r.Header)
		r, x.span = r.WithContext(ctx), span
	}
	maps.Copy(w.Header(), s.headers)
	if len(r.TransferEncoding) > 0 {
		// Nothing here takes a body. Where one of unknown length ends, a proxy
		// may think otherwise, so that nothing behind it is a request.
		w.Header().Set("Connection", "close")
	}
	defer s.finish(x, r)
	if err := s.guard(x, r); err != nil {
		s.fail(x, r, err)
		return
	}
	s.match(r).ServeHTTP(x, r)
}
