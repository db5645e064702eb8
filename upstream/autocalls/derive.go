package autocalls

import (
	"github.com/google/uuid"

	"github.com/weft-gateway/weft/upstream"
)

// humanRequested is the type of the one attention item that can be derived.
const humanRequested = "human_requested"

// Derive implements [upstream.Store]. Autocalls has neither a lifecycle nor
// attention items: the status comes from the switch of the AI and from who
// spoke last, and the item is there while the AI is switched off.
func (s *Store) Derive(c *upstream.Conversation, t *upstream.Thread) upstream.Derived {
	d := upstream.Derived{Status: status(c, t), AttentionItems: []upstream.AttentionItem{}}
	if aiOff(c) {
		reason := "The AI assistant is switched off for this conversation: a person has to answer."
		d.AttentionItems = append(d.AttentionItems, upstream.AttentionItem{
			ID:             uuid.NewSHA1(namespace(c.ID), []byte(humanRequested)).String(),
			TenantID:       c.TenantID,
			ConversationID: c.ID,
			Type:           humanRequested,
			Reason:         &reason,
			Status:         "open",
			CreatedAt:      c.UpdatedAt, // the moment of the switch is not known; it is not later
		})
	}
	return d
}

// status works out the lifecycle; without a thread it cannot tell waiting from active.
func status(c *upstream.Conversation, t *upstream.Thread) upstream.Status {
	if aiOff(c) {
		return upstream.StatusHumanManaged
	}
	if t == nil {
		if c.MessageCount == 0 {
			return upstream.StatusNew
		}
		return upstream.StatusActive
	}
	answered, last := false, ""
	for i := range t.Messages {
		last = t.Messages[i].Role
		answered = answered || last == "assistant"
	}
	switch {
	case !answered:
		return upstream.StatusNew
	case last == "assistant":
		return upstream.StatusWaiting
	}
	return upstream.StatusActive
}

func aiOff(c *upstream.Conversation) bool { return c.AIEnabled != nil && !*c.AIEnabled }
