package sandbox

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"slices"
)

// key is a place in a list. Lists run from high keys to low ones.
type key struct {
	At  int64 `json:"at,omitempty"` // Unix nanoseconds of the last activity, where a list runs by it
	Num int   `json:"id"`
}

func (k key) compare(o key) int { return cmp.Or(cmp.Compare(k.At, o.At), cmp.Compare(k.Num, o.Num)) }

// cursor continues a list from a row, in the one direction or the other. It
// names the row by its key, so that rows which come or go lose nobody's place.
type cursor struct {
	key
	Next bool `json:"_pointsToNextItems"`
}

func (c cursor) String() string { return base64.RawURLEncoding.EncodeToString(encode(c)) }

func parseCursor(s string) (cursor, bool) {
	raw, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		return cursor{}, false
	}
	var c struct {
		At   int64 `json:"at"`
		Num  *int  `json:"id"`
		Next *bool `json:"_pointsToNextItems"`
	}
	if json.Unmarshal(raw, &c) != nil || c.Num == nil || c.Next == nil {
		return cursor{}, false
	}
	return cursor{key{c.At, *c.Num}, *c.Next}, true
}

// leaf is one page of a list. A nil cursor says that there is no such page.
type leaf struct {
	rows       []*conversation
	next, prev *string
}

// turn cuts the page that a cursor asks for out of all rows, which are in the
// order of their keys. No cursor is the first page.
func turn(rows []*conversation, keyOf func(*conversation) key, from *cursor, size int) leaf {
	first, last := 0, min(size, len(rows))
	more := last < len(rows)
	if from != nil {
		// The rows before at have higher keys than the cursor.
		at, exact := slices.BinarySearchFunc(rows, from.key, func(c *conversation, k key) int {
			return k.compare(keyOf(c))
		})
		if from.Next {
			if exact {
				at++
			}
			first, last = at, min(at+size, len(rows))
			more = last < len(rows)
		} else {
			first, last = max(0, at-size), at
			more = first > 0
		}
	}
	l := leaf{rows: rows[first:last]}
	if len(l.rows) == 0 {
		return l
	}
	if more || (from != nil && !from.Next) {
		l.next = ptr(cursor{keyOf(rows[last-1]), true}.String())
	}
	if from != nil && (from.Next || more) {
		l.prev = ptr(cursor{keyOf(rows[first]), false}.String())
	}
	return l
}

func ptr[T any](v T) *T { return &v }
