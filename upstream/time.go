package upstream

import (
	"fmt"
	"time"
)

// timeLayout is the one form of a time in the public document: UTC, milliseconds.
const timeLayout = "2006-01-02T15:04:05.000Z"

// Time is a time whose JSON form is RFC 3339 in UTC with three decimals.
type Time struct{ time.Time }

// At returns t as a [Time] in UTC, cut to milliseconds.
func At(t time.Time) Time { return Time{t.UTC().Truncate(time.Millisecond)} }

// Append appends the quoted JSON form of t to b. It is what time's AppendFormat
// writes, in a third of the time: a document has eight of them.
func (t Time) Append(b []byte) []byte {
	u := t.UTC()
	year, month, day := u.Date()
	if year < 0 || year > 9999 {
		return append(u.AppendFormat(append(b, '"'), timeLayout), '"')
	}
	hour, minute, second := u.Clock()
	b = append(appendDigits(appendDigits(append(b, '"'), year/100), year%100), '-')
	b = append(appendDigits(b, int(month)), '-')
	b = append(appendDigits(b, day), 'T')
	b = append(appendDigits(b, hour), ':')
	b = append(appendDigits(b, minute), ':')
	b = append(appendDigits(b, second), '.')
	ms := u.Nanosecond() / int(time.Millisecond)
	return append(appendDigits(append(b, byte('0'+ms/100)), ms%100), 'Z', '"')
}

// appendDigits appends the two digits of a number below 100.
func appendDigits(b []byte, n int) []byte { return append(b, byte('0'+n/10), byte('0'+n%10)) }

// MarshalJSON implements [encoding/json.Marshaler].
func (t Time) MarshalJSON() ([]byte, error) {
	if y := t.UTC().Year(); y < 0 || y > 9999 {
		return nil, fmt.Errorf("upstream: year %d is outside 0-9999", y)
	}
	return t.Append(make([]byte, 0, len(timeLayout)+2)), nil
}

// UnmarshalJSON implements [encoding/json.Unmarshaler]. It reads RFC 3339 with
// any zone and any number of decimals, and leaves t as it is on null.
func (t *Time) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		return nil
	}
	n := len(b) - 1
	if n < 1 || b[0] != '"' || b[n] != '"' {
		return fmt.Errorf("upstream: not an RFC 3339 time")
	}
	p, err := time.Parse(time.RFC3339Nano, string(b[1:n]))
	if err != nil {
		return fmt.Errorf("upstream: not an RFC 3339 time")
	}
	*t = At(p)
	return nil
}
