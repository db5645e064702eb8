package upstream

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxValue bounds a value that contacts are searched by, in characters.
const maxValue = 256

// Search is a look-up of contacts by values that they carry, and judges what a
// CRM answers to it. A reference is compared exactly, an address without its
// case, a number by its digits and a leading plus, or, where one of the two
// lacks its country, by the digits that both have.
type Search struct {
	values []string
	asked  map[string][]string // key -> values
	way    searchBy
}

// searchBy is how contacts are compared with what is searched by.
type searchBy struct {
	key     func(string) string     // value -> what two equal values have in common; "" is no value
	carries func(*Contact) []string // the values of a contact
	near    func(a, b string) bool  // whether two keys may be one value in two forms; nil: only equal ones are
}

// NewSearch returns a search for values, each once. It leaves out what nobody
// can carry: nothing, more than 256 characters, outer spaces, control
// characters. It is nil for a lookup that needs no search.
func NewSearch(by Lookup, values []string) *Search {
	s := &Search{asked: make(map[string][]string, len(values))}
	switch by {
	case ByExternalRef:
		s.way = searchBy{func(v string) string { return v }, externalRefs, nil}
	case ByEmail:
		s.way = searchBy{strings.ToLower, emails, nil}
	case ByPhone:
		s.way = searchBy{phoneKey, phones, nearPhone}
	default:
		return nil
	}
	for _, v := range values {
		key := s.way.key(v)
		if !searchable(v) || key == "" || slices.Contains(s.asked[key], v) {
			continue
		}
		s.values = append(s.values, v)
		s.asked[key] = append(s.asked[key], v)
	}
	return s
}

func searchable(v string) bool {
	return v != "" && v == strings.TrimSpace(v) && utf8.RuneCountInString(v) <= maxValue && !strings.ContainsFunc(v, unicode.IsControl)
}

// Values returns what is to be asked for.
func (s *Search) Values() []string { return s.values }

// Matches reports whether a contact carries a value that was asked for. One
// that does not must not be returned.
func (s *Search) Matches(c *Contact) bool { return len(s.matches(c)) > 0 }

// Group sorts contacts by the values that they carry. One that was listed
// twice is there once: it is not ambiguous.
func (s *Search) Group(list []Contact) map[string][]Contact {
	found := make(map[string][]Contact, len(s.values))
	for i := range list {
		for _, v := range s.matches(&list[i]) {
			same := func(c Contact) bool { return c.ID == list[i].ID }
			if !slices.ContainsFunc(found[v], same) {
				found[v] = append(found[v], list[i])
			}
		}
	}
	return found
}

// matches returns the asked values that a contact carries.
func (s *Search) matches(c *Contact) (out []string) {
	for _, v := range s.way.carries(c) {
		key := s.way.key(v)
		if values := s.asked[key]; values != nil || s.way.near == nil {
			out = append(out, values...)
			continue
		}
		out = append(out, s.nearest(key)...)
	}
	return out
}

// nearest returns the values of the one asked key that may be the same; if
// there are two, it cannot be told which is meant.
func (s *Search) nearest(key string) (out []string) {
	for k, values := range s.asked {
		if !s.way.near(k, key) {
			continue
		}
		if out != nil {
			return nil
		}
		out = values
	}
	return out
}

func externalRefs(c *Contact) []string {
	if c.ExternalRef == nil {
		return nil
	}
	return []string{*c.ExternalRef}
}

func emails(c *Contact) (out []string) {
	if c.Email != nil {
		out = append(out, *c.Email)
	}
	for _, e := range c.Emails {
		out = append(out, e.Value)
	}
	return out
}

func phones(c *Contact) (out []string) {
	if c.Phone != nil {
		out = append(out, *c.Phone)
	}
	for _, p := range c.Phones {
		out = append(out, p.Value)
	}
	return out
}
