package gateway

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/gorilla/mux"

	"github.com/weft-gateway/weft/gateway/auth"
)

const (
	conversationsPath = "/api/conversations"
	contactsPath      = "/api/contacts"
)

// Route is one operation of the public listener.
type Route struct {
	Method, Path string // Path is a template, as "/api/conversations/{id}"
	Policy       Policy
}

// Policy says who may use a route: anybody, or whoever carries a scope. The
// zero Policy is no decision at all, and [New] refuses a route that has it.
type Policy string

// Public is the policy of what has no secrets. Every other policy is a scope.
const Public Policy = "public"

// routes is the whole surface. A path is matched decoded and as it came:
// SkipClean, since mux otherwise redirects "/api/conversations/.." elsewhere.
// The id takes all that is left, slashes and line ends included, so that every
// malformed id meets the handler that answers it as an unknown one.
func (s *Server) routes(docs explorer) *mux.Router {
	r := mux.NewRouter().SkipClean(true)
	get := func(path string, p Policy, e endpoint) http.Handler {
		return s.add(r, path, p, e, http.MethodGet, http.MethodHead)
	}
	get(conversationsPath, auth.ScopeRead, s.list)
	s.reading = get(conversationsPath+`/{id:(?s:.*)}`, auth.ScopeRead, s.conversation)
	s.add(r, contactsPath+`/{id:(?s:.*)}/cache`, auth.ScopeErase, s.erase, http.MethodDelete)
	get("/openapi.yaml", Public, newFile("application/yaml", s.cfg.OpenAPI).send)
	get("/docs", Public, docs.page.send)
	get("/docs/{asset}", Public, docs.asset)
	get("/livez", Public, livez)
	get("/readyz", Public, s.readyz)
	return r
}

// add registers what a path answers to each method: the endpoint, behind the
// policy, to those that are given; what may be done here to OPTIONS; and a
// refusal to all others. It returns the endpoint's handler.
func (s *Server) add(r *mux.Router, path string, p Policy, e endpoint, methods ...string) http.Handler {
	name := strings.Replace(path, `{id:(?s:.*)}`, "{id}", 1)
	allow := strings.Join(append(slices.Clone(methods), http.MethodOptions), ", ")
	h := s.answer(name, admit(p, e))
	r.Path(path).Methods(methods...).Handler(h)
	r.Path(path).Methods(http.MethodOptions).Handler(s.answer(name, s.options(p, allow)))
	r.Path(path).Handler(s.answer("", func(x *exchange, _ *http.Request) error {
		x.Header().Set("Allow", allow)
		return codeMethodNotAllowed
	}))
	for _, m := range methods {
		s.listed = append(s.listed, Route{m, name, p})
	}
	return h
}

// admit lets nobody through to an endpoint whom its policy does not name.
func admit(p Policy, e endpoint) endpoint {
	if p == Public {
		return e
	}
	return func(x *exchange, r *http.Request) error {
		if !x.who.Has(string(p)) {
			x.lacks = p
			return codeInsufficientScope
		}
		return e(x, r)
	}
}

// Routes lists the operations. OPTIONS, which every path has, is left out.
func (s *Server) Routes() []Route { return slices.Clone(s.listed) }

// undecided names a route that nobody has decided about who may use it.
func (s *Server) undecided() error {
	for _, r := range s.listed {
		if r.Policy == "" {
			return fmt.Errorf("gateway: %s %s has no policy", r.Method, r.Path)
		}
	}
	return nil
}

// match finds the handler. It does what the router's own ServeHTTP does, but
// leaves the request alone: that one copies it twice, to hang variables and the
// route on its context, and nobody here reads them there. The one route that
// nearly all requests are for needs no regular expressions to be told.
func (s *Server) match(r *http.Request) http.Handler {
	if (r.Method == http.MethodGet || r.Method == http.MethodHead) && strings.HasPrefix(r.URL.Path, conversationsPath+"/") {
		return s.reading
	}
	return s.search(r)
}

func (s *Server) search(r *http.Request) http.Handler {
	var m mux.RouteMatch
	if s.router.Match(r, &m) {
		return m.Handler
	}
	return s.answer("", refuse(codeNotFound))
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

// options answers what may be done with a path: the same for all, key or no
// key. A browser asks it before it sends a page's request to another origin.
func (s *Server) options(p Policy, allow string) endpoint {
	return func(x *exchange, r *http.Request) error {
		x.Header().Set("Allow", allow)
		if p != Public {
			s.origins.preflight(x, r, allow)
		}
		x.WriteHeader(http.StatusNoContent)
		return nil
	}
}
