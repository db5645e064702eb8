package pipedrive

import (
	"encoding/json"

	"github.com/weft-gateway/weft/upstream"
)

// reference reads the custom field that holds a reference: a text, or a whole
// number with its digits.
func (f *custom) reference(record upstream.Fields) *string {
	if f.ref == "" {
		return nil
	}
	values := record.Object("custom_fields")
	if s := values.Text(f.ref); s != nil {
		return s
	}
	id, ok := values.ID(f.ref)
	if !ok {
		return nil
	}
	return id
}

// read reads the custom fields that pass.
func (f *custom) read(record upstream.Fields) upstream.Custom {
	if len(f.ways) == 0 {
		return nil
	}
	values := record.Object("custom_fields")
	return upstream.ReadCustom(f.ways, func(way []string) json.RawMessage {
		raw := values.Raw(way[0])
		for _, part := range way[1:] {
			raw = upstream.ReadFields(raw).Raw(part)
		}
		return plain(raw)
	})
}

// plain returns the label of an option, and the labels of options, since their
// numbers mean nothing elsewhere. Any other value is what it is.
func plain(raw json.RawMessage) json.RawMessage {
	if f := upstream.ReadFields(raw); option(f) {
		return f.Raw("label")
	}
	var list []json.RawMessage
	if len(raw) == 0 || raw[0] != '[' || json.Unmarshal(raw, &list) != nil {
		return raw
	}
	for i := range list {
		if f := upstream.ReadFields(list[i]); option(f) {
			list[i] = f.Raw("label")
		}
	}
	out, err := json.Marshal(list)
	if err != nil {
		return nil
	}
	return out
}

func option(f upstream.Fields) bool {
	return len(f) == 2 && f.Raw("id") != nil && f.Text("label") != nil
}

// label reads a field with one option; a number alone says nothing.
func label(f upstream.Fields, name string) *string {
	if s := f.Text(name); s != nil {
		return s
	}
	return f.Object(name).Text("label")
}

// labels reads the names of a record's labels.
func labels(f upstream.Fields) (out []string) {
	for _, raw := range f.List("labels") {
		if s := upstream.ReadFields(raw).Text("label"); s != nil {
			out = append(out, *s)
		}
	}
	return out
}
