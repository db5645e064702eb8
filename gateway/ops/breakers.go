package ops

import (
	"log/slog"
	"net/http"
	"slices"

	"github.com/weft-gateway/weft/upstream/breaker"
)

// Control finds the breaker that an order is for; nil: there is none.
type Control interface {
	Breaker(name string) *breaker.Breaker
}

// breakerView is a breaker as it is shown.
type breakerView struct {
	breaker.Snapshot
	Tenants []string `json:"tenants"`
}

func (s *Server) view(b breaker.Snapshot) breakerView {
	v := breakerView{Snapshot: b, Tenants: s.cfg.Touched(b)}
	if v.Tenants == nil {
		v.Tenants = []string{}
	}
	return v
}

// breakers answers what all breakers look like now.
func (s *Server) breakers(w http.ResponseWriter, _ *http.Request) {
	views := []breakerView{}
	for _, b := range s.cfg.Breakers.Snapshots() {
		views = append(views, s.view(b))
	}
	send(w, http.StatusOK, map[string][]breakerView{"breakers": views})
}

// breaker answers one breaker with its history.
func (s *Server) breaker(w http.ResponseWriter, r *http.Request) {
	b := s.cfg.Control.Breaker(r.PathValue("name"))
	if b == nil {
		refuse(w, breakerNotFound)
		return
	}
	events := []breaker.Transition{}
	if s.cfg.Events != nil {
		events = append(events, s.cfg.Events.Transitions()...)
		events = slices.DeleteFunc(events, func(t breaker.Transition) bool { return t.Breaker != b.Name() })
	}
	send(w, http.StatusOK, struct {
		Breaker breakerView          `json:"breaker"`
		Events  []breaker.Transition `json:"events"`
	}{s.view(b.Snapshot()), events})
}

// breakerOrder is the body of an order for a breaker.
type breakerOrder struct {
	Action  string `json:"action"`
	Reason  string `json:"reason"`
	Expires string `json:"expires"`
}

// control forces or resets a breaker.
func (s *Server) control(w http.ResponseWriter, r *http.Request, actor string, body breakerOrder) {
	b := s.cfg.Control.Breaker(r.PathValue("name"))
	if b == nil {
		refuse(w, breakerNotFound)
		return
	}
	states := map[string]breaker.State{"force_open": breaker.ForcedOpen, "force_closed": breaker.ForcedClosed, "reset": breaker.Closed}
	state, known := states[body.Action]
	if !known {
		refuseField(w, invalidBody, "action")
		return
	}
	o, err := orderOf(actor, body.Reason, body.Expires, state == breaker.Closed)
	if err == nil && state != breaker.Closed {
		err = b.Force(state, o)
	}
	if err != nil {
		refuseOrder(w, err)
		return
	}
	if state == breaker.Closed {
		b.Reset(o.By, o.Reason)
	}
	s.audit(r.Context(), body.Action, o, slog.String("breaker", b.Name()))
	send(w, http.StatusOK, s.view(b.Snapshot()))
}
