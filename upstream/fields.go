package upstream

import (
	"encoding/json"
	"math"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// Fields is an object of a foreign body, read field by field. Real answers are
// looser than their documentation, so what is absent, null, empty or of another
// type than it should be has no value, and spoils nothing beside it. Names are
// compared exactly, case included.
type Fields map[string]json.RawMessage

// ReadFields reads one object, nil for anything else.
func ReadFields(raw json.RawMessage) Fields {
	var f Fields
	if len(raw) == 0 || raw[0] != '{' || json.Unmarshal(raw, &f) != nil {
		return nil
	}
	return f
}

// Raw returns the JSON of a field, nil for null and absence.
func (f Fields) Raw(name string) json.RawMessage {
	if raw := f[name]; string(raw) != "null" {
		return raw
	}
	return nil
}

// Object returns a field that is an object; nil, of which all is absent, for
// anything else.
func (f Fields) Object(name string) Fields { return ReadFields(f[name]) }

// List returns a field that is a list, nil for anything else.
func (f Fields) List(name string) []json.RawMessage {
	list, _ := decoded[[]json.RawMessage](f.Raw(name))
	return list
}

// Text returns a field that is a text and not empty.
func (f Fields) Text(name string) *string {
	if s, ok := decoded[string](f.Raw(name)); ok && s != "" {
		return &s
	}
	return nil
}

// Texts returns the texts of a list that are not empty.
func (f Fields) Texts(name string) (out []string) {
	for _, raw := range f.List(name) {
		if s, ok := decoded[string](raw); ok && s != "" {
			out = append(out, s)
		}
	}
	return out
}

// ID returns a field that is an id: a text for [ValidID], or a whole number,
// which keeps its digits, however many. It is not ok where there is something
// else: a record whose keys cannot be read is not one without keys.
func (f Fields) ID(name string) (id *string, ok bool) {
	raw := f.Raw(name)
	if raw == nil || string(raw) == `""` {
		return nil, true
	}
	s, isText := decoded[string](raw)
	if !isText {
		s = string(raw)
		if strings.Trim(s, "0123456789") != "" {
			return nil, false
		}
	}
	return &s, ValidID(s)
}

// Flag returns a field that is true or false.
func (f Fields) Flag(name string) *bool {
	if b, ok := decoded[bool](f.Raw(name)); ok {
		return &b
	}
	return nil
}

// Number returns a field that is a number, or a text that holds one, and finite.
func (f Fields) Number(name string) *float64 {
	raw := f.Raw(name)
	text, ok := decoded[string](raw)
	if !ok {
		text = string(raw)
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsInf(n, 0) || math.IsNaN(n) {
		return nil
	}
	return &n
}

// Count returns a field that is a number, whole and not below zero, that every
// JSON reader holds exactly.
func (f Fields) Count(name string) *int {
	n := f.Number(name)
	if n == nil || *n < 0 || *n > 1<<53-1 || *n != math.Trunc(*n) {
		return nil
	}
	whole := int(*n)
	return &whole
}

// Time returns a field that is a time of RFC 3339 or of one of the layouts,
// which is in UTC unless it says otherwise.
func (f Fields) Time(name string, layouts ...string) *Time {
	s := f.Text(name)
	if s == nil {
		return nil
	}
	for _, layout := range append([]string{time.RFC3339Nano}, layouts...) {
		t, err := time.Parse(layout, *s)
		if year := t.UTC().Year(); err == nil && year >= 0 && year <= 9999 {
			at := At(t)
			return &at
		}
	}
	return nil
}

// Unix returns a field that is a time in seconds since 1970, with or without
// decimals. 0, which stands for no time, has no value.
func (f Fields) Unix(name string) *Time {
	n := f.Number(name)
	if n == nil || *n <= 0 || *n >= 253402300800 { // the year 10000
		return nil
	}
	whole, part := math.Modf(*n)
	at := At(time.Unix(int64(whole), int64(part*1e9)))
	return &at
}

// Domain returns the domain that a web site's address shows, nil if it shows
// none.
func Domain(website *string) *string {
	if website == nil {
		return nil
	}
	address := *website
	if !strings.Contains(address, "://") {
		address = "http://" + address
	}
	u, err := url.Parse(address)
	if err != nil {
		return nil
	}
	host := strings.TrimSuffix(strings.TrimPrefix(strings.ToLower(u.Hostname()), "www."), ".")
	if !isDomain(host) {
		return nil
	}
	return &host
}

// isDomain reports whether a host has the form of a domain below another, be it
// in letters of any language.
func isDomain(host string) bool {
	const most = 253 // bytes
	for label := range strings.SplitSeq(host, ".") {
		if label == "" || strings.ContainsFunc(label, func(r rune) bool {
			return r != '-' && r != '_' && !unicode.IsLetter(r) && !unicode.IsMark(r) && !unicode.IsDigit(r)
		}) {
			return false
		}
	}
	return len(host) <= most && strings.Contains(host, ".") && strings.Trim(host, "0123456789.") != ""
}

// CountryCode returns a country if it is a code of ISO 3166-1 alpha-2 by its
// form, and nil for a name.
func CountryCode(country *string) *string {
	if country == nil || len(*country) != 2 || strings.Trim(*country, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		return nil
	}
	return country
}

// decoded reads a value; it is not ok for nil and another type.
func decoded[T any](raw json.RawMessage) (v T, ok bool) {
	if raw == nil {
		return v, false
	}
	err := json.Unmarshal(raw, &v)
	return v, err == nil
}
