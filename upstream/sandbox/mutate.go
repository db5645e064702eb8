package sandbox

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Draft is a conversation to be added. What is empty is left out of it.
type Draft struct {
	ID                 string // "": a new one
	Type               string // "": widget
	ExternalIdentifier string
	CustomerName       string
	CustomerPhone      string // with type whatsapp
	Variables          map[string]any
	ContactID          string   // native store alone
	AccountID          string   // native store alone
	Messages           []string // by turns of the user and the assistant; the user begins
}

// AddConversation puts a new conversation at the head of a tenant's list and
// returns its id.
func (s *Sandbox) AddConversation(tenant string, d Draft) (string, error) {
	records := s.records(tenant)
	if records == nil {
		return "", errors.New("sandbox: no such tenant")
	}
	variables := raw(`null`)
	if d.Variables != nil {
		var err error
		if variables, err = json.Marshal(d.Variables); err != nil {
			return "", fmt.Errorf("sandbox: variables: %w", err)
		}
	}
	now := records.now()
	c := &conversation{
		id: d.ID, tenant: tenant, kind: d.Type, assistant: assistantsOf(tenant)[0], variables: variables,
		external: d.ExternalIdentifier, aiOn: true, created: now, updated: now,
		contact: some(d.ContactID), account: some(d.AccountID),
	}
	if d.Type == "" {
		c.kind = "widget"
	}
	if c.kind == "whatsapp" {
		c.sender, c.customer = supportLine(), &party{d.CustomerName, d.CustomerPhone}
	}
	for i, text := range d.Messages {
		c.messages = append(c.messages, message{role: []string{"user", "assistant"}[i%2], content: text, at: now})
	}
	if records == s.nativeRecords {
		c.workspace, c.channel, c.status = exampleWorkspace, exampleChannel, statusOf(c)
	}
	if !records.add(c) {
		return "", fmt.Errorf("sandbox: conversation %s exists", d.ID)
	}
	return c.id, nil
}

// AddMessage lets "user" or "assistant" say something more. Like the other
// changes of a conversation it reports whether there is such a conversation.
func (s *Sandbox) AddMessage(id, role, content string) bool {
	return s.change(id, func(c *conversation, now time.Time) {
		c.count += min(c.count, 1) // a figure of its own keeps up
		c.messages = append(slices.Clip(c.messages), message{
			id: fmt.Sprintf("%s-%d", c.id, len(c.messages)), role: role, content: content, at: now,
		})
		if c.status != "" {
			c.status = statusOf(c)
		}
	})
}

// SetAI switches the AI of a conversation on or off; off, a person has it.
func (s *Sandbox) SetAI(id string, on bool) bool {
	return s.change(id, func(c *conversation, _ time.Time) {
		c.aiOn = on
		if c.status != "" {
			c.status = statusOf(c)
		}
	})
}

func (s *Sandbox) change(id string, edit func(*conversation, time.Time)) bool {
	for _, records := range []*archive{s.autocallsRecords, s.nativeRecords} {
		now := records.now()
		if records.change(id, func(c *conversation) {
			edit(c, now)
			c.updated = now
		}) {
			return true
		}
	}
	return false
}

// DeleteConversation reports whether there was such a conversation.
func (s *Sandbox) DeleteConversation(id string) bool {
	return s.autocallsRecords.remove(id) || s.nativeRecords.remove(id)
}

// ConversationIDs are the ids of a tenant's conversations, newest first.
func (s *Sandbox) ConversationIDs(tenant string) []string {
	records := s.records(tenant)
	if records == nil {
		return nil
	}
	all := records.matching(tenant, func(*conversation) bool { return true })
	return each(all, func(c *conversation) string { return c.id })
}

func (s *Sandbox) records(tenant string) *archive {
	if tenant == Initech {
		return s.autocallsRecords
	}
	for _, t := range s.tenants {
		switch {
		case t.ID == tenant && t.Store == "native":
			return s.nativeRecords
		case t.ID == tenant:
			return s.autocallsRecords
		}
	}
	return nil
}

// PutContact changes fields of a tenant's contact, or makes the contact. The
// names are those of the CRM's JSON; nil is null.
func (s *Sandbox) PutContact(tenant, id string, fields map[string]any) error {
	now := s.nativeRecords.now()
	fresh := contact{ID: id, TenantID: tenant, ResolutionStatus: "crm_resolved", CreatedAt: timestamp(now)}
	return put(s.crmRecords.contacts[tenant], id, fresh, fields, now)
}

// PutAccount is [Sandbox.PutContact] for an account.
func (s *Sandbox) PutAccount(tenant, id string, fields map[string]any) error {
	now := s.nativeRecords.now()
	fresh := account{ID: id, TenantID: tenant, ResolutionStatus: "crm_resolved", CreatedAt: timestamp(now)}
	return put(s.crmRecords.accounts[tenant], id, fresh, fields, now)
}

func put[T any](on *shelf[T], id string, fresh T, fields map[string]any, now time.Time) error {
	if on == nil {
		return errors.New("sandbox: the CRM has no such tenant")
	}
	patch := map[string]any{"updatedAt": timestamp(now)}
	maps.Copy(patch, fields)
	body, err := json.Marshal(patch)
	if err != nil {
		return fmt.Errorf("sandbox: fields: %w", err)
	}
	return on.change(id, fresh, func(record *T) error {
		dec := json.NewDecoder(bytes.NewReader(body))
		dec.DisallowUnknownFields()
		return dec.Decode(record)
	})
}

// DeleteContact reports whether the tenant had such a contact.
func (s *Sandbox) DeleteContact(tenant, id string) bool {
	on := s.crmRecords.contacts[tenant]
	return on != nil && on.remove(id)
}

// DeleteAccount reports whether the tenant had such an account.
func (s *Sandbox) DeleteAccount(tenant, id string) bool {
	on := s.crmRecords.accounts[tenant]
	return on != nil && on.remove(id)
}
