package gateway

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/weft-gateway/weft/enrich"
	"github.com/weft-gateway/weft/upstream/term"
)

// guard lets nobody without a credential learn anything of what is below /api.
// OPTIONS says the same to everyone, and browsers ask it without one.
func (s *Server) guard(x *exchange, r *http.Request) error {
	if r.URL.Path != "/api" && !strings.HasPrefix(r.URL.Path, "/api/") {
		return nil
	}
	x.Header()["Vary"] = s.shared.vary
	if r.Method == http.MethodOptions {
		return nil
	}
	if !s.admitted(x) {
		return codeOverloaded
	}
	// Two headers: who would be asking depends on which one is read.
	header := r.Header["Authorization"]
	if len(header) != 1 {
		return codeUnauthorized
	}
	who, ok := s.cfg.Auth.Authenticate(header[0], x.start)
	if !ok {
		return codeUnauthorized
	}
	x.who = who
	s.origins.share(x, r)
	return s.limit(x, r)
}

// show answers a document, and has it written down who was shown it.
func (s *Server) show(x *exchange, r *http.Request, did action, doc *enrich.Document) {
	s.sendDocument(x, r, doc)
	s.cfg.Audit.note(x, r, did, doc.Shown)
	if x.span != nil {
		x.span.Document(doc.Parts)
	}
	doc.Release()
}

// tenant is whose data the caller may ask for. It is the credential's: nothing
// else in the request has a say in it.
func (s *Server) tenant(x *exchange) (*enrich.Tenant, error) {
	t := s.cfg.Tenants[x.who.TenantID]
	if t == nil {
		return nil, fmt.Errorf("gateway: key %q is of an unknown tenant %q", x.who.KeyID, x.who.TenantID)
	}
	return t, nil
}

// inSlot bounds what is done at once. The slot is free again before the answer
// is sent: a slow reader holds memory, not a slot. What a tenant has too much
// takes no place from the others.
func (s *Server) inSlot(t *enrich.Tenant, f func() (*enrich.Document, error)) (*enrich.Document, error) {
	own := s.slots[t.ID]
	defer own.leave()
	if !own.enter() {
		return nil, s.late()
	}
	defer s.load.asking.Add(-1)
	if s.load.asking.Add(1) > int64(s.cfg.InFlight) {
		return nil, s.late()
	}
	return f()
}

// ask bounds the asking in number and time.
func (s *Server) ask(t *enrich.Tenant, r *http.Request, f func(context.Context) (*enrich.Document, error)) (*enrich.Document, error) {
	return s.inSlot(t, func() (*enrich.Document, error) { return s.inTime(r, f) })
}

func (s *Server) inTime(r *http.Request, f func(context.Context) (*enrich.Document, error)) (*enrich.Document, error) {
	ctx, own := term.Within(r.Context(), time.Now().Add(s.cfg.Deadline))
	defer own.Release()
	return f(ctx)
}
