package rest

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weft-gateway/weft/upstream"
)

// fullContact has every field, some of them in their odd forms.
const fullContact = `{
	"id": 900719925474099312345, "tenantId": "` + testTenant + `", "accountId": 12, "externalRef": 7,
	"resolutionStatus": "manually_resolved", "firstName": "Jan", "lastName": "Mueller", "email": "jan@acme.de",
	"phone": "+45 31 23 45 67", "companyName": "Acme", "createdAt": "2026-02-10T15:30:00+01:00",
	"updatedAt": "2026-03-20T09:15:00.123456Z", "name": "Jan Mueller", "title": "Buyer", "department": "Purchasing",
	"emails": ["jan@acme.de", {"value": "j@home.de", "type": "home", "primary": true}, {"type": "work"}, null],
	"phones": [{"value": "+49 (0)151 1", "type": "mobile"}, {"value": "+4515", "raw": "4515"}],
	"ownerId": "u1", "ownerName": "Ann", "lifecycleStage": "customer", "tags": ["vip"], "timezone": "Europe/Berlin",
	"accountIds": [12, "13", null, ""], "address": {"street": "Lindenweg 5", "city": "Leipzig", "postalCode": "04109", "country": "DE", "gate": "s3"},
	"custom": {"plan": "pro", "nationalId": "s"}, "score": 7,
	"language": "de", "lastActivityAt": "2026-03-20T09:15:00Z", "archived": false, "url": "HTTPS://crm.example/c/1",
	"secret": "s", "ID": "other"
}`

const fullAccount = `{
	"id": "ac1", "name": "Mueller", "externalRef": "CRM-1", "emailDomain": "m.de", "vatNumber": "DE1", "vatValid": true,
	"country": "DE", "phone": "+49897654321", "website": "https://m.de", "companyType": "GmbH",
	"createdAt": "2026-02-10T14:30:00Z", "updatedAt": "2026-02-10T14:30:00Z", "description": "d", "industry": "i",
	"employees": 120, "annualRevenue": {"amount": 1.5e6, "currency": "EUR"}, "parentId": 3, "ownerId": 4, "ownerName": "Ann",
	"domain": "m.example", "address": "Lindenweg 5, Leipzig", "tier": "gold", "custom": {"tier": "s"},
	"lifecycleStage": "customer", "tags": ["a", "b"], "lastActivityAt": "2026-02-10T14:30:00Z", "archived": true,
	"url": "http://crm.example/a/1", "secret": {"a": 1}
}`

func TestEveryField(t *testing.T) {
	feb := upstream.At(time.Date(2026, 2, 10, 14, 30, 0, 0, time.UTC))
	mar := upstream.At(time.Date(2026, 3, 20, 9, 15, 0, 0, time.UTC))
	cfg := Config{
		ContactCustom: map[string]string{"plan": "custom.plan", "points": "score", "none": "custom.none"}, AccountCustom: map[string]string{"tier": "tier"},
	}
	c, _ := open(t, say(200, fullContact), cfg)
	const id = "900719925474099312345"
	contacts, err := c.Contacts(t.Context(), []string{id})
	wantContact := upstream.Contact{
		ID: id, TenantID: testTenant, AccountID: ptr("12"), ExternalRef: ptr("7"), ResolutionStatus: "manually_resolved",
		FirstName: ptr("Jan"), LastName: ptr("Mueller"), Email: ptr("jan@acme.de"), Phone: ptr("+4531234567"),
		CompanyName: ptr("Acme"), CreatedAt: &feb, UpdatedAt: &upstream.Time{Time: mar.Add(123 * time.Millisecond)},
		Name: ptr("Jan Mueller"), Title: ptr("Buyer"), Department: ptr("Purchasing"),
		Emails: []upstream.EmailAddress{{Value: "jan@acme.de"}, {Value: "j@home.de", Type: ptr("home"), Primary: true}},
		Phones: []upstream.PhoneNumber{
			{Value: "+49 (0)151 1", Raw: ptr("+49 (0)151 1"), Type: ptr("mobile")}, {Value: "+4515", Raw: ptr("4515")},
		},
		OwnerID: ptr("u1"), OwnerName: ptr("Ann"), LifecycleStage: ptr("customer"), Tags: []string{"vip"},
		Timezone: ptr("Europe/Berlin"), Language: ptr("de"), LastActivityAt: &mar, Archived: ptr(false),
		URL: ptr("https://crm.example/c/1"), AccountIDs: []string{"12", "13"},
		Address: &upstream.Address{Street: ptr("Lindenweg 5"), City: ptr("Leipzig"), PostalCode: ptr("04109"), Country: ptr("DE")},
		Custom:  upstream.Custom{"plan": json.RawMessage(`"pro"`), "points": json.RawMessage(`7`)},
	}
	if diff := cmp.Diff(map[string]upstream.Contact{id: wantContact}, contacts); err != nil || diff != "" {
		t.Errorf("contact: %v (-want +got):\n%s", err, diff)
	}

	c, _ = open(t, say(200, `{"data":[`+fullAccount+`]}`), cfg)
	accounts, err := c.Accounts(t.Context(), []string{"ac1", "ac2"})
	wantAccount := upstream.Account{
		ID: "ac1", TenantID: testTenant, Name: ptr("Mueller"), ResolutionStatus: "crm_resolved", ExternalRef: ptr("CRM-1"),
		EmailDomain: ptr("m.de"), VATNumber: ptr("DE1"), VATValid: ptr(true), Country: ptr("DE"), Phone: ptr("+49897654321"),
		Website: ptr("https://m.de"), CompanyType: ptr("GmbH"), CreatedAt: &feb, UpdatedAt: &feb, Description: ptr("d"),
		Industry: ptr("i"), Employees: ptr(120), AnnualRevenue: &upstream.Money{Amount: 1.5e6, Currency: ptr("EUR")},
		ParentID: ptr("3"), OwnerID: ptr("4"), OwnerName: ptr("Ann"), LifecycleStage: ptr("customer"), Tags: []string{"a", "b"},
		LastActivityAt: &feb, Archived: ptr(true), URL: ptr("http://crm.example/a/1"), Domain: ptr("m.example"),
		Address: &upstream.Address{Formatted: ptr("Lindenweg 5, Leipzig")}, Custom: upstream.Custom{"tier": json.RawMessage(`"gold"`)},
	}
	if diff := cmp.Diff(map[string]upstream.Account{"ac1": wantAccount}, accounts); err != nil || diff != "" {
		t.Errorf("account: %v (-want +got):\n%s", err, diff)
	}
}

func TestContactFields(t *testing.T) {
	bare := func(change func(*upstream.Contact)) *upstream.Contact {
		c := &upstream.Contact{ID: "c1", TenantID: testTenant, ResolutionStatus: "crm_resolved"}
		change(c)
		return c
	}
	none := bare(func(*upstream.Contact) {})
	tests := []struct {
		name   string
		fields string // after the id
		want   *upstream.Contact
		kind   upstream.Kind
	}{
		{"nothing else", ``, none, ""},
		{"null", `,"tenantId":null,"phone":null,"tags":null,"archived":null,"createdAt":null,"emails":null`, none, ""},
		{"empty", `,"email":"","accountId":"","tags":[],"emails":[],"resolutionStatus":""`, bare(func(c *upstream.Contact) { c.Tags = []string{} }), ""},
		{"a date that is none", `,"createdAt":"10.02.2026","updatedAt":"0000-01-01T00:00:00+01:00"`, none, ""},
		{"a link of a script", `,"url":"javascript:alert(1)"`, none, ""},
		{"a link without host", `,"url":"https:c/1"`, none, ""},
		{"a national number", `,"phone":"0151 1234567"`, bare(func(c *upstream.Contact) { c.Phone = ptr("0151 1234567") }), ""},
		{"a number with words", `,"phone":"+49 151 1234567 ext. 3"`, bare(func(c *upstream.Contact) { c.Phone = ptr("+49 151 1234567 ext. 3") }), ""},
		{"another tenant", `,"tenantId":"t2"`, nil, upstream.WrongRecord},
		{"a name is a number", `,"firstName":7`, nil, upstream.BadResponse},
		{"a flag is a word", `,"archived":"no"`, nil, upstream.BadResponse},
		{"a date is a number", `,"createdAt":1770733800`, nil, upstream.BadResponse},
		{"an id is a fraction", `,"accountId":1.5`, nil, upstream.BadResponse},
		{"an id is an object", `,"accountId":{}`, nil, upstream.BadResponse},
		{"a long id", `,"ownerId":"` + strings.Repeat("a", 65) + `"`, nil, upstream.BadResponse},
		{"tags are a word", `,"tags":"vip"`, nil, upstream.BadResponse},
		{"a number in addresses", `,"emails":[7]`, nil, upstream.BadResponse},
		{"no address", `,"address":{},"accountIds":null`, none, ""},
		{"an address in empty parts", `,"address":{"city":"","street":null}`, none, ""},
		{"custom without a list", `,"custom":{"a":1}`, none, ""},
		{"an address is a number", `,"address":7`, nil, upstream.BadResponse},
		{"a town is a number", `,"address":{"city":7}`, nil, upstream.BadResponse},
		{"an account of several is a fraction", `,"accountIds":["a",1.5]`, nil, upstream.BadResponse},
		{"a long account of several", `,"accountIds":["` + strings.Repeat("a", 65) + `"]`, nil, upstream.BadResponse},
		{"addresses are a word", `,"emails":"a@b"`, nil, upstream.BadResponse},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, _ := open(t, say(200, `{"id":"c1"`+tt.fields+`}`), Config{})
			got, err := c.Contacts(t.Context(), []string{"c1"})
			want := map[string]upstream.Contact{}
			if tt.want != nil {
				want["c1"] = *tt.want
			}
			if diff := cmp.Diff(want, got); upstream.KindOf(err) != tt.kind || diff != "" {
				t.Errorf("error %v, want %q (-want +got):\n%s", err, tt.kind, diff)
			}
		})
	}
}

// A part of an address may be anywhere, and the others are in the whole.
func TestAddressElsewhere(t *testing.T) {
	body := `{"id":"c1","town":"Leipzig","home":{"street":"Lindenweg 5","city":"Halle"},"address":{"state":"x"}}`
	c, _ := open(t, say(200, body), Config{ContactFields: map[string]string{"address": "home", "address.city": "town"}})
	got, err := c.Contacts(t.Context(), []string{"c1"})
	want := &upstream.Address{Street: ptr("Lindenweg 5"), City: ptr("Leipzig")}
	if diff := cmp.Diff(want, got["c1"].Address); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

func TestAccountFields(t *testing.T) {
	tests := []struct {
		name   string
		fields string
		want   *upstream.Account // nil: bad_response
	}{
		{"revenue alone", `,"annualRevenue":5`, &upstream.Account{AnnualRevenue: &upstream.Money{Amount: 5}}},
		{"no amount", `,"annualRevenue":{"currency":"EUR"}`, &upstream.Account{}},
		{"revenue is a word", `,"annualRevenue":"much"`, nil},
		{"amount is a word", `,"annualRevenue":{"amount":"much"}`, nil},
		{"employees are a range", `,"employees":"10-50"`, nil},
		{"employees below 0", `,"employees":-1`, nil},
		{"too many employees", `,"employees":9007199254740992`, nil},
		{"half an employee", `,"employees":0.5`, nil},
	}
	for _, tt := range tests {
		c, _ := open(t, say(200, `{"id":"a1"`+tt.fields+`}`), Config{})
		got, err := c.Accounts(t.Context(), []string{"a1"})
		if tt.want == nil {
			if upstream.KindOf(err) != upstream.BadResponse || len(got) != 0 {
				t.Errorf("%s: %v, error %v, want bad_response", tt.name, got, err)
			}
			continue
		}
		tt.want.ID, tt.want.TenantID, tt.want.ResolutionStatus = "a1", testTenant, "crm_resolved"
		if diff := cmp.Diff(map[string]upstream.Account{"a1": *tt.want}, got); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", tt.name, err, diff)
		}
	}
}

// TestMixedAnswer holds good records to staying beside bad and wrong ones.
func TestMixedAnswer(t *testing.T) {
	tests := []struct {
		name string
		list string
		kind upstream.Kind
	}{
		{"good", `{"id":"a"}`, ""},
		{"bad", `{"id":"b","email":7},{"id":"a"}`, upstream.BadResponse},
		{"no id", `{"email":"x"},{"id":"a"}`, upstream.BadResponse},
		{"null id", `{"id":null},{"id":"a"}`, upstream.BadResponse},
		{"no object", `7,null,"a",[],{"id":"a"}`, upstream.BadResponse},
		{"not asked for", `{"id":"z"},{"id":"a"}`, upstream.WrongRecord},
		{"another tenant's", `{"id":"a"},{"id":"b","tenantId":"t2"}`, upstream.WrongRecord},
		{"bad before wrong", `{"id":"b","email":7},{"id":"z"},{"id":"a"}`, upstream.WrongRecord},
		{"wrong before bad", `{"id":"a"},{"id":"z"},{"id":"b","email":7}`, upstream.WrongRecord},
	}
	for _, tt := range tests {
		c, _ := open(t, say(200, `{"data":[`+tt.list+`]}`), Config{})
		got, err := c.Contacts(t.Context(), []string{"a", "b"})
		want := map[string]upstream.Contact{"a": {ID: "a", TenantID: testTenant, ResolutionStatus: "crm_resolved"}}
		if diff := cmp.Diff(want, got); upstream.KindOf(err) != tt.kind || diff != "" {
			t.Errorf("%s: error %v, want %q (-want +got):\n%s", tt.name, err, tt.kind, diff)
		}
	}
}

func FuzzRecords(f *testing.F) {
	f.Add([]byte(fullContact))
	f.Add([]byte(`{"data":[` + fullContact + `,` + fullAccount + `]}`))
	f.Add([]byte(`{"data":[{"id":"ct0","tenantId":"t2"},{"id":"ct0","emails":["a@b"],"phones":[{"value":"+49 1"}],"url":"http://x"}]}`))
	c, _ := open(f, say(200, ""), Config{})
	f.Fuzz(func(t *testing.T, body []byte) {
		writable := func(v any) {
			if b, err := json.Marshal(v); err != nil || !json.Valid(b) {
				t.Errorf("a record that is no JSON: %v", err)
			}
		}
		records, err := elements(body, c.envelope)
		if err != nil {
			raw, err := whole(body)
			if err != nil {
				return
			}
			records = []object{readObject(raw)} // as the body of a single read
		}
		contacts, _ := c.contacts.decode(records, func(t *upstream.Contact) bool { return t.ID == "ct0" })
		for _, r := range contacts {
			writable(r)
			if r.ID != "ct0" || r.TenantID != testTenant || r.URL != nil && !strings.HasPrefix(*r.URL, "http") {
				t.Errorf("contact %+v", r)
			}
		}
		accounts, _ := c.accounts.decode(records, func(*upstream.Account) bool { return true })
		for _, r := range accounts {
			writable(r)
			if r.ID == "" || r.TenantID != testTenant {
				t.Errorf("account %+v", r)
			}
		}
	})
}
