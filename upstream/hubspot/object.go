package hubspot

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/weft-gateway/weft/upstream"
	"github.com/weft-gateway/weft/upstream/client"
)

// object is one kind of record: where it is and how it is read.
type object[T any] struct {
	op         upstream.Op
	name       string   // in paths
	properties []string // what is asked for
	convert    func(record) (T, error)
}

// record is a record as HubSpot sends it.
type record struct {
	id     string
	merged []string // ids of records that this one has taken the place of
	top    upstream.Fields
	props  upstream.Fields
}

// found is a record of ours, and the ids by which it can be asked for.
type found[T any] struct {
	ids   []string // its own first
	value T
}

// query is what is asked of a batch.
type query struct {
	Inputs     []input  `json:"inputs"`
	Properties []string `json:"properties"`
	History    []string `json:"propertiesWithHistory"` // required, and empty
	IDProperty string   `json:"idProperty,omitempty"`
}

type input struct {
	ID string `json:"id"`
}

func inputs(ids []string) []input {
	list := make([]input, len(ids))
	for i, id := range ids {
		list[i] = input{id}
	}
	return list
}

// batch reads records by their ids or, where idProperty is set, by what that
// property holds. Those that HubSpot does not have are left out. A failed call
// does not keep the next from being made; the first error counts.
func batch[T any](ctx context.Context, c *CRM, op upstream.Op, o *object[T], values []string, idProperty string, wanted func(*found[T]) bool) ([]found[T], error) {
	var all []found[T]
	var first error
	for chunk := range slices.Chunk(values, upstream.MaxBatch) {
		body, err := json.Marshal(query{inputs(chunk), o.properties, []string{}, idProperty})
		if err != nil {
			return all, err
		}
		call := client.Call{Op: op, Path: []string{"crm", "v3", "objects", o.name, "batch", "read"}, Post: body}
		got, err := client.Fetch(ctx, c.client, call, func(r client.Reply) ([]found[T], error) { return readBatch(r, o, wanted) })
		all = append(all, got...)
		if first == nil {
			first = err
		}
	}
	return all, first
}

// readBatch reads the answer of a batch or a search.
func readBatch[T any](r client.Reply, o *object[T], wanted func(*found[T]) bool) ([]found[T], error) {
	answer, bad := readAnswer(r)
	if answer == nil {
		return nil, bad
	}
	var good []found[T]
	for _, raw := range answer.List("results") {
		f, err := o.read(raw)
		switch {
		case errors.Is(err, errArchived):
			continue
		case err == nil && !wanted(&f):
			err = upstream.WrongRecord
		}
		switch {
		case err == nil:
			good = append(good, f)
		case bad == nil || errors.Is(err, upstream.WrongRecord): // a wrong record is worse than a bad one
			bad = err
		}
	}
	return good, bad
}

// readAnswer reads an answer that has results, beside those perhaps an error:
// that of records that could not be read, though HubSpot may have them.
func readAnswer(r client.Reply) (upstream.Fields, error) {
	if err := r.Err(); errors.Is(err, upstream.NotFound) { // a batch that is not there is a wrong address
		return nil, upstream.BadResponse
	} else if err != nil {
		return nil, err
	}
	var raw json.RawMessage
	if upstream.Decode(r.Body, &raw) != nil {
		return nil, errors.New("the answer is not JSON")
	}
	answer := upstream.ReadFields(raw)
	status := answer.Text("status")
	switch {
	case answer.List("results") == nil:
		return nil, errors.New("the answer has no results")
	case status != nil && *status != "COMPLETE":
		return nil, errors.New("the batch is not complete")
	case !harmless(answer.List("errors")), r.Status == http.StatusMultiStatus && len(answer.List("errors")) == 0:
		return answer, upstream.UpstreamError // and it may be that of any that is not there
	}
	return answer, nil
}

// harmless reports whether errors say no more than that there is nothing.
func harmless(list []json.RawMessage) bool {
	return !slices.ContainsFunc(list, func(raw json.RawMessage) bool {
		f := upstream.ReadFields(raw)
		category, sub := f.Text("category"), f.Text("subCategory")
		nothing := category != nil && *category == "OBJECT_NOT_FOUND"
		return !nothing && (sub == nil || *sub != "crm.associations.NO_ASSOCIATIONS_FOUND")
	})
}

// errArchived is a record that HubSpot keeps, and shows to nobody.
var errArchived = errors.New("the record is archived")

func (o *object[T]) read(raw json.RawMessage) (found[T], error) {
	top := upstream.ReadFields(raw)
	id, ok := top.ID("id")
	props := top.Object("properties")
	if id == nil || !ok || !isID(*id) || props == nil {
		return found[T]{}, errors.New("a record has no id or no properties")
	}
	if archived := top.Flag("archived"); archived != nil && *archived {
		return found[T]{}, errArchived
	}
	rec := record{id: *id, top: top, props: props}
	if merged := props.Text("hs_merged_object_ids"); merged != nil {
		rec.merged = strings.FieldsFunc(*merged, func(r rune) bool { return r == ';' || r == ' ' })
	}
	value, err := o.convert(rec)
	return found[T]{ids: slices.Concat([]string{rec.id}, rec.merged), value: value}, err
}

// byID reads records by id. A record that has taken the place of the one that
// was asked for is its answer: it says so itself.
func byID[T any](ctx context.Context, c *CRM, o *object[T], ids []string) (map[string]T, error) {
	ids = askable(ids)
	wanted := func(f *found[T]) bool {
		return slices.ContainsFunc(f.ids, func(id string) bool { return slices.Contains(ids, id) })
	}
	list, err := batch(ctx, c, o.op, o, ids, "", wanted)
	out := make(map[string]T, len(list))
	for _, f := range list {
		for _, id := range f.ids[1:] {
			if slices.Contains(ids, id) {
				out[id] = f.value
			}
		}
	}
	for _, f := range list { // who has an id itself has it before all others
		if slices.Contains(ids, f.ids[0]) {
			out[f.ids[0]] = f.value
		}
	}
	return out, err
}

// askable returns what can be an id, each once.
func askable(ids []string) []string {
	var out []string
	for _, id := range ids {
		if isID(id) && !slices.Contains(out, id) {
			out = append(out, id)
		}
	}
	return out
}

// isID reports whether id can be that of a record: a number of HubSpot's.
func isID(id string) bool {
	return id != "" && len(id) <= 20 && id[0] != '0' && strings.Trim(id, "0123456789") == ""
}
