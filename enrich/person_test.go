package enrich

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weft-gateway/weft/cache"
	"github.com/weft-gateway/weft/upstream"
)

// known lists what memory has of a tenant's conversations and contacts 1..n,
// as "kind id".
func (w *world) known(t testing.TB, tenant *Tenant, n int) (found []string) {
	t.Helper()
	r := w.e.records
	note := func(kind, id string, s cache.State) {
		if s != cache.Failed {
			found = append(found, kind+" "+id)
		}
	}
	for i := 1; i <= n; i++ {
		c := conv(i)
		con, acc := strings.Replace(c.ID, "conv", "con", 1), strings.Replace(c.ID, "conv", "acc", 1)
		rows, kind := r.of(tenant)
		note(kind, c.ID, rows.Peek(t.Context(), tenant.ID, []string{c.ID}, true)[0].State)
		note(kindThread, c.ID, r.threads.Peek(t.Context(), tenant.ID, []string{c.ID}, true)[0].State)
		note(kindContact, con, r.contacts.Peek(t.Context(), tenant.ID, []string{con}, true)[0].State)
		note(kindAccount, acc, r.accounts.Peek(t.Context(), tenant.ID, []string{acc}, true)[0].State)
		links := []string{rememberedKey(c.ID)}
		if kind == kindRow {
			links = []string{tenant.anchor(&c).key()}
		}
		note(kindLink, c.ID, r.links.Peek(t.Context(), tenant.ID, links, true)[0].State)
	}
	q := pageKey(upstream.ListQuery{PerPage: 15})
	note(kindList, "", r.lists.Peek(t.Context(), tenant.ID, []string{q}, true)[0].State)
	return found
}

func TestErase(t *testing.T) {
	for _, name := range []string{"rows", "reads"} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, 3)
			tenant, kind := w.row, kindRow
			if name == "reads" {
				tenant, kind = w.read, kindConversation
			}
			for i := 1; i <= 3; i++ {
				w.ask(t, tenant, conv(i).ID)
			}
			if _, err := w.e.List(t.Context(), tenant, ListRequest{PerPage: 15, Include: []Part{PartContact}}); err != nil {
				t.Fatal(err)
			}
			if n := len(w.known(t, tenant, 3)); n != 16 {
				t.Fatalf("%d records known: %q", n, w.known(t, tenant, 3))
			}
			for _, id := range []string{"con-2", "con-2", "nobody"} {
				if err := w.e.Erase(t.Context(), tenant, id); err != nil {
					t.Fatal(err)
				}
			}
			want := []string{
				kind + " conv-1", "messages conv-1", "contact con-1", "account acc-1", "link conv-1",
				"account acc-2",
				kind + " conv-3", "messages conv-3", "contact con-3", "account acc-3", "link conv-3",
			}
			if diff := cmp.Diff(want, w.known(t, tenant, 3)); diff != "" {
				t.Errorf("%s: known (-want +got):\n%s", name, diff)
			}
			// What the sources still have is read again, and kept after a while.
			if d := w.ask(t, tenant, "conv-2"); d.ContactID == nil || *d.ContactID != "con-2" {
				t.Errorf("%s: contact %v", name, d.ContactID)
			}
			if slices.Contains(w.known(t, tenant, 3), "contact con-2") {
				t.Errorf("%s: kept at once", name)
			}
			time.Sleep(time.Minute)
			w.ask(t, tenant, "conv-2")
			if !slices.Contains(w.known(t, tenant, 3), "contact con-2") {
				t.Errorf("%s: never kept again", name)
			}
		})
	}
}

// TestEraseByWhatTheContactShows: a row that no link has led from yet is found
// by the contact's own numbers and addresses.
func TestEraseByWhatTheContactShows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 2)
		full := upstream.Contact{ID: "con-1", TenantID: tenantID, ExternalRef: conv(1).ExternalIdentifier}
		rec, err := newContact(full)
		if err != nil {
			t.Fatal(err)
		}
		w.e.records.contacts.Put(tenantID, "con-1", rec)
		for i := 1; i <= 2; i++ {
			c := conv(i)
			w.e.records.rows.Put(tenantID, c.ID, keepConversation(&c))
		}
		if err := w.e.Erase(t.Context(), w.row, "con-1"); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"row conv-2"}, w.known(t, w.row, 2)); diff != "" {
			t.Errorf("known (-want +got):\n%s", diff)
		}
	})
}

// TestEraseAsksTheCRM: of a person whom nobody has read yet only the CRM can
// say by which number the rows go.
func TestEraseAsksTheCRM(t *testing.T) {
	for _, tt := range []struct {
		name string
		err  error
		gone bool // from the CRM
		left []string
		told bool
	}{
		{"it has the contact", nil, false, []string{"row conv-2"}, true},
		{"it has it no more", nil, true, []string{"row conv-1", "row conv-2"}, true},
		{"it says so", upstream.NotFound, true, []string{"row conv-1", "row conv-2"}, true},
		{"it has another", upstream.WrongRecord, true, []string{"row conv-1", "row conv-2"}, true},
		{"it cannot be asked", upstream.BreakerOpen, false, []string{"row conv-1", "row conv-2"}, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, 2)
			for i := 1; i <= 2; i++ {
				c := conv(i)
				w.e.records.rows.Put(tenantID, c.ID, keepConversation(&c))
			}
			w.crm.failing(upstream.OpContacts, tt.err)
			if tt.gone {
				delete(w.crm.contacts, "con-1")
			}
			err := w.e.Erase(t.Context(), w.row, "con-1")
			if _, untold := errors.AsType[*UntoldError](err); untold == tt.told || (err == nil) != tt.told {
				t.Errorf("%s: error %v", tt.name, err)
			}
			if diff := cmp.Diff(tt.left, w.known(t, w.row, 2)); diff != "" {
				t.Errorf("%s: known (-want +got):\n%s", tt.name, diff)
			}
		})
	}
}

// TestEraseByLink: a remembered link leads to the rows, also when the contact
// is not cached.
func TestEraseByLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 2)
		for i := 1; i <= 2; i++ {
			c := conv(i)
			w.e.records.rows.Put(tenantID, c.ID, keepConversation(&c))
			w.e.records.links.Put(tenantID, w.row.anchor(&c).key(), &link{ContactID: fmt.Sprintf("con-%d", i)})
		}
		if err := w.e.Erase(t.Context(), w.row, "con-1"); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"row conv-2", "link conv-2"}, w.known(t, w.row, 2)); diff != "" {
			t.Errorf("known (-want +got):\n%s", diff)
		}
	})
}

func TestKeysOfAContact(t *testing.T) {
	tenant := &Tenant{ID: tenantID, Region: "DE"}
	p := func(s string) *string { return &s }
	rec, err := newContact(upstream.Contact{
		ID: "con-1", ExternalRef: p("ref-1"), Email: p("Jan@Example.org"), Phone: p("+4915112345678"),
		Emails: []upstream.EmailAddress{{Value: "jan@example.org"}, {Value: "second@example.org"}, {Value: "none"}},
		Phones: []upstream.PhoneNumber{{Value: "+4915112345678", Raw: p("0151 12345678")}, {Value: "+49301234567"}, {Value: "what?"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	got := tenant.keysOf(rec)
	slices.Sort(got)
	want := []string{
		anchor{by: upstream.ByEmail, value: "jan@example.org"}.key(), anchor{by: upstream.ByEmail, value: "second@example.org"}.key(),
		anchor{by: upstream.ByExternalRef, value: "ref-1"}.key(),
		anchor{by: upstream.ByPhone, value: "+4915112345678"}.key(), anchor{by: upstream.ByPhone, value: "+49301234567"}.key(),
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, slices.Compact(got)); diff != "" {
		t.Errorf("keys (-want +got):\n%s", diff)
	}
	if got := tenant.keysOf(with(new(contact), []byte("{"))); got != nil {
		t.Errorf("of what is no contact: %q", got)
	}
}

// TestNamedBy: the records that a subject names are those whose ids name it.
func TestNamedBy(t *testing.T) {
	own := map[string]func(string) string{
		kindContact: ownContact, kindLink: ownLink, kindConversation: ownConversation, kindRow: ownConversation,
		kindThread: ownConversation, kindAttention: ownConversation, kindPlace: ownConversation,
	}
	for subject, n := range map[string]int{"contact:con-1": 1, "conversation:conv-1": 7, "phone:abc": 1, aboutLists: 0} {
		keys := namedBy("t", subject)
		if len(keys) != n {
			t.Errorf("%s: %v", subject, keys)
		}
		for _, k := range keys {
			if k.Tenant != "t" || own[k.Kind](k.ID) != subject {
				t.Errorf("%s names %v, which names %q", subject, k, own[k.Kind](k.ID))
			}
		}
	}
}

// TestEraseInTime: an erasure that cannot be done says that it has to be
// repeated.
func TestEraseInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		w.e.cfg.Request = margin // no time at all
		err := w.e.Erase(t.Context(), w.row, "con-1")
		if e, ok := errors.AsType[*UntoldError](err); !ok || e.RetryAfter <= 0 {
			t.Errorf("error %v", err)
		}
	})
}

// TestShown lists what the answer has records of.
func TestShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 2)
		d, err := w.e.Conversation(t.Context(), w.read, Request{ID: "conv-1", Include: everything})
		if err != nil {
			t.Fatal(err)
		}
		want := Shown{[]string{"conv-1"}, []string{"con-1"}, []string{"acc-1"}}
		if diff := cmp.Diff(want, d.Shown); diff != "" {
			t.Errorf("a read (-want +got):\n%s", diff)
		}
		d, err = w.e.Conversation(t.Context(), w.read, Request{ID: "conv-1", Include: []Part{PartMessages}})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(Shown{Conversations: []string{"conv-1"}}, d.Shown); diff != "" {
			t.Errorf("without the contact (-want +got):\n%s", diff)
		}
		d, err = w.e.List(t.Context(), w.read, ListRequest{PerPage: 15, Include: []Part{PartContact}})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(Shown{Conversations: []string{"conv-2", "conv-1"}, Contacts: []string{"con-2", "con-1"}}, d.Shown); diff != "" {
			t.Errorf("a list (-want +got):\n%s", diff)
		}
	})
}
