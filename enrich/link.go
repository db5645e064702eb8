package enrich

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"

	"github.com/nyaruka/phonenumbers"

	"github.com/weft-gateway/weft/upstream"
)

// ruleStore is the link's rule where the store carries the ids itself.
const ruleStore = "store"

// anchor is what ties a conversation to the CRM: the ids that its store
// carries, or the value that a link rule looks up. Two conversations with
// equal anchors have the same contact and account.
type anchor struct {
	rule string // "": nothing ties it
	by   upstream.Lookup
	// value is personal data (a phone number, an address): it is hashed in
	// cache keys and never logged.
	value string

	linked               bool // the store carries the ids; "" then means that there is none
	contactID, accountID string
}

// anchor finds the conversation's anchor. The first rule whose field has a
// value decides, even if the value turns out to lead nowhere.
func (t *Tenant) anchor(c *upstream.Conversation) anchor {
	if c.Linked {
		return anchor{rule: ruleStore, linked: true, contactID: deref(c.ContactID), accountID: deref(c.AccountID)}
	}
	if t.CRM == nil {
		return anchor{}
	}
	for _, r := range t.Rules {
		if v := fieldValue(c, r.Field); v != "" {
			return anchor{rule: r.Field, by: r.By, value: t.normal(r.By, v)}
		}
	}
	return anchor{}
}

// cloned keeps nothing of the conversation alive, whose texts share memory: the ids
// become keys of what is kept.
func (a anchor) cloned() anchor {
	together(&a.contactID, &a.accountID)
	return a
}

// key is the anchor's cache id.
func (a anchor) key() string {
	sum := sha256.Sum256([]byte(a.value))
	return string(a.by) + ":" + hex.EncodeToString(sum[:16])
}

// rememberedKey is the cache id under which the ids that a store carries are
// remembered beyond the life of the conversation's copy.
func rememberedKey(conversation string) string { return aboutConversation + conversation }

// fieldValue reads a rule's field; "" when it has no value.
func fieldValue(c *upstream.Conversation, field string) string {
	switch field {
	case "external_identifier":
		return strings.TrimSpace(deref(c.ExternalIdentifier))
	case "customer.phone":
		if c.Customer == nil {
			return ""
		}
		return strings.TrimSpace(deref(c.Customer.Phone))
	}
	name, ok := strings.CutPrefix(field, "variables.")
	if !ok {
		return ""
	}
	return variable(c.Variables, name)
}

// variable reads one variable as text. Numbers keep their digits; anything
// that is neither a string nor a number is no key.
func variable(raw json.RawMessage, name string) string {
	var vars map[string]json.RawMessage
	if json.Unmarshal(raw, &vars) != nil {
		return ""
	}
	v := bytes.TrimSpace(vars[name])
	if len(v) == 0 {
		return ""
	}
	switch c := v[0]; {
	case c == '"':
		var s string
		if json.Unmarshal(v, &s) != nil {
			return ""
		}
		return strings.TrimSpace(s)
	case c == '-' || c >= '0' && c <= '9':
		return string(v)
	}
	return ""
}

// maxKey bounds a look-up value: visitors can type anything into a variable.
const maxKey = 256

// normal brings a look-up value into the form that the CRM is asked with;
// "" when it cannot be a key at all.
func (t *Tenant) normal(by upstream.Lookup, v string) string {
	if len(v) > maxKey || strings.ContainsFunc(v, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return ""
	}
	switch by {
	case upstream.ByID:
		if len(v) > 64 {
			return ""
		}
		return v
	case upstream.ByEmail:
		if !strings.Contains(v, "@") {
			return ""
		}
		return strings.ToLower(v)
	case upstream.ByPhone:
		return t.phone(v)
	}
	return v
}

// phone reads a number as E.164; "" when it cannot be one.
func (t *Tenant) phone(v string) string {
	n, err := phonenumbers.Parse(v, t.Region)
	if err != nil || !phonenumbers.IsPossibleNumber(n) {
		return ""
	}
	return phonenumbers.Format(n, phonenumbers.E164)
}
