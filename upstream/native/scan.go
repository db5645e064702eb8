package native

import (
	"encoding/json"
	"errors"

	"github.com/weft-gateway/weft/upstream"
)

var (
	listNames         = []string{"data", "nextCursor", "prevCursor"}
	conversationNames = []string{
		"id", "tenantId", "workspaceId", "channelId", "contactId", "accountId", "status", "summary", "subject", "outcome",
		"messageCount", "lastMessageAt", "createdAt", "updatedAt", "type", "aiEnabled", "externalIdentifier", "variables",
		"assistant", "whatsappSender", "customer", "totalCost",
	}
	assistantNames = []string{"id", "name"}
	messageNames   = []string{"id", "role", "content", "createdAt", "functionCalls", "tenantId", "conversationId"}
	callNames      = []string{"name", "arguments", "result"}
	itemNames      = []string{"id", "tenantId", "conversationId", "type", "reason", "status", "createdAt", "resolvedAt"}
)

// rowSize is how long a row of a list is, in bytes: about.
const rowSize = 1 << 10

// rows reads a list of conversations.
func rows(body []byte) (list []conversation, next, prev *string, err error) {
	s := upstream.NewScanner(body)
	found := false
	s.Object(listNames, func(name string) {
		switch name {
		case "data":
			list = make([]conversation, 0, len(body)/rowSize)
			found = s.Array(func() {
				list = append(list, conversation{})
				list[len(list)-1].read(s)
			})
		case "nextCursor":
			next = s.Text()
		case "prevCursor":
			prev = s.Text()
		}
	})
	if err = s.End(); err == nil && !found {
		err = errNoData
	}
	return list, next, prev, err
}

var errNoData = errors.New("a list without data")

// data reads a list that has no pages.
func data[T any](body []byte, read func(*T, *upstream.Scanner)) ([]T, error) {
	var list []T
	s := upstream.NewScanner(body)
	found := false
	s.Object(listNames[:1], func(string) {
		list = nil
		found = s.Array(func() {
			var none T
			list = append(list, none)
			read(&list[len(list)-1], s)
		})
	})
	err := s.End()
	if err == nil && !found {
		err = errNoData
	}
	return list, err
}

func (r *conversation) read(s *upstream.Scanner) {
	s.Object(conversationNames, func(name string) {
		switch name {
		case "id":
			r.ID = s.Text()
		case "tenantId":
			r.TenantID = s.Text()
		case "workspaceId":
			r.WorkspaceID = s.Text()
		case "channelId":
			r.ChannelID = s.Text()
		case "contactId":
			r.ContactID = s.Text()
		case "accountId":
			r.AccountID = s.Text()
		case "status":
			r.Status = s.Text()
		case "summary":
			r.Summary = s.Text()
		case "subject":
			r.Subject = s.Text()
		case "outcome":
			r.Outcome = s.Text()
		case "messageCount":
			r.MessageCount = s.Int()
		default:
			r.readMore(s, name)
		}
	})
}

func (r *conversation) readMore(s *upstream.Scanner, name string) {
	switch name {
	case "lastMessageAt":
		r.LastMessageAt = s.Time()
	case "createdAt":
		r.CreatedAt = s.Time()
	case "updatedAt":
		r.UpdatedAt = s.Time()
	case "type":
		r.Type = s.Text()
	case "aiEnabled":
		r.AIEnabled = s.Bool()
	case "externalIdentifier":
		r.ExternalIdentifier = s.Text()
	case "variables":
		r.Variables = s.Raw()
	case "assistant":
		r.Assistant = readAssistant(s)
	case "whatsappSender":
		r.WhatsappSender = upstream.ReadParty(s)
	case "customer":
		r.Customer = upstream.ReadParty(s)
	case "totalCost":
		r.TotalCost = s.Float()
	}
}

func readAssistant(s *upstream.Scanner) *assistant {
	if s.Null() {
		return nil
	}
	a := new(assistant)
	s.Object(assistantNames, func(name string) {
		if name == "id" {
			a.ID = s.Text()
		} else {
			a.Name = s.Text()
		}
	})
	return a
}

func (m *message) read(s *upstream.Scanner) {
	s.Object(messageNames, func(name string) {
		switch name {
		case "id":
			m.ID = s.Text()
		case "role":
			m.Role = s.Text()
		case "content":
			m.Content = s.Text()
		case "createdAt":
			m.CreatedAt = s.Time()
		case "functionCalls":
			m.FunctionCalls = nil
			s.Array(func() { m.FunctionCalls = append(m.FunctionCalls, readCall(s)) })
		case "tenantId":
			m.TenantID = s.Text()
		case "conversationId":
			m.ConversationID = s.Text()
		}
	})
}

func null() json.RawMessage { return json.RawMessage("null") }

// readCall returns nil for null.
func readCall(s *upstream.Scanner) *upstream.FunctionCall {
	if s.Null() {
		return nil
	}
	c := &upstream.FunctionCall{Arguments: null(), Result: null()}
	s.Object(callNames, func(name string) {
		switch name {
		case "name":
			c.Name = orEmpty(s.Text())
		case "arguments":
			c.Arguments = s.Compact()
		case "result":
			c.Result = s.Compact()
		}
	})
	return c
}

func (r *attentionItem) read(s *upstream.Scanner) {
	s.Object(itemNames, func(name string) {
		switch name {
		case "id":
			r.ID = s.Text()
		case "tenantId":
			r.TenantID = s.Text()
		case "conversationId":
			r.ConversationID = s.Text()
		case "type":
			r.Type = s.Text()
		case "reason":
			r.Reason = s.Text()
		case "status":
			r.Status = s.Text()
		case "createdAt":
			r.CreatedAt = s.Time()
		case "resolvedAt":
			r.ResolvedAt = s.Time()
		}
	})
}
