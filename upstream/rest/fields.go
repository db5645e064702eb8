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
	object object
	names  map[string][]string
	extra  map[string][]string // the custom fields
	tenant string
	err    error
	scan   *upstream.Scanner // of one field after the other
}

// raw returns the JSON of a field, nil for null and absence. Names are compared
// exactly, case included.
func (f *fields) raw(name string) json.RawMessage {
	raw := f.at(f.names[name])
	if string(raw) == "null" {
		return nil
	}
	return raw
}

// at returns the JSON that a way leads to, nil where it does not lead on.
func (f *fields) at(way []string) json.RawMessage {
	return dig(f.object.member(way[0]), way[1:])
}

// custom reads the fields that the configuration lets pass.
func (f *fields) custom() upstream.Custom { return upstream.ReadCustom(f.extra, f.at) }

// object is a JSON object, in its own order. A map would cost more to make than
// all look-ups in it.
type object []member

type member struct {
	name string
	raw  json.RawMessage // as it stands in the body
}

// readObject reads a JSON object; nil for anything else.
func readObject(raw json.RawMessage) object {
	return readObjectLike(upstream.NewScanner(nil), raw, nil)
}

// readObjectLike reads with s an object that is likely to have the names of
// another one.
func readObjectLike(s *upstream.Scanner, raw json.RawMessage, like object) object {
	if len(raw) == 0 || raw[0] != '{' {
		return nil
	}
	o := make(object, 0, max(len(like), 24))
	s.Reset(raw)
	s.Each(func(name []byte) {
		if i := len(o); i < len(like) && like[i].name == string(name) {
			o = append(o, member{like[i].name, s.Raw()})
			return
		}
		o = append(o, member{string(name), s.Raw()})
	})
	if s.End() != nil {
		return nil
	}
	return o
}

// member returns a member, nil where there is none: of two the later.
func (o object) member(name string) json.RawMessage {
	for i := len(o) - 1; i >= 0; i-- {
		if o[i].name == name {
			return o[i].raw
		}
	}
	return nil
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
	raw := f.raw(name)
	if raw == nil {
		return nil
	}
	f.scan.Reset(raw)
	s := f.scan.Text()
	if f.scan.End() != nil {
		f.wrong(name)
		return nil
	}
	if *s == "" {
		return nil
	}
	return s
}

// reference reads a reference. A number keeps its digits, however many.
func reference(raw json.RawMessage) (s string, ok bool) {
	if raw[0] == '"' {
		return s, json.Unmarshal(raw, &s) == nil
	}
	digits := strings.TrimPrefix(string(raw), "-")
	return string(raw), strings.Trim(digits, "0123456789") == ""
}

func (f *fields) ref(name string) *string {
	raw := f.raw(name)
	if raw == nil {
		return nil
	}
	s, ok := reference(raw)
	if !ok {
		f.wrong(name)
	}
	if !ok || s == "" {
		return nil
	}
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

// ids reads a list of ids.
func (f *fields) ids(name string) (out []string) {
	list := field[[]json.RawMessage](f, name)
	if list == nil {
		return nil
	}
	for _, raw := range *list {
		id, ok := reference(raw)
		switch {
		case string(raw) == "null" || ok && id == "":
		case !ok || utf8.RuneCountInString(id) > maxID:
			f.wrong(name)
		default:
			out = append(out, id)
		}
	}
	return out
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
		*s = upstream.E164(*s)
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
