package chatwoot

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weft-gateway/weft/upstream"
)

// newest is later than any activity that a fresh server has.
const newest = day + 100_000

// come adds a conversation at the head of the list.
func (b *server) come(at int64) *fakeConversation {
	c := *b.convs[0]
	c.id, c.at = 10_000+len(b.convs), at
	b.convs = append(b.convs, &c)
	return &c
}

// walk returns the ids of a list's rows, and calls between after each page.
func walk(t *testing.T, s *Store, q upstream.ListQuery, back bool, between func(page int)) (ids []string) {
	t.Helper()
	for n := range 200 {
		p, err := s.List(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		var page []string
		for _, row := range p.Rows {
			page = append(page, row.ID)
		}
		q.Cursor = p.Next
		if back {
			slices.Reverse(page)
			q.Cursor = p.Prev
		}
		if ids = append(ids, page...); q.Cursor == "" {
			return ids
		}
		between(n)
	}
	t.Fatal("the list does not end")
	return nil
}

// Whatever happens to others, a conversation that does not change is met once,
// on the way forward and on the way back.
func TestWalkWhileTheListChanges(t *testing.T) {
	for _, back := range []bool{false, true} {
		for seed := range uint64(15) {
			t.Run(fmt.Sprint("back ", back, " seed ", seed), func(t *testing.T) {
				r := rand.New(rand.NewPCG(seed, 1))
				b := newServer(20 + r.IntN(80))
				b.size, b.noTotal = 3+r.IntN(20), r.IntN(4) == 0
				s, _ := open(t, http.HandlerFunc(b.ServeHTTP)) // too often to hold it to the document
				touched := map[string]bool{}
				at := int64(newest)
				change := func(int) {
					for range r.IntN(4) {
						at++
						c := b.convs[r.IntN(len(b.convs))]
						touched[strconv.Itoa(c.id)] = true
						switch r.IntN(3) {
						case 0:
							touched[strconv.Itoa(b.come(at).id)] = true
						case 1:
							c.at = at // activity brings it to the head
						default:
							b.convs = slices.DeleteFunc(b.convs, func(o *fakeConversation) bool { return o == c })
						}
					}
				}
				var want []string
				for _, c := range b.convs {
					want = append(want, strconv.Itoa(c.id))
				}
				q := upstream.ListQuery{PerPage: 1 + r.IntN(30)}
				if back {
					slices.Reverse(want)
					q.Cursor = edge{back: true, page: len(b.convs)/b.size + 1, size: b.size, at: 1, id: "1"}.String()
				}
				got := walk(t, s, q, back, change)
				still := func(ids []string) []string {
					return slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return touched[id] })
				}
				if diff := cmp.Diff(still(want), still(got)); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			})
		}
	}
}

// Conversations of one second are never left out, even if the one at the edge
// is gone. While it is there, none is shown twice.
func TestWalkWithinOneSecond(t *testing.T) {
	for _, back := range []bool{false, true} {
		for name, gone := range map[string]bool{"all stay": false, "the edge goes": true} {
			b := newServer(30)
			b.size = 4
			var want []string
			for _, c := range b.convs {
				c.at = day
				want = append(want, strconv.Itoa(c.id))
			}
			s, _ := open(t, b)
			q := upstream.ListQuery{PerPage: 5}
			if back {
				slices.Reverse(want)
				q.Cursor = edge{back: true, page: 8, size: 4, at: day - 9, id: "1"}.String()
			}
			lost := ""
			got := walk(t, s, q, back, func(page int) {
				if gone && page == 1 {
					lost = want[9]
					b.convs = slices.DeleteFunc(b.convs, func(c *fakeConversation) bool { return strconv.Itoa(c.id) == lost })
				}
			})
			for _, id := range want {
				n := len(slices.DeleteFunc(slices.Clone(got), func(g string) bool { return g != id }))
				if n == 0 || n > 1 && !gone {
					t.Errorf("%s, back %v: %s is there %d times", name, back, id, n)
				}
			}
		}
	}
}

// A page of ours costs the pages of the server that it touches.
func TestCallsOfAList(t *testing.T) {
	b := newServer(100)
	s, faults := open(t, b)
	q := upstream.ListQuery{PerPage: 15}
	var calls []int
	for range 4 {
		p, err := s.List(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		calls, q.Cursor = append(calls, len(faults.Calls())), p.Next
	}
	if diff := cmp.Diff([]int{1, 2, 1, 2}, calls); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	if _, err := s.List(t.Context(), upstream.ListQuery{PerPage: 100}); err != nil || len(faults.Calls()) != 4 {
		t.Errorf("100 rows did not take 4 calls: %v", err)
	}
}

// A list that runs away from the walk is an error and never its end.
func TestWalkGivesUp(t *testing.T) {
	b := newServer(300)
	b.size = 2
	s, _ := open(t, b)
	for _, c := range b.convs {
		c.at += 1_000_000
	}
	far := edge{page: 140, size: 2, at: day + 2_000_000, id: "1"}.String()
	if p, err := s.List(t.Context(), upstream.ListQuery{PerPage: 10, Cursor: far}); upstream.KindOf(err) != upstream.UpstreamError {
		t.Errorf("%d rows, error %v", len(p.Rows), err)
	}
	p, err := s.List(t.Context(), upstream.ListQuery{PerPage: 100})
	if err != nil || len(p.Rows) != maxSheets*2 || p.Next == "" {
		t.Errorf("a page that takes too many calls: %d rows, next %q, error %v", len(p.Rows), p.Next, err)
	}
}

func TestCursors(t *testing.T) {
	s, faults := open(t, newServer(5))
	for _, cursor := range []string{
		"x", "2", "n.1.25.5", "n.0.25.5.1", "n.1.0.5.1", "n.1.25.-1.1", "q.1.25.5.1", "n.1.25.5.a", "n.1.25.5.1.1",
		"n.9999999999.25.5.1", "n.1.99999999999.5.1", "n.1.25.5.", "p.1.25.99999999999999999999.1",
	} {
		if _, err := s.List(t.Context(), upstream.ListQuery{Cursor: cursor}); upstream.KindOf(err) != upstream.UpstreamError {
			t.Errorf("%q: %v", cursor, err)
		}
	}
	if n := len(faults.Calls()); n != 0 {
		t.Errorf("%d calls for cursors that are none", n)
	}
}
