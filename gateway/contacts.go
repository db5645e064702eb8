package gateway

import (
	"context"
	"net/http"
	"strings"

	"github.com/weft-gateway/weft/enrich"
)

// erase forgets a person. The answer is the same whether or not there was
// anything to forget: an id is judged by its form alone.
func (s *Server) erase(x *exchange, r *http.Request) error {
	if err := parseQuery(r.URL.RawQuery, func(string, string) bool { return false }); err != nil {
		return err
	}
	id := strings.TrimSuffix(strings.TrimPrefix(r.URL.Path, contactsPath+"/"), "/cache")
	if id == "" || !text(id, maxID) {
		return badParam("id")
	}
	t, err := s.tenant(x)
	if err != nil {
		return err
	}
	_, err = s.ask(t, r, func(ctx context.Context) (*enrich.Document, error) {
		return nil, s.cfg.Enricher.Erase(ctx, t, id)
	})
	if err != nil {
		return err
	}
	x.Header().Set("Cache-Control", "no-store")
	x.WriteHeader(http.StatusNoContent)
	s.cfg.Audit.note(x, r, actionErase, enrich.Shown{Contacts: []string{id}})
	return nil
}
