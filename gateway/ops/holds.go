package ops

import (
	"log/slog"
	"net/http"

	"github.com/weft-gateway/weft/upstream/breaker"
)

// Hold is an order that a tenant, or what an upstream has, is served from the
// cache alone.
type Hold struct {
	Tenant   *string `json:"tenant"`   // nil: it is about an upstream
	Upstream *string `json:"upstream"` // nil: it is about a tenant
	breaker.Order
}

// Holds keeps the orders. It may be called concurrently.
type Holds interface {
	// Orders returns those that hold, in the order in which they end.
	Orders() []Hold

	// Start gives an order in the place of an earlier one; End ends it. Both
	// answer [ErrNoTenant] or [ErrNoUpstream] for what there is not, and End
	// [ErrNoOrder] for what is not held.
	Start(Hold) error
	End(Hold) error
}

// holdOrder is the body of an order.
type holdOrder struct {
	Action   string  `json:"action"`
	Tenant   *string `json:"tenant"`
	Upstream *string `json:"upstream"`
	Reason   string  `json:"reason"`
	Expires  string  `json:"expires"`
}

// holds answers the orders that hold.
func (s *Server) holds(w http.ResponseWriter, _ *http.Request) {
	orders := s.cfg.Holds.Orders()
	if orders == nil {
		orders = []Hold{}
	}
	send(w, http.StatusOK, map[string][]Hold{"orders": orders})
}

// hold starts or ends an order.
func (s *Server) hold(w http.ResponseWriter, r *http.Request, actor string, body holdOrder) {
	h, err := body.hold(actor)
	if err == nil && body.Action == "start" {
		err = s.cfg.Holds.Start(h)
	} else if err == nil {
		err = s.cfg.Holds.End(h)
	}
	if err != nil {
		refuseOrder(w, err)
		return
	}
	about := slog.String("tenant", deref(h.Tenant))
	if h.Upstream != nil {
		about = slog.String("upstream", *h.Upstream)
	}
	s.audit(r.Context(), "cache_only_"+body.Action, h.Order, about)
	s.holds(w, r)
}

// hold reads the order.
func (o holdOrder) hold(actor string) (Hold, error) {
	h := Hold{Tenant: o.Tenant, Upstream: o.Upstream}
	switch {
	case o.Action != "start" && o.Action != "end":
		return h, fieldError("action")
	case (o.Tenant == nil) == (o.Upstream == nil):
		return h, fieldError("upstream")
	}
	var err error
	h.Order, err = orderOf(actor, o.Reason, o.Expires, o.Action == "end")
	return h, err
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
