package enrich

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weft-gateway/weft/upstream"
)

// TestWithin is about what a store is asked to narrow a list to.
func TestWithin(t *testing.T) {
	type filters = map[upstream.Filter]string
	knows := []upstream.Filter{upstream.FilterType, upstream.FilterWhatsappSender, upstream.FilterWorkspace}
	knowsNot := []upstream.Filter{upstream.FilterType, upstream.FilterWhatsappSender}
	places := Places{Workspace: "rest", Workspaces: []Place{
		{ID: "bot", Assistant: "as-1"}, {ID: "de", Sender: "+49"}, {ID: "fr", Sender: "+33"}, {ID: "de2", Sender: "+49", Type: "whatsapp"},
		{ID: "web", Type: "widget"}, {ID: "both", Type: "api"}, {ID: "both", Sender: "+1"},
	}}
	tests := []struct {
		name       string
		able       []upstream.Filter
		asked      filters
		workspaces []string
		want       filters
	}{
		{"all workspaces", knows, filters{upstream.FilterType: "api"}, nil, filters{upstream.FilterType: "api"}},
		{"one, known to the store", knows, nil, []string{"w1"}, filters{upstream.FilterWorkspace: "w1"}},
		{"one, beside other filters", knows, filters{upstream.FilterType: "api"}, []string{"w1"}, filters{upstream.FilterType: "api", upstream.FilterWorkspace: "w1"}},
		{"several", knows, nil, []string{"w1", "w2"}, filters{}},
		{"several, one asked for", knows, filters{upstream.FilterWorkspace: "w2"}, []string{"w1", "w2"}, filters{upstream.FilterWorkspace: "w2"}},
		{"another one asked for", knows, filters{upstream.FilterWorkspace: "w3"}, []string{"w1", "w2"}, nil},

		{"a type", knowsNot, nil, []string{"web"}, filters{upstream.FilterType: "widget"}},
		{"a type that is asked for", knowsNot, filters{upstream.FilterType: "widget"}, []string{"web"}, filters{upstream.FilterType: "widget"}},
		{"another type asked for", knowsNot, filters{upstream.FilterType: "api"}, []string{"web"}, nil},
		{"a sender", knowsNot, nil, []string{"de"}, filters{upstream.FilterWhatsappSender: "+49"}},
		{"a sender that is asked for as a store may read it, too", knowsNot, filters{upstream.FilterWhatsappSender: "49"}, []string{"de"}, filters{upstream.FilterWhatsappSender: "49"}},
		{"two workspaces of a sender", knowsNot, nil, []string{"de", "de2"}, filters{upstream.FilterWhatsappSender: "+49"}},
		{"a type and a sender in one rule", knowsNot, nil, []string{"de2"}, filters{upstream.FilterType: "whatsapp"}},
		{"two senders", knowsNot, nil, []string{"de", "fr"}, filters{}},
		{"a type or a sender", knowsNot, nil, []string{"both"}, filters{}},
		{"a type and the default", knowsNot, nil, []string{"web", "rest"}, filters{}},
		{"an assistant", knowsNot, nil, []string{"bot"}, filters{}},
		{"an assistant and a type", knowsNot, nil, []string{"bot", "web"}, filters{}},
		{"the default", knowsNot, nil, []string{"rest"}, filters{}},
		{"no such workspace", knowsNot, nil, []string{"none"}, filters{}},
		{"a type, unknown to the store", nil, nil, []string{"web"}, filters{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tenant := &Tenant{ID: "t", Store: &ableStore{able: tt.able}, Places: places}
			got := tenant.within(tt.asked, tt.workspaces)
			if fmt.Sprint(got) != fmt.Sprint(tt.want) || (got == nil) != (tt.want == nil) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

// ableStore has filters and nothing else.
type ableStore struct {
	upstream.Store
	able []upstream.Filter
}

func (s *ableStore) Filters() []upstream.Filter { return s.able }

// pagedStore lists by positions, in both directions, as stores do.
type pagedStore struct {
	rowStore
	able []upstream.Filter
	asks []upstream.ListQuery // guarded by calls.mu
}

func (s *pagedStore) Filters() []upstream.Filter { return s.able }

// matches also knows the workspace, which a row of a store that has them carries.
func (s *pagedStore) matches(c upstream.Conversation, q upstream.ListQuery) bool {
	own := map[upstream.Filter]string{}
	for f, v := range q.Filters {
		if f != upstream.FilterWorkspace {
			own[f] = v
		} else if v != c.WorkspaceID {
			return false
		}
	}
	return matches(c, own)
}

func (s *pagedStore) List(ctx context.Context, q upstream.ListQuery) (upstream.Page, error) {
	if err := s.call(ctx, upstream.OpList); err != nil {
		return upstream.Page{}, err
	}
	s.calls.mu.Lock()
	s.asks = append(s.asks, q)
	s.calls.mu.Unlock()
	var found []upstream.Conversation
	for _, c := range s.rows {
		if s.matches(c, q) {
			found = append(found, c)
		}
	}
	from := 0
	if q.Cursor != "" {
		if _, err := fmt.Sscanf(q.Cursor, "at-%d", &from); err != nil {
			return upstream.Page{}, upstream.BadResponse
		}
	}
	to := min(len(found), from+q.PerPage)
	page := upstream.Page{Rows: found[from:to]}
	if to < len(found) {
		page.Next = fmt.Sprintf("at-%d", to)
	}
	if from > 0 {
		page.Prev = fmt.Sprintf("at-%d", max(0, from-q.PerPage))
	}
	return page, nil
}

// scattered is a tenant with n conversations, each in one of the workspaces at random.
func scattered(rng *rand.Rand, n int, native bool) (*Tenant, *pagedStore) {
	s := &pagedStore{able: []upstream.Filter{upstream.FilterType, upstream.FilterWhatsappSender}}
	if native {
		s.able = append(s.able, upstream.FilterWorkspace)
	}
	kinds, phones := []string{"api", "widget", "whatsapp"}, []string{"+1", "+33", "+49"}
	for i := range n {
		c := conv(i + 1)
		kind := kinds[rng.IntN(len(kinds))]
		c.Type = &kind
		if kind == "whatsapp" {
			c.WhatsappSender = &upstream.Party{Phone: &phones[rng.IntN(len(phones))]}
		}
		if rng.IntN(4) == 0 {
			c.Assistant = &upstream.Assistant{ID: "as-1"}
		}
		if native {
			c.WorkspaceID = fmt.Sprintf("w%d", rng.IntN(4))
		}
		s.add(c)
	}
	t := &Tenant{ID: tenantID, Store: s, StoreName: "paged"}
	if !native {
		t.Places = Places{Workspace: "w0", Workspaces: []Place{{ID: "w1", Assistant: "as-1"}, {ID: "w2", Sender: "+33"}, {ID: "w3", Type: "widget"}}}
	}
	return t, s
}

// TestScanWalks: whatever the rows, the mapping and the credential's workspaces,
// a walk shows exactly the rows of those workspaces, in order and each once,
// forward and back, at no more than five calls a page.
func TestScanWalks(t *testing.T) {
	const worlds = 150
	for seed := range uint64(worlds) {
		synctest.Test(t, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 1))
			tenant, store := scattered(rng, rng.IntN(120), rng.IntN(2) == 0)
			w := newWorld(t, 0)
			r := ListRequest{PerPage: 1 + rng.IntN(20), Include: []Part{PartContact}}
			for range 1 + rng.IntN(3) {
				r.Workspaces = append(r.Workspaces, fmt.Sprintf("w%d", rng.IntN(5)))
			}
			if rng.IntN(3) == 0 {
				r.Filters = map[upstream.Filter]string{upstream.FilterType: "widget"}
			}
			var want []string
			for _, c := range store.rows {
				if tenant.place(&c); slices.Contains(r.Workspaces, c.WorkspaceID) && matches(c, r.Filters) {
					want = append(want, c.ID)
				}
			}
			if got := walkForth(t, w, tenant, store, r); !slices.Equal(got, want) {
				t.Errorf("seed %d, %d a page, workspaces %v: walked %v, want %v", seed, r.PerPage, r.Workspaces, got, want)
			}
			if got := walkBack(t, w, tenant, r); !slices.Equal(got, want) {
				t.Errorf("seed %d, %d a page, workspaces %v: walked back %v, want %v", seed, r.PerPage, r.Workspaces, got, want)
			}
		})
	}
}

func walkForth(t *testing.T, w *world, tenant *Tenant, store *pagedStore, r ListRequest) (ids []string) {
	t.Helper()
	for range 1000 {
		before := store.count(upstream.OpList)
		p := w.list(t, tenant, r)
		if len(p.Data) > r.PerPage {
			t.Errorf("%d rows on a page of %d", len(p.Data), r.PerPage)
		}
		if n := store.count(upstream.OpList) - before; n > scanPages {
			t.Errorf("%d calls for a page", n)
		}
		for _, d := range p.Data {
			ids = append(ids, d.ID)
		}
		if p.NextCursor == nil {
			return ids
		}
		r.Cursor = *p.NextCursor
	}
	t.Fatal("a walk without end")
	return nil
}

// walkBack goes to the end of the list, and then back to its beginning.
func walkBack(t *testing.T, w *world, tenant *Tenant, r ListRequest) (ids []string) {
	t.Helper()
	p := w.list(t, tenant, r)
	for p.NextCursor != nil {
		r.Cursor = *p.NextCursor
		p = w.list(t, tenant, r)
	}
	for range 1000 {
		var page []string
		for _, d := range p.Data {
			page = append(page, d.ID)
		}
		ids = append(page, ids...)
		if p.PrevCursor == nil {
			return ids
		}
		r.Cursor = *p.PrevCursor
		p = w.list(t, tenant, r)
	}
	t.Fatal("a walk without end")
	return nil
}

// TestScanCosts: no call more than needed, and none where nothing can match.
func TestScanCosts(t *testing.T) {
	tests := []struct {
		name       string
		native     bool
		workspaces []string
		filters    map[upstream.Filter]string
		calls      int
	}{
		{"all", true, nil, nil, 1},
		{"one, native", true, []string{"w1"}, nil, 1},
		{"two, native: pages are read until ours is full", true, []string{"w1", "w2"}, nil, 2},
		{"of a type", false, []string{"w3"}, nil, 2}, // some of that type are an assistant's
		{"none there", false, []string{"w9"}, nil, 5},
		{"another type is asked for", false, []string{"w3"}, map[upstream.Filter]string{upstream.FilterType: "api"}, 0},
		{"another workspace is asked for", true, []string{"w1"}, map[upstream.Filter]string{upstream.FilterWorkspace: "w2"}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tenant, store := scattered(rand.New(rand.NewPCG(7, 7)), 400, tt.native)
				p := newWorld(t, 0).list(t, tenant, ListRequest{PerPage: 20, Workspaces: tt.workspaces, Filters: tt.filters, Include: []Part{PartContact}})
				if n := store.count(upstream.OpList); n > tt.calls || n == 0 && tt.calls > 0 {
					t.Errorf("%d list calls, want at most %d", n, tt.calls)
				}
				if tt.calls == 0 && (len(p.Data) > 0 || p.NextCursor != nil || p.Enrichment.List.State != "fresh") {
					t.Errorf("%+v, want an empty list", p)
				}
			})
		})
	}
}

// TestScanOfAStoreThatIgnoresFilters: the check of each row does not rely on them.
func TestScanOfAStoreThatIgnoresFilters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tenant, store := scattered(rand.New(rand.NewPCG(3, 3)), 60, true)
		deaf := &deafStore{store}
		tenant.Store = deaf
		p := newWorld(t, 0).list(t, tenant, ListRequest{PerPage: 50, Workspaces: []string{"w1"}, Include: []Part{PartContact}})
		if len(p.Data) == 0 {
			t.Fatal("no rows")
		}
		for _, d := range p.Data {
			i := slices.IndexFunc(store.rows, func(c upstream.Conversation) bool { return c.ID == d.ID })
			if store.rows[i].WorkspaceID != "w1" {
				t.Errorf("%s of workspace %s is shown", d.ID, store.rows[i].WorkspaceID)
			}
		}
	})
}

type deafStore struct{ *pagedStore }

func (s *deafStore) List(ctx context.Context, q upstream.ListQuery) (upstream.Page, error) {
	q.Filters = nil
	return s.pagedStore.List(ctx, q)
}

// TestScanThatBreaksOff: a page that fails in the middle of a scan costs rows,
// which the cursor leads to, and not the answer.
func TestScanThatBreaksOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tenant, store := scattered(rand.New(rand.NewPCG(5, 5)), 200, false)
		w := newWorld(t, 0)
		fails := &brokenStore{pagedStore: store, from: "at-20"}
		tenant.Store = fails
		r := ListRequest{PerPage: 20, Workspaces: []string{"w1"}, Include: []Part{PartContact}}
		p := w.list(t, tenant, r)
		if len(p.Data) == 0 || p.NextCursor == nil {
			t.Fatalf("%d rows, cursor %v", len(p.Data), p.NextCursor)
		}
		r.Cursor = *p.NextCursor
		if _, err := w.e.List(t.Context(), tenant, r); upstream.KindOf(err) != upstream.UpstreamError {
			t.Errorf("the page that fails: %v", err)
		}
	})
}

type brokenStore struct {
	*pagedStore
	from string
}

func (s *brokenStore) List(ctx context.Context, q upstream.ListQuery) (upstream.Page, error) {
	if q.Cursor == s.from {
		return upstream.Page{}, &upstream.Error{Kind: upstream.UpstreamError, Op: upstream.OpList}
	}
	return s.pagedStore.List(ctx, q)
}

// TestScanLeavesTime: a slow store is not scanned until nothing is left for the rest.
func TestScanLeavesTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tenant, store := scattered(rand.New(rand.NewPCG(5, 5)), 400, false)
		store.latency = 900 * time.Millisecond // of a second
		start := time.Now()
		p := newWorld(t, 0).list(t, tenant, ListRequest{PerPage: 20, Workspaces: []string{"w9"}, Include: []Part{PartContact}})
		if took, n := time.Since(start), store.count(upstream.OpList); n != 2 || took != 1800*time.Millisecond || p.NextCursor == nil {
			t.Errorf("%d calls in %v, cursor %v; want 2 and the rest later", n, took, p.NextCursor)
		}
	})
}

// TestBoundCredentialReads: of a conversation in another workspace nothing is
// said, and nothing more of it is asked for.
func TestBoundCredentialReads(t *testing.T) {
	for _, warm := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, 3)
			w.row.Places = Places{Workspace: "rest"}
			w.row.Places.Workspaces = []Place{{ID: "web", Type: "widget"}}
			if warm {
				w.ask(t, w.row, "conv-2")
			}
			w.crm.reset()
			for name, r := range map[string]Request{
				"bound to another": {ID: "conv-2", Include: everything, Workspaces: []string{"web"}},
				"and requiring":    {ID: "conv-2", Include: everything, Require: []Part{PartContact}, Workspaces: []string{"web"}},
			} {
				_, err := w.e.Conversation(t.Context(), w.row, r)
				if !errors.Is(err, upstream.NotFound) {
					t.Errorf("warm %v, %s: %v", warm, name, err)
				}
			}
			if n := len(w.crm.made); n > 0 {
				t.Errorf("warm %v: calls of the CRM %v", warm, w.crm.made)
			}
			if d, err := w.e.Conversation(t.Context(), w.row, Request{ID: "conv-2", Include: everything, Workspaces: []string{"rest", "web"}}); err != nil || parse(t, d).ID != "conv-2" {
				t.Errorf("warm %v, bound to its own: %v", warm, err)
			}
		})
	}
}

// TestHiddenAndUnknownFailAlike: while the store is away, a conversation in
// another workspace is answered as one that never was: no copy of it shows.
func TestHiddenAndUnknownFailAlike(t *testing.T) {
	refused := func(c *calls) {
		for _, op := range []upstream.Op{upstream.OpConversation, upstream.OpList, upstream.OpThread} {
			c.failing(op, &upstream.Error{Kind: upstream.Refused, Op: op})
		}
	}
	for _, tt := range []struct {
		name   string
		harm   func(*calls)
		absent bool // is what is said of both
		same   bool // in the same words: a search that runs out of time has others than a call
	}{
		{"healthy", func(*calls) {}, true, false},
		{"refused", refused, false, true},
		{"slow", func(c *calls) { c.latency = time.Hour }, false, false},
	} {
		for _, proves := range []bool{true, false} {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 3)
				tenant, source := w.row, &w.rows.calls
				if proves {
					tenant, source = w.read, &w.reads.calls
				}
				w.ask(t, tenant, "conv-2")
				time.Sleep(3 * time.Second) // the copy is stale
				synctest.Wait()
				tt.harm(source)
				ask := func(id string) error {
					_, err := w.e.Conversation(t.Context(), tenant, Request{ID: id, Include: everything, Workspaces: []string{"elsewhere"}})
					return err
				}
				hidden, unknown := ask("conv-2"), ask("conv-77")
				if errors.Is(hidden, upstream.NotFound) != tt.absent || errors.Is(unknown, upstream.NotFound) != tt.absent {
					t.Errorf("%s, proves %v: hidden %v, unknown %v", tt.name, proves, hidden, unknown)
				}
				if tt.same && hidden.Error() != unknown.Error() {
					t.Errorf("%s, proves %v: hidden %v, unknown %v", tt.name, proves, hidden, unknown)
				}
				time.Sleep(time.Minute) // what was begun comes to its end
			})
		}
	}
}

type shortStore struct {
	*pagedStore
	short bool
}

func (s *shortStore) List(ctx context.Context, q upstream.ListQuery) (upstream.Page, error) {
	p, err := s.pagedStore.List(ctx, q)
	p.Short = s.short && q.Cursor == "" // the first page alone
	return p, err
}

// A list of which a row could not be read says that it is not whole, and is another
// one than that without the row.
func TestShortPages(t *testing.T) {
	tags := map[bool]string{}
	for _, short := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			tenant, store := scattered(rand.New(rand.NewPCG(6, 6)), 40, false)
			tenant.Store = &shortStore{store, short}
			w := newWorld(t, 0)
			for _, workspaces := range [][]string{nil, {"w1"}} { // one page of the store's, and some together
				p := w.list(t, tenant, ListRequest{PerPage: 20, Workspaces: workspaces, Include: []Part{PartContact}})
				if p.Enrichment.Complete == short {
					t.Errorf("short %t, workspaces %v: complete %t", short, workspaces, p.Enrichment.Complete)
				}
				if workspaces == nil {
					tags[short] = p.tag
				}
			}
		})
	}
	if tags[true] == tags[false] {
		t.Error("the same tag with and without the row")
	}
}
