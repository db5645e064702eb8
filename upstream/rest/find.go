package rest

import (
	"context"
	"errors"

	"github.com/weft-gateway/weft/upstream"
)

// FindContacts implements [upstream.CRM], with what [upstream.Search] takes for
// equal. A value that no list can hold, as one with a comma, is not asked for
// and has no contacts.
func (c *CRM) FindContacts(ctx context.Context, by upstream.Lookup, values []string) (map[string][]upstream.Contact, error) {
	s := upstream.NewSearch(by, askable(values, func(string) bool { return true }))
	if s == nil {
		return nil, &upstream.Error{
			Kind: upstream.UpstreamError, Source: Kind, Op: upstream.OpFind,
			Err: errors.New("no search by " + string(by)),
		}
	}
	list, err := c.contacts.list(ctx, c, upstream.OpFind, c.params.of(by), s.Values(), s.Matches)
	return s.Group(list), err
}

// of returns the parameter of a search.
func (p Params) of(by upstream.Lookup) string {
	switch by {
	case upstream.ByPhone:
		return p.Phone
	case upstream.ByEmail:
		return p.Email
	}
	return p.ExternalRef
}
