package salesforce

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/nyaruka/phonenumbers"

	"github.com/weft-gateway/weft/upstream"
)

// FindContacts implements [upstream.CRM], with what [upstream.Search] takes for
// equal. Salesforce compares without case, and finds numbers in any field that
// holds one, so what it has found may be no match, and no mistake either.
func (c *CRM) FindContacts(ctx context.Context, by upstream.Lookup, values []string) (map[string][]upstream.Contact, error) {
	s := upstream.NewSearch(by, values)
	if s == nil || by == upstream.ByExternalRef && c.cfg.ExternalRef == "" {
		return nil, &upstream.Error{
			Kind: upstream.UpstreamError, Source: Kind, Op: upstream.OpFind,
			Err: errors.New("no search by " + string(by)),
		}
	}
	var got []found[upstream.Contact]
	var err error
	switch by {
	case upstream.ByPhone:
		got, err = c.findNumbers(ctx, s)
	case upstream.ByEmail:
		got, err = byField(ctx, c, upstream.OpFind, &c.contacts, "Email", s.Values(), folded(s, "Email"))
	default:
		got, err = byField(ctx, c, upstream.OpFind, &c.contacts, c.cfg.ExternalRef, s.Values(), folded(s, c.cfg.ExternalRef))
	}
	contacts := make([]upstream.Contact, len(got))
	for i, f := range got {
		contacts[i] = f.value
	}
	return s.Group(contacts), err
}

// folded judges by a field that Salesforce compares without case.
func folded(s *upstream.Search, field string) isWanted[upstream.Contact] {
	return func(f *found[upstream.Contact]) verdict {
		has := named(f.fields, field).Text(field)
		same := func(v string) bool { return has != nil && strings.EqualFold(v, *has) }
		switch {
		case s.Matches(&f.value):
			return wanted
		case slices.ContainsFunc(s.Values(), same):
			return near
		}
		return wrong
	}
}

const (
	maxFound     = 200 // records that a search answers
	searchMember = "searchRecords"
)

// findNumbers searches for phone numbers, with and without their country. All
// that is sent of them is digits.
func (c *CRM) findNumbers(ctx context.Context, s *upstream.Search) ([]found[upstream.Contact], error) {
	var all []found[upstream.Contact]
	var first error
	tail := "} IN PHONE FIELDS RETURNING Contact(" + strings.Join(c.contacts.fields, ",") + " LIMIT " + strconv.Itoa(maxFound) + ")"
	for _, numbers := range chunks(terms(s.Values()), 2*upstream.MaxBatch, maxQuery-len(url.QueryEscape(tail))) {
		quoted := make([]string, len(numbers))
		for i, n := range numbers {
			quoted[i] = `"` + n + `"`
		}
		text := "FIND {" + strings.Join(quoted, " OR ") + tail
		got, err := ask(ctx, c, upstream.OpFind, &c.contacts, "search", text, searchMember, numbered(s, numbers))
		if kind := upstream.KindOf(err); err != nil && kind != upstream.BadResponse && kind != upstream.WrongRecord {
			return nil, err // another form of a number that was found may be among those
		}
		all = append(all, got...)
		if first == nil {
			first = err
		}
	}
	return all, first
}

// terms returns the digits of numbers, with and without their country.
func terms(values []string) (out []string) {
	for _, v := range values {
		forms := []string{strings.TrimLeft(digits(v), "0")}
		if parsed, err := phonenumbers.Parse(v, ""); err == nil {
			forms = append(forms, phonenumbers.GetNationalSignificantNumber(parsed))
		}
		for _, n := range forms {
			if n != "" && !slices.Contains(out, n) {
				out = append(out, n)
			}
		}
	}
	return out
}

// numbered judges by the fields that hold phone numbers, of which we show some.
func numbered(s *upstream.Search, numbers []string) isWanted[upstream.Contact] {
	return func(f *found[upstream.Contact]) verdict {
		if s.Matches(&f.value) {
			return wanted
		}
		for _, field := range []string{"Phone", "MobilePhone", "HomePhone", "OtherPhone", "AssistantPhone", "Fax"} {
			has := f.fields.Text(field)
			if has != nil && slices.ContainsFunc(numbers, func(n string) bool { return strings.HasSuffix(digits(*has), n) }) {
				return near
			}
		}
		return wrong
	}
}

// digits returns the digits of s.
func digits(s string) string {
	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, s)
}
