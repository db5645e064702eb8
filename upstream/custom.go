package upstream

import "encoding/json"

// Custom holds the fields of a record that the contract does not name, by the
// names that the configuration gives them. A value is compact JSON of any type
// but null; one that a record has not is left out.
type Custom map[string]json.RawMessage

// maxCustom is the largest value of a custom field, in bytes of JSON. A longer
// one is left out.
const maxCustom = 4 << 10

// ReadCustom picks the custom fields out of a record: names says which there
// are, our name -> theirs, and value finds the JSON of one of theirs, nil if
// there is none. It is nil when none has a value, as null, "", [] or {} has not,
// nor what not every JSON reader takes, as 1e400.
func ReadCustom[Name any](names map[string]Name, value func(Name) json.RawMessage) Custom {
	var out Custom
	for ours, theirs := range names {
		raw, err := Compact(value(theirs))
		if err != nil || len(raw) > maxCustom || !readable(raw) {
			continue
		}
		switch string(raw) {
		case "null", `""`, "[]", "{}":
			continue
		}
		if out == nil {
			out = make(Custom, len(names))
		}
		out[ours] = raw
	}
	return out
}

// readable reports whether all of a value fits into what readers of JSON have,
// which is less than its grammar allows: a number can be too large.
func readable(raw json.RawMessage) bool {
	var v any
	return raw[0] == '"' || json.Unmarshal(raw, &v) == nil
}
