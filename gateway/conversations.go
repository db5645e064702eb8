package gateway

import (
	"context"
	"net/http"
	"strings"

	"github.com/weft-gateway/weft/enrich"
	"github.com/weft-gateway/weft/gateway/auth"
)

// conversation reads one conversation. Parameters are judged before the id, so
// that a malformed id cannot be told from an unknown one.
func (s *Server) conversation(ctx context.Context, t *enrich.Tenant, who auth.Principal, r *http.Request) (*enrich.Document, error) {
	req, err := parseRead(r.URL.RawQuery)
	if err != nil {
		return nil, err
	}
	req.ID = strings.TrimPrefix(r.URL.Path, conversationsPath+"/")
	if !wordy(req.ID) {
		return nil, codeConversationNotFound
	}
	req.Workspaces, req.Costs = who.Workspaces, who.Has(auth.ScopeCosts)
	return s.cfg.Enricher.Conversation(ctx, t, req)
}

// list reads one page of conversations.
func (s *Server) list(ctx context.Context, t *enrich.Tenant, who auth.Principal, r *http.Request) (*enrich.Document, error) {
	req, err := parseList(r.URL.RawQuery)
	if err != nil {
		return nil, err
	}
	req.Workspaces, req.Costs = who.Workspaces, who.Has(auth.ScopeCosts)
	return s.cfg.Enricher.List(ctx, t, req)
}
