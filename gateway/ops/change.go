package ops

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/weft-gateway/weft/upstream/breaker"
)

// What an order is about and is not there.
var (
	ErrNoTenant   = errors.New("ops: there is no such tenant")
	ErrNoUpstream = errors.New("ops: there is no such upstream")
	ErrNoOrder    = errors.New("ops: there is no such order")
)

// The bounds of what is ordered.
const (
	maxBody   = 16 << 10 // bytes
	maxReason = 200      // characters
	minOrder  = time.Second
	maxOrder  = 24 * time.Hour
)

// fieldError names the field of a body that is wrong.
type fieldError string

// Error implements error.
func (f fieldError) Error() string { return "ops: field " + string(f) }

// change guards what changes something, or shows more than figures: it takes a
// key, no page of another origin, and a body of JSON in the form of B.
func change[B any](s *Server, do func(w http.ResponseWriter, r *http.Request, actor string, body B)) http.HandlerFunc {
	var origins http.CrossOriginProtection
	return func(w http.ResponseWriter, r *http.Request) {
		if err := origins.Check(r); err != nil {
			s.cfg.Logger.Warn("an order is refused: it comes from a page of another origin", "path", routeOf(r))
			refuse(w, foreignOrigin)
			return
		}
		actor, ok := s.actor(r)
		if !ok {
			s.cfg.Logger.Warn("an order is refused: it has no good key", "path", routeOf(r))
			refuse(w, unauthorized)
			return
		}
		if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != "application/json" {
			refuse(w, notJSON)
			return
		}
		body, err := decode[B](http.MaxBytesReader(w, r.Body, maxBody))
		if err != nil {
			refuse(w, invalidBody)
			return
		}
		do(w, r, actor, body)
	}
}

// routeOf is the request's path for the log: what a caller made up is not for it.
func routeOf(r *http.Request) string {
	if r.PathValue("name") != "" {
		return breakerPath
	}
	return r.URL.Path
}

// decode reads one JSON object and nothing behind it.
func decode[B any](r io.Reader) (body B, err error) {
	dec := json.NewDecoder(r)
	dec.DisallowUnknownFields()
	if err := dec.Decode(&body); err != nil {
		return body, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return body, errors.New("ops: there is something behind the body")
	}
	return body, nil
}

// orderOf makes an order of the fields that all orders have. One that ends
// something takes no expires.
func orderOf(actor, reason, expires string, ends bool) (breaker.Order, error) {
	o := breaker.Order{By: actor, Reason: reason}
	if strings.TrimSpace(reason) == "" || utf8.RuneCountInString(reason) > maxReason || strings.ContainsFunc(reason, unseen) {
		return o, fieldError("reason")
	}
	if ends {
		if expires != "" {
			return o, fieldError("expires")
		}
		return o, nil
	}
	d, err := time.ParseDuration(expires)
	if err != nil || d < minOrder || d > maxOrder {
		return o, fieldError("expires")
	}
	o.At = time.Now().UTC().Truncate(time.Millisecond)
	o.Until = o.At.Add(d)
	return o, nil
}

// unseen reports what has no shape of its own: it could make a line of the log
// two, or be read in another order than it stands there.
func unseen(r rune) bool { return !unicode.IsGraphic(r) }

// refuseOrder answers why something is not done.
func refuseOrder(w http.ResponseWriter, err error) {
	if field, ok := errors.AsType[fieldError](err); ok {
		refuseField(w, invalidBody, string(field))
		return
	}
	switch {
	case errors.Is(err, ErrNoTenant):
		refuse(w, tenantNotFound)
	case errors.Is(err, ErrNoUpstream):
		refuse(w, upstreamNotFound)
	case errors.Is(err, ErrNoOrder):
		refuse(w, orderNotFound)
	default:
		refuse(w, cacheUnavailable)
	}
}

// audit writes down what somebody changed.
func (s *Server) audit(ctx context.Context, what string, o breaker.Order, attrs ...slog.Attr) {
	all := []slog.Attr{slog.String("order", what), slog.String("actor", o.By), slog.String("reason", o.Reason)}
	if !o.Until.IsZero() {
		all = append(all, slog.Time("until", o.Until))
	}
	s.orders.Add(1)
	s.cfg.Logger.LogAttrs(ctx, slog.LevelWarn, "changed by hand", append(all, attrs...)...)
}
