package upstream

import "encoding/json"

// Status is the lifecycle of a conversation.
type Status string

// The statuses, as the public document has them.
const (
	StatusNew          Status = "new"           // no answer yet
	StatusActive       Status = "active"        // the AI answers
	StatusHumanManaged Status = "human_managed" // a person took over
	StatusWaiting      Status = "waiting"       // the customer's turn
	StatusResolved     Status = "resolved"      // closed
)

// Conversation is a conversation as its store reports it. WorkspaceID and
// ChannelID are empty, and TenantID too, where the store knows no such thing.
type Conversation struct {
	ID            string  `json:"id"`
	TenantID      string  `json:"tenantId"`
	WorkspaceID   string  `json:"workspaceId"`
	ChannelID     string  `json:"channelId"`
	ContactID     *string `json:"contactId"`
	AccountID     *string `json:"accountId"`
	Status        Status  `json:"status"`
	Summary       *string `json:"summary"`
	Subject       *string `json:"subject"`
	Outcome       *string `json:"outcome"`
	MessageCount  int     `json:"messageCount"`
	LastMessageAt *Time   `json:"lastMessageAt"`
	CreatedAt     Time    `json:"createdAt"`
	UpdatedAt     Time    `json:"updatedAt"`

	Type               *string         `json:"type"`
	AIEnabled          *bool           `json:"aiEnabled"`
	ExternalIdentifier *string         `json:"externalIdentifier"`
	Variables          json.RawMessage `json:"variables"` // a JSON object, or null; never nil in a valid record
	Assistant          *Assistant      `json:"assistant"`
	WhatsappSender     *Party          `json:"whatsappSender"`
	Customer           *Party          `json:"customer"`
	TotalCost          *float64        `json:"totalCost"` // USD; shown only to callers that may see costs

	// Inbox is the store's own inbox or team, by which a workspace can be
	// configured; "" where it has none. It is not shown.
	Inbox string `json:"inbox,omitempty"`

	// Linked is true where the store carries ContactID and AccountID itself,
	// so that null means that there is none.
	Linked bool `json:"linked"`
}

// Assistant is the AI assistant that runs a conversation.
type Assistant struct {
	ID   string  `json:"id"`
	Name *string `json:"name"`
}

// Party is one side of a phone conversation.
type Party struct {
	Name  *string `json:"name"`
	Phone *string `json:"phone"`
}

// ReadParty reads a party in its JSON form, nil for null.
func ReadParty(s *Scanner) *Party {
	if s.Null() {
		return nil
	}
	p := new(Party)
	s.Object([]string{"name", "phone"}, func(name string) {
		if name == "name" {
			p.Name = s.Text()
		} else {
			p.Phone = s.Text()
		}
	})
	return p
}

// Message is one message of a thread.
type Message struct {
	ID            string         `json:"id"`
	Role          string         `json:"role"` // assistant, user, system; others as the store reports them
	Content       string         `json:"content"`
	CreatedAt     *Time          `json:"createdAt"`
	FunctionCalls []FunctionCall `json:"functionCalls"` // [] when there are none
}

// FunctionCall is a call that the assistant made while it wrote a message.
// Arguments and Result are free JSON, null when the store has none.
type FunctionCall struct {
	Name      string          `json:"name"`
	Arguments json.RawMessage `json:"arguments"`
	Result    json.RawMessage `json:"result"`
}

// Thread is what a store answers to a read of one conversation: the messages,
// and what the answer shows of the conversation itself.
type Thread struct {
	Messages []Message // oldest first; never nil
	Hints    Hints
}

// Hints are the join keys that a read shows. They are as yet unproven.
type Hints struct {
	ExternalIdentifier *string
	WhatsappSender     *Party
	Customer           *Party
	Variables          json.RawMessage // object or null; nil when the answer had no such field
}

// Derived is what a [Store] leaves to be worked out.
type Derived struct {
	Status         Status
	AttentionItems []AttentionItem // never nil
}

// AttentionItem is something about a conversation that a person should look at.
type AttentionItem struct {
	ID             string  `json:"id"`
	TenantID       string  `json:"tenantId"`
	ConversationID string  `json:"conversationId"`
	Type           string  `json:"type"` // open set: human_requested, validation_failed, escalation, ...
	Reason         *string `json:"reason"`
	Status         string  `json:"status"` // open, resolved
	CreatedAt      Time    `json:"createdAt"`
	ResolvedAt     *Time   `json:"resolvedAt"`
}

// ValidID reports whether id can be a conversation's: 1-64 of A-Z, a-z, 0-9, _
// and -. Documented ids are no valid UUIDs, so this is as strict as it can be.
func ValidID(id string) bool {
	for _, c := range []byte(id) {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' && c != '-' {
			return false
		}
	}
	return 1 <= len(id) && len(id) <= 64
}
