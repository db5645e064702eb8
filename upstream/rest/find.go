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
	near   func(a, b string) bool           // whether two keys may be one value in two forms; nil: only equal ones are
}

// search returns how to look up by a key, nil for a key that needs no search.
func (c *CRM) search(by upstream.Lookup) *search {
	switch by {
	case upstream.ByExternalRef:
		return &search{c.params.ExternalRef, func(s string) string { return s }, externalRefs, nil}
	case upstream.ByEmail:
		return &search{c.params.Email, strings.ToLower, emails, nil}
	case upstream.ByPhone:
		return &search{c.params.Phone, phoneKey, phones, nearPhone}
	}
	return nil
}

// FindContacts implements [upstream.CRM]. A reference is compared exactly, an
// address without its case, a number by its digits and a leading plus, or, where
// one of the two lacks its country, by the digits that both have. A value
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
		key := s.key(v)
		if values := asked[key]; values != nil || s.near == nil {
			out = append(out, values...)
			continue
		}
		out = append(out, s.nearest(key, asked)...)
	}
	return out
}

// nearest returns the values of the one asked key that may be the same; if
// there are two, it cannot be told which is meant.
func (s *search) nearest(key string, asked map[string][]string) (out []string) {
	for k, values := range asked {
		if !s.near(k, key) {
			continue
		}
		if out != nil {
			return nil
		}
		out = values
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

// minNear is the fewest digits that a number without its country may have to
// be taken for one with it.
const minNear = 7

// nearPhone reports whether one of two numbers may be the other as it is
// dialled at home: without its country, after a leading zero.
func nearPhone(a, b string) bool {
	if strings.HasPrefix(a, "+") == strings.HasPrefix(b, "+") {
		return false // both say their country, or neither does
	}
	a, b = strings.TrimLeft(a, "+0"), strings.TrimLeft(b, "+0")
	if len(a) > len(b) {
		a, b = b, a
	}
	return len(a) >= minNear && strings.HasSuffix(b, a)
}
