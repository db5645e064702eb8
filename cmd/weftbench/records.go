package main

import (
	"fmt"
	"strconv"
	"strings"
)

const (
	// listRows is how long a page of a list is, and listKnown how many of its
	// rows are of people that every page has.
	listRows, listKnown = 100, 70

	digits = 12 // of the number that an id ends in
)

// template is a record's JSON, cut where its number stands.
type template []string

func newTemplate(json string) template { return strings.Split(json, "#") }

// fill appends the record with this number.
func (t template) fill(b []byte, number string) []byte {
	for i, text := range t {
		if i > 0 {
			b = append(b, number...)
		}
		b = append(b, text...)
	}
	return b
}

// page is which rows a list has, by the filter that it was asked with: those
// that all lists have, unless it says new, and those that no other one has.
func page(filter string) []string {
	known := listKnown
	if strings.HasPrefix(filter, "new") {
		known = 0
	}
	first, err := strconv.Atoi(number(filter))
	if err != nil {
		first = 0
	}
	rows := make([]string, 0, listRows)
	for i := range listRows {
		n := i
		if i >= known {
			n = (first+1)*listRows + i
		}
		rows = append(rows, fmt.Sprintf("%0*d", digits, n))
	}
	return rows
}

func conversationTemplate() template {
	return newTemplate(`{"id":"conv-#","tenantId":"bench","workspaceId":"ws-1","channelId":"ch-1","contactId":"contact-#",` +
		`"accountId":"account-#","status":"active","summary":"Customer asked about delivery times for order #. The agent confirmed three to five ` +
		`business days to Germany, and sent the tracking link by e-mail.","subject":"Re: Delivery time for order #","outcome":"Delivery timeline ` +
		`confirmed, customer satisfied.","messageCount":14,"lastMessageAt":"2026-03-25T11:42:00.000Z","createdAt":"2026-03-24T08:15:00.000Z",` +
		`"updatedAt":"2026-03-25T11:42:00.000Z","type":"whatsapp","aiEnabled":true,"externalIdentifier":null,"variables":{"plan":"premium",` +
		`"order":"#","country":"DE"},"assistant":{"id":"assistant-7","name":"Front desk"},"whatsappSender":{"name":"Acme Support","phone":` +
		`"+14155551234"},"customer":{"name":"Jan Mueller","phone":"+4915112345678"},"totalCost":0.0061}`)
}

func threadTemplate() template {
	var b strings.Builder
	b.WriteString(`{"data":[`)
	for i, said := range messages() {
		if i > 0 {
			b.WriteByte(',')
		}
		role, calls := "user", "[]"
		if i%2 == 1 {
			role = "assistant"
		}
		if i == 3 {
			calls = `[{"name":"find_order","arguments":{"order":"#"},"result":{"status":"shipped","country":"DE","carrier":"DHL"}}]`
		}
		fmt.Fprintf(&b, `{"id":"msg-#-%d","role":%q,"content":%q,"createdAt":"2026-03-24T08:%02d:00.000Z","functionCalls":%s}`, i, role, said, 15+i, calls)
	}
	b.WriteString(`]}`)
	return newTemplate(b.String())
}

func attentionTemplate() template {
	return newTemplate(`{"data":[{"id":"att-#","tenantId":"bench","conversationId":"conv-#","type":"validation_failed",` +
		`"reason":"The delivery date in the draft did not match the carrier's.","status":"open","createdAt":"2026-03-25T11:42:00.000Z","resolvedAt":null}]}`)
}

func contactTemplate() template {
	return newTemplate(`{"id":"contact-#","tenantId":"bench","accountId":"account-#","externalRef":"CRM-CONTACT-#","resolutionStatus":"crm_resolved",` +
		`"firstName":"Jan","lastName":"Mueller","email":"jan.mueller.#@acme-customer.example","phone":"+4915112345678","companyName":"Acme Customer GmbH",` +
		`"createdAt":"2026-02-10T14:30:00.000Z","updatedAt":"2026-03-20T09:15:00.000Z"}`)
}

func accountTemplate() template {
	return newTemplate(`{"id":"account-#","tenantId":"bench","name":"Mueller Maschinenbau GmbH","resolutionStatus":"vies_resolved","externalRef":` +
		`"CRM-ACCOUNT-#","emailDomain":"mueller-maschinenbau.example","vatNumber":"DE123456789","vatValid":true,"country":"DE","phone":"+49897654321",` +
		`"website":"https://mueller-maschinenbau.example","companyType":"manufacturer","createdAt":"2026-02-10T14:30:05.000Z","updatedAt":"2026-03-20T09:15:00.000Z"}`)
}
