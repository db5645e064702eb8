package upstreamtest

import (
	"bytes"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
)

// Spec is what a vendor has written of its service, with what is known to be
// otherwise.
type Spec struct {
	router routers.Router
	names  []string
}

// NewSpec reads an OpenAPI document. amend changes it where the vendor's real
// answers differ from it; nil: they do not.
func NewSpec(document []byte, amend func(*openapi3.T)) (*Spec, error) {
	doc, err := openapi3.NewLoader().LoadFromData(document)
	if err != nil {
		return nil, err
	}
	if amend != nil {
		amend(doc)
	}
	doc.Servers = nil // any will do
	router, err := gorillamux.NewRouter(doc)
	return &Spec{router, propertyNames(doc)}, err
}

// Names returns the names of all fields of the document.
func (s *Spec) Names() []string { return s.names }

func propertyNames(doc *openapi3.T) []string {
	names, seen := map[string]bool{}, map[*openapi3.Schema]bool{}
	var visit func(refs ...*openapi3.SchemaRef)
	visit = func(refs ...*openapi3.SchemaRef) {
		for _, ref := range refs {
			if ref == nil || ref.Value == nil || seen[ref.Value] {
				continue
			}
			s := ref.Value
			seen[s] = true
			for name, property := range s.Properties {
				names[name] = true
				visit(property)
			}
			visit(s.Items)
			visit(slices.Concat(s.AllOf, s.AnyOf, s.OneOf)...)
		}
	}
	for _, s := range doc.Components.Schemas {
		visit(s)
	}
	return slices.Sorted(maps.Keys(names))
}

// Handler is h, a simulator of the service, and fails the test for each request
// and each answer that the document does not allow. Requests that lead nowhere
// in the document fail too.
func (s *Spec) Handler(t testing.TB, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		route, params, err := s.router.FindRoute(r)
		if err != nil {
			t.Errorf("%s %s: %v", r.Method, r.URL.Path, err)
			h.ServeHTTP(w, r)
			return
		}
		options := &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc}
		in := &openapi3filter.RequestValidationInput{
			Request: r, PathParams: params, Route: route, Options: options,
		}
		if err := openapi3filter.ValidateRequest(r.Context(), in); err != nil {
			t.Errorf("%s %s: %v", r.Method, r.URL, err)
		}
		seen := httptest.NewRecorder()
		h.ServeHTTP(seen, r)
		body := seen.Body.Bytes()
		if strings.HasPrefix(seen.Header().Get("Content-Type"), "application/json") {
			out := &openapi3filter.ResponseValidationInput{
				RequestValidationInput: in, Status: seen.Code, Header: seen.Header(), Options: options,
				Body: io.NopCloser(bytes.NewReader(body)),
			}
			if err := openapi3filter.ValidateResponse(r.Context(), out); err != nil {
				t.Errorf("%s %s: the simulator's answer: %v", r.Method, r.URL, err)
			}
		}
		for name, values := range seen.Header() {
			w.Header()[name] = values
		}
		w.WriteHeader(seen.Code)
		_, _ = w.Write(body)
	})
}

// Nullable allows null for properties of a schema, which it goes down into by
// their names. A property that is not there makes it panic.
func Nullable(schema *openapi3.Schema, properties ...string) {
	for _, path := range properties {
		at := schema
		for name := range strings.SplitSeq(path, ".") {
			at = at.Properties[name].Value
		}
		at.Nullable = true
	}
}
