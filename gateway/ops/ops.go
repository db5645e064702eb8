// Package ops is the listener for those who run the gateway: probes, metrics,
// breakers, cache, tenants, replicas and profiles. What it answers is described
// in openapi.yaml. It belongs on a network that callers cannot reach.
//
// Reading takes no key and changes nothing: looking at a breaker leaves it as
// it was. But for probes, it is answered under known names alone. Changing something takes a key of its own, and is written to the log.
// No record of anybody is shown.
package ops

import (
	_ "embed"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/pprof"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/weft-gateway/weft/upstream/breaker"
)

//go:embed openapi.yaml
var openAPI string

// Breakers is whatever knows the breakers of the process. It may be called
// concurrently, and returns them in the same order each time.
type Breakers interface {
	Snapshots() []breaker.Snapshot
}

// Config is what a [Server] is made of. Where something is nil that has no
// meaning of its own, what would be answered from it is not there.
type Config struct {
	Breakers Breakers            // required
	Gatherer prometheus.Gatherer // of /metrics; required

	Events  Events                          // of the breakers
	Control Control                         // of the breakers by hand
	Touched func(breaker.Snapshot) []string // ids of the tenants whose sources go through a breaker; nil: not known
	Keys    func() []Key                    // those that are good now; nil: there is none
	Hosts   func() []string                 // that it is known by, as [HostName] writes them, besides those that no stranger can have; nil: none
	Fleet   *Fleet
	Cache   Cache
	Holds   Holds
	Tenants func() []Tenant
	Level   Level
	Config  func() json.RawMessage // an object: the understood configuration without its secrets

	Activity *Activity
	Explain  Explainer
	Console  http.Handler // of /console and what is below it

	Draining func() bool  // whether the process is about to end; nil: it never is
	Version  string       // of the program; "": not known
	Started  time.Time    // when the process started; zero: when New is called
	Logger   *slog.Logger // of orders and failed scrapes; nil: discarded
}

// Server is the handler of the ops listener.
type Server struct {
	cfg     Config
	routes  map[string]endpoint // path -> what is there
	streams chan struct{}       // holds a token for each that is open
	ending  chan struct{}       // closed by EndStreams
	ended   sync.Once
	orders  atomic.Uint64 // that were given so far
}

// endpoint is what a path answers: GET and HEAD, and what changes something.
// nil: the method is not allowed.
type endpoint struct{ get, post, put http.HandlerFunc }

// profiles is where net/http/pprof expects to be.
const profiles = "/debug/pprof/"

// New returns a Server.
func New(cfg Config) (*Server, error) {
	if cfg.Breakers == nil || cfg.Gatherer == nil {
		return nil, errors.New("ops: breakers and a gatherer are required")
	}
	if cfg.Draining == nil {
		cfg.Draining = func() bool { return false }
	}
	if cfg.Started.IsZero() {
		cfg.Started = time.Now()
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Keys == nil {
		cfg.Keys = func() []Key { return nil }
	}
	if cfg.Hosts == nil {
		cfg.Hosts = func() []string { return nil }
	}
	if cfg.Touched == nil {
		cfg.Touched = func(breaker.Snapshot) []string { return nil }
	}
	s := &Server{cfg: cfg, streams: make(chan struct{}, maxStreams), ending: make(chan struct{})}
	s.routes = s.table()
	return s, nil
}

// breakerPath stands for the path of a breaker, whose name is its last segment.
const breakerPath = "/breakers/{name}"

// table is all that there is.
func (s *Server) table() map[string]endpoint {
	all := map[string]endpoint{
		"/livez":             {get: s.livez},
		"/readyz":            {get: s.readyz},
		"/healthz":           {get: s.healthz},
		"/metrics":           {get: s.metrics().ServeHTTP},
		"/openapi.yaml":      {get: s.contract},
		"/breakers":          {get: s.shared(s.breakers)},
		profiles:             {get: pprof.Index},
		profiles + "cmdline": {get: pprof.Cmdline},
		profiles + "profile": {get: pprof.Profile},
		profiles + "symbol":  {get: pprof.Symbol},
		profiles + "trace":   {get: pprof.Trace},
		"/debug/pprof":       {get: http.RedirectHandler(profiles, http.StatusMovedPermanently).ServeHTTP},
	}
	add := func(there bool, path string, e endpoint) {
		if there {
			all[path] = e
		}
	}
	add(s.cfg.Events != nil, "/breakers/events", endpoint{get: s.events})
	add(s.cfg.Control != nil, breakerPath, endpoint{get: s.breaker, post: change(s, s.control)})
	add(s.cfg.Fleet != nil, "/fleet", endpoint{get: s.fleet})
	add(s.cfg.Cache != nil, "/cache", endpoint{get: s.shared(s.cache)})
	add(s.cfg.Cache != nil, "/cache/peek", endpoint{post: change(s, s.peek)})
	add(s.cfg.Cache != nil, "/cache/purge", endpoint{post: change(s, s.purge)})
	add(s.cfg.Holds != nil, "/cache-only", endpoint{get: s.holds, post: change(s, s.hold)})
	add(s.cfg.Tenants != nil, "/tenants", endpoint{get: s.shared(s.tenants)})
	add(s.cfg.Config != nil, "/config", endpoint{get: s.config})
	add(s.cfg.Level != nil, "/log-level", endpoint{get: s.level, put: change(s, s.setLevel)})
	add(s.cfg.Activity != nil, "/activity", endpoint{get: s.shared(s.activity)})
	add(s.cfg.Explain != nil, "/explain", endpoint{post: change(s, s.explain)})
	if s.cfg.Console != nil {
		all["/console"] = endpoint{get: s.cfg.Console.ServeHTTP}
	}
	return all
}

// shared lets those who ask very often share answers.
func (s *Server) shared(h http.HandlerFunc) http.HandlerFunc {
	return share(h, readEvery, s.version).ServeHTTP
}

// version is another one after each change of a breaker's state, and each order.
func (s *Server) version() uint64 {
	v := s.orders.Load()
	if s.cfg.Events != nil {
		v += s.cfg.Events.Changed()
	}
	return v
}

// find returns what is at the path of a request.
func (s *Server) find(r *http.Request) (endpoint, bool) {
	path := r.URL.Path
	e, ok := s.routes[path]
	switch {
	case ok:
	case strings.HasPrefix(path, profiles):
		e, ok = s.routes[profiles] // a profile by name
	case strings.HasPrefix(path, "/console/"):
		e, ok = s.routes["/console"]
	default:
		if name, is := breakerName(r.URL); is {
			r.SetPathValue("name", name)
			e, ok = s.routes[breakerPath]
		}
	}
	return e, ok && path != breakerPath
}

// breakerName reads the name of a breaker, which may hold a slash, percent-encoded.
func breakerName(u *url.URL) (string, bool) {
	segment, ok := strings.CutPrefix(u.EscapedPath(), "/breakers/")
	if !ok || segment == "" || strings.Contains(segment, "/") {
		return "", false
	}
	name, err := url.PathUnescape(segment)
	return name, err == nil
}

// ServeHTTP implements [http.Handler].
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("X-Frame-Options", "DENY")
	w.Header().Set("Referrer-Policy", "no-referrer")
	w.Header().Set("Cross-Origin-Resource-Policy", "same-origin")
	w.Header().Set("Cache-Control", "no-store")
	if !isProbe(r.URL.Path) && !s.answersFor(r.Host) {
		refuse(w, unknownHost)
		return
	}
	e, ok := s.find(r)
	if !ok {
		refuse(w, notFound)
		return
	}
	if h := e.of(r.Method); h != nil {
		h(w, r)
		return
	}
	w.Header().Set("Allow", e.allow())
	refuse(w, methodNotAllowed)
}

// isProbe reports whether a path is answered whatever host is named: probes name
// any, and what they are told is no secret.
func isProbe(path string) bool { return path == "/livez" || path == "/readyz" }

func (e endpoint) of(method string) http.HandlerFunc {
	switch method {
	case http.MethodGet, http.MethodHead:
		return e.get
	case http.MethodPost:
		return e.post
	case http.MethodPut:
		return e.put
	}
	return nil
}

func (e endpoint) allow() string {
	var methods []string
	for _, m := range []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut} {
		if e.of(m) != nil {
			methods = append(methods, m)
		}
	}
	return strings.Join(methods, ", ")
}

// metrics answers a scrape with what could be gathered, even if not all could.
func (s *Server) metrics() http.Handler {
	return share(promhttp.HandlerFor(s.cfg.Gatherer, promhttp.HandlerOpts{
		ErrorLog:          slog.NewLogLogger(s.cfg.Logger.Handler(), slog.LevelWarn),
		ErrorHandling:     promhttp.ContinueOnError,
		EnableOpenMetrics: true,
	}), scrapeEvery, s.version)
}

func (s *Server) contract(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/yaml")
	w.Header().Set("Content-Length", strconv.Itoa(len(openAPI)))
	_, _ = w.Write([]byte(openAPI)) // fails when the caller is gone
}

// config answers the understood configuration, which is not encoded once more.
func (s *Server) config(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, slices.Concat([]byte(`{"config":`), s.cfg.Config(), []byte{'}'}))
}

func send(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil { // a time outside the years that JSON has
		status, body = http.StatusInternalServerError, []byte(`{"error":"Something went wrong in the gateway","code":"internal"}`)
	}
	answer(w, status, body)
}

// answer says how long the body is: in pieces it would take more writes.
func answer(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // fails when the caller is gone
}
