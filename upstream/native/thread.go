package native

import (
	"errors"

	"github.com/weft-gateway/weft/upstream"
)

// message is a message as the store has it.
type message struct {
	ID            *string
	Role          *string
	Content       *string
	CreatedAt     *upstream.Time
	FunctionCalls []*upstream.FunctionCall // nil for null

	TenantID       *string // may be absent
	ConversationID *string // may be absent
}

// thread decodes the messages. They need not say whose they are, since they are
// asked for with the tenant's token; where they do, it is checked. One that is
// another tenant's spoils the thread: what is left would be no conversation.
// The link keys are in the conversation, so there are no hints.
func (s *Store) thread(id string, body []byte) (upstream.Thread, error) {
	list, err := data(body, (*message).read)
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
		out.FunctionCalls = append(out.FunctionCalls, *f)
	}
	return out, nil
}
