package rest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/weft-gateway/weft/upstream"
)

// search is a way to look contacts up.
type search struct {
	param  string
	key    func(string) string              // value -> what two equal values have in common; "" is no value
	values func(*upstream.Contact) []string // the values that a contact carries
}

// search returns how to look up by a key, nil for a key that needs no search.
func (c *CRM) search(by upstream.Lookup) *search {
	switch by {
	case upstream.ByExternalRef:
		return &search{c.params.ExternalRef, func(s string) string { return s }, externalRefs}
	case upstream.ByEmail:
		return &search{c.params.Email, strings.ToLower, emails}
	case upstream.ByPhone:
		return &search{c.params.Phone, phoneKey, phones}
	}
	return nil
}

// FindContacts implements [upstream.CRM]. A reference is compared exactly, an
// address without its case, a number by its digits and a leading plus. A value
// that no list can hold is not asked for and has no contacts: nothing, more
// than 256 characters, outer spaces, a comma or a control character.
func (c *CRM) FindContacts(ctx context.Context, by upstream.Lookup, values []string) (map[string][]upstream.Contact, error) {
	s := c.search(by)
	if s == nil {
		return nil, &upstream.Error{
			Kind: upstream.UpstreamError, Source: Kind, Op: upstream.OpFind,
			Err: errors.New("no search by " + string(by)),
		}
	}
	values = askable(values, func(v string) bool { return utf8.RuneCountInString(v) <= maxValue && s.key(v) != "" })
	asked := make(map[string][]string, len(values)) // key -> values
	for _, v := range values {
		asked[s.key(v)] = append(asked[s.key(v)], v)
	}
	wanted := func(t *upstream.Contact) bool { return len(s.matches(t, asked)) > 0 }
	list, err := c.contacts.list(ctx, c, upstream.OpFind, s.param, values, wanted)

	found := make(map[string][]upstream.Contact, len(values))
	for i := range list {
		for _, v := range s.matches(&list[i], asked) {
			same := func(t upstream.Contact) bool { return t.ID == list[i].ID }
			if !slices.ContainsFunc(found[v], same) { // a record listed twice is not ambiguous
				found[v] = append(found[v], list[i])
			}
		}
	}
	return found, err
}

// matches returns the asked values that a contact carries.
func (s *search) matches(t *upstream.Contact, asked map[string][]string) (out []string) {
	for _, v := range s.values(t) {
		out = append(out, asked[s.key(v)]...)
	}
	return out
}

func externalRefs(t *upstream.Contact) []string {
	if t.ExternalRef == nil {
		return nil
	}
	return []string{*t.ExternalRef}
}

func emails(t *upstream.Contact) (out []string) {
	if t.Email != nil {
		out = append(out, *t.Email)
	}
	for _, e := range t.Emails {
		out = append(out, e.Value)
	}
	return out
}

func phones(t *upstream.Contact) (out []string) {
	if t.Phone != nil {
		out = append(out, *t.Phone)
	}
	for _, p := range t.Phones {
		out = append(out, p.Value)
	}
	return out
}

// phoneKey returns the digits of a number, after a plus if it starts with one.
func phoneKey(s string) string {
	digits := digitsOf(s)
	if digits != "" && strings.HasPrefix(strings.TrimSpace(s), "+") {
		return "+" + digits
	}
	return digits
}
