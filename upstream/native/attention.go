package native

import (
	"errors"

	"github.com/weft-gateway/weft/upstream"
)

// attentionItem is an attention item as the store has it.
type attentionItem struct {
	ID             *string
	TenantID       *string
	ConversationID *string
	Type           *string
	Reason         *string
	Status         *string
	CreatedAt      *upstream.Time
	ResolvedAt     *upstream.Time
}

// attentionItems decodes the items of the conversation id. Those of another
// tenant are left out and counted; one of another conversation is a wrong answer.
func (s *Store) attentionItems(id string, body []byte) ([]upstream.AttentionItem, error) {
	list, err := data(body, (*attentionItem).read)
	if err != nil {
		return nil, err
	}
	items := make([]upstream.AttentionItem, 0, len(list))
	for i := range list {
		switch r := &list[i]; {
		case r.TenantID == nil || r.ConversationID == nil:
			return nil, errors.New("an attention item without tenantId or conversationId")
		case *r.TenantID != s.tenant:
			s.foreign()
			continue
		case *r.ConversationID != id:
			return nil, upstream.WrongRecord
		case !isID(r.ID) || orEmpty(r.Type) == "" || orEmpty(r.Status) == "":
			return nil, errors.New("an attention item without id, type or status")
		case r.CreatedAt == nil || !writable(r.CreatedAt, r.ResolvedAt):
			return nil, errors.New("an attention item without usable times")
		default:
			items = append(items, upstream.AttentionItem{
				ID: *r.ID, TenantID: s.tenant, ConversationID: id, Type: *r.Type, Reason: r.Reason,
				Status: *r.Status, CreatedAt: *r.CreatedAt, ResolvedAt: r.ResolvedAt,
			})
		}
	}
	return items, nil
}
