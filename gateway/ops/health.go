package ops

import (
	"net/http"
	"time"

	"github.com/weft-gateway/weft/upstream/breaker"
)

// The words of /healthz.
const (
	pass = "pass"
	warn = "warn" // something behind the gateway is in trouble; answers go on
	fail = "fail" // send requests elsewhere
	off  = "off"  // not configured
)

// redis is the upstream of the breakers before the cache's shared tier.
const redis = "redis"

// health is the body of /healthz.
type health struct {
	Status        string       `json:"status"`
	Version       string       `json:"version"`
	UptimeSeconds int64        `json:"uptimeSeconds"`
	Draining      bool         `json:"draining"`
	Redis         string       `json:"redis"`
	Dependencies  []dependency `json:"dependencies"`
}

// dependency is an operation of an upstream, as its breaker sees it.
type dependency struct {
	Name      string        `json:"name"`
	Upstream  string        `json:"upstream"`
	Operation string        `json:"operation"`
	Status    string        `json:"status"`
	State     breaker.State `json:"state"`
	Since     time.Time     `json:"since"`
	Reason    string        `json:"reason"`
}

// Ready reports whether requests should be sent here, and the names of the
// breakers that keep calls from their upstreams. A breaker does not make the
// process unready: what it still can answer, no other replica answers better.
func (s *Server) Ready() (ready bool, degraded []string) {
	for _, b := range s.cfg.Breakers.Snapshots() {
		if statusOf(b.State) != pass {
			degraded = append(degraded, b.Name)
		}
	}
	return !s.cfg.Draining(), degraded
}

// statusOf: a breaker that is forced closed lets all calls through.
func statusOf(state breaker.State) string {
	if state == breaker.Closed || state == breaker.ForcedClosed {
		return pass
	}
	return warn
}

func (s *Server) livez(w http.ResponseWriter, _ *http.Request) {
	send(w, http.StatusOK, map[string]string{"status": "ok"})
}

func (s *Server) readyz(w http.ResponseWriter, _ *http.Request) {
	switch ready, degraded := s.Ready(); {
	case !ready:
		send(w, http.StatusServiceUnavailable, map[string]string{"status": "draining"})
	case len(degraded) > 0:
		send(w, http.StatusOK, map[string]string{"status": "degraded"})
	default:
		send(w, http.StatusOK, map[string]string{"status": "ready"})
	}
}

// healthz answers for people, with the detail that probes do not need.
func (s *Server) healthz(w http.ResponseWriter, _ *http.Request) {
	h := health{
		Status:        pass,
		Version:       s.cfg.Version,
		UptimeSeconds: int64(time.Since(s.cfg.Started).Seconds()),
		Draining:      s.cfg.Draining(),
		Redis:         off,
		Dependencies:  []dependency{},
	}
	for _, b := range s.cfg.Breakers.Snapshots() {
		d := dependency{b.Name, b.Upstream, b.Operation, statusOf(b.State), b.State, b.Since, b.Reason}
		h.Dependencies = append(h.Dependencies, d)
		if d.Status != pass {
			h.Status = warn
		}
		if b.Upstream == redis && h.Redis != warn {
			h.Redis = d.Status
		}
	}
	status := http.StatusOK
	if h.Draining {
		h.Status, status = fail, http.StatusServiceUnavailable
	}
	send(w, status, h)
}
