package gateway

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/gorilla/mux"

	"github.com/weft-gateway/weft/gateway/auth"
)

// TestEveryRouteHasAPolicy walks what the router really serves: a route that
// was registered past the table, or without a decision, is found here.
func TestEveryRouteHasAPolicy(t *testing.T) {
	h := newHarness(t, nil)
	var served []Route
	err := h.server.router.Walk(func(r *mux.Route, _ *mux.Router, _ []*mux.Route) error {
		path, err := r.GetPathTemplate()
		if err != nil {
			t.Errorf("a route without a path: %v", err)
		}
		methods, err := r.GetMethods()
		if err != nil || slices.Equal(methods, []string{http.MethodOptions}) {
			return nil //nolint:nilerr // the refusal of all other methods
		}
		for _, m := range methods {
			served = append(served, Route{Method: m, Path: strings.Replace(path, `{id:(?s:.*)}`, "{id}", 1)})
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var declared []Route
	for _, r := range h.server.Routes() {
		if private := strings.HasPrefix(r.Path, "/api/"); private == (r.Policy == Public) || r.Policy == "" {
			t.Errorf("%s %s: policy %q", r.Method, r.Path, r.Policy)
		}
		r.Policy = ""
		declared = append(declared, r)
	}
	if diff := cmp.Diff(declared, served); diff != "" {
		t.Errorf("routes without a policy (-declared +served):\n%s", diff)
	}
}

func TestRouteWithoutPolicyIsRefused(t *testing.T) {
	h := newHarness(t, nil)
	h.server.add(mux.NewRouter(), "/new", "", livez, http.MethodGet)
	if err := h.server.undecided(); err == nil || !strings.Contains(err.Error(), "/new") {
		t.Errorf("error %v", err)
	}
}

// TestRoles asks for every route with every kind of key.
func TestRoles(t *testing.T) {
	keys := []struct {
		name, key string
		scopes    []string // nil: not a key at all
	}{
		{"none", "", nil},
		{"unknown", "no-such-key", nil},
		{"without read", blindKey, []string{auth.ScopeCosts}},
		{"read", readKey, []string{auth.ScopeRead}},
		{"read, bound to workspaces", boundKey, []string{auth.ScopeRead}},
		{"read and costs", costsKey, []string{auth.ScopeRead, auth.ScopeCosts}},
		{"erase", eraseKey, []string{auth.ScopeErase}},
	}
	h := newHarness(t, nil)
	for _, route := range h.server.Routes() {
		target := strings.NewReplacer("{id}", knownID, "{asset}", "swagger-ui.css").Replace(route.Path)
		for _, k := range keys {
			t.Run(route.Method+" "+route.Path+" "+k.name, func(t *testing.T) {
				var headers []string
				if k.key != "" {
					headers = []string{"Authorization", "Bearer " + k.key}
				}
				got := h.do(route.Method, target, headers...).status
				switch {
				case route.Policy == Public:
					if got != 200 {
						t.Errorf("%d for everybody's", got)
					}
				case k.scopes == nil:
					if got != 401 {
						t.Errorf("%d without a key, want 401", got)
					}
				case !slices.Contains(k.scopes, string(route.Policy)):
					if got != 403 {
						t.Errorf("%d without the scope, want 403", got)
					}
				case got >= 300:
					t.Errorf("%d with the scope", got)
				}
			})
		}
	}
}

// TestScopeThatIsLacking is named in the challenge.
func TestScopeThatIsLacking(t *testing.T) {
	a := newHarness(t, nil).do("GET", listTarget, "Authorization", "Bearer "+blindKey)
	const want = `Bearer realm="weft", error="insufficient_scope", scope="conversations:read"`
	if got := a.header.Get("WWW-Authenticate"); got != want {
		t.Errorf("WWW-Authenticate %q, want %q", got, want)
	}
}
