package rest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/weft-gateway/weft/upstream"
	"github.com/weft-gateway/weft/upstream/client"
	"github.com/weft-gateway/weft/upstream/upstreamtest"
)

const (
	testTenant = "a0b1c2d3-4567-89ab-cdef-0123456789ab"
	testToken  = "secret"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func ptr[T any](v T) *T { return &v }

// open returns a CRM on a server that is in the process.
func open(t testing.TB, h http.Handler, cfg Config) (*CRM, *upstreamtest.Faults) {
	t.Helper()
	faults := upstreamtest.NewFaults(t, upstreamtest.Handler(h))
	host, err := client.NewHost(client.HostConfig{
		Name: Kind, URL: "http://crm.invalid/v1", Deadline: 10 * time.Second, MaxBody: 256 << 10,
		Operations: Operations(), Transport: faults,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(host.Close)
	cfg.TenantID = testTenant
	c, err := New(host.Client(testToken), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c, faults
}

// say returns a server that says one thing.
func say(status int, body string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	})
}

// book is a small CRM with the documented contract.
type book struct {
	contacts []upstream.Contact
	accounts []upstream.Account
}

func newBook() *book {
	at := upstream.At(time.Date(2026, 2, 10, 14, 30, 0, 0, time.UTC))
	b := &book{}
	for i := range 5 {
		b.contacts = append(b.contacts, upstream.Contact{
			ID: fmt.Sprint("ct", i), TenantID: testTenant, ResolutionStatus: "crm_resolved", AccountID: ptr(fmt.Sprint("ac", i)),
			ExternalRef: ptr(fmt.Sprint("CRM-CONTACT-", i)), Email: ptr(fmt.Sprintf("Jan.%d@acme-customer.de", i)),
			Phone: ptr(fmt.Sprintf("+49151123456%02d", i)), FirstName: ptr("Jan"), CreatedAt: &at, UpdatedAt: &at,
		})
		b.accounts = append(b.accounts, upstream.Account{
			ID: fmt.Sprint("ac", i), TenantID: testTenant, ResolutionStatus: "vies_resolved", Name: ptr("Mueller Maschinenbau GmbH"),
			VATValid: ptr(true), Employees: ptr(i), CreatedAt: &at, UpdatedAt: &at,
		})
	}
	b.contacts[4].Phone = b.contacts[3].Phone
	return b
}

func (b *book) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "Bearer "+testToken {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	rest, ok := strings.CutPrefix(r.URL.EscapedPath(), "/v1/")
	kind, id, single := strings.Cut(rest, "/")
	switch {
	case ok && kind == "contacts":
		serve(w, r, b.contacts, id, single, func(c upstream.Contact, param string) *string {
			switch param {
			case "phone":
				return c.Phone
			case "email":
				return c.Email
			case "externalRef":
				return c.ExternalRef
			}
			return &c.ID
		})
	case ok && kind == "accounts":
		serve(w, r, b.accounts, id, single, func(a upstream.Account, _ string) *string { return &a.ID })
	default:
		http.NotFound(w, r)
	}
}

func serve[T any](w http.ResponseWriter, r *http.Request, all []T, id string, single bool, value func(T, string) *string) {
	if single {
		i := slices.IndexFunc(all, func(t T) bool { return *value(t, "ids") == id })
		if i < 0 {
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, `{"error":"not found"}`)
			return
		}
		_ = json.NewEncoder(w).Encode(all[i])
		return
	}
	found := []T{}
	for param, values := range r.URL.Query() {
		asked := strings.Split(values[0], ",")
		if len(asked) > 100 {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		for _, t := range all {
			v := *value(t, param)
			same := func(a string) bool { return a == v || param == "email" && strings.EqualFold(a, v) }
			if slices.ContainsFunc(asked, same) {
				found = append(found, t)
			}
		}
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"data": found})
}

func TestConformance(t *testing.T) {
	upstreamtest.TestCRM(t, func(t testing.TB) upstreamtest.CRMCase {
		b := newBook()
		c, faults := open(t, b, Config{})
		return upstreamtest.CRMCase{
			CRM: c, Faults: faults, Contacts: b.contacts, Accounts: b.accounts, Unknown: "nobody",
			Lookups:   []upstream.Lookup{upstream.ByExternalRef, upstream.ByEmail, upstream.ByPhone},
			Ambiguous: &upstreamtest.Ambiguous{By: upstream.ByPhone, Value: *b.contacts[3].Phone, Contacts: 2},
		}
	})
}
