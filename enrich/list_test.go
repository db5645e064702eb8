package enrich

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weft-gateway/weft/cache"
	"github.com/weft-gateway/weft/upstream"
)

type page struct {
	Data       []document `json:"data"`
	PerPage    int        `json:"perPage"`
	NextCursor *string    `json:"nextCursor"`
	PrevCursor *string    `json:"prevCursor"`
	Enrichment struct {
		Complete bool
		List     struct{ State string }
	} `json:"enrichment"`
	tag string
}

func (w *world) list(t testing.TB, tenant *Tenant, r ListRequest) page {
	t.Helper()
	if r.Include == nil {
		r.Include = []Part{PartContact, PartAccount}
	}
	d, err := w.e.List(t.Context(), tenant, r)
	if err != nil {
		t.Fatal(err)
	}
	var p page
	if err := json.Unmarshal(d.Body, &p); err != nil {
		t.Fatalf("not JSON: %v\n%s", err, d.Body)
	}
	p.tag = d.Tag
	return p
}

func TestListCosts(t *testing.T) {
	for _, kind := range []string{"rows", "reads"} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, 150)
			tenant, store, finds := w.row, &w.rows.calls, 1
			if kind == "reads" {
				tenant, store, finds = w.read, &w.reads.calls, 0
			}
			p := w.list(t, tenant, ListRequest{PerPage: 100})
			if len(p.Data) != 100 || !p.Enrichment.Complete || p.Data[0].ID != "conv-150" || string(p.Data[99].Account) == "null" {
				t.Fatalf("%s: %d rows, complete %v", kind, len(p.Data), p.Enrichment.Complete)
			}
			got := []int{store.count(upstream.OpList), w.crm.count(upstream.OpFind), w.crm.count(upstream.OpFind) + w.crm.count(upstream.OpContacts), w.crm.count(upstream.OpAccounts)}
			if want := []int{1, finds, 1, 1}; !slices.Equal(got, want) {
				t.Errorf("%s: list, find, contact and account calls %v, want %v", kind, got, want)
			}
			time.Sleep(time.Minute)
			w.crm.reset()
			again := w.list(t, tenant, ListRequest{PerPage: 100})
			if len(w.crm.made) != 0 || store.count(upstream.OpList) != 2 {
				t.Errorf("%s, again: CRM calls %v, list calls %d", kind, w.crm.made, store.count(upstream.OpList))
			}
			if again.tag != p.tag {
				t.Errorf("%s: the same list has another tag", kind)
			}
			// A row of a list is a row that a document can be made of.
			store.reset()
			w.ask(t, tenant, "conv-150")
			if n := store.count(upstream.OpList) + store.count(upstream.OpConversation); n != 0 {
				t.Errorf("%s: %d calls for a row that was just listed", kind, n)
			}
		})
	}
}

func TestListWalk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 40)
		var seen []string
		r := ListRequest{PerPage: 15, Filters: map[upstream.Filter]string{upstream.FilterType: "api"}}
		for {
			p := w.list(t, w.row, r)
			for _, d := range p.Data {
				seen = append(seen, d.ID)
			}
			w.rows.add(conv(1000 + len(seen))) // somebody is writing meanwhile
			if p.NextCursor == nil {
				break
			}
			r.Cursor = *p.NextCursor
		}
		want := make([]string, 40)
		for i := range want {
			want[i] = fmt.Sprintf("conv-%d", 40-i)
		}
		if !slices.Equal(seen, want) {
			t.Errorf("walked %v", seen)
		}
	})
}

func TestCursorBelongsToItsList(t *testing.T) {
	own := ListRequest{Filters: map[upstream.Filter]string{upstream.FilterType: "api"}, Workspaces: []string{"a", "b"}}
	own.Cursor = sealCursor("t", &own, position{cursor: "upstream-cursor"})
	with := func(change func(*ListRequest)) ListRequest {
		r := own
		r.Filters = map[upstream.Filter]string{upstream.FilterType: "api"}
		change(&r)
		return r
	}
	tests := []struct {
		name   string
		tenant string
		r      ListRequest
		want   bool
	}{
		{"its own", "t", own, true},
		{"workspaces in another order", "t", with(func(r *ListRequest) { r.Workspaces = []string{"b", "a"} }), true},
		{"another page size", "t", with(func(r *ListRequest) { r.PerPage = 7 }), true},
		{"another tenant", "u", own, false},
		{"another filter value", "t", with(func(r *ListRequest) { r.Filters[upstream.FilterType] = "widget" }), false},
		{"one filter more", "t", with(func(r *ListRequest) { r.Filters[upstream.FilterStatus] = "new" }), false},
		{"no filter", "t", with(func(r *ListRequest) { r.Filters = nil }), false},
		{"other workspaces", "t", with(func(r *ListRequest) { r.Workspaces = []string{"a"} }), false},
		{"cut", "t", with(func(r *ListRequest) { r.Cursor = r.Cursor[:8] }), false},
		{"changed", "t", with(func(r *ListRequest) { r.Cursor = "A" + r.Cursor[1:] + "A" }), false},
		{"not base64", "t", with(func(r *ListRequest) { r.Cursor = "*" }), false},
		{"none", "t", with(func(r *ListRequest) { r.Cursor = "" }), true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, ok := openCursor(tt.tenant, &tt.r)
			if ok != tt.want || ok && tt.r.Cursor != "" && got.cursor != "upstream-cursor" {
				t.Errorf("got %+v %v, want %v", got, ok, tt.want)
			}
		})
	}
}

// TestLongCursor: a page whose cursor no caller could send is refused, rather
// than the rest of the list be lost.
func TestLongCursor(t *testing.T) {
	for size, want := range map[int]upstream.Kind{maxCursor: "", maxCursor + 1: upstream.BadResponse} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, 2)
			w.row.Store = &wordyStore{w.rows, strings.Repeat("x", size)}
			d, err := w.e.List(t.Context(), w.row, ListRequest{PerPage: 1, Include: []Part{PartContact}})
			if upstream.KindOf(err) != want && (err != nil || want != "") {
				t.Fatalf("%d bytes: %v, want %q", size, err, want)
			}
			if err != nil {
				return
			}
			var p page
			if err := json.Unmarshal(d.Body, &p); err != nil || p.NextCursor == nil || len(*p.NextCursor) > 4096 {
				t.Errorf("%d bytes: %v, cursor %v", size, err, p.NextCursor)
			}
		})
	}
}

type wordyStore struct {
	*rowStore
	next string
}

func (s *wordyStore) List(ctx context.Context, q upstream.ListQuery) (upstream.Page, error) {
	page, err := s.rowStore.List(ctx, q)
	page.Next = s.next
	return page, err
}

func TestListRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		for field, r := range map[string]ListRequest{
			"status": {Filters: map[upstream.Filter]string{upstream.FilterStatus: "new"}},
			"cursor": {Cursor: "bm90LWEtY3Vyc29yLWF0LWFsbA"},
		} {
			_, err := w.e.List(t.Context(), w.row, r)
			if e, ok := errors.AsType[*FieldError](err); !ok || e.Field != field {
				t.Errorf("%s: error %v", field, err)
			}
		}
		if len(w.rows.made) != 0 {
			t.Errorf("calls %v", w.rows.made)
		}
	})
}

func TestListOfAStoreThatIsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 20)
		w.list(t, w.row, ListRequest{PerPage: 15})
		w.rows.failing(upstream.OpList, &upstream.Error{Kind: upstream.RateLimited})
		time.Sleep(time.Minute)
		p := w.list(t, w.row, ListRequest{PerPage: 15})
		if p.Enrichment.List.State != "stale" || p.Enrichment.Complete || p.Data[0].Enrichment.Conversation.State != "stale" {
			t.Errorf("list %s, complete %v, row %v", p.Enrichment.List.State, p.Enrichment.Complete, p.Data[0].states())
		}
		_, err := w.e.List(t.Context(), w.row, ListRequest{PerPage: 14})
		if upstream.KindOf(err) != upstream.RateLimited {
			t.Errorf("a page never seen: %v", err)
		}
	})
}

func TestListWorkspaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3)
		w.rows.add(widget(4))
		w.row.Places = Places{Workspace: "ws-default", Workspaces: []Place{{ID: "ws-widget", Type: "widget"}}}
		p := w.list(t, w.row, ListRequest{PerPage: 15, Workspaces: []string{"ws-widget"}})
		if len(p.Data) != 1 || p.Data[0].ID != "conv-4" || len(w.crm.made) != 0 {
			t.Errorf("%d rows, CRM calls %v; want the widget and no call for the others", len(p.Data), w.crm.made)
		}
	})
}

// Batches never pass the CRM's cap, whatever the page holds.
func TestBatchSizes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 100)
		w.list(t, w.read, ListRequest{PerPage: 100})
		for _, n := range w.crm.batches {
			if n == 0 || n > upstream.MaxBatch {
				t.Errorf("a batch of %d", n)
			}
		}
		w.e.records.contacts.PutAbsent(w.read.ID, "con-1")
		if res := w.e.records.contacts.Peek(t.Context(), w.read.ID, []string{"con-1"}, true)[0]; res.State != cache.Absent {
			t.Errorf("state %v", res.State)
		}
	})
}

// A row that is kept is not part of its page: one would keep all of them alive.
func TestARowIsNotThePage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3)
		w.list(t, w.row, ListRequest{PerPage: 3})
		page, ok := w.e.records.lists.Recall(w.row.ID, pageKey(upstream.ListQuery{PerPage: 3}))
		if !ok || len(page.Rows) != 3 {
			t.Fatalf("the page is not kept: %v", page)
		}
		for i := range page.Rows {
			row, ok := w.e.records.rows.Recall(w.row.ID, page.Rows[i].ID)
			if !ok || row.record() == &page.Rows[i] {
				t.Errorf("row %d: kept %v, as part of the page %v", i, ok, row.record() == &page.Rows[i])
			}
		}
	})
}
