package twenty

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/weft-gateway/weft/upstream"
	"github.com/weft-gateway/weft/upstream/client"
)

const (
	pageSize = 60   // the most that every version takes
	maxPages = 5    // of one list of values: more people than that share no value
	maxQuery = 6000 // bytes of a list of values as it is sent; common servers take 8 KiB with the rest
)

// Contacts implements [upstream.CRM]. An id is a UUID in lower case; anything
// else is not asked for and has no contact.
func (c *CRM) Contacts(ctx context.Context, ids []string) (map[string]upstream.Contact, error) {
	list, err := byID(ctx, c, query[upstream.Contact]{op: upstream.OpContacts, object: "people", read: c.contact}, ids)
	found := make(map[string]upstream.Contact, len(list))
	for _, t := range list {
		found[t.ID] = t
	}
	return found, err
}

// Accounts implements [upstream.CRM], for ids as those of [CRM.Contacts].
func (c *CRM) Accounts(ctx context.Context, ids []string) (map[string]upstream.Account, error) {
	list, err := byID(ctx, c, query[upstream.Account]{op: upstream.OpAccounts, object: "companies", read: c.account}, ids)
	found := make(map[string]upstream.Account, len(list))
	for _, a := range list {
		found[a.ID] = a
	}
	return found, err
}

// byID reads records by id, a page at a time. A failed call does not keep the
// next from being made; the first error counts.
func byID[T any](ctx context.Context, c *CRM, q query[T], ids []string) (all []T, first error) {
	read := q.read
	for some := range slices.Chunk(upstream.Askable(ids, isID), pageSize) {
		q.by = filter{"id", some}
		q.read = func(f upstream.Fields) (t T, err error) {
			if id, ok := f.ID("id"); ok && id != nil && !slices.Contains(some, *id) {
				return t, upstream.WrongRecord
			}
			return read(f)
		}
		got, _, err := q.pages(ctx, c) // one, unless the workspace has smaller ones
		all = append(all, got...)
		if first == nil {
			first = err
		}
	}
	return all, first
}

// query asks for records of one object, each read by read.
type query[T any] struct {
	op     upstream.Op
	object string
	by     filter
	read   func(upstream.Fields) (T, error)
}

// page is one page of a list.
type page[T any] struct {
	records []T
	listed  bool   // the answer is a list, whose records may be bad all the same
	next    string // cursor of the next; "" at the end
}

// page makes one call, for the page after a cursor.
func (q query[T]) page(ctx context.Context, c *CRM, after string) (page[T], error) {
	params := url.Values{"filter": {q.by.String()}, "limit": {strconv.Itoa(pageSize)}, "depth": {"0"}}
	if q.object == "people" {
		params.Set("depth", "1") // with the company
	}
	if after != "" {
		params.Set("starting_after", after)
	}
	call := client.Call{Op: q.op, Path: []string{"rest", q.object}, Query: params}
	return client.Fetch(ctx, c.client, call, q.answer)
}

func (q query[T]) answer(r client.Reply) (p page[T], err error) {
	switch err := r.Err(); {
	case errors.Is(err, upstream.NotFound): // a list that is not there is a wrong address
		return p, upstream.BadResponse
	case err != nil:
		return p, err
	}
	var raw json.RawMessage
	if err := client.Decode(r.Body, &raw); err != nil {
		return p, err
	}
	envelope := upstream.ReadFields(raw)
	data := envelope.Object("data")
	if list := data.Raw(q.object); len(list) == 0 || list[0] != '[' {
		return p, errors.New("the answer has no list")
	}
	info := envelope.Object("pageInfo")
	if more, after := info.Flag("hasNextPage"), info.Text("endCursor"); more != nil && *more {
		if after == nil {
			return p, errors.New("there is more, and no way to it")
		}
		p.next = *after
	}
	p.listed = true
	p.records, err = upstream.Collect(data.List(q.object), q.read)
	return p, err
}

// filter asks for the records whose field has one of some values.
type filter struct {
	field  string
	values []string
}

// String is the filter as it is sent. Nothing in a value is escaped, for there
// is no way to: see [plain].
func (f filter) String() string {
	return f.field + `[in]:["` + strings.Join(f.values, `","`) + `"]`
}

// plain reports whether a value has nothing that means something in a filter.
func plain(v string) bool { return !strings.ContainsAny(v, "\"'`[](){},\\%") }

// isID reports whether id is a UUID as Twenty writes them.
func isID(id string) bool {
	if len(id) != 36 {
		return false
	}
	for i, c := range []byte(id) {
		if dash := i == 8 || i == 13 || i == 18 || i == 23; dash != (c == '-') || !dash && !strings.ContainsRune("0123456789abcdef", rune(c)) {
			return false
		}
	}
	return true
}

// custom reads the fields that pass.
func custom(names map[string][]string, f upstream.Fields) upstream.Custom {
	return upstream.ReadCustom(names, func(way []string) json.RawMessage {
		raw := f.Raw(way[0])
		for _, part := range way[1:] {
			raw = upstream.ReadFields(raw).Raw(part)
		}
		return raw
	})
}
