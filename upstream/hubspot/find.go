package hubspot

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"github.com/nyaruka/phonenumbers"

	"github.com/weft-gateway/weft/upstream"
	"github.com/weft-gateway/weft/upstream/client"
)

// FindContacts implements [upstream.CRM], with what [upstream.Search] takes for
// equal. Addresses and references are read in a batch, as ids are, which costs
// nothing of the search's own quota and finds what was written just now.
func (c *CRM) FindContacts(ctx context.Context, by upstream.Lookup, values []string) (map[string][]upstream.Contact, error) {
	s := upstream.NewSearch(by, values)
	if s == nil || by == upstream.ByExternalRef && c.cfg.ExternalRef == "" {
		return nil, &upstream.Error{
			Kind: upstream.UpstreamError, Source: Kind, Op: upstream.OpFind,
			Err: errors.New("no search by " + string(by)),
		}
	}
	wanted := func(f *found[upstream.Contact]) bool { return s.Matches(&f.value) }
	var list []found[upstream.Contact]
	var err error
	switch by {
	case upstream.ByEmail:
		list, err = batch(ctx, c, upstream.OpFind, &c.contacts, lower(s.Values()), "email", wanted)
	case upstream.ByExternalRef:
		list, err = batch(ctx, c, upstream.OpFind, &c.contacts, s.Values(), c.cfg.ExternalRef, wanted)
	default:
		list, err = c.findNumbers(ctx, s)
	}
	contacts := make([]upstream.Contact, 0, len(list))
	for _, f := range list {
		if s.Matches(&f.value) {
			contacts = append(contacts, f.value)
		}
	}
	carriers := s.Group(contacts)
	contacts, assocErr := c.associate(ctx, contacts)
	found := s.Group(contacts)
	for v, all := range carriers {
		if len(found[v]) != len(all) { // one that is left is not the only one
			delete(found, v)
		}
	}
	return found, cmp.Or(err, assocErr)
}

// lower returns addresses as HubSpot keeps them, each once.
func lower(values []string) (out []string) {
	for _, v := range values {
		if v = strings.ToLower(v); !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	return out
}

// search is what is asked of a search; all of it is required.
type search struct {
	Groups     []group  `json:"filterGroups"` // of which one has to hold
	Properties []string `json:"properties"`
	Sorts      []string `json:"sorts"`
	After      string   `json:"after"`
	Limit      int      `json:"limit"`
}

type group struct {
	Filters []filter `json:"filters"`
}

type filter struct {
	Property string   `json:"propertyName"`
	Operator string   `json:"operator"`
	Values   []string `json:"values"`
}

const maxFound = 200 // on one page, the most that there can be

// findNumbers searches by phone number: as it was written, and by what HubSpot
// makes of each number, which is without its country and its spacing. So a
// contact may come along that has the number in another country; it is no match,
// and no mistake either.
func (c *CRM) findNumbers(ctx context.Context, s *upstream.Search) ([]found[upstream.Contact], error) {
	var all []found[upstream.Contact]
	var first error
	for chunk := range slices.Chunk(s.Values(), upstream.MaxBatch) {
		var local []string
		for _, v := range chunk {
			if n := national(v); n != "" {
				local = append(local, n)
			}
		}
		if local == nil {
			continue // nothing but zeros
		}
		in := func(property string, values []string) group { return group{[]filter{{property, "IN", values}}} }
		body, err := json.Marshal(search{
			Groups: []group{
				in("hs_searchable_calculated_phone_number", local), in("hs_searchable_calculated_mobile_number", local),
				in("phone", chunk), in("mobilephone", chunk),
			},
			Properties: c.contacts.properties, Sorts: []string{}, After: "0", Limit: maxFound,
		})
		if err != nil {
			return all, err
		}
		call := client.Call{Op: upstream.OpFind, Path: []string{"crm", "v3", "objects", "contacts", "search"}, Post: body}
		got, err := client.Fetch(ctx, c.client, call, func(r client.Reply) ([]found[upstream.Contact], error) {
			return readNumbers(r, &c.contacts, s, local)
		})
		all = append(all, got...)
		if first == nil {
			first = err
		}
	}
	return all, first
}

// readNumbers reads what a search found. If there is more than a page, a
// single match may have a twin: the answer is not good enough.
func readNumbers(r client.Reply, o *object[upstream.Contact], s *upstream.Search, local []string) ([]found[upstream.Contact], error) {
	list, err := readBatch(r, o, func(f *found[upstream.Contact]) bool {
		return s.Matches(&f.value) || slices.ContainsFunc(f.value.Phones, func(p upstream.PhoneNumber) bool {
			return slices.ContainsFunc(local, func(n string) bool { return strings.HasSuffix(digits(p.Value), n) })
		})
	})
	var page struct {
		Paging *struct{} `json:"paging"`
	}
	if err == nil && (json.Unmarshal(r.Body, &page) != nil || page.Paging != nil) {
		err = errors.New("more was found than fits on a page")
	}
	return list, err
}

// national returns a number without its country.
func national(number string) string {
	if parsed, err := phonenumbers.Parse(number, ""); err == nil {
		return phonenumbers.GetNationalSignificantNumber(parsed)
	}
	return strings.TrimLeft(digits(number), "0")
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
