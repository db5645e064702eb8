package autocalls

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"

	"github.com/weft-gateway/weft/upstream"
)

// The types of this file read what a loosely typed server makes of a value: a
// number in quotes, a string without them, an empty array for an empty map.
// Null and absence are the zero value.

// text is a string; a number keeps its digits, and "" counts as none.
type text struct{ s *string }

func (t *text) UnmarshalJSON(b []byte) error {
	s, err := scalar(b)
	if t.s = nil; s != "" {
		t.s = &s
	}
	return err
}

func (t text) String() string {
	if t.s == nil {
		return ""
	}
	return *t.s
}

// count is a whole number from 0 up.
type count struct{ n *int }

func (c *count) UnmarshalJSON(b []byte) error {
	s, err := scalar(b)
	if c.n = nil; err != nil || s == "" {
		return err
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 || n > 1<<53-1 {
		return errors.New("a count is not a whole number that JSON readers hold exactly")
	}
	c.n = &n
	return nil
}

// amount is a number.
type amount struct{ f *float64 }

func (a *amount) UnmarshalJSON(b []byte) error {
	s, err := scalar(b)
	if a.f = nil; err != nil || s == "" {
		return err
	}
	var f float64
	if json.Unmarshal([]byte(s), &f) != nil {
		return errors.New("an amount is not a number")
	}
	a.f = &f
	return nil
}

// flag is a boolean, or 0 and 1.
type flag struct{ b *bool }

func (f *flag) UnmarshalJSON(b []byte) error {
	var v bool
	switch string(bytes.Trim(b, `"`)) {
	case "null":
		f.b = nil
		return nil
	case "true", "1":
		v = true
	case "false", "0":
	default:
		return errors.New("a flag is neither true nor false")
	}
	f.b = &v
	return nil
}

// party is one side of a phone conversation; an empty one counts as none.
type party struct{ p *upstream.Party }

func (p *party) UnmarshalJSON(b []byte) error {
	obj, err := upstream.Object(b)
	if err != nil {
		return errors.New("a party is not an object")
	}
	var v struct {
		Name  text `json:"name"`
		Phone text `json:"phone"`
	}
	if err := json.Unmarshal(obj, &v); err != nil {
		return err
	}
	if p.p = nil; v.Name.s != nil || v.Phone.s != nil {
		p.p = &upstream.Party{Name: v.Name.s, Phone: v.Phone.s}
	}
	return nil
}

// scalar returns a string or a number as a string, and null as "".
func scalar(b []byte) (string, error) {
	switch {
	case string(b) == "null":
		return "", nil
	case b[0] == '"':
		var s string
		err := json.Unmarshal(b, &s)
		return s, err
	case b[0] == '-' || '0' <= b[0] && b[0] <= '9':
		return string(b), nil
	}
	return "", errors.New("neither a string nor a number")
}

// value returns free JSON in compact form: null for nothing, and {} for the
// empty array that stands for an empty map.
func value(raw json.RawMessage) (json.RawMessage, error) {
	if obj, err := upstream.Object(raw); err == nil {
		return obj, nil
	}
	return upstream.Compact(raw)
}
