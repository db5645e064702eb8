package sandbox

import (
	"encoding/json"
	"time"
)

// The fixed conversations of [Acme]: first those of the vendor's own
// documentation, with every value that it shows.
const (
	ExampleWidget   = "7c9e6679-7425-40de-944b-e07fc1f90ae7" // no key that links it
	ExampleWhatsApp = "8d0f7780-8536-51ef-055c-f18fd2g01bf8" // linked by customer.phone; not a UUID, as documented
	ExampleAPI      = "9e1g8891-9647-62fg-166d-g29ge3h12cg9" // linked by external_identifier; not a UUID, as documented

	ExampleByEmail     = "5b1f0c9e-0001-4000-8000-000000000001" // linked by variables.email
	ExampleByContactID = "5b1f0c9e-0002-4000-8000-000000000002" // linked by variables.crm_contact_id
	ExampleAmbiguous   = "5b1f0c9e-0003-4000-8000-000000000003" // its customer.phone is that of two contacts
	ExampleNoAccount   = "5b1f0c9e-0004-4000-8000-000000000004" // the contact has no account
	ExampleNoContact   = "5b1f0c9e-0005-4000-8000-000000000005" // the contact of variables.crm_contact_id was deleted
	ExampleLostAccount = "5b1f0c9e-0006-4000-8000-000000000006" // the contact's account was deleted
	ExampleUnlinked    = "5b1f0c9e-0007-4000-8000-000000000007" // an external_identifier that nobody carries
	ExampleAIOff       = "5b1f0c9e-0008-4000-8000-000000000008" // a person took over
)

// ExampleForeign is a conversation of [Initech] in the Autocalls store.
const ExampleForeign = "5b1f0c9e-0009-4000-8000-000000000009"

// The fixed conversations of [Globex]: first the documented one.
const (
	ExampleNative          = "c1a2b3c4-5678-9abc-def0-1234567890ab" // with contact, account and attention item
	ExampleNativeNoContact = "5b1f0c9e-0010-4000-8000-000000000010" // its contact and account were deleted
)

// Documented ids that are not those of conversations.
const (
	exampleWorkspace = "w1a2b3c4-5678-9abc-def0-1234567890ab"
	exampleChannel   = "ch1a2b3c-5678-9abc-def0-1234567890ab"
	exampleContact   = "ct1a2b3c-5678-9abc-def0-1234567890ab"
	exampleAccount   = "ac1a2b3c-5678-9abc-def0-1234567890ab"
	exampleAttention = "ai1a2b3c-5678-9abc-def0-1234567890ab"
)

func supportLine() *party { return &party{"Acme Corp Support", "+14155551234"} }

// documented are the three of the Autocalls documentation, oldest first. The
// figures of the rows are not those of the histories: nor are they there.
func documented(zone *time.Location) []*conversation {
	day := func(hour, minute, second int) time.Time {
		return time.Date(2025, 1, 25, hour, minute, second, 0, zone)
	}
	support := assistantsOf(Acme)[0]
	return []*conversation{{
		id: ExampleAPI, tenant: Acme, kind: "api", assistant: support,
		variables: raw(`{"lead_id":"12345","source":"website"}`), external: "crm-lead-12345",
		count: 5, cost: 0.0021, aiOn: true, created: day(9, 0, 0), updated: day(9, 15, 30),
		messages: talk(
			"a: Hi! I'm following up on your recent inquiry. How can I help you today?",
			"u: I wanted to know more about your enterprise plan",
		),
	}, {
		id: ExampleWhatsApp, tenant: Acme, kind: "whatsapp", assistant: support, variables: raw(`null`),
		sender: supportLine(), customer: &party{"John Doe", "+14155559876"},
		count: 8, cost: 0.0032, aiOn: true, created: day(10, 15, 0), updated: day(10, 28, 45),
		messages: talk(
			"u: Hi, I need help with my order",
			"a: Hello! I'd be happy to help you with your order. Could you please provide your order number?",
		),
	}, {
		id: ExampleWidget, tenant: Acme, kind: "widget", assistant: support,
		variables: raw(`{"user_name":"Jane Smith","plan":"premium"}`),
		count:     12, cost: 0.0045, aiOn: true, created: day(14, 30, 0), updated: day(14, 45, 22),
		messages: demoTalk(),
	}}
}

func demoTalk() []message {
	m := talk(
		"a: Hello! Welcome to our support. How can I help you today?",
		"u: I'd like to schedule a demo",
		"a: I'd be happy to help you schedule a demo! I have availability tomorrow at 2 PM or Thursday at 10 AM. Which works better for you?",
		"u: Thursday at 10 AM works for me",
		"a: I've scheduled your demo for Thursday, January 12th at 10 AM. You'll receive a calendar invitation shortly. Is there anything specific you'd like us to cover during the demo?",
	)
	m[2].calls = []functionCall{{
		"check_calendar_availability", raw(`{"date_range":"next_7_days"}`),
		raw(`{"available_slots":["2025-01-10 14:00","2025-01-12 10:00"]}`),
	}}
	m[4].calls = []functionCall{{
		"book_appointment", raw(`{"datetime":"2025-01-12T10:00:00","title":"Product Demo"}`),
		raw(`{"success":true,"booking_id":"abc123"}`),
	}}
	return m
}

// linking are conversations for what can become of a link, oldest first.
func linking(zone *time.Location) []*conversation {
	widget := func(id, variables string) *conversation {
		return &conversation{id: id, kind: "widget", variables: raw(variables)}
	}
	api := func(id, external string) *conversation {
		return &conversation{id: id, kind: "api", variables: raw(`{}`), external: external}
	}
	list := []*conversation{
		widget(ExampleByEmail, `{"email":"Grace.Hopper@navy.example","newsletter":true}`),
		widget(ExampleByContactID, `{"crm_contact_id":"con-9001","visits":3}`),
		{id: ExampleAmbiguous, kind: "whatsapp", variables: raw(`null`), sender: supportLine(), customer: &party{Phone: "+14155550199"}},
		api(ExampleNoAccount, "crm-lead-9004"),
		widget(ExampleNoContact, `{"crm_contact_id":"con-9005"}`),
		api(ExampleLostAccount, "crm-lead-9006"),
		api(ExampleUnlinked, "nobody-0000"),
		widget(ExampleAIOff, `{"email":"grace.hopper@navy.example"}`),
	}
	start := time.Date(2025, 2, 3, 9, 0, 0, 0, zone)
	for i, c := range list {
		c.tenant, c.assistant, c.aiOn, c.cost = Acme, assistantsOf(Acme)[i%3], c.id != ExampleAIOff, 0.0018
		c.created = start.Add(time.Duration(i) * time.Hour)
		c.updated = c.created.Add(4 * time.Minute)
		c.messages = talk("u: Hello, is anybody there?", "a: Good morning! What can I do for you?", "u: I have a question about my invoice")
	}
	return list
}

func foreign(zone *time.Location) *conversation {
	at := time.Date(2025, 2, 4, 9, 0, 0, 0, zone)
	return &conversation{
		id: ExampleForeign, tenant: Initech, kind: "api", assistant: assistantsOf(Initech)[0],
		variables: raw(`{"department":"reports"}`), external: "initech-0001", aiOn: true, cost: 0.0009,
		created: at, updated: at.Add(time.Minute),
		messages: talk("u: Did you get the memo about the cover sheets?", "a: Yes, I have the memo right here."),
	}
}

// raw is JSON written by hand.
func raw(s string) json.RawMessage { return json.RawMessage(s) }

// talk makes messages of lines that begin with who speaks: "a: " or "u: ".
func talk(lines ...string) []message {
	messages := make([]message, len(lines))
	for i, l := range lines {
		messages[i] = message{role: role(l), content: l[len("a: "):]}
	}
	return messages
}

func role(line string) string {
	if line[0] == 'a' {
		return "assistant"
	}
	return "user"
}
