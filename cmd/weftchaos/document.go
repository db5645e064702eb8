package main

import (
	"encoding/json"
	"fmt"
	"slices"
)

// document is what a caller looks at.
type document struct {
	ID, TenantID     string
	Contact, Account *struct{ ID, TenantID string }
	Messages         []json.RawMessage
	Enrichment       struct {
		Complete                                                 bool
		Conversation, Messages, Contact, Account, AttentionItems part
	}
}

type part struct {
	State, Reason, AsOf string
	AgeSeconds          int
}

// lie is how the document contradicts itself, or what is known; "" if it does not.
func (d document) lie(id, contact string) string {
	e := d.Enrichment
	shown := func(p part) bool { return slices.Contains([]string{"fresh", "cached", "stale"}, p.State) }
	troubled := func(p part) bool { return slices.Contains([]string{"stale", "unavailable", "forbidden"}, p.State) }
	switch {
	case d.ID != id:
		return "is " + d.ID
	case shown(e.Contact) != (d.Contact != nil):
		return "contact is " + e.Contact.State
	case shown(e.Account) != (d.Account != nil):
		return "account is " + e.Account.State
	case shown(e.Messages) != (d.Messages != nil):
		return "messages are " + e.Messages.State
	case d.Contact != nil && contact != "" && d.Contact.ID != contact:
		return "contact is " + d.Contact.ID + " and not " + contact
	case e.Contact.State == "missing" || e.Contact.State == "unlinked":
		return "contact is there and not " + e.Contact.State
	}
	for _, p := range []part{e.Conversation, e.Messages, e.Contact, e.Account, e.AttentionItems} {
		if troubled(p) != (p.Reason != "") {
			return fmt.Sprintf("%s for the reason %q", p.State, p.Reason)
		}
		if troubled(p) && e.Complete {
			return "complete and " + p.State
		}
	}
	return ""
}

// whole reports whether every part is shown that there is, of whatever age.
func (d document) whole() bool {
	e := d.Enrichment
	for _, p := range []part{e.Conversation, e.Messages, e.Contact, e.Account, e.AttentionItems} {
		if p.State == "unavailable" || p.State == "forbidden" || p.State == "" {
			return false
		}
	}
	return true
}
