package sandbox

import (
	"strconv"
	"time"
)

// documentedNative is the documented conversation of the native store.
func documentedNative() *conversation {
	at := func(day, hour, minute int) time.Time { return time.Date(2026, 3, day, hour, minute, 0, 0, time.UTC) }
	m := talk(
		"u: Hello, when will my order #4521 arrive?",
		"a: Thanks for getting in touch! Let me look up order #4521 for you.",
		"u: It has to reach our plant in Germany.",
		"a: Deliveries to Germany take 3-5 business days. Your order left our warehouse this morning.",
		"u: Perfect, thank you!",
		"a: You are welcome. You will get the tracking link by e-mail.",
	)
	for i, t := range []time.Time{at(24, 8, 15), at(24, 8, 16), at(24, 9, 2), at(24, 9, 3), at(25, 11, 40), at(25, 11, 42)} {
		m[i].at = t
	}
	m[1].calls = []functionCall{{"find_order", raw(`{"order":"4521"}`), raw(`{"status":"shipped","country":"DE"}`)}}
	return &conversation{
		id: ExampleNative, tenant: Globex, kind: "email", assistant: assistantsOf(Globex)[0],
		workspace: exampleWorkspace, channel: exampleChannel,
		contact: ptr(exampleContact), account: ptr(exampleAccount), status: "active",
		summary: ptr("Customer asked about delivery times for order #4521. Agent confirmed 3-5 business days to Germany."),
		subject: ptr("Re: Delivery time for order #4521"),
		outcome: ptr("Delivery timeline confirmed, customer satisfied."),
		created: at(24, 8, 15), updated: at(25, 11, 42), messages: m, variables: raw(`null`), aiOn: true, cost: 0.0061,
		attention: []attentionItem{{
			ID: exampleAttention, TenantID: Globex, ConversationID: ExampleNative, Type: "validation_failed",
			Reason: ptr("The delivery date in the draft did not match the carrier's."), Status: "open",
			CreatedAt: timestamp(at(25, 11, 42)),
		}},
	}
}

// danglingNative is linked to records that the CRM no longer has.
func danglingNative() *conversation {
	at := time.Date(2026, 3, 20, 10, 0, 0, 0, time.UTC)
	m := talk("u: Please close my account.", "a: I am sorry to see you go. Your account is closed now.")
	m[0].at, m[1].at = at, at.Add(time.Minute)
	return &conversation{
		id: ExampleNativeNoContact, tenant: Globex, kind: "widget", assistant: assistantsOf(Globex)[0],
		workspace: exampleWorkspace, channel: exampleChannel,
		contact: ptr("ct-deleted-0001"), account: ptr("ac-deleted-0001"), status: "resolved",
		outcome: ptr("Account closed."), created: at, updated: at.Add(2 * time.Minute),
		messages: m, variables: raw(`{}`), aiOn: true, cost: 0.0004,
	}
}

// documentedRecords puts the documented contact and account into the CRM.
func (r *registry) documentedRecords() {
	r.accounts[Globex].put(exampleAccount, account{
		ID: exampleAccount, TenantID: Globex, Name: ptr("Mueller Maschinenbau GmbH"), ResolutionStatus: "vies_resolved",
		ExternalRef: ptr("CRM-ACCOUNT-12345"), EmailDomain: ptr("mueller-maschinenbau.de"),
		VATNumber: ptr("DE123456789"), VATValid: ptr(true), Country: ptr("DE"), Phone: ptr("+49897654321"),
		Website: ptr("https://mueller-maschinenbau.de"), CompanyType: ptr("manufacturer"),
		CreatedAt: "2026-02-10T14:30:05.000Z", UpdatedAt: "2026-03-20T09:15:00.000Z",
	})
	r.contacts[Globex].put(exampleContact, contact{
		ID: exampleContact, TenantID: Globex, AccountID: ptr(exampleAccount), ExternalRef: ptr("CRM-CONTACT-78291"),
		ResolutionStatus: "crm_resolved", FirstName: ptr("Jan"), LastName: ptr("Mueller"),
		Email: ptr("jan.mueller@acme-customer.de"), Phone: ptr("+4915112345678"), CompanyName: ptr("Acme Customer GmbH"),
		CreatedAt: "2026-02-10T14:30:00.000Z", UpdatedAt: "2026-03-20T09:15:00.000Z",
	})
}

// linkedRecords puts what the fixed conversations of Acme are linked to into
// the CRM. Two of these contacts share a phone number.
func (r *registry) linkedRecords() {
	const made, changed = "2024-11-05T08:00:00.000Z", "2025-01-20T10:30:00.000Z"
	for i, name := range []string{"Navy Research", "Doe & Daughters", "Lead Works"} {
		id := "acc-900" + strconv.Itoa(i+1)
		r.accounts[Acme].put(id, account{
			ID: id, TenantID: Acme, Name: ptr(name), ResolutionStatus: "crm_resolved", Country: ptr("US"),
			EmailDomain: ptr([]string{"navy.example", "doe.example", "leadworks.example"}[i]),
			CreatedAt:   made, UpdatedAt: changed,
		})
	}
	person := func(id, first, last, email, phone, ref, acc string) {
		c := contact{
			ID: id, TenantID: Acme, ResolutionStatus: "crm_resolved", FirstName: ptr(first), LastName: ptr(last),
			Email: some(email), Phone: some(phone), ExternalRef: some(ref), AccountID: some(acc),
			CreatedAt: made, UpdatedAt: changed, InternalNote: ptr("pays late"),
		}
		r.contacts[Acme].put(id, c)
	}
	person("con-9001", "Ada", "Lovelace", "ada@navy.example", "+14155550101", "", "acc-9001")
	person("con-9002", "Grace", "Hopper", "grace.hopper@navy.example", "+1 415 555 0102", "", "acc-9001")
	person("con-9003", "John", "Doe", "john@doe.example", "+14155559876", "", "acc-9002")
	person("con-12345", "Larry", "Lead", "larry@leadworks.example", "", "crm-lead-12345", "acc-9003")
	person("con-9004", "Nora", "Noone", "nora@mail.example", "", "crm-lead-9004", "")
	person("con-9006", "Lee", "Lost", "lee@mail.example", "", "crm-lead-9006", "acc-gone")
	person("con-9007", "Romy", "Schmidt", "romy@shared.example", "+14155550199", "", "acc-9002")
	person("con-9008", "Remy", "Schmidt", "remy@shared.example", "+14155550199", "", "acc-9002")
	// One of them, and its company, with all that there can be.
	c, a := r.contacts[Acme].records["con-12345"], r.accounts[Acme].records["acc-9003"]
	c.detail(5)
	a.detail(5)
	r.contacts[Acme].put(c.ID, c)
	r.accounts[Acme].put(a.ID, a)
}

// some is s, or nil when it is empty.
func some(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
