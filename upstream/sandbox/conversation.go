package sandbox

import (
	"encoding/json"
	"time"
)

// conversation is a record of either store. It is never changed once it is in
// an archive, but replaced, so that what was read needs no lock.
type conversation struct {
	num       int // the store's own sequence
	id        string
	tenant    string
	kind      string // test, widget, whatsapp, api
	assistant assistant
	variables json.RawMessage // an object or null; [] where PHP had nothing to say
	external  string          // "": none
	sender    *party
	customer  *party
	messages  []message
	count     int // of messages, where the store says more than it has; else 0
	cost      float64
	aiOn      bool
	created   time.Time
	updated   time.Time

	// Of the native store alone.
	workspace, channel        string
	contact, account          *string
	status                    string
	summary, subject, outcome *string
	attention                 []attentionItem
}

type assistant struct {
	num  int // the id that the filter takes
	id   string
	name string
}

type party struct {
	Name  string `json:"name,omitempty"`
	Phone string `json:"phone"`
}

type message struct {
	id      string
	role    string // assistant, user
	content string
	at      time.Time
	calls   []functionCall
}

type functionCall struct {
	Name      string          `json:"name"`
	Arguments json.RawMessage `json:"arguments"`
	Result    json.RawMessage `json:"result"`
}

type attentionItem struct {
	ID             string  `json:"id"`
	TenantID       string  `json:"tenantId"`
	ConversationID string  `json:"conversationId"`
	Type           string  `json:"type"`
	Reason         *string `json:"reason"`
	Status         string  `json:"status"`
	CreatedAt      string  `json:"createdAt"`
	ResolvedAt     *string `json:"resolvedAt"`
}

// messageCount is what a row says.
func (c *conversation) messageCount() int { return max(c.count, len(c.messages)) }

// lastMessage is the time of the newest message; of the start when there is none.
func (c *conversation) lastMessage() time.Time {
	if len(c.messages) == 0 {
		return c.created
	}
	return c.messages[len(c.messages)-1].at
}
