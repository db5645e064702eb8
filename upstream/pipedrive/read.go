package pipedrive

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

// collection is one kind of record: where it is and how it is read.
type collection[T any] struct {
	op     upstream.Op
	path   string
	fields custom
	record func(upstream.Fields) (T, error)
	id     func(*T) string
}

// Contacts implements [upstream.CRM]. An id is a whole number above zero;
// anything else is not asked for and has no contact.
func (c *CRM) Contacts(ctx context.Context, ids []string) (map[string]upstream.Contact, error) {
	return c.contacts.read(ctx, c, c.contacts.op, ids)
}

// Accounts implements [upstream.CRM], for ids as those of [CRM.Contacts].
func (c *CRM) Accounts(ctx context.Context, ids []string) (map[string]upstream.Account, error) {
	return c.accounts.read(ctx, c, c.accounts.op, ids)
}

// read reads records by id, as a call of op. A failed call does not keep the
// next from being made; the first error counts.
func (k *collection[T]) read(ctx context.Context, crm *CRM, op upstream.Op, ids []string) (map[string]T, error) {
	found := make(map[string]T, len(ids))
	var first error
	for some := range slices.Chunk(upstream.Askable(ids, isID), upstream.MaxBatch) {
		list, err := k.call(ctx, crm, op, some)
		for i := range list {
			found[k.id(&list[i])] = list[i]
		}
		if first == nil {
			first = err
		}
	}
	return found, first
}

// call makes one call, for one record by its own path.
func (k *collection[T]) call(ctx context.Context, crm *CRM, op upstream.Op, ids []string) ([]T, error) {
	call := client.Call{Op: op, Path: []string{"api", "v2", k.path}, Query: url.Values{
		"include_labels": {"true"}, "include_option_labels": {"true"},
	}}
	if len(k.fields.keys) > 0 {
		call.Query.Set("custom_fields", strings.Join(k.fields.keys, ","))
	}
	single := len(ids) == 1
	if single {
		call.Path = append(call.Path, ids[0])
	} else {
		call.Query.Set("ids", strings.Join(ids, ","))
		call.Query.Set("limit", strconv.Itoa(upstream.MaxBatch))
	}
	list, err := client.Fetch(ctx, crm.client, call, func(r client.Reply) ([]T, error) {
		records, err := answer(r, single)
		if err != nil {
			return nil, err
		}
		return upstream.Collect(records, func(f upstream.Fields) (T, error) { return k.asked(f, ids) })
	})
	if single && errors.Is(err, upstream.NotFound) {
		err = nil
	}
	return list, err
}

// asked reads a record that has to be one of those that were asked for.
func (k *collection[T]) asked(f upstream.Fields, ids []string) (t T, err error) {
	switch id, ok := f.ID("id"); {
	case !ok || id == nil:
		return t, errors.New("a record without id")
	case !slices.Contains(ids, *id):
		return t, upstream.WrongRecord
	}
	if deleted := f.Flag("is_deleted"); deleted != nil && *deleted {
		return t, upstream.NotFound // it is in the bin for 30 days
	}
	return k.record(f)
}

// answer returns the records in an answer. One that is not a success is a
// failure, whatever its status.
func answer(r client.Reply, single bool) ([]json.RawMessage, error) {
	err := r.Err()
	switch {
	case errors.Is(err, upstream.NotFound) && !single: // a list that is not there is a wrong address
		return nil, upstream.BadResponse
	case err != nil:
		return nil, err
	}
	var body json.RawMessage
	if err := client.Decode(r.Body, &body); err != nil {
		return nil, err
	}
	envelope := upstream.ReadFields(body)
	switch success := envelope.Flag("success"); {
	case success == nil:
		return nil, errors.New("the answer does not say whether it is a success")
	case !*success:
		return nil, upstream.UpstreamError
	}
	data := envelope.Raw("data")
	switch {
	case single && len(data) > 0 && data[0] == '{':
		return []json.RawMessage{data}, nil
	case !single && len(data) > 0 && data[0] == '[':
		return envelope.List("data"), nil
	}
	return nil, errors.New("the answer has no data of the right form")
}

// isID reports whether id is a whole number as Pipedrive writes them.
func isID(id string) bool {
	const most = 18 // digits, so that any reader can hold it
	return id != "" && len(id) <= most && id[0] != '0' && strings.Trim(id, "0123456789") == ""
}
