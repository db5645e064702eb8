package sandbox

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
)

func TestCRMDocumented(t *testing.T) {
	s := open(t, -1)
	tok := token(t, s.crm, Globex)
	diff(t, object(t, s.CRM(), tok, "/contacts/"+exampleContact, http.StatusOK), decode(t, `{
		"id":"ct1a2b3c-5678-9abc-def0-1234567890ab","tenantId":"`+Globex+`","accountId":"ac1a2b3c-5678-9abc-def0-1234567890ab",
		"externalRef":"CRM-CONTACT-78291","resolutionStatus":"crm_resolved","firstName":"Jan","lastName":"Mueller",
		"email":"jan.mueller@acme-customer.de","phone":"+4915112345678","companyName":"Acme Customer GmbH",
		"createdAt":"2026-02-10T14:30:00.000Z","updatedAt":"2026-03-20T09:15:00.000Z"}`))
	diff(t, object(t, s.CRM(), tok, "/accounts/"+exampleAccount, http.StatusOK), decode(t, `{
		"id":"ac1a2b3c-5678-9abc-def0-1234567890ab","tenantId":"`+Globex+`","name":"Mueller Maschinenbau GmbH",
		"resolutionStatus":"vies_resolved","externalRef":"CRM-ACCOUNT-12345","emailDomain":"mueller-maschinenbau.de",
		"vatNumber":"DE123456789","vatValid":true,"country":"DE","phone":"+49897654321",
		"website":"https://mueller-maschinenbau.de","companyType":"manufacturer",
		"createdAt":"2026-02-10T14:30:05.000Z","updatedAt":"2026-03-20T09:15:00.000Z"}`))
}

func TestCRMLists(t *testing.T) {
	s := open(t, 30)
	for _, tt := range []struct {
		name, target string
		want         []string
	}{
		{"ids in order, unknown and repeated left out", "/contacts?ids=con-9004,nothing,con-9001,con-9004", []string{"con-9004", "con-9001"}},
		{"one id", "/contacts?ids=con-9001", []string{"con-9001"}},
		{"another tenant's", "/contacts?ids=" + exampleContact, []string{}},
		{"accounts", "/accounts?ids=acc-9002,acc-9001,acc-gone", []string{"acc-9002", "acc-9001"}},
		{"phone", "/contacts?phone=%2B14155559876", []string{"con-9003"}},
		{"phone kept with spaces", "/contacts?phone=%2B14155550102", []string{"con-9002"}},
		{"phone of two", "/contacts?phone=%2B14155550199", []string{"con-9007", "con-9008"}},
		{"email in another case", "/contacts?email=GRACE.hopper@navy.example", []string{"con-9002"}},
		{"reference", "/contacts?externalRef=crm-lead-12345", []string{"con-12345"}},
		{"reference in another case", "/contacts?externalRef=CRM-lead-12345", []string{}},
		{"several values", "/contacts?externalRef=crm-lead-9006,crm-lead-12345,nobody", []string{"con-12345", "con-9006"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			diff(t, ids(t, object(t, s.CRM(), token(t, s.crm, Acme), tt.target, http.StatusOK)), tt.want)
		})
	}
}

func TestCRMRefusals(t *testing.T) {
	s := open(t, -1)
	tok := token(t, s.crm, Acme)
	many := strings.Repeat("x,", 100) + "x"
	for _, tt := range []struct {
		name, token, target string
		status              int
		want                string
	}{
		{"no token", "", "/contacts/con-9001", 401, "Unauthorized"},
		{"store's token", "sandbox-acme-autocalls", "/contacts/con-9001", 401, "Unauthorized"},
		{"unknown contact", tok, "/contacts/nothing", 404, "Contact not found"},
		{"deleted contact", tok, "/contacts/con-9005", 404, "Contact not found"},
		{"other tenant's contact", tok, "/contacts/" + exampleContact, 404, "Contact not found"},
		{"other tenant's account", tok, "/accounts/" + exampleAccount, 404, "Account not found"},
		{"101 ids", tok, "/contacts?ids=" + many, 400, "ids has more than 100 values"},
		{"101 accounts", tok, "/accounts?ids=" + many, 400, "ids has more than 100 values"},
		{"101 phones", tok, "/contacts?phone=" + many, 400, "phone has more than 100 values"},
		{"nothing asked", tok, "/contacts", 400, "no parameter"},
		{"two things asked", tok, "/contacts?ids=a&email=b", 400, "more than one parameter"},
		{"unknown parameter", tok, "/contacts?q=a", 400, "unknown parameter"},
		{"accounts by phone", tok, "/accounts?phone=a", 400, "unknown parameter"},
		{"empty value", tok, "/contacts?ids=a,,b", 400, "ids has an empty value"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			diff(t, object(t, s.CRM(), tt.token, tt.target, tt.status), map[string]any{"error": tt.want})
		})
	}
	hundred := make([]string, 100)
	for i := range hundred {
		hundred[i] = strconv.Itoa(i)
	}
	object(t, s.CRM(), tok, "/contacts?ids="+strings.Join(hundred, ","), http.StatusOK)
}

// TestLinks follows what the fixed conversations carry to the CRM.
func TestLinks(t *testing.T) {
	s := open(t, 10)
	tok := token(t, s.crm, Acme)
	for _, tt := range []struct {
		name, id string
		by       string   // the CRM's parameter
		path     []string // where the conversation has the key
		want     []string // contacts
		account  int      // status of the first contact's account; 0: has none
	}{
		{"reference", ExampleAPI, "externalRef", []string{"external_identifier"}, []string{"con-12345"}, 200},
		{"phone", ExampleWhatsApp, "phone", []string{"customer", "phone"}, []string{"con-9003"}, 200},
		{"email", ExampleByEmail, "email", []string{"variables", "email"}, []string{"con-9002"}, 200},
		{"id", ExampleByContactID, "ids", []string{"variables", "crm_contact_id"}, []string{"con-9001"}, 200},
		{"ambiguous", ExampleAmbiguous, "phone", []string{"customer", "phone"}, []string{"con-9007", "con-9008"}, 200},
		{"no account", ExampleNoAccount, "externalRef", []string{"external_identifier"}, []string{"con-9004"}, 0},
		{"no contact", ExampleNoContact, "ids", []string{"variables", "crm_contact_id"}, []string{}, 0},
		{"lost account", ExampleLostAccount, "externalRef", []string{"external_identifier"}, []string{"con-9006"}, 404},
		{"unlinked", ExampleUnlinked, "externalRef", []string{"external_identifier"}, []string{}, 0},
		{"AI off", ExampleAIOff, "email", []string{"variables", "email"}, []string{"con-9002"}, 200},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var v any = object(t, s.Autocalls(), "", "/api/conversations/"+tt.id, http.StatusOK)
			for _, name := range tt.path {
				v = v.(map[string]any)[name]
			}
			found := object(t, s.CRM(), tok, "/contacts?"+url.Values{tt.by: {v.(string)}}.Encode(), http.StatusOK)
			diff(t, ids(t, found), tt.want)
			if len(tt.want) == 0 {
				return
			}
			acc, has := rows(t, found)[0]["accountId"].(string)
			if has != (tt.account != 0) {
				t.Fatalf("account %q", acc)
			}
			if has {
				object(t, s.CRM(), tok, "/accounts/"+acc, tt.account)
			}
		})
	}
}

// TestGeneratedLinks: most generated keys lead to a contact, some do not.
func TestGeneratedLinks(t *testing.T) {
	s := open(t, 300)
	linked, stray := 0, 0
	for _, c := range s.autocallsRecords.matching(Acme, func(c *conversation) bool { return c.external != "" }) {
		found := s.crmRecords.contacts[Acme].matching(func(o contact) bool { return orEmpty(o.ExternalRef) == c.external })
		switch len(found) {
		case 0:
			stray++
		case 1:
			linked++
		default:
			t.Errorf("%s leads to %d contacts", c.external, len(found))
		}
	}
	if linked <= stray || stray == 0 {
		t.Errorf("%d linked, %d not", linked, stray)
	}
	for _, c := range s.nativeRecords.matching(Globex, func(c *conversation) bool { return c.contact != nil }) {
		if _, known := s.crmRecords.contacts[Globex].records[*c.contact]; !known && c.id != ExampleNativeNoContact {
			t.Errorf("%s is linked to nobody", c.id)
		}
	}
}
