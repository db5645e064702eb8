package upstreamtest

import (
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weft-gateway/weft/upstream"
)

// maxPages bounds a walk through a list that never ends.
const maxPages = 1000

// testList walks the list forward and back again.
func testList(t *testing.T, c StoreCase) {
	per := min(100, (len(c.IDs)+3)/4) // some four pages
	pages := forward(t, c.Store, upstream.ListQuery{PerPage: per})
	var got []string
	for _, p := range pages {
		if len(p.Rows) > per {
			t.Errorf("a page of %d rows, asked for %d", len(p.Rows), per)
		}
		got = append(got, ids(p.Rows)...)
		for _, row := range p.Rows {
			checkRow(t, row)
		}
	}
	if diff := cmp.Diff(c.IDs, got); diff != "" {
		t.Fatalf("all pages (-want +got):\n%s", diff)
	}
	if pages[0].Prev != "" {
		t.Error("the first page has one before it")
	}
	cursor := pages[len(pages)-1].Prev
	for i := len(pages) - 2; i >= 0; i-- {
		p, err := c.Store.List(t.Context(), upstream.ListQuery{PerPage: per, Cursor: cursor})
		if err != nil {
			t.Fatalf("back to page %d: %v", i+1, err)
		}
		if diff := cmp.Diff(pages[i].Rows, p.Rows); diff != "" {
			t.Errorf("back to page %d (-forward +back):\n%s", i+1, diff)
		}
		if cursor = p.Prev; cursor == "" && i > 0 {
			t.Fatalf("the way back ends at page %d", i+1)
		}
	}
	if cursor != "" {
		t.Error("the way back leads beyond the first page")
	}
}

// checkRow holds a row to what every row has.
func checkRow(t *testing.T, row upstream.Conversation) {
	t.Helper()
	if row.ID == "" || row.TenantID == "" || row.CreatedAt.IsZero() || row.UpdatedAt.IsZero() || row.MessageCount < 0 {
		t.Errorf("row %q lacks an id, a tenant, a time or a count", row.ID)
	}
	if !slices.Contains(statuses(), row.Status) {
		t.Errorf("row %q has status %q", row.ID, row.Status)
	}
	if len(row.Variables) == 0 || row.Variables[0] != '{' && string(row.Variables) != "null" {
		t.Errorf("row %q has variables %.40s", row.ID, row.Variables)
	}
	checkJSON(t, row)
}

// testFilters holds each filter to the rows of the whole list that carry the value.
func testFilters(t *testing.T, c StoreCase) {
	all := walk(t, c.Store, upstream.ListQuery{PerPage: 100})
	for _, f := range c.Store.Filters() {
		want := map[string][]string{} // value -> ids
		for _, row := range all {
			if v := filtered(row, f); v != "" {
				want[v] = append(want[v], row.ID)
			}
		}
		if unused := slices.Contains(c.Unused, f); unused != (len(want) == 0) {
			t.Errorf("%s: %d values, and the case says unused: %v", f, len(want), unused)
		}
		for v, w := range want {
			got := ids(walk(t, c.Store, upstream.ListQuery{PerPage: 2, Filters: map[upstream.Filter]string{f: v}}))
			if diff := cmp.Diff(w, got); diff != "" {
				t.Errorf("%s: rows with %q (-want +got):\n%s", f, v, diff)
			}
		}
	}
}

// testFilterEncoding holds odd values to arriving as they are.
func testFilterEncoding(t *testing.T, c StoreCase) {
	const odd = "+49 1/2&per_page=1#%20ü"
	for _, f := range c.Store.Filters() {
		if f == upstream.FilterAssistant { // may be translated
			continue
		}
		c.Faults.Set(nil)
		c.Faults.Calls()
		_, err := c.Store.List(t.Context(), upstream.ListQuery{PerPage: 3, Filters: map[upstream.Filter]string{f: odd}})
		if _, refused := errors.AsType[*upstream.FilterError](err); refused {
			continue // a closed set of values, that this is not one of
		}
		found := false
		for _, u := range c.Faults.Calls() {
			for _, values := range u.Query() {
				found = found || slices.Contains(values, odd)
			}
		}
		if !found {
			t.Errorf("%s: %q did not arrive", f, odd)
		}
	}
}

// filtered returns the value by which a filter finds the row.
func filtered(row upstream.Conversation, f upstream.Filter) string {
	var v *string
	switch f {
	case upstream.FilterType:
		v = row.Type
	case upstream.FilterAssistant:
		if row.Assistant != nil {
			v = &row.Assistant.ID
		}
	case upstream.FilterCustomerPhone:
		if row.Customer != nil {
			v = row.Customer.Phone
		}
	case upstream.FilterWhatsappSender:
		if row.WhatsappSender != nil {
			v = row.WhatsappSender.Phone
		}
	case upstream.FilterExternalIdentifier:
		v = row.ExternalIdentifier
	case upstream.FilterStatus:
		return string(row.Status)
	case upstream.FilterWorkspace:
		return row.WorkspaceID
	case upstream.FilterContact:
		v = row.ContactID
	}
	if v == nil {
		return ""
	}
	return *v
}

// forward returns the pages of a list, from the first to the last.
func forward(t *testing.T, s upstream.Store, q upstream.ListQuery) []upstream.Page {
	t.Helper()
	var pages []upstream.Page
	for range maxPages {
		p, err := s.List(t.Context(), q)
		if err != nil {
			t.Fatalf("page %d: %v", len(pages)+1, err)
		}
		pages = append(pages, p)
		if q.Cursor = p.Next; q.Cursor == "" {
			return pages
		}
	}
	t.Fatalf("the list does not end within %d pages", maxPages)
	return nil
}

// walk returns all rows of a list.
func walk(t *testing.T, s upstream.Store, q upstream.ListQuery) (rows []upstream.Conversation) {
	t.Helper()
	for _, p := range forward(t, s, q) {
		rows = append(rows, p.Rows...)
	}
	return rows
}

func ids(rows []upstream.Conversation) []string {
	out := make([]string, len(rows))
	for i := range rows {
		out[i] = rows[i].ID
	}
	return out
}
