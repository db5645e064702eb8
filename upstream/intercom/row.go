package intercom

import (
	"encoding/json"
	"errors"
	"html"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/weft-gateway/weft/upstream"
)

// What a variable is of.
const (
	ofConversation = "conversation"
	ofCompany      = "company"
)

// attribute is a field that is not in the contract.
type attribute struct{ of, key string }

// handedOver is how the AI agent ends what it leaves to people.
func handedOver() []string { return []string{"escalated", "procedure_handoff", "negative_feedback"} }

// conversation reads a conversation, which is the same in lists and alone but
// for its parts.
func (s *Store) conversation(f upstream.Fields) (upstream.Conversation, error) {
	var none upstream.Conversation
	id, ok := f.ID("id")
	if !ok || id == nil || !isNumber(*id) {
		return none, errors.New("a conversation without a usable id")
	}
	created, updated := f.Unix("created_at"), f.Unix("updated_at")
	if created == nil {
		return none, errors.New("a conversation without a usable created_at")
	}
	if updated == nil {
		updated = created
	}
	source, statistics := f.Object("source"), f.Object("statistics")
	c := upstream.Conversation{
		ID: *id, TenantID: s.tenant, Status: status(f),
		Subject: firstOf(plain(source.Text("subject")), f.Text("title")), Outcome: f.Object("ai_agent").Text("resolution_state"),
		Type: source.Text("type"), CreatedAt: *created, UpdatedAt: *updated,
	}
	if parts := statistics.Count("count_conversation_parts"); parts != nil {
		c.MessageCount = *parts
	}
	if source != nil { // the first message is none of the parts
		c.MessageCount++
	}
	c.LastMessageAt = latest(created, statistics.Unix("last_contact_reply_at"), statistics.Unix("last_admin_reply_at"))
	if team, ok := f.ID("team_assignee_id"); ok && team != nil && *team != "0" {
		c.Inbox = *team
	}
	s.customer(&c, f, source.Object("author"))
	return c, nil
}

// customer fills in what ties the conversation to a person. Of several contacts
// it is the one that began; if none of them did, it cannot be told.
func (s *Store) customer(c *upstream.Conversation, f, author upstream.Fields) {
	if !slices.Contains(customers(), text(author, "type")) {
		author = nil
	}
	contacts := f.Object("contacts").List("contacts")
	for _, raw := range contacts {
		contact := upstream.ReadFields(raw)
		id := contact.Text("id")
		if len(contacts) == 1 || id != nil && *id == text(author, "id") {
			c.ExternalIdentifier = contact.Text("external_id")
		}
	}
	if name := author.Text("name"); name != nil {
		c.Customer = &upstream.Party{Name: name}
	}
	company := f.Object("company")
	groups := map[string]upstream.Fields{ofConversation: f.Object("custom_attributes"), ofCompany: company}
	c.Variables = upstream.Variables(s.variables, func(a attribute) json.RawMessage { return groups[a.of][a.key] },
		map[string]*string{"email": author.Text("email")})
}

// customers is how an author is called who is none of the company's.
func customers() []string { return []string{"user", "lead", "contact"} }

// status translates the state of a conversation. An open one is with people
// when one is assigned or has answered, or when the AI agent has left it to them.
func status(f upstream.Fields) upstream.Status {
	switch text(f, "state") {
	case "closed":
		return upstream.StatusResolved
	case "snoozed":
		return upstream.StatusWaiting
	}
	admin, _ := f.ID("admin_assignee_id")
	agent := f.Object("ai_agent")
	participated := f.Flag("ai_agent_participated")
	switch {
	case admin != nil && *admin != "0", slices.Contains(handedOver(), text(agent, "resolution_state")),
		f.Object("statistics").Unix("first_admin_reply_at") != nil:
		return upstream.StatusHumanManaged
	case agent != nil || participated != nil && *participated:
		return upstream.StatusActive
	}
	return upstream.StatusNew
}

// humanRequested is the type of the one attention item that can be derived.
const humanRequested = "human_requested"

// Derive implements [upstream.Store]. The item is there while a conversation is
// open that the AI agent has left to people.
func (s *Store) Derive(c *upstream.Conversation, _ *upstream.Thread) upstream.Derived {
	d := upstream.Derived{Status: c.Status, AttentionItems: []upstream.AttentionItem{}}
	if c.Outcome == nil || !slices.Contains(handedOver(), *c.Outcome) || c.Status == upstream.StatusResolved {
		return d
	}
	space := uuid.NewSHA1(uuid.NameSpaceURL, []byte(Kind+":"+c.TenantID+":"+c.ID))
	reason := "The AI agent has left this conversation to people: " + *c.Outcome + "."
	d.AttentionItems = append(d.AttentionItems, upstream.AttentionItem{
		ID: uuid.NewSHA1(space, []byte(humanRequested)).String(), TenantID: c.TenantID, ConversationID: c.ID,
		Type: humanRequested, Reason: &reason, Status: "open",
		CreatedAt: c.UpdatedAt, // when it was left is not known; it is not later
	})
	return d
}

// plain takes the markup out of a subject, which the list has and the read has
// not. What is left of nothing is nothing.
func plain(subject *string) *string {
	if subject == nil || !strings.Contains(*subject, "<") {
		return subject
	}
	var b strings.Builder
	for part := range strings.SplitSeq(*subject, "<") {
		if _, after, ok := strings.Cut(part, ">"); ok {
			part = after
		}
		b.WriteString(part)
	}
	if text := strings.TrimSpace(html.UnescapeString(b.String())); text != "" {
		return &text
	}
	return nil
}

func firstOf(texts ...*string) *string {
	for _, t := range texts {
		if t != nil {
			return t
		}
	}
	return nil
}

func latest(times ...*upstream.Time) (last *upstream.Time) {
	for _, t := range times {
		if t != nil && (last == nil || t.After(last.Time)) {
			last = t
		}
	}
	return last
}

func text(f upstream.Fields, name string) string {
	if s := f.Text(name); s != nil {
		return *s
	}
	return ""
}
