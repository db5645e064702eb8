package autocalls

import (
	"encoding/json"
	"errors"
	"time"
	"unicode/utf8"

	"github.com/weft-gateway/weft/upstream"
)

// naive is how the list writes times: in a zone that it does not name.
const naive = "2006-01-02 15:04:05"

// row is a conversation as the list shows it. Older servers leave out the
// variables and everything below.
type row struct {
	ID            text   `json:"id"`
	AssistantID   text   `json:"assistant_id"` // uuid or integer
	AssistantName text   `json:"assistant_name"`
	Type          text   `json:"type"`
	MessageCount  count  `json:"message_count"`
	TotalCost     amount `json:"total_cost"` // USD
	AIEnabled     flag   `json:"ai_enabled"`
	CreatedAt     text   `json:"created_at"`
	UpdatedAt     text   `json:"updated_at"`

	Variables          json.RawMessage `json:"variables"`
	ExternalIdentifier text            `json:"external_identifier"`
	WhatsappSender     party           `json:"whatsapp_sender"`
	Customer           party           `json:"customer"`
}

// conversation translates a row. What the public document requires has to be there.
func (s *Store) conversation(r *row) (upstream.Conversation, error) {
	var none upstream.Conversation
	if !upstream.ValidID(r.ID.String()) {
		return none, errors.New("a row has no usable id")
	}
	if r.MessageCount.n == nil {
		return none, errors.New("a row has no message_count")
	}
	created, ok := parseTime(r.CreatedAt.String(), s.zone)
	if !ok {
		return none, errors.New("a row has no usable created_at")
	}
	updated, ok := parseTime(r.UpdatedAt.String(), s.zone)
	if !ok {
		return none, errors.New("a row has no usable updated_at")
	}
	variables, err := upstream.Object(r.Variables)
	if err != nil {
		return none, errors.New("a row's variables are not an object")
	}
	c := upstream.Conversation{
		ID:                 r.ID.String(),
		TenantID:           s.tenant,
		MessageCount:       *r.MessageCount.n,
		CreatedAt:          created,
		UpdatedAt:          updated,
		Type:               r.Type.s,
		AIEnabled:          r.AIEnabled.b,
		ExternalIdentifier: r.ExternalIdentifier.s,
		Variables:          variables,
		WhatsappSender:     r.WhatsappSender.p,
		Customer:           r.Customer.p,
		TotalCost:          r.TotalCost.f,
	}
	if utf8.RuneCountInString(r.AssistantID.String()) > 64 {
		return none, errors.New("a row has no usable assistant_id")
	}
	if r.AssistantID.s != nil {
		c.Assistant = &upstream.Assistant{ID: *r.AssistantID.s, Name: r.AssistantName.s}
	}
	if c.MessageCount > 0 { // the nearest thing that the row knows
		c.LastMessageAt = &updated
	}
	c.Status = status(&c, nil)
	return c, nil
}

// parseTime reads a time with a zone, or one without in zone.
func parseTime(s string, zone *time.Location) (upstream.Time, bool) {
	t, err := time.ParseInLocation(naive, s, zone)
	if err != nil {
		t, err = time.Parse(time.RFC3339, s)
	}
	if y := t.UTC().Year(); err != nil || y < 0 || y > 9999 { // 0-9999 is what can be written
		return upstream.Time{}, false
	}
	return upstream.At(t), true
}
