package chatwoot

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weft-gateway/weft/upstream"
)

// spoiled is the server, but that conversations of these ids have no times.
func spoiled(b *server, ids ...string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen := httptest.NewRecorder()
		b.ServeHTTP(seen, r)
		var body struct {
			Data struct {
				Meta    json.RawMessage  `json:"meta"`
				Payload []map[string]any `json:"payload"`
			} `json:"data"`
		}
		if err := json.Unmarshal(seen.Body.Bytes(), &body); err != nil {
			panic(err)
		}
		for _, row := range body.Data.Payload {
			if n, ok := row["id"].(float64); ok && slices.Contains(ids, strconv.Itoa(int(n))) {
				delete(row, "created_at")
			}
		}
		w.WriteHeader(seen.Code)
		_ = json.NewEncoder(w).Encode(body)
	})
}

// openCounting is open, and counts what is left out.
func openCounting(t *testing.T, h http.Handler) (*Store, *int) {
	t.Helper()
	s, _ := open(t, h)
	left := new(int)
	s, err := New(s.client, Config{TenantID: testTenant, Account: testAccount, Unreadable: func(n int) { *left += n }})
	if err != nil {
		t.Fatal(err)
	}
	return s, left
}

// A conversation that cannot be read is left out and counted, wherever it
// stands; the walk meets all the others once, forward and back.
func TestUnreadableRows(t *testing.T) {
	for _, tt := range []struct {
		name    string
		n, size int // conversations, and those of a page of the server's
		spoil   []string
		per     int
		atLeast int // counted; pages that are read again count again
	}{
		{"in the middle", 30, 10, []string{"17"}, 7, 1},
		{"first and last", 30, 10, []string{"30", "1"}, 7, 2},
		{"at the edges of the server's pages", 30, 10, []string{"21", "20", "11", "10"}, 10, 4},
		{"many", 30, 5, []string{"29", "28", "27", "26", "24", "3", "2"}, 4, 7},
		{"the last by itself", 31, 10, []string{"1"}, 100, 1},
		{"the last by itself, in steps", 31, 10, []string{"1"}, 5, 1},
	} {
		b := newServer(tt.n)
		b.size = tt.size
		var want []string
		for _, c := range b.convs {
			if id := strconv.Itoa(c.id); !slices.Contains(tt.spoil, id) {
				want = append(want, id)
			}
		}
		s, left := openCounting(t, spoiled(b, tt.spoil...))
		var got []string
		short := false
		q := upstream.ListQuery{PerPage: tt.per}
		var last upstream.Page
		for {
			p, err := s.List(t.Context(), q)
			if err != nil {
				t.Fatalf("%s: %v", tt.name, err)
			}
			for _, row := range p.Rows {
				got = append(got, row.ID)
			}
			short = short || p.Short
			if last = p; p.Next == "" {
				break
			}
			q.Cursor = p.Next
		}
		if !short {
			t.Errorf("%s: no page says that it is short", tt.name)
		}
		whole, _ := open(t, b)
		if p, err := whole.List(t.Context(), upstream.ListQuery{PerPage: tt.per}); err != nil || p.Short {
			t.Errorf("%s: short without anything left out: %t, error %v", tt.name, p.Short, err)
		}
		if diff := cmp.Diff(want, got); diff != "" || *left < tt.atLeast {
			t.Errorf("%s: %d left out, want %d or more (-want +got):\n%s", tt.name, *left, tt.atLeast, diff)
		}
		back := got[len(got)-len(last.Rows):]
		for cursor := last.Prev; cursor != ""; {
			p, err := s.List(t.Context(), upstream.ListQuery{PerPage: tt.per, Cursor: cursor})
			if err != nil {
				t.Fatalf("%s: back: %v", tt.name, err)
			}
			var page []string
			for _, row := range p.Rows {
				page = append(page, row.ID)
			}
			back, cursor = append(page, back...), p.Prev
		}
		if diff := cmp.Diff(want, back); diff != "" {
			t.Errorf("%s: back (-want +got):\n%s", tt.name, diff)
		}
	}
}

// Where nothing can be read, it is the server that is odd, and its breaker is to
// know; nothing is left out where that is an error, nor where nobody counts.
func TestUnreadablePages(t *testing.T) {
	b := newServer(12)
	b.size = 10
	var all []string
	for _, c := range b.convs {
		all = append(all, strconv.Itoa(c.id))
	}
	for name, ids := range map[string][]string{"all": all, "the first page": all[:10], "the two of the last page": all[10:]} {
		s, left := openCounting(t, spoiled(b, ids...))
		if p, err := s.List(t.Context(), upstream.ListQuery{PerPage: 12}); upstream.KindOf(err) != upstream.BadResponse || len(p.Rows) > 0 || *left != 0 {
			t.Errorf("%s: %d rows, %d left out, error %v", name, len(p.Rows), *left, err)
		}
	}
	s, faults := open(t, spoiled(b, "3", "12"))
	if p, err := s.List(t.Context(), upstream.ListQuery{PerPage: 12}); err != nil || len(p.Rows) != 10 || p.Next != "" || len(faults.Calls()) != 2 {
		t.Errorf("not counted: %d rows, next %q, error %v", len(p.Rows), p.Next, err)
	}
	foreign := `{"data":{"meta":{"all_count":2},"payload":[` + record(t, nil) + `,` + record(t, changes{"id": 43, "account_id": 8}) + `]}}`
	s, left := openCounting(t, say(200, foreign))
	if p, err := s.List(t.Context(), upstream.ListQuery{}); upstream.KindOf(err) != upstream.WrongRecord || len(p.Rows) > 0 || *left != 0 {
		t.Errorf("beside a row of another account: %d rows, %d left out, error %v", len(p.Rows), *left, err)
	}
}
