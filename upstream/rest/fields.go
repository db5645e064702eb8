package rest

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/weft-gateway/weft/upstream"
)

// fields reads one record by our names. The first field of a wrong type is
// remembered and spoils the record; what is absent, null or "" is nil.
//
// A date that is not RFC 3339 is nil: no date of a record is required, and a
// contact is worth more than its date.
type fields struct {
	object map[string]json.RawMessage
	names  map[string][]string
	tenant string
	err    error
}

// raw returns the JSON of a field, nil for null and absence. Names are compared
// exactly, case included.
func (f *fields) raw(name string) json.RawMessage {
	way := f.names[name]
	raw := dig(f.object[way[0]], way[1:])
	if string(raw) == "null" {
		return nil
	}
	return raw
}

// member returns a member of a JSON object, nil for anything else.
func member(raw json.RawMessage, name string) json.RawMessage {
	var object map[string]json.RawMessage
	if len(raw) == 0 || raw[0] != '{' || json.Unmarshal(raw, &object) != nil {
		return nil
	}
	return object[name]
}

func (f *fields) wrong(name string) {
	if f.err == nil {
		f.err = fmt.Errorf("field %s is not what it should be", name)
	}
}

// field decodes a field, nil if it has no value.
func field[T any](f *fields, name string) *T {
	raw := f.raw(name)
	if raw == nil {
		return nil
	}
	v := new(T)
	if json.Unmarshal(raw, v) != nil {
		f.wrong(name)
		return nil
	}
	return v
}

func (f *fields) text(name string) *string {
	if s := field[string](f, name); s != nil && *s != "" {
		return s
	}
	return nil
}

// ref reads a reference. A number keeps its digits, however many.
func (f *fields) ref(name string) *string {
	raw := f.raw(name)
	if raw == nil || raw[0] == '"' {
		return f.text(name)
	}
	if digits := strings.TrimPrefix(string(raw), "-"); strings.Trim(digits, "0123456789") != "" {
		f.wrong(name)
		return nil
	}
	s := string(raw)
	return &s
}

// id reads an id, which is a reference of 1-64 characters.
func (f *fields) id(name string) *string {
	id := f.ref(name)
	if id != nil && utf8.RuneCountInString(*id) > maxID {
		f.wrong(name)
	}
	return id
}

// key reads the record's own id, without which there is no record.
func (f *fields) key() string {
	if id := f.id("id"); id != nil {
		return *id
	}
	f.wrong("id")
	return ""
}

// owner returns the record's tenant, which is ours where the CRM names none.
func (f *fields) owner() string {
	if id := f.id("tenantId"); id != nil {
		return *id
	}
	return f.tenant
}

func (f *fields) resolution() string {
	if s := f.text("resolutionStatus"); s != nil {
		return *s
	}
	return "crm_resolved"
}

func (f *fields) time(name string) *upstream.Time {
	raw := f.raw(name)
	if raw == nil {
		return nil
	}
	if raw[0] != '"' {
		f.wrong(name)
		return nil
	}
	var t upstream.Time
	if t.UnmarshalJSON(raw) != nil || t.Year() < 0 || t.Year() > 9999 {
		return nil
	}
	return &t
}

// link reads a deep link. Anything but http and https is dropped: it ends up
// behind a click.
func (f *fields) link(name string) *string {
	s := f.text(name)
	if s == nil {
		return nil
	}
	u, err := url.Parse(*s)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil
	}
	*s = u.Scheme + (*s)[len(u.Scheme):] // in lower case, the rest as it is
	return s
}

// phone reads a number, in E.164 where it says its country itself.
func (f *fields) phone(name string) *string {
	s := f.text(name)
	if s != nil {
		*s = e164(*s)
	}
	return s
}

// count reads a whole number that every JSON reader holds exactly.
func (f *fields) count(name string) *int {
	n := field[int](f, name)
	if n != nil && (*n < 0 || *n > 1<<53-1) {
		f.wrong(name)
	}
	return n
}

func (f *fields) tags(name string) []string {
	if list := field[[]string](f, name); list != nil {
		return *list
	}
	return nil
}

// money reads {"amount": 1.5, "currency": "EUR"}, or an amount alone.
func (f *fields) money(name string) *upstream.Money {
	raw := f.raw(name)
	if raw == nil {
		return nil
	}
	if raw[0] != '{' {
		if amount := field[float64](f, name); amount != nil {
			return &upstream.Money{Amount: *amount}
		}
		return nil
	}
	var m struct {
		Amount   *float64 `json:"amount"`
		Currency *string  `json:"currency"`
	}
	if json.Unmarshal(raw, &m) != nil {
		f.wrong(name)
		return nil
	}
	if m.Amount == nil {
		return nil
	}
	return &upstream.Money{Amount: *m.Amount, Currency: m.Currency}
}
