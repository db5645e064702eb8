package salesforce

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strings"

	"github.com/weft-gateway/weft/upstream"
	"github.com/weft-gateway/weft/upstream/client"
)

// maxQuery bounds a query as it is sent, in bytes: common servers take 8 KiB of
// an address with all that is around it.
const maxQuery = 7000

// object is one kind of record: where it is and how it is read.
type object[T any] struct {
	op      upstream.Op
	name    string
	prefix  string // of ids
	fields  []string
	convert func(id string, f upstream.Fields) (T, error)
}

// found is a record of ours with what it was made of.
type found[T any] struct {
	id     string
	fields upstream.Fields
	value  T
}

// isWanted reports whether a record was asked for; one that is neither wanted
// nor wrong is as near to what was asked as Salesforce can tell.
type isWanted[T any] func(*found[T]) verdict

type verdict int

const (
	wrong verdict = iota
	near
	wanted
)

// byField reads the records whose field has one of values, in as few calls as
// an address has room for. A failed call does not keep the next from being made;
// the first error counts.
func byField[T any](ctx context.Context, c *CRM, op upstream.Op, o *object[T], field string, values []string, judge isWanted[T]) ([]found[T], error) {
	text := "SELECT " + strings.Join(o.fields, ",") + " FROM " + o.name + " WHERE " + field + " IN "
	var all []found[T]
	var first error
	for _, chunk := range chunks(values, upstream.MaxBatch, maxQuery-len(url.QueryEscape(text))) {
		got, err := ask(ctx, c, op, o, "query", text+list(chunk), "records", judge)
		all = append(all, got...)
		if first == nil {
			first = err
		}
	}
	return all, first
}

// list writes values as a query has them.
func list(values []string) string {
	quoted := make([]string, len(values))
	for i, v := range values {
		quoted[i] = quote(v)
	}
	return "(" + strings.Join(quoted, ",") + ")"
}

// quote writes a text as a query has it. Nothing in it ends it.
func quote(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + "'"
}

// chunks cuts values into pieces of at most most, so that each fits into room.
func chunks(values []string, most, room int) (out [][]string) {
	start, size := 0, 0
	for i, v := range values {
		more := len(url.QueryEscape(quote(v) + ","))
		if i > start && (i-start == most || size+more > room) {
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

// ask makes one query of a resource, whose records are in the given member.
func ask[T any](ctx context.Context, c *CRM, op upstream.Op, o *object[T], resource, text, member string, judge isWanted[T]) ([]found[T], error) {
	call := client.Call{Op: op, Path: []string{"services", "data", version, resource}, Query: url.Values{"q": {text}}}
	return client.Fetch(ctx, c.client, call, func(r client.Reply) ([]found[T], error) {
		return readRecords(r, o, member, judge)
	})
}

// readRecords reads an answer. An entry that is null is none.
func readRecords[T any](r client.Reply, o *object[T], member string, judge isWanted[T]) (good []found[T], bad error) {
	if err := r.Err(); errors.Is(err, upstream.NotFound) { // a query that is not there is a wrong address
		return nil, upstream.BadResponse
	} else if err != nil {
		return nil, err
	}
	var raw json.RawMessage
	if upstream.Decode(r.Body, &raw) != nil {
		return nil, errors.New("the answer is not JSON")
	}
	answer := upstream.ReadFields(raw)
	records := answer.List(member)
	if records == nil {
		return nil, errors.New("the answer has no records")
	}
	for _, raw := range records {
		if string(raw) == "null" {
			continue
		}
		f, err := o.read(raw)
		v := wrong
		if err == nil {
			if v = judge(&f); v == wrong {
				err = upstream.WrongRecord
			}
		}
		switch {
		case v == wanted:
			good = append(good, f)
		case err != nil && (bad == nil || errors.Is(err, upstream.WrongRecord)): // a wrong record is worse than a bad one
			bad = err
		}
	}
	done := answer.Flag("done")
	if bad == nil && (done != nil && !*done || member == searchMember && len(records) >= maxFound) {
		bad = errors.New("the answer is the beginning of a list") // a single match may have a twin
	}
	return good, bad
}

func (o *object[T]) read(raw json.RawMessage) (found[T], error) {
	f := upstream.ReadFields(raw)
	id := f.Text("Id")
	if id == nil {
		return found[T]{}, errors.New("a record has no id")
	}
	long, ok := canonical(*id, o.prefix)
	if !ok {
		return found[T]{}, errors.New("a record has the id of something else")
	}
	value, err := o.convert(long, f)
	return found[T]{id: long, fields: f, value: value}, err
}

// byID reads records by id, of either length: the answer is under the id that
// was asked for.
func byID[T any](ctx context.Context, c *CRM, o *object[T], ids []string) (map[string]T, error) {
	asked := make(map[string][]string, len(ids)) // long id -> as it was asked for
	var values []string
	for _, id := range ids {
		long, ok := canonical(id, o.prefix)
		if !ok || slices.Contains(asked[long], id) {
			continue
		}
		if asked[long] == nil {
			values = append(values, long)
		}
		asked[long] = append(asked[long], id)
	}
	got, err := byField(ctx, c, o.op, o, "Id", values, func(f *found[T]) verdict {
		if asked[f.id] == nil {
			return wrong
		}
		return wanted
	})
	out := make(map[string]T, len(got))
	for _, f := range got {
		for _, id := range asked[f.id] {
			out[id] = f.value
		}
	}
	return out, err
}
