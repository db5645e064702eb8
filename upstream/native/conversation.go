package native

import (
	"encoding/json"
	"errors"
	"slices"
	"unicode/utf8"

	"github.com/weft-gateway/weft/upstream"
)

// errForeign is a record of another tenant. It never leaves the package.
var errForeign = errors.New("a record of another tenant")

var statuses = []upstream.Status{
	upstream.StatusNew, upstream.StatusActive, upstream.StatusHumanManaged,
	upstream.StatusWaiting, upstream.StatusResolved,
}

// conversation is the store's record: what it requires, and what may be null or absent.
type conversation struct {
	ID           *string
	TenantID     *string
	WorkspaceID  *string
	ChannelID    *string
	Status       *string
	MessageCount *int
	CreatedAt    *upstream.Time
	UpdatedAt    *upstream.Time

	ContactID     *string
	AccountID     *string
	Summary       *string
	Subject       *string
	Outcome       *string
	LastMessageAt *upstream.Time

	Type               *string
	AIEnabled          *bool
	ExternalIdentifier *string
	Variables          json.RawMessage
	Assistant          *assistant
	WhatsappSender     *upstream.Party
	Customer           *upstream.Party
	TotalCost          *float64
}

type assistant struct{ ID, Name *string }

// conversation decodes the record that was asked for by id.
func (s *Store) conversation(id string, body []byte) (upstream.Conversation, error) {
	var r conversation
	scan := upstream.NewScanner(body)
	r.read(scan)
	if err := scan.End(); err != nil {
		return upstream.Conversation{}, err
	}
	c, err := s.record(&r)
	switch {
	case r.ID != nil && *r.ID != id:
		return upstream.Conversation{}, upstream.WrongRecord
	case errors.Is(err, errForeign):
		return upstream.Conversation{}, upstream.NotFound
	}
	return c, err
}

// page decodes a list. Rows of another tenant are left out.
func (s *Store) page(body []byte, cursor string) (upstream.Page, error) {
	list, next, prev, err := rows(body)
	if err != nil {
		return upstream.Page{}, err
	}
	p := upstream.Page{Next: orEmpty(next), Prev: orEmpty(prev)}
	if cursor != "" && p.Next == cursor {
		return upstream.Page{}, errors.New("a list that does not follow its cursor")
	}
	p.Rows = make([]upstream.Conversation, 0, len(list))
	for i := range list {
		c, err := s.record(&list[i])
		switch {
		case errors.Is(err, errForeign):
			continue
		case err != nil:
			return upstream.Page{}, err
		}
		p.Rows = append(p.Rows, c)
	}
	return p, nil
}

// record checks a conversation and translates it. A record of another tenant
// is counted, and errForeign, whatever else is wrong with it.
func (s *Store) record(r *conversation) (upstream.Conversation, error) {
	variables, bad := upstream.Object(r.Variables)
	switch {
	case r.TenantID == nil:
		return upstream.Conversation{}, errors.New("a conversation without tenantId")
	case *r.TenantID != s.tenant:
		s.foreign()
		return upstream.Conversation{}, errForeign
	case r.ID == nil || !upstream.ValidID(*r.ID):
		return upstream.Conversation{}, errors.New("a conversation without a usable id")
	case !isID(r.WorkspaceID) || !isID(r.ChannelID):
		return upstream.Conversation{}, errors.New("a conversation without workspaceId or channelId")
	case tooLong(r.ContactID) || tooLong(r.AccountID):
		return upstream.Conversation{}, errors.New("a conversation whose contactId or accountId is too long")
	case r.Status == nil || !slices.Contains(statuses, upstream.Status(*r.Status)):
		return upstream.Conversation{}, errors.New("a conversation of unknown status")
	case r.MessageCount == nil || *r.MessageCount < 0 || *r.MessageCount > 1<<53-1: // what JSON readers hold exactly
		return upstream.Conversation{}, errors.New("a conversation without messageCount")
	case r.CreatedAt == nil || r.UpdatedAt == nil || !writable(r.CreatedAt, r.UpdatedAt, r.LastMessageAt):
		return upstream.Conversation{}, errors.New("a conversation without usable times")
	case bad != nil:
		return upstream.Conversation{}, errors.New("a conversation whose variables are not an object")
	}
	c := upstream.Conversation{
		ID: *r.ID, TenantID: s.tenant, WorkspaceID: *r.WorkspaceID, ChannelID: *r.ChannelID,
		ContactID: orNil(r.ContactID), AccountID: orNil(r.AccountID),
		Status: upstream.Status(*r.Status), Summary: r.Summary, Subject: r.Subject, Outcome: r.Outcome,
		MessageCount: *r.MessageCount, LastMessageAt: r.LastMessageAt,
		CreatedAt: *r.CreatedAt, UpdatedAt: *r.UpdatedAt,
		Type: r.Type, AIEnabled: r.AIEnabled, ExternalIdentifier: orNil(r.ExternalIdentifier),
		Variables: variables, WhatsappSender: r.WhatsappSender, Customer: r.Customer,
		TotalCost: r.TotalCost, Linked: true,
	}
	if r.Assistant != nil && isID(r.Assistant.ID) {
		c.Assistant = &upstream.Assistant{ID: *r.Assistant.ID, Name: r.Assistant.Name}
	}
	return c, nil
}

// writable reports whether all times have years that RFC 3339 can write.
func writable(times ...*upstream.Time) bool {
	for _, t := range times {
		if t != nil && (t.Year() < 0 || t.Year() > 9999) {
			return false
		}
	}
	return true
}

// isID reports whether s is 1-64 characters.
func isID(s *string) bool { return s != nil && *s != "" && !tooLong(s) }

func tooLong(s *string) bool { return s != nil && utf8.RuneCountInString(*s) > 64 }

// orNil returns nil for "", which stands for no value.
func orNil(s *string) *string {
	if s == nil || *s == "" {
		return nil
	}
	return s
}

func orEmpty(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
