package upstream

import (
	"encoding/json"
	"errors"
	"slices"
)

// Collect reads the records of an answer, each by read. One that cannot be read
// is left out, and the error says so; a [WrongRecord] is worse than a bad one.
// One that read calls [NotFound] is left out as if it had not been there.
func Collect[T any](records []json.RawMessage, read func(Fields) (T, error)) (good []T, bad error) {
	for _, raw := range records {
		t, err := readOne(raw, read)
		switch {
		case err == nil:
			good = append(good, t)
		case errors.Is(err, NotFound):
		case bad == nil || errors.Is(err, WrongRecord):
			bad = err
		}
	}
	return good, bad
}

// Rows reads the records of a page of a list, each by read. Those that cannot be
// read are left out and counted, so that one does not take the others away. But
// a page of which nothing can be read is none, nor is one with a [WrongRecord].
func Rows[T any](records []json.RawMessage, read func(Fields) (T, error)) (rows []T, left int, err error) {
	rows, bad := Collect(records, read)
	if bad != nil && (len(rows) == 0 || errors.Is(bad, WrongRecord)) {
		return nil, 0, bad
	}
	if rows == nil {
		rows = []T{}
	}
	return rows, len(records) - len(rows), nil
}

func readOne[T any](raw json.RawMessage, read func(Fields) (T, error)) (t T, err error) {
	f := ReadFields(raw)
	if f == nil {
		return t, errors.New("a record is not an object")
	}
	return read(f)
}

// Askable returns the ids that ok lets pass, each once, in their order.
func Askable(ids []string, ok func(string) bool) []string {
	var out []string
	seen := make(map[string]bool, len(ids))
	for _, id := range ids {
		if !seen[id] && ok(id) {
			seen[id] = true
			out = append(out, id)
		}
	}
	return slices.Clip(out)
}
