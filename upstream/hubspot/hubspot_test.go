package hubspot

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weft-gateway/weft/upstream"
	"github.com/weft-gateway/weft/upstream/client"
	"github.com/weft-gateway/weft/upstream/upstreamtest"
)

func ptr[T any](v T) *T { return &v }

func testTime(t *testing.T, s string) *upstream.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		t.Fatal(err)
	}
	return ptr(upstream.At(at))
}

func idsFrom(first, n int) (ids []string) {
	for i := range n {
		ids = append(ids, fmt.Sprint(first+i))
	}
	return ids
}

func TestConformance(t *testing.T) {
	upstreamtest.TestCRM(t, func(t testing.TB) upstreamtest.CRMCase {
		v := newVendor()
		v.fill(5)
		v.records["contacts"]["1004"].props["phone"] = v.records["contacts"]["1003"].props["phone"]
		c, faults := open(t, v, static())
		contacts, err := c.Contacts(context.Background(), idsFrom(1000, 4))
		accounts, accErr := c.Accounts(context.Background(), idsFrom(5000, 4))
		if err != nil || accErr != nil || len(contacts) != 4 || len(accounts) != 4 {
			t.Fatalf("%d contacts, %d accounts, %v, %v", len(contacts), len(accounts), err, accErr)
		}
		byID := func(a, b upstream.Contact) int { return strings.Compare(a.ID, b.ID) }
		return upstreamtest.CRMCase{
			CRM: c, Faults: faults, Unknown: "999999",
			Contacts:  slices.SortedFunc(maps.Values(contacts), byID),
			Accounts:  slices.SortedFunc(maps.Values(accounts), func(a, b upstream.Account) int { return strings.Compare(a.ID, b.ID) }),
			Lookups:   []upstream.Lookup{upstream.ByExternalRef, upstream.ByEmail, upstream.ByPhone},
			Ambiguous: &upstreamtest.Ambiguous{By: upstream.ByPhone, Value: *contacts["1003"].Phone, Contacts: 2},
			Swap: func(asked, other string) upstreamtest.Fault {
				whole, local := upstreamtest.Swap(asked, other), upstreamtest.Swap(national(asked), national(other))
				return func(r *request, next transport) (*response, error) {
					return whole(r, through(func(r *request) (*response, error) { return local(r, next) }))
				}
			},
		}
	})
}

// TestCalls counts what a hundred contacts and their companies cost.
func TestCalls(t *testing.T) {
	v := newVendor()
	v.fill(100)
	c, _ := open(t, v, static())
	read := func() (map[string]upstream.Contact, map[string]upstream.Account) {
		contacts, err := c.Contacts(t.Context(), idsFrom(1000, 100))
		if err != nil {
			t.Fatal(err)
		}
		var ids []string
		for _, k := range contacts {
			ids = append(ids, *k.AccountID)
		}
		accounts, err := c.Accounts(t.Context(), ids)
		if err != nil {
			t.Fatal(err)
		}
		return contacts, accounts
	}
	contacts, accounts := read()
	want := []string{"crm/v3/objects/contacts/batch/read", "crm/v3/objects/companies/batch/read"}
	if diff := cmp.Diff(want, v.asked()); diff != "" || len(contacts) != 100 || len(accounts) != 100 {
		t.Errorf("%d contacts, %d accounts, calls (-want +got):\n%s", len(contacts), len(accounts), diff)
	}
	for id, rec := range v.records["contacts"] { // none names its company itself
		if id != "1000" {
			delete(rec.props, "associatedcompanyid")
		}
	}
	contacts, accounts = read()
	want = []string{want[0], "crm/v4/associations/contacts/companies/batch/read", want[1]}
	if diff := cmp.Diff(want, v.asked()); diff != "" || len(contacts) != 100 || len(accounts) != 100 {
		t.Errorf("%d contacts, %d accounts, calls (-want +got):\n%s", len(contacts), len(accounts), diff)
	}
	for id, k := range contacts {
		if want := "5" + id[1:]; *k.AccountID != want {
			t.Errorf("contact %s has the company %s, want %s", id, *k.AccountID, want)
		}
	}
}

// TestRecords reads each property into its field, and no other.
func TestRecords(t *testing.T) {
	v := newVendor()
	v.records["contacts"]["7"] = &fakeRecord{props: map[string]string{
		"firstname": "Jan", "lastname": "Meier", "email": "jan@acme.test", "hs_additional_emails": "j@x.test;jm@y.test",
		"phone": "+49 151 12345678", "mobilephone": "0151 999", "company": "Acme", "jobtitle": "CTO", "associatedcompanyid": "8",
		"hubspot_owner_id": "55", "lifecyclestage": "customer", "hs_language": "de", "hs_timezone": "europe_slash_berlin",
		"notes_last_updated": "2026-02-12T10:00:00Z", "address": "Weg 1", "city": "Ulm", "state": "BW", "zip": "89073", "country": "Germany",
		"crm_ref": "REF-7", "plan": "gold", "secret_note": "canary",
	}}
	v.records["contacts"]["9"] = &fakeRecord{}
	v.records["companies"]["8"] = &fakeRecord{props: map[string]string{
		"name": "Acme", "domain": "acme.test", "website": "https://www.acme.test", "phone": "+49 (731) 555", "industry": "COMPUTER_SOFTWARE",
		"numberofemployees": "40", "annualrevenue": "1500000.5", "description": "makes things", "type": "PARTNER", "hs_country_code": "DE",
		"hs_parent_company_id": "88", "hubspot_owner_id": "55", "lifecyclestage": "customer", "notes_last_updated": "nonsense",
		"address": "Weg 1", "address2": "Haus B", "secret_note": "canary",
	}}
	c, _ := open(t, v, static())
	created, updated := testTime(t, "2026-02-10T14:30:00Z"), testTime(t, "2026-02-11T14:30:00.123Z")
	want := map[string]upstream.Contact{
		"7": {
			ID: "7", TenantID: testTenant, ResolutionStatus: "crm_resolved", AccountID: ptr("8"), ExternalRef: ptr("REF-7"),
			FirstName: ptr("Jan"), LastName: ptr("Meier"), Email: ptr("jan@acme.test"), Phone: ptr("+4915112345678"), CompanyName: ptr("Acme"),
			CreatedAt: created, UpdatedAt: updated, Title: ptr("CTO"),
			Emails: []upstream.EmailAddress{{Value: "jan@acme.test", Primary: true}, {Value: "j@x.test"}, {Value: "jm@y.test"}},
			Phones: []upstream.PhoneNumber{
				{Value: "+4915112345678", Raw: ptr("+49 151 12345678"), Primary: true}, {Value: "0151 999", Raw: ptr("0151 999"), Type: ptr("mobile")},
			},
			OwnerID: ptr("55"), LifecycleStage: ptr("customer"), Language: ptr("de"), Timezone: ptr("europe_slash_berlin"),
			LastActivityAt: testTime(t, "2026-02-12T10:00:00Z"), URL: ptr(portal + "/record/0-1/7"), Custom: upstream.Custom{"plan": json.RawMessage(`"gold"`)},
			Address: &upstream.Address{Street: ptr("Weg 1"), City: ptr("Ulm"), State: ptr("BW"), PostalCode: ptr("89073"), Country: ptr("Germany")},
		},
		"9": { // all of it null
			ID: "9", TenantID: testTenant, ResolutionStatus: "crm_resolved", CreatedAt: created, UpdatedAt: updated, URL: ptr(portal + "/record/0-1/9"),
		},
	}
	got, err := c.Contacts(t.Context(), []string{"7", "9"})
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("contacts: %v (-want +got):\n%s", err, diff)
	}
	wantAccount := map[string]upstream.Account{"8": {
		ID: "8", TenantID: testTenant, ResolutionStatus: "crm_resolved", Name: ptr("Acme"), EmailDomain: ptr("acme.test"), Domain: ptr("acme.test"),
		Website: ptr("https://www.acme.test"), Phone: ptr("+49731555"), Industry: ptr("COMPUTER_SOFTWARE"), Employees: ptr(40),
		AnnualRevenue: &upstream.Money{Amount: 1500000.5}, Description: ptr("makes things"), CompanyType: ptr("PARTNER"), Country: ptr("DE"),
		ParentID: ptr("88"), OwnerID: ptr("55"), LifecycleStage: ptr("customer"), CreatedAt: created, UpdatedAt: updated,
		Address: &upstream.Address{Street: ptr("Weg 1\nHaus B")}, URL: ptr(portal + "/record/0-2/8"),
	}}
	accounts, err := c.Accounts(t.Context(), []string{"8"})
	if diff := cmp.Diff(wantAccount, accounts); err != nil || diff != "" {
		t.Errorf("accounts: %v (-want +got):\n%s", err, diff)
	}
}

// TestGone reads records that are no longer what they were.
func TestGone(t *testing.T) {
	v := newVendor()
	v.fill(4)
	v.records["contacts"]["1001"].archived = true
	v.records["contacts"]["1002"].into = "1003"
	c, _ := open(t, v, static())
	got, err := c.Contacts(t.Context(), []string{"1000", "1001", "1002", "424242"})
	ids := map[string]string{}
	for asked, k := range got {
		ids[asked] = k.ID
	}
	if diff := cmp.Diff(map[string]string{"1000": "1000", "1002": "1003"}, ids); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	got, err = c.Contacts(t.Context(), []string{"1002", "1003"}) // both ways to one record
	if err != nil || len(got) != 2 || got["1002"].ID != "1003" || got["1003"].ID != "1003" {
		t.Errorf("%v, error %v", got, err)
	}
	v.broken = "INTERNAL_ERROR" // beside the results, so that what is not there may be
	got, err = c.Contacts(t.Context(), []string{"1000", "424242"})
	if upstream.KindOf(err) != upstream.UpstreamError || len(got) != 1 {
		t.Errorf("%v, error %v", got, err)
	}
}

// TestAnswers reads answers in which something is wrong: what HubSpot does not
// say clearly never makes a record missing.
func TestAnswers(t *testing.T) {
	const good = `{"id":"1","properties":{"associatedcompanyid":"5"}}`
	tests := []struct {
		name   string
		status int
		body   string
		want   int
		kind   upstream.Kind
	}{
		{"none", 200, `{"status":"COMPLETE","results":[]}`, 0, ""},
		{"errors with 200", 200, `{"results":[` + good + `],"errors":[{"category":"INTERNAL_ERROR"}]}`, 1, upstream.UpstreamError},
		{"207 without a reason", 207, `{"results":[` + good + `],"numErrors":1}`, 1, upstream.UpstreamError},
		{"207 with a reason that is none", 207, `{"results":[` + good + `],"errors":[null]}`, 1, upstream.UpstreamError},
		{"unknown", 207, `{"results":[` + good + `],"errors":[{"category":"OBJECT_NOT_FOUND"}]}`, 1, ""},
		{"twice", 200, `{"results":[` + good + `,` + good + `]}`, 1, ""},
		{"an id that is a number", 200, `{"results":[{"id":1,"properties":{"associatedcompanyid":5}}]}`, 1, ""},
		{"a huge id", 200, `{"results":[{"id":1e400,"properties":{}},` + good + `]}`, 1, upstream.BadResponse},
		{"an id in a fraction", 200, `{"results":[{"id":1.0,"properties":{}}]}`, 0, upstream.BadResponse},
		{"another's", 200, `{"results":[{"id":"3","properties":{}},` + good + `]}`, 1, upstream.WrongRecord},
		{"merged into itself and all", 200, `{"results":[{"id":"3","properties":{"associatedcompanyid":"5","hs_merged_object_ids":"3;1;2"}}]}`, 2, ""},
		{"white space", 200, "\r\n\t {\"results\":[" + good + "]} ", 1, ""},
		{"bytes that are no text", 200, "{\"results\":[{\"id\":\"1\",\"properties\":{\"associatedcompanyid\":\"5\",\"firstname\":\"\xff\"}}]}", 1, ""},
		{"byte order mark", 200, "\ufeff{\"results\":[]}", 0, upstream.BadResponse},
		{"two values", 200, `{"results":[]}{"results":[]}`, 0, upstream.BadResponse},
		{"deep", 200, `{"results":[` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `]}`, 0, upstream.BadResponse},
		{"nothing", 204, ``, 0, upstream.BadResponse},
		{"a web page", 200, `<html>canary</html>`, 0, upstream.BadResponse},
		{"a redirect", 302, ``, 0, upstream.BadResponse},
		{"no such batch", 404, `{"error":"x"}`, 0, upstream.BadResponse},
		{"refused input", 400, `{"category":"VALIDATION_ERROR","message":"canary"}`, 0, upstream.UpstreamError},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, faults := open(t, newVendor(), static())
			faults.Set(upstreamtest.Answer(tt.status, tt.body))
			got, err := c.Contacts(t.Context(), []string{"1", "2"})
			if len(got) != tt.want || upstream.KindOf(err) != tt.kind {
				t.Errorf("%d contacts, error %v; want %d, %q", len(got), err, tt.want, tt.kind)
			}
			if err != nil && strings.Contains(err.Error(), "canary") {
				t.Errorf("%v quotes the answer", err)
			}
		})
	}
}

// TestCompanies decides which company is the contact's.
func TestCompanies(t *testing.T) {
	v := newVendor()
	v.records["contacts"]["1"] = &fakeRecord{companies: []string{"21", "22"}}              // 22 is the primary one
	v.records["contacts"]["2"] = &fakeRecord{companies: []string{"23", "24"}, loose: true} // none is
	v.records["contacts"]["3"] = &fakeRecord{}
	c, faults := open(t, v, static())
	got, err := c.Contacts(t.Context(), []string{"1", "2", "3"})
	all := map[string][]string{}
	for id, k := range got {
		all[id] = k.AccountIDs
		if len(k.AccountIDs) > 0 && *k.AccountID != k.AccountIDs[0] {
			t.Errorf("contact %s: account %s of %v", id, *k.AccountID, k.AccountIDs)
		}
	}
	if diff := cmp.Diff(map[string][]string{"1": {"22", "21"}, "2": {"23", "24"}, "3": nil}, all); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}

	// What cannot be learned is not guessed: without its company a contact would be another.
	faults.Set(func(r *request, next transport) (*response, error) {
		if strings.Contains(r.URL.Path, "associations") {
			return upstreamtest.Answer(500, "")(r, next)
		}
		return next.RoundTrip(r)
	})
	v.fill(1)
	got, err = c.Contacts(t.Context(), []string{"1", "1000"})
	if _, ok := got["1000"]; !ok || len(got) != 1 || upstream.KindOf(err) != upstream.UpstreamError {
		t.Errorf("%v, error %v", got, err)
	}
	found, err := c.FindContacts(t.Context(), upstream.ByEmail, []string{"jan.0@acme.test"})
	if err != nil || len(found) != 1 {
		t.Errorf("found %v, error %v", found, err)
	}
	// Nor is one of two that have the number the only one, because the other is out of sight.
	v.records["contacts"]["3"].props = map[string]string{"phone": v.records["contacts"]["1000"].props["phone"]}
	found, err = c.FindContacts(t.Context(), upstream.ByPhone, []string{"+4915112345600"})
	if upstream.KindOf(err) != upstream.UpstreamError || len(found) != 0 {
		t.Errorf("found %v, error %v, want nothing and upstream_error", found, err)
	}
	faults.Set(nil)
	found, err = c.FindContacts(t.Context(), upstream.ByPhone, []string{"+4915112345600"})
	if err != nil || len(found["+4915112345600"]) != 2 {
		t.Errorf("found %v, error %v, want two", found, err)
	}
}

func TestFind(t *testing.T) {
	v := newVendor()
	v.fill(3)
	v.records["contacts"]["1000"].props["hs_additional_emails"] = "other@acme.test"
	v.records["contacts"]["1001"].props["mobilephone"] = "0171 5550001"
	v.records["contacts"]["1002"].props["phone"] = "+43 151 12345678" // another country's
	v.records["contacts"]["1002"].archived = false
	c, _ := open(t, v, static())
	tests := []struct {
		by     upstream.Lookup
		values []string
		want   map[string][]string
	}{
		{upstream.ByEmail, []string{"Other@Acme.test", "JAN.1@acme.test", "nobody@acme.test"}, map[string][]string{"Other@Acme.test": {"1000"}, "JAN.1@acme.test": {"1001"}}},
		{upstream.ByExternalRef, []string{"REF-2", "ref-1"}, map[string][]string{"REF-2": {"1002"}}},
		{upstream.ByPhone, []string{"+491715550001"}, map[string][]string{"+491715550001": {"1001"}}},
		{upstream.ByPhone, []string{"+4915112345678"}, map[string][]string{}},
		{upstream.ByPhone, []string{"000"}, map[string][]string{}},
	}
	for _, tt := range tests {
		found, err := c.FindContacts(t.Context(), tt.by, tt.values)
		got := map[string][]string{}
		for value, list := range found {
			for _, k := range list {
				got[value] = append(got[value], k.ID)
			}
		}
		if diff := cmp.Diff(tt.want, got); err != nil || diff != "" {
			t.Errorf("by %s: %v (-want +got):\n%s", tt.by, err, diff)
		}
	}
	v.records["contacts"]["1002"].props["phone"] = "0171 5550001"
	v.searchPage = 1
	if _, err := c.FindContacts(t.Context(), upstream.ByPhone, []string{"+491715550001"}); upstream.KindOf(err) != upstream.BadResponse {
		t.Errorf("the beginning of a list: %v, want bad_response", err)
	}
	c.cfg.ExternalRef = ""
	if _, err := c.FindContacts(t.Context(), upstream.ByExternalRef, []string{"REF-2"}); err == nil {
		t.Error("no property for references: no error")
	}
}

// TestTokenEnds lets the token end in the middle of a run.
func TestTokenEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVendor()
		v.fill(1)
		tokens := &counter{}
		v.token = tokens.good
		c, _ := open(t, v, client.Access{Tokens: tokens})
		for i := range 10 {
			if got, err := c.Contacts(t.Context(), []string{"1000"}); err != nil || len(got) != 1 {
				t.Errorf("read %d: %d contacts, error %v", i, len(got), err)
			}
			if i%4 == 3 {
				tokens.now++ // the one in use is refused from now on
			}
		}
		if n := len(v.asked()); n != 12 || tokens.renewed != 2 {
			t.Errorf("%d calls and %d new tokens, want 12 and 2", n, tokens.renewed)
		}
		tokens.dead = true
		if _, err := c.Contacts(t.Context(), []string{"1000"}); upstream.KindOf(err) != upstream.Denied {
			t.Errorf("no token is good: %v, want denied", err)
		}
		if n := len(v.asked()); n != 2 {
			t.Errorf("%d calls, want the second with a new token and no third", n)
		}
	})
}

// counter is a token source whose tokens are numbers.
type counter struct {
	now, last, renewed int
	dead               bool
}

func (c *counter) Token(_ context.Context, refused string) (string, error) {
	if refused == fmt.Sprint(c.last) {
		c.last++
		c.renewed++
	}
	return fmt.Sprint(c.last), nil
}

func (c *counter) good(token string) bool { return !c.dead && token == fmt.Sprint(c.now) }

// TestQuota uses each quota up, and holds the gate to opening in time.
func TestQuota(t *testing.T) {
	tests := []struct {
		name  string
		spend func(*vendor)
		after int // good calls
		wait  time.Duration
	}{
		{"ten seconds", func(v *vendor) { v.perTen = 3 }, 3, 10 * time.Second},
		{"the day", func(v *vendor) { v.daily = 2 }, 2, dailyQuota},
		{"the day, used by others", func(v *vendor) { v.daily = 0 }, 0, dailyQuota},
		{"ten seconds, used by others", func(v *vendor) { v.perTen, v.used, v.window = 3, 3, time.Now() }, 0, rolling},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				v := newVendor()
				v.fill(1)
				tt.spend(v)
				c, _ := open(t, v, static())
				good := 0
				var err error
				for range 5 {
					if _, err = c.Contacts(t.Context(), []string{"1000"}); err == nil {
						good++
					}
				}
				if got := c.Limited(); good != tt.after || upstream.KindOf(err) != upstream.RateLimited || got != tt.wait || upstream.RetryAfter(err) != tt.wait {
					t.Errorf("%d good, then %v; limited for %v, want %d and %v", good, err, got, tt.after, tt.wait)
				}
				if n := len(v.asked()); n > tt.after+1 {
					t.Errorf("%d calls: the gate is not closed", n)
				}
				v.daily = -1
				time.Sleep(tt.wait - time.Millisecond)
				if _, err := c.Accounts(t.Context(), []string{"5000"}); upstream.KindOf(err) != upstream.RateLimited {
					t.Errorf("before it is time: %v", err)
				}
				time.Sleep(time.Millisecond)
				if got, err := c.Accounts(t.Context(), []string{"5000"}); err != nil || len(got) != 1 {
					t.Errorf("when it is time: %v", err)
				}
			})
		})
	}
}

func TestNew(t *testing.T) {
	c, _ := open(t, newVendor(), static())
	bad := map[string]Config{
		"no tenant": {}, "reference": {TenantID: "t", ExternalRef: "a b"},
		"custom": {TenantID: "t", ContactCustom: map[string]string{"x": "a.b"}}, "account's": {TenantID: "t", AccountCustom: map[string]string{"x": ""}},
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
