package chatwoot

import (
	"encoding/json"
	"errors"
	"strings"

	"github.com/weft-gateway/weft/upstream"
)

// Whose custom attributes a variable is of.
const (
	ofContact      = "contact"
	ofConversation = "conversation"
)

// attribute is a custom attribute.
type attribute struct{ of, key string }

// conversation reads a conversation, which is the same in lists and alone.
func (s *Store) conversation(f upstream.Fields) (upstream.Conversation, error) {
	var none upstream.Conversation
	id, ok := f.ID("id")
	if !ok || id == nil || !isNumber(*id) {
		return none, errors.New("a conversation without a usable id")
	}
	if account, ok := f.ID("account_id"); !ok || account != nil && *account != s.account {
		return none, upstream.WrongRecord
	}
	active := f.Unix("last_activity_at")
	created, updated := f.Unix("created_at"), f.Unix("updated_at")
	if created == nil || active == nil {
		return none, errors.New("a conversation without usable times")
	}
	if updated == nil { // older servers leave it out
		updated = active
	}
	meta := f.Object("meta")
	c := upstream.Conversation{
		ID: *id, TenantID: s.tenant, Status: status(f),
		Subject: f.Object("additional_attributes").Text("mail_subject"),
		Type:    channelType(meta.Text("channel")), CreatedAt: *created, UpdatedAt: *updated,
	}
	if inbox, ok := f.ID("inbox_id"); ok && inbox != nil {
		c.Inbox, c.ChannelID = *inbox, *inbox
	}
	if last := f.Object("last_non_activity_message"); last != nil { // Chatwoot does not say how many
		c.MessageCount, c.LastMessageAt = 1, last.Unix("created_at")
	}
	s.customer(&c, f, meta.Object("sender"))
	return c, nil
}

// customer fills in what ties the conversation to a person.
func (s *Store) customer(c *upstream.Conversation, f, sender upstream.Fields) {
	c.ExternalIdentifier = sender.Text("identifier")
	if name, phone := sender.Text("name"), sender.Text("phone_number"); name != nil || phone != nil {
		c.Customer = &upstream.Party{Name: name, Phone: phone}
	}
	custom := map[string]upstream.Fields{
		ofContact: sender.Object("custom_attributes"), ofConversation: f.Object("custom_attributes"),
	}
	c.Variables = upstream.Variables(s.variables, func(a attribute) json.RawMessage { return custom[a.of][a.key] },
		map[string]*string{"email": sender.Text("email")})
}

// status translates the state of a conversation. A pending one is with a bot; an
// open one, and one in a state that is not known, is with people.
func status(f upstream.Fields) upstream.Status {
	state := f.Text("status")
	if state != nil {
		switch *state {
		case "resolved":
			return upstream.StatusResolved
		case "pending":
			return upstream.StatusActive
		case "snoozed":
			return upstream.StatusWaiting
		}
	}
	if f.Unix("first_reply_created_at") == nil && f.Object("meta").Object("assignee") == nil {
		return upstream.StatusNew
	}
	return upstream.StatusHumanManaged
}

// state is the state that all conversations of a status are in.
func state(s upstream.Status) string {
	switch s {
	case upstream.StatusResolved:
		return "resolved"
	case upstream.StatusActive:
		return "pending"
	case upstream.StatusWaiting:
		return "snoozed"
	}
	return "open"
}

// channelType translates the name of a channel: Channel::WebWidget is a widget,
// and any other its own name in lower case, as email.
func channelType(channel *string) *string {
	if channel == nil {
		return nil
	}
	name := strings.ToLower(strings.TrimPrefix(*channel, "Channel::"))
	if name == "webwidget" {
		name = "widget"
	}
	return &name
}
