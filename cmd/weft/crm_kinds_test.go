package main

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// Each vendor's CRM is called where and as it wants to be called.
func TestCRMKinds(t *testing.T) {
	const twentyID = "7a93d1e5-3f74-4945-8a65-000000000001"
	tests := []struct {
		name, source string // source without its URL
		request      string // path and credential
		body         string
		id, link     string // link below the URL
	}{
		{
			"pipedrive", `kind: pipedrive, token: t0ken, contact_custom: {plan: abc}`,
			"/api/v2/persons/7 t0ken", `{"success":true,"data":{"id":7,"custom_fields":{"abc":"pro"}}}`, "7", "/person/7",
		}, {
			"twenty", `kind: twenty, token: t0ken, contact_custom: {plan: abc}`,
			"/rest/people Bearer t0ken", `{"data":{"people":[{"id":"` + twentyID + `","abc":"pro"}]}}`, twentyID, "/object/person/" + twentyID,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var request string
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				request = r.URL.Path + " " + r.Header.Get("X-Api-Token") + r.Header.Get("Authorization")
				fmt.Fprint(w, tt.body)
			}))
			defer server.Close()
			cfg, err := parseConfig("weft.yaml", []byte(`
tenants:
  - id: acme
    keys: [{id: inbox, sha256: `+hash1+`, scopes: [conversations:read]}]
    store: {kind: native, url: "http://127.0.0.1:1", token: x}
    crm: {url: "`+server.URL+`", `+tt.source+`}
`), func(string) string { return "" })
			if err != nil {
				t.Fatal(err)
			}
			sys, err := build(cfg, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			defer sys.close()
			tenant := sys.stage.current.Load().tenants[0]
			got, err := tenant.CRM.Contacts(t.Context(), []string{tt.id})
			c := got[tt.id]
			if err != nil || request != tt.request || string(c.Custom["plan"]) != `"pro"` || tenant.CRMName != tt.name {
				t.Fatalf("%q of %s: %+v, error %v", request, tenant.CRMName, c, err)
			}
			if c.URL == nil || *c.URL != server.URL+tt.link {
				t.Errorf("link %v", c.URL)
			}
		})
	}
}

// A host of the interface alone is no place for people to look.
func TestAppURL(t *testing.T) {
	for url, want := range map[string]string{
		"https://acme.pipedrive.com": "https://acme.pipedrive.com", "https://api.pipedrive.com": "", "https://crm.acme.example:8443/twenty": "https://crm.acme.example:8443",
	} {
		if got := appURL(Source{URL: url}, "api.pipedrive.com"); got != want {
			t.Errorf("%s: %q, want %q", url, got, want)
		}
	}
	if got := appURL(Source{URL: "https://api.twenty.com", AppURL: "https://acme.twenty.com"}, "api.twenty.com"); !strings.HasPrefix(got, "https://acme.") {
		t.Errorf("configured: %q", got)
	}
}
