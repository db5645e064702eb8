package native

import (
	"encoding/json"
	"errors"

	"github.com/weft-gateway/weft/upstream"
	"github.com/weft-gateway/weft/upstream/client"
)

// message is a message as the store has it.
type message struct {
	ID            *string         `json:"id"`
	Role          *string         `json:"role"`
	Content       *string         `json:"content"`
	CreatedAt     *upstream.Time  `json:"createdAt"`
	FunctionCalls []*functionCall `json:"functionCalls"`

	TenantID       *string `json:"tenantId"`       // may be absent
	ConversationID *string `json:"conversationId"` // may be absent
}

type functionCall struct {
	Name      string          `json:"name"`
	Arguments json.RawMessage `json:"arguments"`
	Result    json.RawMessage `json:"result"`
}

// thread decodes the messages. They need not say whose they are, since they are
// asked for with the tenant's token; where they do, it is checked. One that is
// another tenant's spoils the thread: what is left would be no conversation.
// The link keys are in the conversation, so there are no hints.
func (s *Store) thread(id string, body []byte) (upstream.Thread, error) {
	list, err := data[message](body)
	if err != nil {
		return upstream.Thread{}, err
	}
	t := upstream.Thread{Messages: make([]upstream.Message, len(list))}
	for i := range list {
		m := &list[i]
		switch {
		case m.TenantID != nil && *m.TenantID != s.tenant:
			s.foreign()
			return upstream.Thread{}, upstream.WrongRecord
		case m.ConversationID != nil && *m.ConversationID != id:
			return upstream.Thread{}, upstream.WrongRecord
		}
		if t.Messages[i], err = m.message(); err != nil {
			return upstream.Thread{}, err
		}
	}
	return t, nil
}

func (m *message) message() (upstream.Message, error) {
	if !isID(m.ID) || m.Role == nil || *m.Role == "" {
		return upstream.Message{}, errors.New("a message without id or role")
	}
	if !writable(m.CreatedAt) {
		return upstream.Message{}, errors.New("a message without a usable time")
	}
	out := upstream.Message{
		ID: *m.ID, Role: *m.Role, Content: orEmpty(m.Content), CreatedAt: m.CreatedAt,
		FunctionCalls: make([]upstream.FunctionCall, 0, len(m.FunctionCalls)),
	}
	for _, f := range m.FunctionCalls {
		if f == nil {
			return upstream.Message{}, errors.New("a function call that is null")
		}
		arguments, err := value(f.Arguments)
		if err != nil {
			return upstream.Message{}, err
		}
		result, err := value(f.Result)
		if err != nil {
			return upstream.Message{}, err
		}
		out.FunctionCalls = append(out.FunctionCalls, upstream.FunctionCall{Name: f.Name, Arguments: arguments, Result: result})
	}
	return out, nil
}

// value returns free JSON in compact form, null for nothing.
func value(raw json.RawMessage) (json.RawMessage, error) {
	if raw == nil {
		return json.RawMessage("null"), nil
	}
	return upstream.Compact(raw)
}

// data decodes a list that has no pages.
func data[T any](body []byte) ([]T, error) {
	var list struct {
		Data *[]T `json:"data"`
	}
	if err := client.Decode(body, &list); err != nil {
		return nil, err
	}
	if list.Data == nil {
		return nil, errors.New("a list without data")
	}
	return *list.Data, nil
}
