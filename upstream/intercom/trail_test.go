package intercom

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weft-gateway/weft/upstream"
)

// A conversation that comes during a walk takes no other one's turn, forward or
// back, and one with new activity moves to the head.
func TestWalkWhileTheListChanges(t *testing.T) {
	b := newWorkspace(50)
	var want []string
	for _, c := range b.convs {
		want = append(want, strconv.Itoa(c.id))
	}
	moved := want[40]
	s, _ := open(t, b)
	come := 0
	change := func() {
		come++
		c := *b.convs[0]
		c.id, c.updated = 9000+come, day+int64(come)
		b.convs = append(b.convs, &c)
	}
	q := upstream.ListQuery{PerPage: 7}
	var got []string
	var last upstream.Page
	for {
		p, err := s.List(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range p.Rows {
			got = append(got, row.ID)
		}
		if last = p; p.Next == "" {
			break
		}
		change()
		if len(got) == 14 {
			b.convs[40].updated = day + 1000
		}
		q.Cursor = p.Next
	}
	want = slices.DeleteFunc(want, func(id string) bool { return id == moved })
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("forward (-want +got):\n%s", diff)
	}
	var back []string
	for cursor := last.Prev; cursor != ""; {
		p, err := s.List(t.Context(), upstream.ListQuery{PerPage: 7, Cursor: cursor})
		if err != nil {
			t.Fatal(err)
		}
		var page []string
		for _, row := range p.Rows {
			page = append(page, row.ID)
		}
		back, cursor = append(page, back...), p.Prev
		change()
	}
	seen := func(id string) int {
		return len(slices.DeleteFunc(slices.Clone(back), func(b string) bool { return b != id }))
	}
	for _, id := range want[7 : len(want)-1-len(last.Rows)] { // the first page has others now
		if seen(id) != 1 {
			t.Errorf("back: %s is there %d times", id, seen(id))
		}
	}
}

func TestTrail(t *testing.T) {
	step := func(i int) string { return fmt.Sprint(i, ".", strings.Repeat("a", 60)) }
	cursor, at := "", trail{}
	for i := range 200 {
		cursor = at.on(step(i))
		var ok bool
		if at, ok = readTrail(cursor); !ok || len(cursor) > maxTrail || at.last() != step(i) {
			t.Fatalf("step %d: cursor of %d bytes, at %q", i, len(cursor), at.last())
		}
	}
	steps := 0
	for at.back() != "" {
		before, ok := readTrail(at.back())
		if !ok || before.last() != step(198-steps) {
			t.Fatalf("%d steps back: %q", steps+1, before.last())
		}
		at, steps = before, steps+1
	}
	if steps < 30 || !at.cut {
		t.Errorf("%d steps back, cut %v", steps, at.cut)
	}
	first, _ := readTrail(trail{}.on("x"))
	if back, ok := readTrail(first.back()); first.back() != begin || !ok || back.last() != "" || back.back() != "" {
		t.Errorf("back to the first page: %q", first.back())
	}
	for _, bad := range []string{" ", "~", "~ ", "a  b", " a"} {
		if got, ok := readTrail(bad); ok {
			t.Errorf("%q is read as %q", bad, got)
		}
	}
}

func TestListRefuses(t *testing.T) {
	page := func(rows, next string) string {
		return `{"type":"conversation.list","conversations":[` + rows + `],"pages":{"next":` + next + `}}`
	}
	tests := []struct {
		name, body string
		kind       upstream.Kind
	}{
		{"the end", page(record(t, nil), "null"), ""},
		{"a null row", page("null", "null"), upstream.BadResponse},
		{"a row of a path", page(record(t, jsonObject{"id": "a/b"}), "null"), upstream.BadResponse},
		{"leads in a circle", page("", `{"starting_after":"n"}`), upstream.BadResponse},
		{"a cursor of two lines", page("", `{"starting_after":"a\nb"}`), upstream.BadResponse},
		{"a huge cursor", page("", `{"starting_after":"`+strings.Repeat("a", 2000)+`"}`), upstream.BadResponse},
		{"no rows", `{"pages":{}}`, upstream.BadResponse},
		{"a bare list", `[]`, upstream.BadResponse},
	}
	for _, tt := range tests {
		s, _ := open(t, say(200, tt.body))
		if p, err := s.List(t.Context(), upstream.ListQuery{Cursor: "n"}); upstream.KindOf(err) != tt.kind {
			t.Errorf("%s: %d rows, error %v, want %q", tt.name, len(p.Rows), err, tt.kind)
		}
	}
	s, faults := open(t, newWorkspace(5))
	_, err1 := s.List(t.Context(), upstream.ListQuery{Filters: map[upstream.Filter]string{upstream.FilterStatus: "new"}})
	_, err2 := s.List(t.Context(), upstream.ListQuery{Cursor: "~"})
	if upstream.KindOf(err1) != upstream.UpstreamError || upstream.KindOf(err2) != upstream.UpstreamError || len(faults.Calls()) != 0 {
		t.Errorf("a filter, and a cursor that is none: %v, %v", err1, err2)
	}
	s, _ = open(t, say(404, `{"type":"error.list","errors":[{"code":"not_found"}]}`))
	if _, err := s.List(t.Context(), upstream.ListQuery{}); upstream.KindOf(err) != upstream.BadResponse {
		t.Errorf("a list that is not there: %v", err)
	}
	s, _ = open(t, say(404, `{"error":"no such path"}`))
	if _, err := s.Conversation(t.Context(), "42"); upstream.KindOf(err) != upstream.BadResponse {
		t.Errorf("a 404 of something in between: %v", err)
	}
}
