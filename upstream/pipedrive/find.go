package pipedrive

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strconv"

	"golang.org/x/sync/errgroup"

	"github.com/weft-gateway/weft/upstream"
	"github.com/weft-gateway/weft/upstream/client"
)

const (
	searches = 4   // at once: a company has ten in two seconds
	matches  = 100 // of one value; of more, one that matches may be left out
)

// FindContacts implements [upstream.CRM]. Pipedrive searches by one value in a
// call, and answers with ids, whose records are then read together: n values
// cost n+1 calls. A number is found in the form in which it was looked up,
// which is E.164, and in no other.
func (c *CRM) FindContacts(ctx context.Context, by upstream.Lookup, values []string) (map[string][]upstream.Contact, error) {
	s := upstream.NewSearch(by, values)
	field := c.searchField(by)
	if s == nil || field == "" {
		return nil, &upstream.Error{
			Kind: upstream.UpstreamError, Source: Kind, Op: upstream.OpFind,
			Err: errors.New("no search by " + string(by)),
		}
	}
	hits, err := c.search(ctx, field, s.Values())
	var ids []string
	for id := range hits {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	read, readErr := c.contacts.read(ctx, c, upstream.OpFind, ids)
	if kind := upstream.KindOf(readErr); readErr != nil && kind != upstream.BadResponse && kind != upstream.WrongRecord {
		return nil, readErr // of two persons with a value, one may be among those that are not read
	}
	if err == nil {
		err = readErr
	}
	var list []upstream.Contact
	for _, id := range ids {
		contact, ok := read[id]
		switch {
		case !ok:
		case s.Matches(&contact):
			list = append(list, contact)
		case !hits[id] && err == nil:
			err = &upstream.Error{Kind: upstream.WrongRecord, Source: Kind, Op: upstream.OpFind}
		}
	}
	return s.Group(list), err
}

// searchField returns what a look-up is called in a search, "" for one that
// there is not.
func (c *CRM) searchField(by upstream.Lookup) string {
	switch {
	case by == upstream.ByEmail:
		return "email"
	case by == upstream.ByPhone:
		return "phone"
	case by == upstream.ByExternalRef && c.contacts.fields.ref != "":
		return "custom_fields" // all of them
	}
	return ""
}

// search looks each value up, some at once: id -> whether some custom field
// carries the value, be it not the one that holds references.
func (c *CRM) search(ctx context.Context, field string, values []string) (map[string]bool, error) {
	found, errs := make([]map[string]bool, len(values)), make([]error, len(values))
	var g errgroup.Group
	g.SetLimit(searches)
	for i, v := range values {
		g.Go(func() error { found[i], errs[i] = c.searchOne(ctx, field, v); return nil })
	}
	_ = g.Wait() // all outcomes are in the slots
	all := make(map[string]bool)
	var first error
	for i := range values {
		for id, elsewhere := range found[i] {
			all[id] = all[id] || elsewhere
		}
		if first == nil {
			first = errs[i]
		}
	}
	return all, first
}

func (c *CRM) searchOne(ctx context.Context, field, value string) (map[string]bool, error) {
	call := client.Call{Op: upstream.OpFind, Path: []string{"api", "v2", "persons", "search"}, Query: url.Values{
		"term": {value}, "fields": {field}, "exact_match": {"true"}, "limit": {strconv.Itoa(matches)},
	}}
	return client.Fetch(ctx, c.client, call, func(r client.Reply) (map[string]bool, error) {
		items, more, err := searchItems(r)
		if err != nil {
			return nil, err
		}
		hits := make(map[string]bool, len(items))
		for _, raw := range items {
			item := upstream.ReadFields(raw).Object("item")
			id, ok := item.ID("id")
			if !ok || id == nil || !isID(*id) {
				return hits, errors.New("a match without id")
			}
			hits[*id] = slices.Contains(item.Texts("custom_fields"), value)
		}
		if more || len(items) >= matches {
			return hits, errors.New("more was found than is read")
		}
		return hits, nil
	})
}

// searchItems returns the matches in the answer to a search, and whether there
// are more.
func searchItems(r client.Reply) (items []json.RawMessage, more bool, err error) {
	data, err := answer(r, true)
	if errors.Is(err, upstream.NotFound) {
		return nil, false, upstream.BadResponse
	}
	if err != nil {
		return nil, false, err
	}
	items = upstream.ReadFields(data[0]).List("items")
	if items == nil {
		return nil, false, errors.New("the answer has no matches, not even none")
	}
	var body upstream.Fields
	err = client.Decode(r.Body, &body)
	return items, body.Object("additional_data").Text("next_cursor") != nil, err
}
