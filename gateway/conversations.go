package gateway

import (
	"context"
	"net/http"
	"strings"

	"github.com/weft-gateway/weft/enrich"
	"github.com/weft-gateway/weft/gateway/auth"
)

// conversation answers one conversation.
func (s *Server) conversation(x *exchange, r *http.Request) error {
	t, err := s.tenant(x)
	if err != nil {
		return err
	}
	doc, err := s.inSlot(t, func() (*enrich.Document, error) { return s.read(t, x.who, r) })
	if err != nil {
		return err
	}
	s.show(x, r, actionRead, doc)
	return nil
}

// read returns a conversation: as it is kept, which takes no time that would
// need a bound, or else as it is asked for.
func (s *Server) read(t *enrich.Tenant, who auth.Principal, r *http.Request) (*enrich.Document, error) {
	req, err := readRequest(who, r)
	if err != nil {
		return nil, err
	}
	if doc := s.cfg.Enricher.Kept(t, req); doc != nil {
		return doc, nil
	}
	return s.inTime(r, func(ctx context.Context) (*enrich.Document, error) { return s.cfg.Enricher.Conversation(ctx, t, req) })
}

// readRequest reads what is asked for. Parameters are judged before the id, so
// that a malformed id cannot be told from an unknown one.
func readRequest(who auth.Principal, r *http.Request) (enrich.Request, error) {
	req, err := parseRead(r.URL.RawQuery)
	if err != nil {
		return req, err
	}
	req.ID = strings.TrimPrefix(r.URL.Path, conversationsPath+"/")
	if !wordy(req.ID) {
		return req, codeConversationNotFound
	}
	req.Workspaces, req.Costs = who.Workspaces, who.Has(auth.ScopeCosts)
	return req, nil
}

// list answers one page of conversations.
func (s *Server) list(x *exchange, r *http.Request) error {
	t, err := s.tenant(x)
	if err != nil {
		return err
	}
	doc, err := s.ask(t, r, func(ctx context.Context) (*enrich.Document, error) {
		req, err := parseList(r.URL.RawQuery)
		if err != nil {
			return nil, err
		}
		req.Workspaces, req.Costs = x.who.Workspaces, x.who.Has(auth.ScopeCosts)
		return s.cfg.Enricher.List(ctx, t, req)
	})
	if err != nil {
		return err
	}
	s.show(x, r, actionList, doc)
	return nil
}
