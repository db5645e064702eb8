package sandbox

import (
	"bytes"
	"encoding/json"
)

// Stranger marks what belongs to somebody else: with BodyOtherTenant it is the
// text of every record, and no gateway may ever show it.
const Stranger = "stranger-7d1f"

// depth is how deep the deep body is nested.
const depth = 10_000

// estranged makes the records of a body another tenant's, each under its own id.
func estranged(body []byte) []byte {
	var v any
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	if err := dec.Decode(&v); err != nil {
		panic(err) // a body of ours that is not JSON
	}
	estrange(v)
	return encode(v)
}

func estrange(v any) {
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			estrange(item)
		}
	case map[string]any:
		if _, has := v["tenantId"]; has {
			v["tenantId"] = Initech
			for _, name := range []string{"firstName", "lastName", "name", "companyName", "summary", "subject"} {
				if _, has := v[name]; has {
					v[name] = Stranger
				}
			}
		}
		for _, inner := range v {
			estrange(inner)
		}
	}
}

// doubled gives an object a second id before its own, and a third in capitals
// behind: who takes the first, the last, or does not mind the case has another.
func doubled(body []byte) []byte {
	inner := body[1 : len(body)-1]
	b := append([]byte(`{"id":"`+Stranger+`","tenantId":"`+Initech+`"`), ',')
	b = append(b, inner...)
	return append(b, `,"ID":"`+Stranger+`","TENANTID":"`+Initech+`"}`...)
}

func deep() []byte {
	b := bytes.Repeat([]byte(`{"data":`), depth)
	b = append(b, "null"...)
	return append(b, bytes.Repeat([]byte("}"), depth)...)
}
