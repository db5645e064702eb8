package gateway

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/gorilla/mux"
)

const (
	conversationsPath = "/api/conversations"
	allowed           = "GET, HEAD, OPTIONS" // everything is a read, so all paths allow the same
)

// Route is one operation of the public listener.
type Route struct {
	Method, Path string // Path is a template, as "/api/conversations/{id}"
}

// routes is the whole surface. A path is matched decoded and as it came:
// SkipClean, since mux otherwise redirects "/api/conversations/.." elsewhere.
// The id takes all that is left, slashes and line ends included, so that every
// malformed id meets the handler that answers it as an unknown one.
func (s *Server) routes(docs explorer) *mux.Router {
	r := mux.NewRouter().SkipClean(true)
	get := func(path string, e endpoint) {
		name := strings.Replace(path, `{id:(?s:.*)}`, "{id}", 1)
		r.Path(path).Methods(http.MethodGet, http.MethodHead).Handler(s.answer(name, e))
		r.Path(path).Methods(http.MethodOptions).Handler(s.answer(name, options))
		s.listed = append(s.listed, Route{http.MethodGet, name}, Route{http.MethodHead, name})
	}
	get(conversationsPath, s.reads(s.list))
	get(conversationsPath+`/{id:(?s:.*)}`, s.reads(s.conversation))
	get("/openapi.yaml", newFile("application/yaml", s.cfg.OpenAPI).send)
	get("/docs", docs.page.send)
	get("/docs/{asset}", docs.asset)
	get("/livez", livez)
	get("/readyz", s.readyz)
	return r
}

// Routes lists the operations. OPTIONS, which every path has, is left out.
func (s *Server) Routes() []Route { return slices.Clone(s.listed) }

// match finds the handler. It does what the router's own ServeHTTP does, but
// leaves the request alone: that one copies it twice, to hang variables and the
// route on its context, and nobody here reads them there.
func (s *Server) match(r *http.Request) http.Handler {
	var m mux.RouteMatch
	switch {
	case s.router.Match(r, &m):
		return m.Handler
	case errors.Is(m.MatchErr, mux.ErrMethodMismatch):
		return s.answer("", refuse(codeMethodNotAllowed))
	default:
		return s.answer("", refuse(codeNotFound))
	}
}

// endpoint answers one request, or says why it cannot.
type endpoint func(x *exchange, r *http.Request) error

// answer makes a handler of an endpoint. It is only ever given an exchange.
func (s *Server) answer(route string, e endpoint) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x := w.(*exchange)
		x.route = route
		if err := e(x, r); err != nil {
			s.fail(x, r, err)
		}
	})
}

func refuse(c code) endpoint {
	return func(*exchange, *http.Request) error { return c }
}

// options answers what may be done with a path: the same for all, key or no key.
func options(x *exchange, _ *http.Request) error {
	x.Header().Set("Allow", allowed)
	x.WriteHeader(http.StatusNoContent)
	return nil
}
