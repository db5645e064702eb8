package sandbox

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// scripts are what people talk about, "{name}" and the like to be filled in.
// A line that begins with "!" is a function call of the line before.
const scripts = `u: Hi, I need help with my order {order}
a: Hello {name}! I am looking it up for you.
!find_order {"order":"{order}"} {"status":"shipped","days":3}
a: Order {order} is on its way and should arrive in 3 days.
u: Can it go to another address?
a: Once it has been shipped, only the carrier can change that. Shall I ask them?
u: Yes, please
---
a: Hello! Welcome to our support. How can I help you today?
u: I would like to see a demo
a: With pleasure. Does {day} at 10 AM suit you?
!check_calendar_availability {} {"available_slots":["{day} 10:00","{day} 14:00"]}
u: {day} is fine
a: Booked! You will get an invitation in a minute.
!book_appointment {"day":"{day}","title":"Demo"} {"success":true,"booking_id":"b-{order}"}
u: Thanks!
---
u: My invoice {order} shows the wrong company name
a: I am sorry about that, {name}. What should it say?
u: I have sent you the right name by e-mail
a: Thank you. Accounting will send you a corrected invoice by {day}.
---
u: I cannot log in since this morning
a: Let me check the status of our services first.
!service_status {} []
a: All is green on our side. Did you try to reset your password?
u: I did, twice
a: Then I will hand you over to a colleague, {name}.
u: Ok, I am waiting
---
a: Hi {name}! You asked about our enterprise plan. What would you like to know?
u: What does it cost for 50 seats?
a: For 50 seats it is 19 euros per seat and month, billed yearly.
u: And can we pay by invoice?
a: Yes, from 20 seats on.
---
u: Do you have this in blue?
`

// script makes the messages of a conversation: one of the scripts, now and
// then broken off early.
func (g *generator) script(c *conversation, who contact) []message {
	lines := strings.Split(pick(g, strings.Split(scripts, "---\n")...), "\n")
	if g.chance(25) {
		lines = lines[:1+g.rng.IntN(len(lines)-1)]
	}
	fill := strings.NewReplacer(
		"{name}", *who.FirstName, "{order}", fmt.Sprint(4000+g.rng.IntN(6000)),
		"{day}", pick(g, "Monday", "Tuesday", "Thursday", "Friday"),
	)
	messages, at := []message{}, c.created
	for _, l := range lines {
		switch {
		case l == "":
		case l[0] == '!':
			f := strings.SplitN(fill.Replace(l[1:]), " ", 3)
			last := &messages[len(messages)-1]
			last.calls = append(last.calls, functionCall{f[0], raw(f[1]), raw(f[2])})
		default:
			said := talk(fill.Replace(l))[0]
			said.id, said.at = newID(g.src), at
			messages = append(messages, said)
			at = at.Add(20*time.Second + g.upTo(5*time.Minute)).Truncate(time.Second)
		}
	}
	return messages
}

// nativeFields adds what the native store alone knows.
func (g *generator) nativeFields(c *conversation, who contact) {
	c.workspace = pick(g, exampleWorkspace, "w2a2b3c4-5678-9abc-def0-1234567890ab")
	c.channel = "ch-" + c.kind
	if who.ID != "" {
		c.contact, c.account = ptr(who.ID), who.AccountID
	}
	if g.chance(60) {
		c.summary = ptr(*who.FirstName + " asked: " + c.messages[0].content)
	}
	c.status = statusOf(c)
	switch {
	case c.status == "human_managed":
		c.attention = []attentionItem{{
			ID: newID(g.src), TenantID: c.tenant, ConversationID: c.id, Type: "human_requested",
			Reason: ptr("The customer asked for a person."), Status: "open", CreatedAt: timestamp(c.updated),
		}}
	case g.chance(30):
		c.status, c.outcome = "resolved", ptr("Answered.")
	}
}

// statusOf is the status that the messages show.
func statusOf(c *conversation) string {
	byAssistant := func(m message) bool { return m.role == "assistant" }
	switch {
	case !c.aiOn:
		return "human_managed"
	case !slices.ContainsFunc(c.messages, byAssistant):
		return "new"
	case byAssistant(c.messages[len(c.messages)-1]):
		return "waiting"
	}
	return "active"
}
