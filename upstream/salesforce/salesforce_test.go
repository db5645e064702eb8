package salesforce

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weft-gateway/weft/upstream"
	"github.com/weft-gateway/weft/upstream/client"
	"github.com/weft-gateway/weft/upstream/oauth"
	"github.com/weft-gateway/weft/upstream/upstreamtest"
)

type (
	request   = http.Request
	response  = http.Response
	transport = http.RoundTripper
	through   func(*request) (*response, error)
)

func (f through) RoundTrip(r *request) (*response, error) { return f(r) }

func TestConformance(t *testing.T) {
	upstreamtest.TestCRM(t, func(t testing.TB) upstreamtest.CRMCase {
		v := newVendor()
		v.fill(5)
		v.contacts[contactID(4)]["Phone"] = v.contacts[contactID(3)]["Phone"]
		c, faults := open(t, v, static(), nil)
		var ids, accountIDs []string
		for i := range 4 {
			ids, accountIDs = append(ids, contactID(i)), append(accountIDs, accountID(i))
		}
		contacts, err := c.Contacts(context.Background(), ids)
		accounts, accErr := c.Accounts(context.Background(), accountIDs)
		if err != nil || accErr != nil || len(contacts) != 4 || len(accounts) != 4 {
			t.Fatalf("%d contacts, %d accounts, %v, %v", len(contacts), len(accounts), err, accErr)
		}
		return upstreamtest.CRMCase{
			CRM: c, Faults: faults, Unknown: contactID(999),
			Contacts:  slices.SortedFunc(maps.Values(contacts), func(a, b upstream.Contact) int { return strings.Compare(a.ID, b.ID) }),
			Accounts:  slices.SortedFunc(maps.Values(accounts), func(a, b upstream.Account) int { return strings.Compare(a.ID, b.ID) }),
			Lookups:   []upstream.Lookup{upstream.ByExternalRef, upstream.ByEmail, upstream.ByPhone},
			Ambiguous: &upstreamtest.Ambiguous{By: upstream.ByPhone, Value: *contacts[contactID(3)].Phone, Contacts: 2},
			Swap: func(asked, other string) upstreamtest.Fault {
				if !strings.HasPrefix(asked, "+") {
					return upstreamtest.Swap(asked, other)
				}
				was, is := terms([]string{asked}), terms([]string{other})
				whole, local := upstreamtest.Swap(was[0], is[0]), upstreamtest.Swap(was[1], is[1])
				return func(r *request, next transport) (*response, error) {
					return whole(r, through(func(r *request) (*response, error) { return local(r, next) }))
				}
			},
		}
	})
}

// TestCalls counts what a hundred contacts and their accounts cost.
func TestCalls(t *testing.T) {
	v := newVendor()
	v.fill(100)
	c, _ := open(t, v, static(), nil)
	var ids []string
	for i := range 100 {
		ids = append(ids, contactID(i))
	}
	got, err := c.Contacts(t.Context(), ids)
	if err != nil || len(got) != 100 {
		t.Fatalf("%d contacts, error %v", len(got), err)
	}
	for i := range 100 {
		k := got[contactID(i)]
		if k.Account == nil || k.Account.ID != *k.AccountID || *k.Account.Name != fmt.Sprint("Acme ", i) {
			t.Errorf("contact %d came without its account", i)
		}
	}
	if calls := v.resources(); len(calls) != 1 {
		t.Errorf("%d calls, want 1", len(calls))
	}
	alone, err := c.Accounts(t.Context(), []string{accountID(7)})
	if diff := cmp.Diff(*got[contactID(7)].Account, alone[accountID(7)]); err != nil || diff != "" {
		t.Errorf("an account that came along is another than one by itself: %v (-along +itself):\n%s", err, diff)
	}
}

// TestRecords reads each field into its place, and no other.
func TestRecords(t *testing.T) {
	v := newVendor()
	v.contacts[contactID(7)] = map[string]any{
		"Id": contactID(7), "AccountId": accountID(8), "FirstName": "Jan", "LastName": "Meier", "Name": "Jan Meier", "Title": "CTO", "Department": "IT",
		"Email": "jan@acme.test", "Phone": "(512) 757-6000", "MobilePhone": "+1 512 757 6001", "HomePhone": "1", "OtherPhone": "2", "Fax": "3",
		"OwnerId": "005Ab00000aB001", "MailingStreet": "Weg 1", "MailingCity": "Ulm", "MailingCountry": "Germany", "MailingState": nil,
		"LastActivityDate": "2026-05-02", "CreatedDate": stamp, "LastModifiedDate": "2026-05-01T09:25:37.500+0200",
		"Weft_Ref__c": "REF-7", "Plan__c": "gold", "Secret__c": "canary",
	}
	v.contacts[contactID(9)] = map[string]any{"Id": contactID(9)} // all of it null
	v.accounts[accountID(8)] = map[string]any{
		"Id": accountID(8), "Name": "Acme", "Website": "www.acme.test", "Industry": "Energy", "NumberOfEmployees": 40, "AnnualRevenue": 1.5e6,
		"Phone": "+49 731 555123", "Type": "Customer", "Description": "d", "ParentId": accountID(1), "OwnerId": "005Ab00000aB001",
		"BillingStreet": "Weg 1", "CreatedDate": stamp, "LastModifiedDate": stamp, "Tier__c": 3, "Secret__c": "canary",
	}
	c, _ := open(t, v, static(), nil)
	at := func(h, m, s, ms int) *upstream.Time {
		return ptr(upstream.At(time.Date(2026, 5, 1, h, m, s, ms*1e6, time.UTC)))
	}
	account := upstream.Account{
		ID: accountID(8), TenantID: testTenant, ResolutionStatus: "crm_resolved", Name: ptr("Acme"), Website: ptr("www.acme.test"),
		Domain: ptr("acme.test"), Industry: ptr("Energy"), Employees: ptr(40), AnnualRevenue: &upstream.Money{Amount: 1.5e6},
		Phone: ptr("+49731555123"), CompanyType: ptr("Customer"), Description: ptr("d"), ParentID: ptr(accountID(1)), OwnerID: ptr("005Ab00000aB001"),
		OwnerName: ptr("Ada"), Address: &upstream.Address{Street: ptr("Weg 1")}, CreatedAt: at(7, 25, 37, 0), UpdatedAt: at(7, 25, 37, 0),
		URL: ptr(app + "/lightning/r/Account/" + accountID(8) + "/view"), Custom: upstream.Custom{"tier": json.RawMessage("3")},
	}
	want := map[string]upstream.Contact{
		contactID(7): {
			ID: contactID(7), TenantID: testTenant, ResolutionStatus: "crm_resolved", AccountID: ptr(accountID(8)), ExternalRef: ptr("REF-7"),
			FirstName: ptr("Jan"), LastName: ptr("Meier"), Name: ptr("Jan Meier"), Title: ptr("CTO"), Department: ptr("IT"), Email: ptr("jan@acme.test"),
			Emails: []upstream.EmailAddress{{Value: "jan@acme.test", Primary: true}}, Phone: ptr("(512) 757-6000"), CompanyName: ptr("Acme"),
			Phones: []upstream.PhoneNumber{
				{Value: "(512) 757-6000", Raw: ptr("(512) 757-6000"), Type: ptr("work"), Primary: true},
				{Value: "+15127576001", Raw: ptr("+1 512 757 6001"), Type: ptr("mobile")},
				{Value: "1", Raw: ptr("1"), Type: ptr("home")}, {Value: "2", Raw: ptr("2"), Type: ptr("other")},
			},
			OwnerID: ptr("005Ab00000aB001"), OwnerName: ptr("Ada"), CreatedAt: at(7, 25, 37, 0), UpdatedAt: at(7, 25, 37, 500),
			LastActivityAt: ptr(upstream.At(time.Date(2026, 5, 2, 0, 0, 0, 0, time.UTC))),
			Address:        &upstream.Address{Street: ptr("Weg 1"), City: ptr("Ulm"), Country: ptr("Germany")},
			URL:            ptr(app + "/lightning/r/Contact/" + contactID(7) + "/view"), Custom: upstream.Custom{"plan": json.RawMessage(`"gold"`)},
			Account: &account,
		},
		contactID(9): {
			ID: contactID(9), TenantID: testTenant, ResolutionStatus: "crm_resolved", URL: ptr(app + "/lightning/r/Contact/" + contactID(9) + "/view"),
		},
	}
	got, err := c.Contacts(t.Context(), []string{contactID(7), contactID(9)})
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("contacts: %v (-want +got):\n%s", err, diff)
	}
	v.accounts[accountID(8)]["hidden"] = true
	got, err = c.Contacts(t.Context(), []string{contactID(7)})
	if k := got[contactID(7)]; err != nil || k.Account != nil || *k.AccountID != accountID(8) {
		t.Errorf("an account that is not to be seen: %v, error %v", k, err)
	}
}

// TestIDs reads by ids of both lengths, and by those that are none or gone.
func TestIDs(t *testing.T) {
	v := newVendor()
	v.fill(4)
	v.contacts[contactID(2)]["IsDeleted"] = true // so is what was merged into another
	c, _ := open(t, v, static(), nil)
	long, short := contactID(1), contactID(0)[:shortID]
	asked := []string{short, long, strings.ToLower(contactID(3)), contactID(2), contactID(77), strings.ToLower(contactID(1)[:shortID]), accountID(1), "003", "003Ab00000aB0é1"}
	got, err := c.Contacts(t.Context(), asked)
	want := map[string]string{short: contactID(0), long: long, strings.ToLower(contactID(3)): contactID(3)}
	ids := map[string]string{}
	for id, k := range got {
		ids[id] = k.ID
	}
	if diff := cmp.Diff(want, ids); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	v.resources()
	if got, err := c.Contacts(t.Context(), []string{accountID(1), "x' OR Name LIKE '%"}); err != nil || len(got) != 0 || len(v.resources()) != 0 {
		t.Errorf("what can be no contact: %v, error %v", got, err)
	}
}

func TestCanonical(t *testing.T) {
	tests := []struct{ id, want string }{
		{"001D000000IRFma", "001D000000IRFmaIAH"}, // the vendor's own example
		{"001D000000IRFmaIAH", "001D000000IRFmaIAH"},
		{"001d000000irfmaiah", "001D000000IRFmaIAH"},
		{"001D000000IRFmaIA", ""},
		{"001D000000IRFmaI-H", ""},
		{"001D000000IRFmaZZZ", ""}, // capitals where there are digits
		{"001D000000IRF'a", ""},
		{"003D000000IRFma", ""},
		{"", ""},
	}
	for _, tt := range tests {
		got, ok := canonical(tt.id, "001")
		if got != tt.want || ok != (tt.want != "") {
			t.Errorf("%q: %q, %v, want %q", tt.id, got, ok, tt.want)
		}
	}
}

// TestFieldNotVisible: one field that the user may not see fails the query, and
// the breaker is none of its business.
func TestFieldNotVisible(t *testing.T) {
	v := newVendor()
	v.fill(1)
	c, _ := open(t, v, static(), func(cfg *Config) { cfg.ContactCustom = map[string]string{"x": "Hidden__c"} })
	for range 10 {
		if _, err := c.Contacts(t.Context(), []string{contactID(0)}); upstream.KindOf(err) != upstream.UpstreamError || strings.Contains(err.Error(), "canary") {
			t.Errorf("%v, want upstream_error", err)
		}
	}
	if tripped, _ := c.Tripped(upstream.OpContacts); tripped {
		t.Error("the breaker is open")
	}
}

// TestSession lets the session end in the middle of a run. Its token does not
// say when it will.
func TestSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		given, valid := 0, 0
		login := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.PostFormValue("grant_type") != "client_credentials" || r.PostFormValue("client_secret") != "s3cret" {
				w.WriteHeader(http.StatusBadRequest)
				fmt.Fprint(w, `{"error":"invalid_client"}`)
				return
			}
			given++
			valid = given
			fmt.Fprintf(w, `{"access_token":"session-%d","instance_url":"https://acme.my.salesforce.invalid","token_type":"Bearer","issued_at":"1"}`, given)
		})
		cfg := oauth.Config{Grant: oauth.ClientCredentials, ClientID: "id", ClientSecret: "s3cret"}
		host, err := client.NewHost(client.HostConfig{
			Name: "salesforce-oauth", URL: "http://acme.my.salesforce.invalid/services/oauth2/token", Deadline: 5 * time.Second,
			Operations: oauth.Operations(), Transport: upstreamtest.Handler(login),
		})
		if err != nil {
			t.Fatal(err)
		}
		defer host.Close()
		tokens, err := oauth.New(host.ClientWith(cfg.Access(), 0), cfg)
		if err != nil {
			t.Fatal(err)
		}
		v := newVendor()
		v.fill(1)
		v.token = func(token string) bool { return token == fmt.Sprint("session-", valid) }
		c, _ := open(t, v, client.Access{Tokens: tokens}, nil)
		for range 5 {
			if got, err := c.Contacts(t.Context(), []string{contactID(0)}); err != nil || len(got) != 1 {
				t.Errorf("%d contacts, error %v", len(got), err)
			}
			time.Sleep(2 * time.Hour)
			valid = 0 // an administrator ends all sessions
		}
		if n := len(v.resources()); given != 5 || n != 9 {
			t.Errorf("%d tokens and %d calls, want 5 and 9: each refused call once more", given, n)
		}
	})
}

// TestQuota uses the day's calls up, and holds the gate to opening in time.
func TestQuota(t *testing.T) {
	tests := []struct {
		name  string
		spend func(*vendor)
		after int // good calls
		wait  time.Duration
	}{
		{"used by us", func(v *vendor) { v.most = 3 }, 3, dayUsedUp},
		{"used by others", func(v *vendor) { v.most, v.used = 3, 3 }, 0, dayUsedUp},
		{"too many at once", func(v *vendor) { v.most, v.busy = 1000, true }, 0, tooManyLong},
		{"it does not say", func(v *vendor) { v.busy = true }, 0, dayUsedUp},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				v := newVendor()
				v.fill(1)
				tt.spend(v)
				c, _ := open(t, v, static(), nil)
				good := 0
				var err error
				for range 5 {
					if _, err = c.Contacts(t.Context(), []string{contactID(0)}); err == nil {
						good++
					}
				}
				if got := c.Limited(); good != tt.after || upstream.KindOf(err) != upstream.RateLimited || got != tt.wait {
					t.Errorf("%d good, then %v; limited for %v, want %d and %v", good, err, got, tt.after, tt.wait)
				}
				if n := len(v.resources()); n > tt.after+1 {
					t.Errorf("%d calls: the gate is not closed", n)
				}
				v.used, v.busy = 0, false
				time.Sleep(tt.wait - time.Millisecond)
				if _, err := c.Accounts(t.Context(), []string{accountID(0)}); upstream.KindOf(err) != upstream.RateLimited {
					t.Errorf("before it is time: %v", err)
				}
				time.Sleep(time.Millisecond)
				if got, err := c.Accounts(t.Context(), []string{accountID(0)}); err != nil || len(got) != 1 {
					t.Errorf("when it is time: %v", err)
				}
			})
		})
	}
}

// TestRefused tells a right that is missing from a quota: both are 403.
func TestRefused(t *testing.T) {
	for body, want := range map[string]upstream.Kind{
		`[{"errorCode":"API_DISABLED_FOR_ORG","message":"REQUEST_LIMIT_EXCEEDED"}]`: upstream.Denied,
		`{"errorCode":"REQUEST_LIMIT_EXCEEDED"}`:                                    upstream.Denied,
		`[null,1,{"errorCode":"REQUEST_LIMIT_EXCEEDED"}]`:                           upstream.RateLimited,
		`<html>`: upstream.Denied,
		``:       upstream.Denied,
	} {
		c, faults := open(t, newVendor(), static(), nil)
		faults.Set(upstreamtest.Answer(403, body))
		if _, err := c.Contacts(t.Context(), []string{contactID(0)}); upstream.KindOf(err) != want {
			t.Errorf("%s: %v, want %s", body, err, want)
		}
	}
}

func TestNew(t *testing.T) {
	c, _ := open(t, newVendor(), static(), nil)
	bad := map[string]Config{
		"no tenant": {}, "reference": {TenantID: "t", ExternalRef: "a b"},
		"custom": {TenantID: "t", ContactCustom: map[string]string{"x": "Id FROM User"}}, "account's": {TenantID: "t", AccountCustom: map[string]string{"x": ""}},
	}
	for name, cfg := range bad {
		if _, err := New(c.client, cfg); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := New(nil, Config{TenantID: "t"}); err == nil {
		t.Error("no client: no error")
	}
}
