package enrich

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weft-gateway/weft/cache"
	"github.com/weft-gateway/weft/upstream"
)

// What another replica has loaded is one document of copies. One visit of Redis
// brings all of it where it is remembered where the conversation leads, two where it is
// not, or where that is out of date.
func TestDocumentOfCopies(t *testing.T) {
	for name, pick := range map[string]func(*world) (*Tenant, []cache.Key){
		"the store has the link": func(w *world) (*Tenant, []cache.Key) { return w.read, nil },
		"a rule finds it": func(w *world) (*Tenant, []cache.Key) {
			return w.row, []cache.Key{{Tenant: w.row.ID, Kind: kindLink, ID: w.row.anchor(new(conv(1))).key()}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, m := newWorld(t, 2), simulated(t)
				w.e.cfg.Conversation.Fresh = time.Hour
				tenant, trail := pick(w)
				of := func(kind, id string) cache.Key { return cache.Key{Tenant: tenant.ID, Kind: kind, ID: id} }
				trail = append(trail, of(kindContact, "con-1"), of(kindAccount, "acc-1"))
				_, kind := w.e.records.of(tenant)
				from := of(kind, "conv-1")
				read := func(e *Enricher) *document {
					t.Helper()
					d, err := e.Conversation(t.Context(), tenant, Request{ID: "conv-1", Include: everything})
					if err != nil {
						t.Fatal(err)
					}
					time.Sleep(5 * time.Second)
					return parse(t, d)
				}
				first, c := w.on(t, m)
				want := read(first)
				if got, _ := c.Trail(from); !cmp.Equal(got, trail) {
					t.Errorf("it led to %v, want %v", got, trail)
				}
				w.crm.reset()
				for _, tt := range []struct {
					name   string
					trail  []cache.Key
					visits []uint64
				}{
					{"never seen", nil, []uint64{1}},
					{"seen", trail, []uint64{1}},
					{"seen, and leads elsewhere now", []cache.Key{of(kindContact, "con-2")}, []uint64{2, 3}},
				} {
					e, c := w.on(t, m)
					if tt.trail != nil {
						c.SetTrail(from, tt.trail)
					}
					got := read(e)
					if n := c.Stats().Redis.Reads; !slices.Contains(tt.visits, n) {
						t.Errorf("%s: %d visits of Redis, want %d", tt.name, n, tt.visits)
					}
					if got.tag != want.tag || !cmp.Equal(got.states()[1:5], []string{"cached", "cached", "cached", "cached"}) {
						t.Errorf("%s: another document, or not of copies: %v", tt.name, got.states())
					}
				}
				if n := w.crm.count(upstream.OpContacts) + w.crm.count(upstream.OpAccounts) + w.crm.count(upstream.OpFind); n != 0 {
					t.Errorf("%d calls of the CRM for what Redis has", n)
				}
			})
		})
	}
}
