package gateway

import "net/http"

type probe struct {
	Status string `json:"status"`
}

// livez says that the process can answer at all. It asks nobody.
func livez(x *exchange, r *http.Request) error {
	sendProbe(x, r, http.StatusOK, "ok")
	return nil
}

// readyz says whether to send requests here. A dependency in trouble does not
// take the process out of service: its answers still are worth having.
func (s *Server) readyz(x *exchange, r *http.Request) error {
	switch ready, degraded := s.cfg.Ready(); {
	case !ready:
		x.Header().Set("Retry-After", "1")
		sendProbe(x, r, http.StatusServiceUnavailable, "draining")
	case len(degraded) > 0:
		sendProbe(x, r, http.StatusOK, "degraded")
	default:
		sendProbe(x, r, http.StatusOK, "ready")
	}
	return nil
}

func sendProbe(x *exchange, r *http.Request, status int, word string) {
	x.Header().Set("Cache-Control", "no-store")
	sendJSON(x, r, status, probe{word})
}
