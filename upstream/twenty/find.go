package twenty

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"

	"github.com/weft-gateway/weft/upstream"
)

// FindContacts implements [upstream.CRM]. It looks at the first address and the
// first number of a person, which are all that a filter can reach. An address
// is found as it was looked up and in lower case. A value with a
// character that means something in a filter is not asked for and has no
// contacts.
func (c *CRM) FindContacts(ctx context.Context, by upstream.Lookup, values []string) (map[string][]upstream.Contact, error) {
	field := c.searchField(by)
	s := upstream.NewSearch(by, upstream.Askable(values, plain))
	if s == nil || field == "" {
		return nil, &upstream.Error{
			Kind: upstream.UpstreamError, Source: Kind, Op: upstream.OpFind,
			Err: errors.New("no search by " + string(by)),
		}
	}
	var list []upstream.Contact
	var first error
	for _, some := range chunks(s.Values(), by) {
		q := query[upstream.Contact]{op: upstream.OpFind, object: "people", by: filter{field, some}}
		q.read = func(f upstream.Fields) (upstream.Contact, error) { return c.match(f, s, some) }
		got, whole, err := q.pages(ctx, c)
		if whole { // else a contact could be taken for the only one
			list = append(list, got...)
		}
		if first == nil {
			first = err
		}
	}
	return s.Group(list), first
}

// match reads a person who has to carry what was looked up. One whose number is
// equal but for the country was asked for, by [forms], and is nobody.
func (c *CRM) match(f upstream.Fields, s *upstream.Search, asked []string) (upstream.Contact, error) {
	t, err := c.contact(f)
	if err != nil || s.Matches(&t) {
		return t, err
	}
	if n := f.Object("phones").Text("primaryPhoneNumber"); n != nil && slices.Contains(asked, *n) {
		return t, upstream.NotFound
	}
	return t, upstream.WrongRecord
}

// searchField returns the field that a look-up is about, "" for none.
func (c *CRM) searchField(by upstream.Lookup) string {
	switch by {
	case upstream.ByEmail:
		return "emails.primaryEmail"
	case upstream.ByPhone:
		return "phones.primaryPhoneNumber"
	case upstream.ByExternalRef:
		return c.cfg.ExternalRef
	}
	return ""
}

// pages reads all that a filter finds. Where whole is false, the records are
// good, and there may be others.
func (q query[T]) pages(ctx context.Context, c *CRM) (all []T, whole bool, first error) {
	after := ""
	for range maxPages {
		p, err := q.page(ctx, c, after)
		all = append(all, p.records...)
		if first == nil {
			first = err
		}
		if after = p.next; after == "" {
			return all, p.listed, first
		}
	}
	return all, false, &upstream.Error{Kind: upstream.BadResponse, Source: Kind, Op: q.op, Err: errors.New("the list does not end")}
}

// chunks puts the forms of values into lists that one call has room for.
func chunks(values []string, by upstream.Lookup) (lists [][]string) {
	var list []string
	size, n := 0, 0
	for _, v := range values {
		all := forms(v, by)
		more := 0
		for _, f := range all {
			more += len(url.QueryEscape(`"` + f + `",`))
		}
		if n > 0 && (n == pageSize || size+more > maxQuery) {
			lists, list, size, n = append(lists, list), nil, 0, 0
		}
		list, size, n = append(list, all...), size+more, n+1
	}
	if n > 0 {
		lists = append(lists, list)
	}
	return lists
}

// forms are the forms in which Twenty may have a value. A number is kept
// without its country, whose code has up to three digits, unless it was
// brought in from elsewhere.
func forms(v string, by upstream.Lookup) []string {
	switch by {
	case upstream.ByEmail:
		if lower := strings.ToLower(v); lower != v {
			return []string{v, lower}
		}
	case upstream.ByPhone:
		digits, says := strings.CutPrefix(v, "+")
		if !says || len(digits) < 7 {
			return []string{v}
		}
		return []string{v, digits, digits[1:], digits[2:], digits[3:]}
	}
	return []string{v}
}
