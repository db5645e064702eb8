package ops

import (
	"log/slog"
	"net/http"
	"strings"

	"github.com/weft-gateway/weft/upstream/breaker"
)

// Level is how much is logged. It may be called concurrently.
type Level interface {
	// Levels returns the level that holds, the configured one, and the order
	// that makes the difference; nil: none does.
	Levels() (now, configured slog.Level, order *breaker.Order)

	// Order makes another level hold until the order ends.
	Order(slog.Level, breaker.Order)
}

// levelOrder is the body of an order.
type levelOrder struct {
	Level   string `json:"level"`
	Reason  string `json:"reason"`
	Expires string `json:"expires"`
}

// level answers how much is logged.
func (s *Server) level(w http.ResponseWriter, _ *http.Request) {
	now, configured, order := s.cfg.Level.Levels()
	send(w, http.StatusOK, struct {
		Level      string         `json:"level"`
		Configured string         `json:"configured"`
		Forced     *breaker.Order `json:"forced"`
	}{word(now), word(configured), order})
}

func (s *Server) setLevel(w http.ResponseWriter, r *http.Request, actor string, body levelOrder) {
	levels := map[string]slog.Level{}
	for _, l := range []slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError} {
		levels[word(l)] = l
	}
	level, known := levels[body.Level]
	if !known {
		refuseField(w, invalidBody, "level")
		return
	}
	o, err := orderOf(actor, body.Reason, body.Expires, false)
	if err != nil {
		refuseOrder(w, err)
		return
	}
	s.audit(r.Context(), "log_level", o, slog.String("level", body.Level)) // before it may be too low for that
	s.cfg.Level.Order(level, o)
	s.level(w, r)
}

// word is a level as the configuration has it.
func word(l slog.Level) string { return strings.ToLower(l.String()) }
