package gateway

import (
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"runtime/debug"
	"time"
)

// statusGone is told of a request whose caller hung up. It is never sent.
const statusGone = 499

// finish ends the exchange, whatever happened in it: a panic is answered as an
// internal error, and every request is counted and logged once.
func (s *Server) finish(x *exchange, r *http.Request) {
	if p := recover(); p != nil {
		x.cause, x.stack = panicError(p), debug.Stack()
		s.crashed(x, r)
	}
	if x.counted {
		s.load.requests.Add(-1)
	}
	took := time.Since(x.start)
	status := x.status
	if x.cut && status == 0 {
		status = statusGone
	}
	s.cfg.Observe(x.route, method(r), status, took)
	if x.who.TenantID != "" {
		s.cfg.Tally(x.who.TenantID, status)
	}
	s.record(x, r, status, took)
	if x.span != nil {
		x.span.End(x.who.TenantID, x.route, method(r), status)
	}
	if x.cut {
		// Else net/http would end a connection that is only half gone with an empty 200.
		panic(http.ErrAbortHandler)
	}
}

// panicError is a panic for the log. The value of one that is not the runtime's
// could be anything, a caller's data too, so only its type is told.
func panicError(p any) error {
	if err, ok := p.(runtime.Error); ok {
		return fmt.Errorf("panic: %w", err)
	}
	return fmt.Errorf("panic with a %T", p)
}

// crashed answers for an endpoint that cannot any more. An answer that has
// begun is cut, so that nobody takes it for a whole one.
func (s *Server) crashed(x *exchange, r *http.Request) {
	if x.status != 0 {
		x.cut, x.code = true, codeInternal
		return
	}
	s.fail(x, r, x.cause)
}

// record writes the request's one line in the log. It holds no path, query,
// header or body.
func (s *Server) record(x *exchange, r *http.Request, status int, took time.Duration) {
	level := levelOf(x, status)
	if every := uint64(s.cfg.Access); every > 0 && status < http.StatusBadRequest && x.who.TenantID != "" && s.quiet.Add(1)%every == 0 {
		level = slog.LevelInfo
	}
	if !s.log.Enabled(r.Context(), level) {
		return
	}
	attrs := make([]slog.Attr, 0, 11)
	attrs = append(attrs,
		slog.String("request_id", x.id), slog.String("method", method(r)), slog.String("route", x.route),
		slog.Int("status", status), slog.Float64("took_ms", float64(took.Microseconds())/1000))
	if x.span != nil {
		attrs = append(attrs, slog.String("trace_id", x.span.ID()))
	}
	if x.code != "" {
		attrs = append(attrs, slog.String("code", string(x.code)))
	}
	if x.who.TenantID != "" {
		attrs = append(attrs, slog.String("tenant", x.who.TenantID), slog.String("key", x.who.KeyID))
	}
	if level >= slog.LevelWarn && x.cause != nil {
		attrs = append(attrs, slog.Any("cause", x.cause))
	}
	if x.stack != nil {
		attrs = append(attrs, slog.String("stack", string(x.stack)))
	}
	s.log.LogAttrs(r.Context(), level, "request", attrs...)
}

// levelOf: our faults are errors, those behind us warnings, the caller's
// information. What a limit refuses comes in floods, and is counted.
func levelOf(x *exchange, status int) slog.Level {
	switch {
	case x.code == codeInternal || x.stack != nil:
		return slog.LevelError
	case x.code == codeOverloaded:
		return slog.LevelDebug
	case status >= http.StatusInternalServerError:
		return slog.LevelWarn
	case status >= http.StatusBadRequest && status != statusGone && status != http.StatusTooManyRequests:
		return slog.LevelInfo
	}
	return slog.LevelDebug
}

// method names the methods that there are, and no others: it becomes a label.
func method(r *http.Request) string {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodDelete, http.MethodOptions:
		return r.Method
	}
	return "OTHER"
}
