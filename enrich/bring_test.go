package enrich

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weft-gateway/weft/upstream"
)

// bringingCRM is a CRM whose contacts bring their account along.
type bringingCRM struct {
	*fakeCRM
	wrong bool // another than the contact's
}

func (c *bringingCRM) BringsAccounts() {}

func (c *bringingCRM) bring(t upstream.Contact) upstream.Contact {
	if a, ok := c.accounts[deref(t.AccountID)]; ok {
		if c.wrong {
			a.ID = "acc-0"
		}
		t.Account = &a
	}
	return t
}

func (c *bringingCRM) Contacts(ctx context.Context, ids []string) (map[string]upstream.Contact, error) {
	got, err := c.fakeCRM.Contacts(ctx, ids)
	for id, t := range got {
		got[id] = c.bring(t)
	}
	return got, err
}

func (c *bringingCRM) FindContacts(ctx context.Context, by upstream.Lookup, values []string) (map[string][]upstream.Contact, error) {
	got, err := c.fakeCRM.FindContacts(ctx, by, values)
	for v := range got {
		for i := range got[v] {
			got[v][i] = c.bring(got[v][i])
		}
	}
	return got, err
}

// A list of a hundred costs one call where accounts come along, be it that of
// the search or that of the contacts, and so does one conversation.
func TestAccountsComeAlong(t *testing.T) {
	for _, kind := range []string{"rows", "reads"} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, 100)
			crm := &bringingCRM{fakeCRM: w.crm}
			w.row.CRM, w.read.CRM = crm, crm
			tenant := w.row
			if kind == "reads" {
				tenant = w.read
			}
			counts := func() []int {
				got := []int{w.crm.count(upstream.OpFind) + w.crm.count(upstream.OpContacts), w.crm.count(upstream.OpAccounts)}
				w.crm.reset()
				return got
			}
			p := w.list(t, tenant, ListRequest{PerPage: 100})
			for _, row := range p.Data {
				if string(row.Account) == "null" || row.Enrichment.Account.State != "fresh" {
					t.Errorf("%s: %s: account %s, %+v", kind, row.ID, row.Account, row.Enrichment.Account)
				}
			}
			if got := counts(); len(p.Data) != 100 || !slices.Equal(got, []int{1, 0}) {
				t.Errorf("%s: %d rows, calls %v, want one and no account's", kind, len(p.Data), got)
			}
			time.Sleep(time.Hour) // all that is remembered is past its time
			d := w.ask(t, tenant, "conv-1")
			if got := counts(); !slices.Equal(got, []int{1, 0}) || d.Enrichment.Contact.State != "fresh" || d.Enrichment.Account.State != "fresh" {
				t.Errorf("%s: %v, calls %v, want one and no account's", kind, d.states(), got)
			}
		})
	}
}

// An account that is not the contact's is not kept, and one that did not come
// along is asked for.
func TestAccountsStayBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 2)
		crm := &bringingCRM{fakeCRM: w.crm, wrong: true}
		w.read.CRM = crm
		d := w.ask(t, w.read, "conv-1")
		if got := w.crm.count(upstream.OpAccounts); got != 1 || string(d.Account) == "null" {
			t.Errorf("%d calls, account %s", got, d.Account)
		}
		w.crm.failing(upstream.OpContacts, errors.New("down"))
		d = w.ask(t, w.read, "conv-2")
		if d.Enrichment.Contact.State != "unavailable" || d.Enrichment.Account.State != "fresh" {
			t.Errorf("the account of a contact that is not there: %v", d.states())
		}
	})
}
