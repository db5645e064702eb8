package enrich

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weft-gateway/weft/upstream"
)

// meteredCRM is a CRM whose gate can be closed for the tenant. A call would
// take its time all the same.
type meteredCRM struct {
	*fakeCRM
	limited atomic.Int64 // nanoseconds
}

func (c *meteredCRM) Limited() time.Duration { return time.Duration(c.limited.Load()) }

// While the tenant's quota is used up, copies are shown at once, whether they
// are within their time or past it, and nobody waits for a call.
func TestQuotaUsedUp(t *testing.T) {
	type shown struct {
		State, Reason string
		Retry         int
	}
	tests := []struct {
		name  string
		after time.Duration
		id    string
		want  shown
		took  time.Duration // the store takes 20 ms
	}{
		{"a copy within its time", time.Minute, "conv-1", shown{"cached", "", 0}, 20 * time.Millisecond},
		{"a copy past it", time.Hour, "conv-1", shown{"stale", "rate_limited", 30}, 20 * time.Millisecond},
		{"no copy", time.Hour, "conv-2", shown{"unavailable", "rate_limited", 30}, 70 * time.Millisecond},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 2)
				crm := &meteredCRM{fakeCRM: w.crm}
				w.read.CRM = crm
				w.ask(t, w.read, "conv-1")
				time.Sleep(tt.after)
				crm.limited.Store(int64(30 * time.Second))
				refused := &upstream.Error{Kind: upstream.RateLimited, RetryAfter: 30 * time.Second}
				for _, op := range []upstream.Op{upstream.OpContacts, upstream.OpAccounts} {
					w.crm.failing(op, refused)
				}
				d := w.ask(t, w.read, tt.id)
				for name, p := range map[string]shown{
					"contact": {d.Enrichment.Contact.State, d.Enrichment.Contact.Reason, d.Enrichment.Contact.RetryAfterSeconds},
					"account": {d.Enrichment.Account.State, d.Enrichment.Account.Reason, d.Enrichment.Account.RetryAfterSeconds},
				} {
					if diff := cmp.Diff(tt.want, p); diff != "" {
						t.Errorf("%s (-want +got):\n%s", name, diff)
					}
				}
				if (d.Contact == nil || string(d.Contact) == "null") != (tt.want.State == "unavailable") {
					t.Errorf("contact %s in state %s", d.Contact, tt.want.State)
				}
				if d.took != tt.took {
					t.Errorf("took %v, want %v", d.took, tt.took)
				}
				synctest.Wait() // loads in the background

				crm.limited.Store(0)
				w.crm.failing(upstream.OpContacts, nil)
				w.crm.failing(upstream.OpAccounts, nil)
				time.Sleep(10 * time.Minute)
				if d := w.ask(t, w.read, tt.id); d.Enrichment.Contact.State != "fresh" {
					t.Errorf("contact %s once the gate is open", d.Enrichment.Contact.State)
				}
			})
		})
	}
}

// The store's quota is no different: its copy of the conversation wins.
func TestStoreQuotaUsedUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		store := &meteredStore{readStore: w.reads}
		w.read.Store = store
		w.ask(t, w.read, "conv-1")
		time.Sleep(time.Hour)
		store.limited.Store(int64(30 * time.Second))
		d := w.ask(t, w.read, "conv-1")
		if c := d.Enrichment.Conversation; c.State != "stale" || c.Reason != "rate_limited" || c.RetryAfterSeconds != 30 {
			t.Errorf("conversation %+v", c)
		}
		if m := d.Enrichment.Messages; m.State != "stale" || m.Reason != "rate_limited" {
			t.Errorf("messages %+v", m)
		}
	})
}

type meteredStore struct {
	*readStore
	limited atomic.Int64 // nanoseconds
}

func (s *meteredStore) Limited() time.Duration { return time.Duration(s.limited.Load()) }
