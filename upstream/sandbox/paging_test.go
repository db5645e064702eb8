package sandbox

import (
	"fmt"
	"testing"
)

// documentedCursor is the one in the vendor's example.
const documentedCursor = "eyJpZCI6MTAwLCJfcG9pbnRzVG9OZXh0SXRlbXMiOnRydWV9"

func TestCursor(t *testing.T) {
	c := cursor{key{Num: 100}, true}
	if got := c.String(); got != documentedCursor {
		t.Errorf("got %s, want %s", got, documentedCursor)
	}
	for _, c := range []cursor{c, {key{At: 12, Num: 3}, false}, {key{At: -5}, true}} {
		if got, good := parseCursor(c.String()); !good || got != c {
			t.Errorf("got %v, want %v", got, c)
		}
	}
	for _, bad := range []string{"", "x", "%", "e30", "bnVsbA", "W10", documentedCursor[:20]} {
		if c, good := parseCursor(bad); good {
			t.Errorf("%q is %v", bad, c)
		}
	}
}

func FuzzCursor(f *testing.F) {
	f.Add(documentedCursor)
	f.Add("e30")
	f.Fuzz(func(t *testing.T, s string) {
		c, good := parseCursor(s)
		if !good {
			return
		}
		if again, good := parseCursor(c.String()); !good || again != c {
			t.Errorf("%v comes back as %v", c, again)
		}
	})
}

// TestTurn walks lists of all small sizes, on which a row was deleted.
func TestTurn(t *testing.T) {
	byNum := func(c *conversation) key { return key{Num: c.num} }
	for n := range 7 {
		for size := 1; size <= 4; size++ {
			t.Run(fmt.Sprintf("%d by %d", n, size), func(t *testing.T) {
				all := []*conversation{}
				for i := range n {
					all = append(all, &conversation{num: n - i})
				}
				got, from := []*conversation{}, (*cursor)(nil)
				for {
					l := turn(all, byNum, from, size)
					got = append(got, l.rows...)
					if l.next == nil {
						break
					}
					c, _ := parseCursor(*l.next)
					from = &c
				}
				if len(got) != n {
					t.Fatalf("got %d rows, want %d", len(got), n)
				}
				for i, c := range got {
					if c != all[i] {
						t.Errorf("row %d is %d, want %d", i, c.num, all[i].num)
					}
				}
			})
		}
	}
}

// TestTurnDeleted: a cursor of a row that is gone keeps its place.
func TestTurnDeleted(t *testing.T) {
	all := []*conversation{{num: 9}, {num: 7}, {num: 5}, {num: 3}}
	byNum := func(c *conversation) key { return key{Num: c.num} }
	for _, tt := range []struct {
		name string
		from cursor
		want []int
	}{
		{"next", cursor{key{Num: 6}, true}, []int{5, 3}},
		{"prev", cursor{key{Num: 6}, false}, []int{9, 7}},
		{"next at the end", cursor{key{Num: 3}, true}, []int{}},
		{"prev at the start", cursor{key{Num: 9}, false}, []int{}},
		{"prev past the end", cursor{key{Num: 1}, false}, []int{5, 3}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := turn(all, byNum, &tt.from, 2)
			diff(t, each(l.rows, func(c *conversation) int { return c.num }), tt.want)
		})
	}
}
