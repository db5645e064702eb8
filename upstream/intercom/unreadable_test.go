package intercom

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weft-gateway/weft/upstream"
)

// A conversation that cannot be read is left out and counted, wherever it
// stands. Where nothing can be read, it is Intercom that is odd.
func TestUnreadableRows(t *testing.T) {
	row := func(id string) string { return record(t, jsonObject{"id": id}) }
	untimed := record(t, jsonObject{"id": "9", "created_at": nil})
	tests := []struct {
		name string
		rows []string
		want []string
		left int
		kind upstream.Kind
	}{
		{"none", []string{row("1"), row("2")}, []string{"1", "2"}, 0, ""},
		{"the first", []string{untimed, row("2")}, []string{"2"}, 1, ""},
		{"the last", []string{row("1"), "null"}, []string{"1"}, 1, ""},
		{"two in the middle", []string{row("1"), untimed, row("a/b"), row("2")}, []string{"1", "2"}, 2, ""},
		{"all", []string{untimed, "7"}, nil, 0, upstream.BadResponse},
		{"no rows at all", nil, []string{}, 0, ""},
	}
	for _, tt := range tests {
		s, _ := open(t, say(200, `{"conversations":[`+strings.Join(tt.rows, ",")+`],"pages":{"next":{"starting_after":"n"}}}`))
		left := 0
		s, err := New(s.client, Config{TenantID: testTenant, Unreadable: func(n int) { left += n }})
		if err != nil {
			t.Fatal(err)
		}
		p, err := s.List(t.Context(), upstream.ListQuery{})
		var got []string
		if p.Rows != nil {
			got = []string{}
		}
		for _, r := range p.Rows {
			got = append(got, r.ID)
		}
		if diff := cmp.Diff(tt.want, got); upstream.KindOf(err) != tt.kind || diff != "" || left != tt.left {
			t.Errorf("%s: error %v, want %q; %d left out, want %d (-want +got):\n%s", tt.name, err, tt.kind, left, tt.left, diff)
		}
		if short := tt.left > 0 && tt.kind == ""; p.Short != short {
			t.Errorf("%s: short: %t, want %t", tt.name, p.Short, short)
		}
		if (p.Next == "") != (tt.kind != "") {
			t.Errorf("%s: next %q", tt.name, p.Next)
		}
	}
}
