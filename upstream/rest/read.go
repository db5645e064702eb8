package rest

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/weft-gateway/weft/upstream"
	"github.com/weft-gateway/weft/upstream/client"
)

const (
	maxID    = 64   // characters of an id
	maxQuery = 6000 // bytes of a list in a query, as it is sent; common servers take 8 KiB with the rest
)

// Contacts implements [upstream.CRM]. What cannot be an id is not asked for and
// has no contact: nothing, more than 64 characters, anything with a space, a
// comma, a control character or one of / \ ? # %.
func (c *CRM) Contacts(ctx context.Context, ids []string) (map[string]upstream.Contact, error) {
	return c.contacts.read(ctx, c, ids)
}

// Accounts implements [upstream.CRM], for ids as those of [CRM.Contacts].
func (c *CRM) Accounts(ctx context.Context, ids []string) (map[string]upstream.Account, error) {
	return c.accounts.read(ctx, c, ids)
}

// read reads records by id: one by its own path, more by lists.
func (c *collection[T]) read(ctx context.Context, crm *CRM, ids []string) (map[string]T, error) {
	ids = askable(ids, plainID)
	wanted := func(t *T) bool {
		id, _ := c.identity(t)
		return slices.Contains(ids, id)
	}
	var list []T
	var err error
	if len(ids) == 1 {
		list, err = c.one(ctx, crm, ids[0], wanted)
	} else {
		list, err = c.list(ctx, crm, c.op, crm.params.IDs, ids, wanted)
	}
	found := make(map[string]T, len(list))
	for i := range list {
		id, _ := c.identity(&list[i])
		found[id] = list[i]
	}
	return found, err
}

// one reads one record; there may be none.
func (c *collection[T]) one(ctx context.Context, crm *CRM, id string, wanted func(*T) bool) ([]T, error) {
	call := client.Call{Op: c.op, Path: slices.Concat(c.path, []string{id})}
	list, err := client.Fetch(ctx, crm.client, call, func(r client.Reply) ([]T, error) {
		if err := r.Err(); err != nil {
			return nil, err
		}
		raw, err := whole(r.Body)
		if err != nil {
			return nil, err
		}
		record := readObject(raw)
		if dig(record.member(c.names["id"][0]), c.names["id"][1:]) == nil { // some wrap a single record as they do a list
			if inner := dig(raw, crm.envelope); inner != nil {
				record = readObject(inner)
			}
		}
		return c.decode([]object{record}, wanted)
	})
	if errors.Is(err, upstream.NotFound) {
		err = nil
	}
	return list, err
}

// list asks for the records of values, in as few calls as a query has room for.
// A failed call does not keep the next from being made; the first error counts.
func (c *collection[T]) list(ctx context.Context, crm *CRM, op upstream.Op, param string, values []string, wanted func(*T) bool) ([]T, error) {
	var all []T
	var first error
	for _, chunk := range chunks(values) {
		call := client.Call{Op: op, Path: c.path, Query: url.Values{param: {strings.Join(chunk, ",")}}}
		got, err := client.Fetch(ctx, crm.client, call, func(r client.Reply) ([]T, error) {
			if err := r.Err(); errors.Is(err, upstream.NotFound) { // a list that is not there is a wrong address
				return nil, upstream.BadResponse
			} else if err != nil {
				return nil, err
			}
			records, err := elements(r.Body, crm.envelope)
			if err != nil {
				return nil, err
			}
			return c.decode(records, wanted)
		})
		all = append(all, got...)
		if first == nil {
			first = err
		}
	}
	return all, first
}

// decode reads records. Those that are bad or not wanted are left out, and the
// error says so; a wrong record is worse than a bad one.
func (c *collection[T]) decode(records []object, wanted func(*T) bool) (good []T, bad error) {
	good = make([]T, 0, len(records))
	scan := upstream.NewScanner(nil)
	for _, o := range records {
		t, err := c.parse(o, scan)
		if err == nil && !wanted(&t) {
			err = upstream.WrongRecord
		}
		switch {
		case err == nil:
			good = append(good, t)
		case bad == nil || errors.Is(err, upstream.WrongRecord):
			bad = err
		}
	}
	return good, bad
}

// parse reads one record, which has to be the tenant's; nil is no object.
func (c *collection[T]) parse(o object, scan *upstream.Scanner) (T, error) {
	f := fields{object: o, names: c.names, extra: c.extra, tenant: c.tenant, scan: scan}
	if o == nil {
		var none T
		return none, errors.New("a record is not an object")
	}
	t, err := c.record(&f)
	if _, tenant := c.identity(&t); err == nil && tenant != c.tenant {
		c.foreign()
		err = upstream.WrongRecord
	}
	return t, err
}

// whole reads an answer that is one JSON value.
func whole(body []byte) (json.RawMessage, error) {
	s := upstream.NewScanner(body)
	raw := s.Raw()
	if s.End() != nil {
		return nil, errors.New("the answer is not JSON")
	}
	return raw, nil
}

// elements returns the list in an answer, which may be nothing but the list.
// An element that is no object is nil.
func elements(body []byte, envelope []string) ([]object, error) {
	raw, err := whole(body)
	if err != nil {
		return nil, err
	}
	if raw[0] != '[' {
		raw = dig(raw, envelope)
	}
	if len(raw) == 0 || raw[0] != '[' {
		return nil, errors.New("the answer has no list")
	}
	var list []object
	var last object
	s, inner := upstream.NewScanner(raw), upstream.NewScanner(nil)
	s.Array(func() {
		last = readObjectLike(inner, s.Raw(), last)
		list = append(list, last)
	})
	return list, s.End()
}

// dig follows a way into nested objects, to nil where it does not lead on.
func dig(raw json.RawMessage, way []string) json.RawMessage {
	for _, part := range way {
		raw = readObject(raw).member(part)
	}
	return raw
}

// askable returns the values that ok lets pass and that a list in a query can
// hold, each once.
func askable(values []string, ok func(string) bool) []string {
	seen := make(map[string]bool, len(values))
	var out []string
	for _, v := range values {
		listable := v != "" && v == strings.TrimSpace(v) && !strings.Contains(v, ",")
		if listable && !seen[v] && !strings.ContainsFunc(v, unicode.IsControl) && ok(v) {
			seen[v] = true
			out = append(out, v)
		}
	}
	return out
}

// plainID reports whether id can be an id. What ends a path segment, or would
// once it is decoded, is in none: ids may come from what a visitor typed, and a
// server's odd answer to them would count against the CRM.
func plainID(id string) bool {
	return utf8.RuneCountInString(id) <= maxID && !strings.ContainsAny(id, `/\?#% `)
}

// chunks cuts values so that each piece fits into one call.
func chunks(values []string) [][]string {
	var out [][]string
	start, size := 0, 0
	for i, v := range values {
		more := len(url.QueryEscape(v)) + len("%2C")
		if i > start && (i-start == upstream.MaxBatch || size+more > maxQuery) {
			out = append(out, values[start:i])
			start, size = i, 0
		}
		size += more
	}
	if start < len(values) {
		out = append(out, values[start:])
	}
	return out
}
