package sandbox

import (
	"encoding/json"
	"net/http"
	"time"
)

// stamp is the form of a time in the native store and the CRM.
const stamp = "2006-01-02T15:04:05.000Z"

func timestamp(t time.Time) string { return t.UTC().Format(stamp) }

// nativeAPI answers as a store that knows the CRM's ids of its conversations.
type nativeAPI struct{ *archive }

func nativeSpec(records *archive, all []Tenant) spec {
	n := nativeAPI{records}
	return spec{
		name:   "native",
		ops:    []string{"list", "read", "messages", "attention-items"},
		tokens: storeTokens("native", all),
		fault:  plainFault,
		routes: []route{
			{pattern: "GET /conversations", op: always("list"), serve: n.list},
			{pattern: "GET /conversations/{id}", op: always("read"), serve: n.read},
			{pattern: "GET /conversations/{id}/messages", op: always("messages"), serve: n.messages},
			{pattern: "GET /conversations/{id}/attention-items", op: always("attention-items"), serve: n.attentionItems},
		},
	}
}

// plainFault is the error of the native store and of the CRM.
func plainFault(status int, _ string) any {
	return map[string]string{"error": http.StatusText(status)}
}

func badRequest(text string) answer {
	return answer{http.StatusBadRequest, map[string]string{"error": text}}
}

// nativeConversation is a conversation, alone and in lists.
type nativeConversation struct {
	ID            string  `json:"id"`
	TenantID      string  `json:"tenantId"`
	WorkspaceID   string  `json:"workspaceId"`
	ChannelID     string  `json:"channelId"`
	ContactID     *string `json:"contactId"`
	AccountID     *string `json:"accountId"`
	Status        string  `json:"status"`
	Summary       *string `json:"summary"`
	Subject       *string `json:"subject"`
	Outcome       *string `json:"outcome"`
	MessageCount  int     `json:"messageCount"`
	LastMessageAt *string `json:"lastMessageAt"`
	CreatedAt     string  `json:"createdAt"`
	UpdatedAt     string  `json:"updatedAt"`

	Type               string           `json:"type"`
	AIEnabled          bool             `json:"aiEnabled"`
	ExternalIdentifier *string          `json:"externalIdentifier"`
	Variables          json.RawMessage  `json:"variables"`
	Assistant          *nativeAssistant `json:"assistant"`
	WhatsappSender     *party           `json:"whatsappSender"`
	Customer           *party           `json:"customer"`
	TotalCost          float64          `json:"totalCost"`
}

type nativeAssistant struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

func nativeRow(c *conversation) nativeConversation {
	row := nativeConversation{
		ID: c.id, TenantID: c.tenant, WorkspaceID: c.workspace, ChannelID: c.channel,
		ContactID: c.contact, AccountID: c.account, Status: c.status,
		Summary: c.summary, Subject: c.subject, Outcome: c.outcome,
		MessageCount: c.messageCount(), CreatedAt: timestamp(c.created), UpdatedAt: timestamp(c.updated),
		Type: c.kind, AIEnabled: c.aiOn, Variables: c.variables,
		Assistant:      &nativeAssistant{c.assistant.id, c.assistant.name},
		WhatsappSender: c.sender, Customer: c.customer, TotalCost: c.cost,
	}
	if len(c.messages) > 0 {
		row.LastMessageAt = ptr(timestamp(c.lastMessage()))
	}
	if c.external != "" {
		row.ExternalIdentifier = ptr(c.external)
	}
	return row
}

// own serves a conversation of the tenant that asks; others do not exist.
func (n nativeAPI) own(c call, show func(*conversation) any) answer {
	found := n.find(c.PathValue("id"), c.wrong)
	if found == nil || found.tenant != c.tenant {
		return answer{http.StatusNotFound, map[string]string{"error": "Conversation not found"}}
	}
	return ok(show(found))
}

func (n nativeAPI) read(c call) answer {
	return n.own(c, func(found *conversation) any { return nativeRow(found) })
}

type nativeMessage struct {
	ID            string         `json:"id"`
	Role          string         `json:"role"`
	Content       string         `json:"content"`
	CreatedAt     string         `json:"createdAt"`
	FunctionCalls []functionCall `json:"functionCalls"`
}

func (n nativeAPI) messages(c call) answer {
	return n.own(c, func(found *conversation) any {
		return map[string]any{"data": each(found.messages, func(m message) nativeMessage {
			calls := each(m.calls, func(f functionCall) functionCall { return f })
			return nativeMessage{m.id, m.role, m.content, timestamp(m.at), calls}
		})}
	})
}

func (n nativeAPI) attentionItems(c call) answer {
	return n.own(c, func(found *conversation) any {
		return map[string]any{"data": each(found.attention, func(i attentionItem) attentionItem { return i })}
	})
}
