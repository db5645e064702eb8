package enrich

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weft-gateway/weft/upstream"
)

// doubtfulCRM finds what there is, and fails all the same.
type doubtfulCRM struct {
	*fakeCRM
	beside error
}

func (c *doubtfulCRM) FindContacts(ctx context.Context, by upstream.Lookup, values []string) (map[string][]upstream.Contact, error) {
	got, err := c.fakeCRM.FindContacts(ctx, by, values)
	if err == nil {
		err = c.beside
	}
	return got, err
}

func doubts() []upstream.Kind {
	return []upstream.Kind{upstream.BadResponse, upstream.WrongRecord, upstream.UpstreamError, upstream.Timeout}
}

// A single match beside a failure makes no link, whatever the failure: another
// match may exist. It is as if the search had failed, and nothing of it is kept.
// Two matches are two, whatever else there may be.
func TestNoLinkBesideAFailure(t *testing.T) {
	for _, kind := range doubts() {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, 3)
			twin := w.crm.contacts["con-3"]
			twin.ID = "con-3b"
			w.crm.contacts["con-3b"] = twin
			crm := &doubtfulCRM{w.crm, &upstream.Error{Kind: kind}}
			w.row.CRM = crm

			d := w.ask(t, w.row, "conv-1")
			if e := d.Enrichment; e.Link.State != "unavailable" || e.Link.Reason != string(kind) || d.ContactID != nil ||
				string(d.Contact) != "null" || e.Contact.State != "unavailable" || e.Account.State != "unavailable" || e.Complete {
				t.Errorf("%s: one match: %+v, contact %v", kind, e.Link, deref(d.ContactID))
			}
			if res := w.e.records.contacts.Peek(t.Context(), tenantID, []string{"con-1"}, false)[0]; res.Value != nil {
				t.Errorf("%s: the match is kept", kind)
			}
			d = w.ask(t, w.row, "conv-3")
			if l := d.Enrichment.Link; l.State != "unlinked" || l.Reason != "ambiguous" {
				t.Errorf("%s: two matches: %+v", kind, l)
			}

			crm.beside = nil
			time.Sleep(10 * time.Second) // whatever was to be left alone for a moment
			d = w.ask(t, w.row, "conv-1")
			if e := d.Enrichment; e.Link.State != "fresh" || deref(d.ContactID) != "con-1" {
				t.Errorf("%s: when it is over: %+v, contact %v", kind, e.Link, deref(d.ContactID))
			}
			crm.beside = &upstream.Error{Kind: kind}
			time.Sleep(2 * time.Hour) // past what is shown at once
			d = w.ask(t, w.row, "conv-1")
			if e := d.Enrichment; e.Link.State != "stale" || e.Link.Reason != string(kind) || deref(d.ContactID) != "con-1" {
				t.Errorf("%s: known from before: %+v, contact %v", kind, e.Link, deref(d.ContactID))
			}
		})
	}
}

// In a list it cannot be told to which value the failure belongs: no row is
// linked by that search, and each says why.
func TestNoLinksBesideAFailure(t *testing.T) {
	for _, kind := range doubts() {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, 4)
			w.row.CRM = &doubtfulCRM{w.crm, &upstream.Error{Kind: kind}}
			p := w.list(t, w.row, ListRequest{PerPage: 10})
			for _, row := range p.Data {
				if l := row.Enrichment.Link; l.State != "unavailable" || l.Reason != string(kind) || string(row.Contact) != "null" {
					t.Errorf("%s: %s: %+v, contact %s", kind, row.ID, l, row.Contact)
				}
			}
			if got := w.crm.count(upstream.OpFind); len(p.Data) != 4 || got != 1 {
				t.Errorf("%s: %d rows, %d searches", kind, len(p.Data), got)
			}
		})
	}
}
