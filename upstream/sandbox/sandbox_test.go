package sandbox

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var noon = time.Date(2026, 4, 1, 12, 0, 0, 0, time.UTC)

func open(t testing.TB, n int) *Sandbox {
	t.Helper()
	s := New(Config{Seed: 7, Conversations: n, Now: func() time.Time { return noon }})
	t.Cleanup(s.Close)
	return s
}

func token(t testing.TB, svc *Service, tenant string) string {
	t.Helper()
	for token, of := range svc.tokens {
		if of == tenant {
			return token
		}
	}
	t.Fatalf("%s has no token for %s", svc.name, tenant)
	return ""
}

// get asks without a network between.
func get(t testing.TB, h http.Handler, token, target string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, target, nil)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// object asks for a JSON object.
func object(t testing.TB, h http.Handler, token, target string, status int) map[string]any {
	t.Helper()
	w := get(t, h, token, target)
	if w.Code != status {
		t.Fatalf("%s: status %d, want %d; body %s", target, w.Code, status, w.Body)
	}
	if got := w.Header().Get("Content-Type"); got != "application/json" {
		t.Fatalf("%s: Content-Type %q", target, got)
	}
	return decode(t, w.Body.String())
}

func decode(t testing.TB, body string) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal([]byte(body), &v); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	return v
}

func rows(t testing.TB, doc map[string]any) []map[string]any {
	t.Helper()
	list, isList := doc["data"].([]any)
	if !isList {
		t.Fatalf("no data in %v", doc)
	}
	return each(list, func(v any) map[string]any { return v.(map[string]any) })
}

func ids(t testing.TB, doc map[string]any) []string {
	t.Helper()
	return each(rows(t, doc), func(row map[string]any) string { return row["id"].(string) })
}

func diff(t testing.TB, got, want any) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
}

func TestSeed(t *testing.T) {
	// dump is all that the services say, for a few requests.
	dump := func(seed uint64) string {
		s := New(Config{Seed: seed, Conversations: 60, Now: func() time.Time { return noon }})
		defer s.Close()
		var b strings.Builder
		for _, target := range []string{"/autocalls/api/user/conversations?per_page=100", "/autocalls/api/conversations/" + s.ConversationIDs(Acme)[3]} {
			b.WriteString(get(t, s.Handler(), token(t, s.autocalls, Acme), target).Body.String())
		}
		b.WriteString(get(t, s.Handler(), token(t, s.native, Globex), "/native/conversations?per_page=100").Body.String())
		for _, tenant := range []string{Acme, Globex} {
			all := s.crmRecords.contacts[tenant].matching(func(contact) bool { return true })
			b.Write(encode(all))
			b.Write(encode(s.crmRecords.accounts[tenant].matching(func(account) bool { return true })))
		}
		id, err := s.AddConversation(Acme, Draft{})
		if err != nil {
			t.Fatal(err)
		}
		return b.String() + id
	}
	if first, second := dump(1), dump(1); first != second {
		t.Error("one seed, two sets of records")
	}
	if dump(1) == dump(2) {
		t.Error("two seeds, one set of records")
	}
}

func TestConversationCount(t *testing.T) {
	for _, tt := range []struct {
		name       string
		configured int
		want       int // generated
	}{{"default", 0, 300}, {"none", -1, 0}, {"few", 4, 4}} {
		t.Run(tt.name, func(t *testing.T) {
			s, none := open(t, tt.configured), open(t, -1)
			for _, tenant := range []string{Acme, Globex} {
				if got := len(s.ConversationIDs(tenant)) - len(none.ConversationIDs(tenant)); got != tt.want {
					t.Errorf("%s has %d, want %d", tenant, got, tt.want)
				}
			}
			if len(s.ConversationIDs(Initech)) == 0 {
				t.Error("no foreign conversation")
			}
		})
	}
}

// TestVariety holds the generated records to what makes them worth testing with.
func TestVariety(t *testing.T) {
	s := open(t, 300)
	seen := map[string]int{}
	for _, tenant := range []string{Acme, Globex} {
		records := s.records(tenant)
		for _, c := range records.matching(tenant, func(*conversation) bool { return true }) {
			seen[tenant+" type "+c.kind]++
			seen[tenant+" status "+c.status]++
			seen[tenant+" variables "+string(c.variables)]++
			seen[tenant+" ai "+map[bool]string{true: "on", false: "off"}[c.aiOn]]++
			seen[tenant+" contact "+map[bool]string{true: "yes", false: "no"}[c.contact != nil]]++
			if c.updated.After(noon) || c.lastMessage().After(noon) || c.updated.Before(c.created) {
				t.Errorf("%s: created %v, updated %v", c.id, c.created, c.updated)
			}
			if c.customer != nil && strings.Contains(c.customer.Phone, " ") {
				t.Errorf("%s: %q is not E.164", c.id, c.customer.Phone)
			}
		}
	}
	for _, want := range []string{
		Acme + " type widget", Acme + " type whatsapp", Acme + " type api", Acme + " type test",
		Acme + " variables null", Acme + " variables {}", Acme + " ai off", Acme + " ai on",
		Globex + " status new", Globex + " status active", Globex + " status waiting", Globex + " status resolved",
		Globex + " status human_managed", Globex + " contact yes", Globex + " contact no",
	} {
		if seen[want] == 0 {
			t.Errorf("none with %s", want)
		}
	}
}

func TestTenants(t *testing.T) {
	s := open(t, -1)
	for _, tenant := range s.Tenants() {
		t.Run(tenant.Name, func(t *testing.T) {
			list := map[string]string{"autocalls": "/autocalls/api/user/conversations", "native": "/native/conversations"}[tenant.Store]
			if len(ids(t, object(t, s.Handler(), tenant.StoreToken, list, http.StatusOK))) == 0 {
				t.Error("no conversations")
			}
			if got := ids(t, object(t, s.Handler(), tenant.CRMToken, "/crm/contacts?ids="+exampleContact+",con-9001", http.StatusOK)); len(got) != 1 {
				t.Errorf("contacts %v, want the tenant's own one", got)
			}
		})
	}
}

func TestHandlerPaths(t *testing.T) {
	s := open(t, -1)
	for _, tt := range []struct{ target, want string }{
		{"/", "Not found"},
		{"/crm", "Not found"},
		{"/crm/nothing", "Not Found"},
		{"/native/", "Not Found"},
	} {
		t.Run(tt.target, func(t *testing.T) {
			diff(t, object(t, s.Handler(), "", tt.target, http.StatusNotFound), map[string]any{"error": tt.want})
		})
	}
	diff(t, object(t, s.Autocalls(), "", "/api/nothing", http.StatusNotFound), map[string]any{"message": "Not Found"})
}
