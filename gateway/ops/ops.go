// Package ops is the listener for those who run the gateway: probes, metrics,
// breakers and profiles. It has no authentication and belongs on a network
// that callers cannot reach.
//
// Nothing here reads a caller's data or changes anything: looking at a breaker
// leaves it as it was.
package ops

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/pprof"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/weft-gateway/weft/upstream/breaker"
)

// Breakers is whatever knows the breakers of the process. It may be called
// concurrently, and returns them in the same order each time.
type Breakers interface {
	Snapshots() []breaker.Snapshot
}

// Config is what a [Server] is made of.
type Config struct {
	Breakers Breakers            // required
	Gatherer prometheus.Gatherer // of /metrics; required

	Draining func() bool  // whether the process is about to end; nil: it never is
	Version  string       // of the program; "": not known
	Started  time.Time    // when the process started; zero: when New is called
	Logger   *slog.Logger // of failed scrapes; nil: discarded
}

// Server is the handler of the ops listener.
type Server struct {
	cfg    Config
	routes map[string]http.Handler // path -> handler
}

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
	s := &Server{cfg: cfg}
	s.routes = map[string]http.Handler{
		"/livez":             http.HandlerFunc(s.livez),
		"/readyz":            http.HandlerFunc(s.readyz),
		"/healthz":           http.HandlerFunc(s.healthz),
		"/metrics":           s.metrics(),
		"/breakers":          http.HandlerFunc(s.breakers),
		profiles:             http.HandlerFunc(pprof.Index),
		profiles + "cmdline": http.HandlerFunc(pprof.Cmdline),
		profiles + "profile": http.HandlerFunc(pprof.Profile),
		profiles + "symbol":  http.HandlerFunc(pprof.Symbol),
		profiles + "trace":   http.HandlerFunc(pprof.Trace),
		"/debug/pprof":       http.RedirectHandler(profiles, http.StatusMovedPermanently),
	}
	return s, nil
}

// ServeHTTP implements [http.Handler].
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("X-Frame-Options", "DENY")
	w.Header().Set("Referrer-Policy", "no-referrer")
	w.Header().Set("Cross-Origin-Resource-Policy", "same-origin")
	w.Header().Set("Cache-Control", "no-store")
	h := s.routes[r.URL.Path]
	if h == nil && strings.HasPrefix(r.URL.Path, profiles) {
		h = s.routes[profiles] // a profile by name
	}
	switch {
	case h == nil:
		refuse(w, http.StatusNotFound, "not_found", "There is nothing here")
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		w.Header().Set("Allow", "GET, HEAD")
		refuse(w, http.StatusMethodNotAllowed, "method_not_allowed", "The method is not allowed here")
	default:
		h.ServeHTTP(w, r)
	}
}

// metrics answers a scrape with what could be gathered, even if not all could.
func (s *Server) metrics() http.Handler {
	return promhttp.HandlerFor(s.cfg.Gatherer, promhttp.HandlerOpts{
		ErrorLog:            slog.NewLogLogger(s.cfg.Logger.Handler(), slog.LevelWarn),
		ErrorHandling:       promhttp.ContinueOnError,
		MaxRequestsInFlight: 4,
		EnableOpenMetrics:   true,
	})
}

// breakers answers what all breakers look like now.
func (s *Server) breakers(w http.ResponseWriter, _ *http.Request) {
	snaps := s.cfg.Breakers.Snapshots()
	if snaps == nil {
		snaps = []breaker.Snapshot{}
	}
	send(w, http.StatusOK, map[string][]breaker.Snapshot{"breakers": snaps})
}

// refuse answers an error in the same form as the public listener.
func refuse(w http.ResponseWriter, status int, code, text string) {
	send(w, status, struct {
		Error string `json:"error"`
		Code  string `json:"code"`
	}{text, code})
}

func send(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil { // a time outside the years that JSON has
		status, body = http.StatusInternalServerError, []byte(`{"error":"Something went wrong in the gateway","code":"internal"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(body) // fails when the caller is gone
}
