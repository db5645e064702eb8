package rest

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weft-gateway/weft/upstream"
)

func TestNew(t *testing.T) {
	tests := []struct {
		name string
		cfg  Config
		ok   bool
	}{
		{"defaults", Config{TenantID: "t"}, true},
		{"all", Config{
			TenantID: "t", Paths: Paths{"/api/v2/people", "orgs/"}, Params: Params{"id", "tel", "mail", "ref"}, Envelope: "result.items",
			ContactFields: map[string]string{"externalRef": "crm.ref"}, AccountFields: map[string]string{"vatNumber": "vat"},
		}, true},
		{"no tenant", Config{}, false},
		{"a path with a hole", Config{TenantID: "t", Paths: Paths{Contacts: "a//b"}}, false},
		{"a path up", Config{TenantID: "t", Paths: Paths{Accounts: "a/../b"}}, false},
		{"parameters of one name", Config{TenantID: "t", Params: Params{Phone: "email"}}, false},
		{"no such field", Config{TenantID: "t", ContactFields: map[string]string{"vatNumber": "vat"}}, false},
		{"a field without a name", Config{TenantID: "t", AccountFields: map[string]string{"name": ""}}, false},
		{"a custom field with a hole", Config{TenantID: "t", ContactCustom: map[string]string{"name": "a..b"}}, false},
		{"a field with a hole", Config{TenantID: "t", AccountFields: map[string]string{"name": "a..b"}}, false},
		{"an envelope with a hole", Config{TenantID: "t", Envelope: "a."}, false},
	}
	c, _ := open(t, say(200, ""), Config{})
	for _, tt := range tests {
		if _, err := New(c.client, tt.cfg); (err == nil) != tt.ok {
			t.Errorf("%s: error %v", tt.name, err)
		}
	}
	if _, err := New(nil, Config{TenantID: "t"}); err == nil {
		t.Error("no client: no error")
	}
}

// TestConfigured reads a CRM that calls everything something else.
func TestConfigured(t *testing.T) {
	cfg := Config{
		Paths: Paths{Contacts: "/api/people/", Accounts: "orgs"}, Params: Params{IDs: "id_in", ExternalRef: "ref"},
		Envelope: "result.items",
		ContactFields: map[string]string{
			"id": "key", "externalRef": "crm.ref.value", "firstName": "names.first", "lastName": "names.last", "email": "mail",
		},
		AccountFields: map[string]string{"name": "title", "tenantId": "owner"},
	}
	person := func(key string) string {
		return `{"key":"` + key + `","id":"not this","externalRef":"not this","crm":{"ref":{"value":"R-` + key + `"}},
			"names":{"first":"Jan"},"names.last":"not this","mail":"jan@acme.de","email":7}`
	}
	var seen []string
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen = append(seen, r.RequestURI)
		switch r.URL.Path {
		case "/v1/api/people/p1":
			fmt.Fprint(w, person("p1"))
		case "/v1/api/people/p2": // wrapped
			fmt.Fprint(w, `{"result":{"items":`+person("p2")+`}}`)
		case "/v1/api/people":
			fmt.Fprint(w, `{"result":{"items":[`+person("p1")+`,`+person("p2")+`]}}`)
		case "/v1/orgs": // a list and nothing else
			fmt.Fprint(w, `[{"id":"o1","title":"Acme","owner":"`+testTenant+`","tenantId":"not this"}]`)
		}
	})
	c, _ := open(t, h, cfg)
	want := func(key string) upstream.Contact {
		return upstream.Contact{
			ID: key, TenantID: testTenant, ResolutionStatus: "crm_resolved", ExternalRef: ptr("R-" + key),
			FirstName: ptr("Jan"), Email: ptr("jan@acme.de"),
		}
	}
	for _, ids := range [][]string{{"p1"}, {"p2"}, {"p1", "p2"}} {
		wanted := map[string]upstream.Contact{}
		for _, id := range ids {
			wanted[id] = want(id)
		}
		got, err := c.Contacts(t.Context(), ids)
		if diff := cmp.Diff(wanted, got); err != nil || diff != "" {
			t.Errorf("%v: %v (-want +got):\n%s", ids, err, diff)
		}
	}
	found, err := c.FindContacts(t.Context(), upstream.ByExternalRef, []string{"R-p1", "R-p2"})
	if diff := cmp.Diff(map[string][]upstream.Contact{"R-p1": {want("p1")}, "R-p2": {want("p2")}}, found); err != nil || diff != "" {
		t.Errorf("found: %v (-want +got):\n%s", err, diff)
	}
	accounts, err := c.Accounts(t.Context(), []string{"o1", "o2"})
	org := upstream.Account{ID: "o1", TenantID: testTenant, Name: ptr("Acme"), ResolutionStatus: "crm_resolved"}
	if diff := cmp.Diff(map[string]upstream.Account{"o1": org}, accounts); err != nil || diff != "" {
		t.Errorf("accounts: %v (-want +got):\n%s", err, diff)
	}
	wantSeen := []string{
		"/v1/api/people/p1", "/v1/api/people/p2", "/v1/api/people?id_in=p1%2Cp2", "/v1/api/people?ref=R-p1%2CR-p2", "/v1/orgs?id_in=o1%2Co2",
	}
	if diff := cmp.Diff(wantSeen, seen); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

func TestFindMatches(t *testing.T) {
	tests := []struct {
		name   string
		by     upstream.Lookup
		values []string
		list   string
		want   map[string][]string // value -> ids
		kind   upstream.Kind
	}{
		{"reference", upstream.ByExternalRef, []string{"R1"}, `{"id":"a","externalRef":"R1"}`, map[string][]string{"R1": {"a"}}, ""},
		{"reference in another case", upstream.ByExternalRef, []string{"R1"}, `{"id":"a","externalRef":"r1"}`, nil, upstream.WrongRecord},
		{"reference as a number", upstream.ByExternalRef, []string{"12"}, `{"id":"a","externalRef":12}`, map[string][]string{"12": {"a"}}, ""},
		{"address in another case", upstream.ByEmail, []string{"Jan@Acme.de", "jan@acme.de"}, `{"id":"a","email":"JAN@acme.de"}`,
			map[string][]string{"Jan@Acme.de": {"a"}, "jan@acme.de": {"a"}}, ""},
		{"second address", upstream.ByEmail, []string{"b@x"}, `{"id":"a","email":"a@x","emails":["c@x",{"value":"b@x"}]}`,
			map[string][]string{"b@x": {"a"}}, ""},
		{"number with spaces", upstream.ByPhone, []string{"+4531234567"}, `{"id":"a","phone":"+45 31-23 45/67"}`,
			map[string][]string{"+4531234567": {"a"}}, ""},
		{"second number", upstream.ByPhone, []string{"+4531234567"}, `{"id":"a","phones":[{"value":"+4531234567","type":"mobile"}]}`,
			map[string][]string{"+4531234567": {"a"}}, ""},
		{"number without plus", upstream.ByPhone, []string{"+4531234567"}, `{"id":"a","phone":"4531234567"}`, map[string][]string{"+4531234567": {"a"}}, ""},
		{"another number", upstream.ByPhone, []string{"+4531234567"}, `{"id":"a","phone":"+4531234568"}`, nil, upstream.WrongRecord},
		{"nothing asked for", upstream.ByEmail, []string{"a@x", "b@x"}, `{"id":"a"},{"id":"b","email":"b@x"}`,
			map[string][]string{"b@x": {"b"}}, upstream.WrongRecord},
		{"another tenant's", upstream.ByEmail, []string{"b@x"}, `{"id":"b","email":"b@x","tenantId":"t2"}`, nil, upstream.WrongRecord},
		{"a bad one", upstream.ByEmail, []string{"b@x"}, `{"id":"b","email":"b@x"},{"id":"c","email":"b@x","name":7}`,
			map[string][]string{"b@x": {"b"}}, upstream.BadResponse},
		{"two", upstream.ByEmail, []string{"b@x"}, `{"id":"b","email":"b@x"},{"id":"c","email":"b@x"}`,
			map[string][]string{"b@x": {"b", "c"}}, ""},
		{"one twice", upstream.ByEmail, []string{"b@x"}, `{"id":"b","email":"b@x","emails":["B@X"]},{"id":"b","email":"b@x"}`,
			map[string][]string{"b@x": {"b"}}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, _ := open(t, say(200, `{"data":[`+tt.list+`]}`), Config{})
			found, err := c.FindContacts(t.Context(), tt.by, tt.values)
			var got map[string][]string
			for v, list := range found {
				for _, contact := range list {
					if got == nil {
						got = map[string][]string{}
					}
					got[v] = append(got[v], contact.ID)
				}
			}
			if diff := cmp.Diff(tt.want, got); upstream.KindOf(err) != tt.kind || diff != "" {
				t.Errorf("error %v, want %q (-want +got):\n%s", err, tt.kind, diff)
			}
		})
	}
	c, faults := open(t, say(200, `{"data":[]}`), Config{})
	for _, by := range []upstream.Lookup{upstream.ByID, "name"} {
		if _, err := c.FindContacts(t.Context(), by, []string{"x"}); err == nil || len(faults.Calls()) != 0 {
			t.Errorf("by %s: error %v, or a call", by, err)
		}
	}
}

// TestNotAsked holds values that no list can hold to costing no call.
func TestNotAsked(t *testing.T) {
	c, faults := open(t, say(200, `{"data":[]}`), Config{})
	values := []string{"", ",", "a,b", " a", "a ", "a\nb", strings.Repeat("9", 257)}
	for _, by := range []upstream.Lookup{upstream.ByExternalRef, upstream.ByEmail, upstream.ByPhone} {
		if found, err := c.FindContacts(t.Context(), by, values); err != nil || len(found) != 0 {
			t.Errorf("by %s: %v, error %v", by, found, err)
		}
	}
	if found, err := c.FindContacts(t.Context(), upstream.ByPhone, []string{"+", "anonymous"}); err != nil || len(found) != 0 {
		t.Errorf("numbers without digits: %v, error %v", found, err)
	}
	if got, err := c.Contacts(t.Context(), append(values, "a/b", "a%2fb", "a?b", "a#b", `a\b`, "a b", strings.Repeat("a", 65))); err != nil || len(got) != 0 {
		t.Errorf("ids: %v, error %v", got, err)
	}
	if calls := faults.Calls(); len(calls) != 0 {
		t.Errorf("calls %v", calls)
	}
}

// TestChunks holds long lists to staying below what a server takes as an address.
func TestChunks(t *testing.T) {
	c, faults := open(t, say(200, `{"data":[]}`), Config{})
	var values []string
	for i := range 100 {
		values = append(values, fmt.Sprintf("%s-%03d@x", strings.Repeat("ü", 200), i))
	}
	if _, err := c.FindContacts(t.Context(), upstream.ByEmail, values); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, u := range faults.Calls() {
		if len(u.RawQuery) > maxQuery+len("email=") {
			t.Errorf("a query of %d bytes", len(u.RawQuery))
		}
		got = append(got, strings.Split(u.Query().Get("email"), ",")...)
	}
	if diff := cmp.Diff(values, got); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}
}

// TestListNotFound holds a missing list to being no answer: only a missing
// record is one.
func TestListNotFound(t *testing.T) {
	c, _ := open(t, say(404, `{"error":"not found"}`), Config{})
	if _, err := c.Contacts(t.Context(), []string{"a", "b"}); upstream.KindOf(err) != upstream.BadResponse {
		t.Errorf("list: %v, want bad_response", err)
	}
	if _, err := c.FindContacts(t.Context(), upstream.ByEmail, []string{"a@x"}); upstream.KindOf(err) != upstream.BadResponse {
		t.Errorf("find: %v, want bad_response", err)
	}
	if got, err := c.Accounts(t.Context(), []string{"a"}); err != nil || len(got) != 0 {
		t.Errorf("record: %v, error %v, want none", got, err)
	}
}
