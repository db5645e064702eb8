package gateway

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/weft-gateway/weft/enrich"
	"github.com/weft-gateway/weft/gateway/auth"
)

// guard lets nobody without a credential learn anything of what is below /api.
// OPTIONS says the same to everyone, and browsers ask it without one.
func (s *Server) guard(x *exchange, r *http.Request) error {
	if r.URL.Path != "/api" && !strings.HasPrefix(r.URL.Path, "/api/") {
		return nil
	}
	x.Header().Set("Vary", "Authorization, Origin, Accept-Encoding")
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

// read asks for one document. The tenant is the credential's: nothing else in
// the request has a say in it.
type read func(ctx context.Context, t *enrich.Tenant, who auth.Principal, r *http.Request) (*enrich.Document, error)

// reads is the endpoint that answers a document.
func (s *Server) reads(a action, f read) endpoint {
	return func(x *exchange, r *http.Request) error {
		t, err := s.tenant(x)
		if err != nil {
			return err
		}
		doc, err := s.ask(t, r, func(ctx context.Context) (*enrich.Document, error) { return f(ctx, t, x.who, r) })
		if err != nil {
			return err
		}
		sendDocument(x, r, doc)
		s.cfg.Audit.note(x, r, a, doc.Shown)
		return nil
	}
}

// tenant is whose data the caller may ask for.
func (s *Server) tenant(x *exchange) (*enrich.Tenant, error) {
	t := s.cfg.Tenants[x.who.TenantID]
	if t == nil {
		return nil, fmt.Errorf("gateway: key %q is of an unknown tenant %q", x.who.KeyID, x.who.TenantID)
	}
	return t, nil
}

// ask bounds the asking in number and time. The slot is free again before the
// answer is sent: a slow reader holds memory, not a slot. What a tenant has
// too much takes no place from the others.
func (s *Server) ask(t *enrich.Tenant, r *http.Request, f func(context.Context) (*enrich.Document, error)) (*enrich.Document, error) {
	own := s.slots[t.ID]
	defer own.leave()
	if !own.enter() {
		return nil, s.late()
	}
	defer s.load.asking.Add(-1)
	if s.load.asking.Add(1) > int64(s.cfg.InFlight) {
		return nil, s.late()
	}
	ctx, cancel := context.WithTimeout(r.Context(), s.cfg.Deadline)
	defer cancel()
	return f(ctx)
}
