package enrich

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weft-gateway/weft/upstream"
)

// The critical path is a maximum, not a sum. Time is virtual: the figures are exact.
func TestCriticalPath(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 600)             // conv-1 lies deeper than a walk goes
		forget := func(kinds ...string) { // as if the records had been evicted
			for _, k := range kinds {
				switch k {
				case "records":
					w.e.records.contacts.Drop(w.row.ID, "con-1")
					w.e.records.accounts.Drop(w.row.ID, "acc-1")
					w.e.records.contacts.Drop(w.read.ID, "con-1")
					w.e.records.accounts.Drop(w.read.ID, "acc-1")
				case "link":
					a := w.row.anchor(&w.rows.rows[599])
					w.e.records.links.Drop(w.row.ID, a.key())
				}
			}
		}
		steps := []struct {
			name    string
			tenant  *Tenant
			forget  []string
			pause   time.Duration
			want    time.Duration
			store   map[upstream.Op]int
			crmFind int
		}{
			{"nothing known", w.row, nil, 0, 140 * time.Millisecond, map[upstream.Op]int{upstream.OpThread: 1, upstream.OpList: 3}, 1},
			{"row and link known", w.row, []string{"records"}, 3 * time.Second, 50 * time.Millisecond, map[upstream.Op]int{upstream.OpThread: 1, upstream.OpList: 1}, 0},
			{"row known, link not", w.row, []string{"records", "link"}, 3 * time.Second, 100 * time.Millisecond, map[upstream.Op]int{upstream.OpThread: 1, upstream.OpList: 1}, 1},
			{"all within its time", w.row, nil, time.Millisecond, 0, map[upstream.Op]int{}, 0},
			{"native, nothing known", w.read, nil, 0, 70 * time.Millisecond, map[upstream.Op]int{upstream.OpThread: 1, upstream.OpConversation: 1, upstream.OpAttention: 1}, 0},
			{"native, link known", w.read, []string{"records"}, 3 * time.Second, 50 * time.Millisecond, map[upstream.Op]int{upstream.OpThread: 1, upstream.OpConversation: 1, upstream.OpAttention: 1}, 0},
		}
		for _, s := range steps {
			time.Sleep(s.pause)
			forget(s.forget...)
			w.rows.reset()
			w.reads.reset()
			w.crm.reset()
			d := w.ask(t, s.tenant, "conv-1")
			synctest.Wait()
			if d.took != s.want {
				t.Errorf("%s: took %v, want %v", s.name, d.took, s.want)
			}
			store := &w.rows.calls
			if s.tenant == w.read {
				store = &w.reads.calls
			}
			if s.name == "nothing known" { // the walk ends where the other way of looking overtakes it
				if n := store.made[upstream.OpList]; n != 3 && n != 4 {
					t.Errorf("%s: %d list calls, want 3 or 4", s.name, n)
				}
				store.made[upstream.OpList] = 3
			}
			if got := store.made; len(got)+len(s.store) > 0 && !cmp.Equal(got, s.store) {
				t.Errorf("%s: store calls %v, want %v", s.name, got, s.store)
			}
			records := 1
			if s.want == 0 {
				records = 0
			}
			got := []int{w.crm.count(upstream.OpFind), w.crm.count(upstream.OpFind) + w.crm.count(upstream.OpContacts), w.crm.count(upstream.OpAccounts)}
			if want := []int{s.crmFind, records, records}; !slices.Equal(got, want) {
				t.Errorf("%s: searches, contact calls and account calls %v, want %v", s.name, got, want)
			}
			if !d.Enrichment.Complete {
				t.Errorf("%s: not complete: %v", s.name, d.states())
			}
		}
	})
}

func TestPartsFailAlone(t *testing.T) {
	down := &upstream.Error{Kind: upstream.UpstreamError}
	tests := []struct {
		name   string
		op     upstream.Op
		err    error
		want   []string // link, conversation, messages, contact, account, items
		reason string
	}{
		{"contact", upstream.OpContacts, down, []string{"fresh", "fresh", "fresh", "unavailable", "fresh", "fresh"}, "upstream_error"},
		{"account", upstream.OpAccounts, &upstream.Error{Kind: upstream.Timeout}, []string{"fresh", "fresh", "fresh", "fresh", "unavailable", "fresh"}, "timeout"},
		{"messages", upstream.OpThread, &upstream.Error{Kind: upstream.BadResponse}, []string{"fresh", "fresh", "unavailable", "fresh", "fresh", "fresh"}, "bad_response"},
		{"items", upstream.OpAttention, &upstream.Error{Kind: upstream.Refused}, []string{"fresh", "fresh", "fresh", "fresh", "fresh", "unavailable"}, "refused"},
		{"denied", upstream.OpContacts, &upstream.Error{Kind: upstream.Denied}, []string{"fresh", "fresh", "fresh", "forbidden", "fresh", "fresh"}, "denied"},
		{"busy", upstream.OpAccounts, &upstream.Error{Kind: upstream.RateLimited, RetryAfter: 7 * time.Second}, []string{"fresh", "fresh", "fresh", "fresh", "unavailable", "fresh"}, "rate_limited"},
		{"wrong", upstream.OpContacts, &upstream.Error{Kind: upstream.WrongRecord}, []string{"fresh", "fresh", "fresh", "unavailable", "fresh", "fresh"}, "wrong_record"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 1)
				w.crm.failing(tt.op, tt.err)
				w.reads.failing(tt.op, tt.err)
				d := w.ask(t, w.read, "conv-1")
				if got := d.states(); !slices.Equal(got, tt.want) {
					t.Errorf("states %v, want %v", got, tt.want)
				}
				if d.Enrichment.Complete {
					t.Error("complete in spite of a failed part")
				}
				e := d.Enrichment
				if got := e.Messages.Reason + e.Contact.Reason + e.Account.Reason + e.AttentionItems.Reason; got != tt.reason {
					t.Errorf("reason %q, want %q", got, tt.reason)
				}
				// Nothing of the failure was kept: with the source back, all is there.
				w.crm.failing(tt.op, nil)
				w.reads.failing(tt.op, nil)
				if d := w.ask(t, w.read, "conv-1"); !d.Enrichment.Complete {
					t.Errorf("after recovery: %v", d.states())
				}
			})
		})
	}
}

func TestStaleCopies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		fresh := w.ask(t, w.read, "conv-1")
		time.Sleep(time.Hour)
		for _, op := range []upstream.Op{upstream.OpConversation, upstream.OpThread, upstream.OpAttention} {
			w.reads.failing(op, &upstream.Error{Kind: upstream.Refused, RetryAfter: 3 * time.Second})
		}
		w.crm.tripped(upstream.OpContacts, true)
		w.crm.failing(upstream.OpContacts, &upstream.Error{Kind: upstream.BreakerOpen})
		w.crm.latency = 0
		w.crm.failing(upstream.OpAccounts, &upstream.Error{Kind: upstream.Denied})
		d := w.ask(t, w.read, "conv-1")
		if got, want := d.states(), slices.Repeat([]string{"stale"}, 6); !slices.Equal(got, want) {
			t.Errorf("states %v, want %v", got, want)
		}
		e := d.Enrichment
		got := []string{e.Conversation.Reason, e.Messages.Reason, e.Contact.Reason, e.Account.Reason}
		if want := []string{"refused", "refused", "breaker_open", "denied"}; !slices.Equal(got, want) {
			t.Errorf("reasons %v, want %v", got, want)
		}
		if e.Contact.AgeSeconds == nil || *e.Contact.AgeSeconds != 3600 || e.Contact.RetryAfterSeconds != 7 {
			t.Errorf("contact's age %v and retry %d, want 3600 and 7", e.Contact.AgeSeconds, e.Contact.RetryAfterSeconds)
		}
		if !slices.Equal(d.Contact, fresh.Contact) || e.Complete || d.tag == fresh.tag {
			t.Errorf("a stale document: same contact %v, complete %v, same tag %v", slices.Equal(d.Contact, fresh.Contact), e.Complete, d.tag == fresh.tag)
		}
		time.Sleep(24 * time.Hour)
		if _, err := w.e.Conversation(t.Context(), w.read, Request{ID: "conv-1"}); upstream.KindOf(err) != upstream.Refused {
			t.Errorf("past its stale time: error %v, want refused", err)
		}
	})
}

func TestTagIgnoresAgesAndCaching(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		first := w.ask(t, w.read, "conv-1")
		time.Sleep(time.Second)
		second := w.ask(t, w.read, "conv-1")
		if second.Enrichment.Contact.State != "cached" || first.tag != second.tag {
			t.Errorf("state %s, same tag %v; want cached and the same", second.Enrichment.Contact.State, first.tag == second.tag)
		}
		changed := conv(1)
		changed.MessageCount = 9
		w.reads.rows[0] = changed
		time.Sleep(2 * time.Second)
		if third := w.ask(t, w.read, "conv-1"); third.tag == first.tag {
			t.Error("the tag did not change with the data")
		}
	})
}

func TestHerd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		for _, tenant := range []*Tenant{w.read, w.row} {
			w.crm.reset()
			var wg sync.WaitGroup
			for range 300 {
				wg.Go(func() {
					if d := w.ask(t, tenant, "conv-1"); !d.Enrichment.Complete || d.Enrichment.Contact.State != "fresh" {
						t.Errorf("%s: states %v", tenant.StoreName, d.states())
					}
				})
			}
			wg.Wait()
			if got := []int{w.crm.count(upstream.OpContacts) + w.crm.count(upstream.OpFind), w.crm.count(upstream.OpAccounts)}; !slices.Equal(got, []int{1, 1}) {
				t.Errorf("%s: contact and account calls %v, want one each", tenant.StoreName, got)
			}
		}
		want := map[upstream.Op]int{upstream.OpConversation: 1, upstream.OpThread: 1, upstream.OpAttention: 1}
		if !cmp.Equal(w.reads.made, want) {
			t.Errorf("store calls %v, want %v", w.reads.made, want)
		}
	})
}

func TestIncludeCostsNothingElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		d, err := w.e.Conversation(t.Context(), w.read, Request{ID: "conv-1"})
		if err != nil {
			t.Fatal(err)
		}
		got := parse(t, d)
		if want := []string{"fresh", "fresh", "skipped", "skipped", "skipped", "skipped"}; !slices.Equal(got.states(), want) {
			t.Errorf("states %v, want %v", got.states(), want)
		}
		if want := map[upstream.Op]int{upstream.OpConversation: 1}; !cmp.Equal(w.reads.made, want) || len(w.crm.made) > 0 {
			t.Errorf("calls %v and %v, want one of the conversation", w.reads.made, w.crm.made)
		}
		if deref(got.ContactID) != "con-1" || got.Messages != nil || got.Items != nil || !got.Enrichment.Complete {
			t.Errorf("document %+v", got)
		}
	})
}

func TestRequire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		w.crm.failing(upstream.OpAccounts, &upstream.Error{Kind: upstream.RateLimited, RetryAfter: 9 * time.Second})
		_, err := w.e.Conversation(t.Context(), w.read, Request{ID: "conv-1", Require: []Part{PartContact, PartAccount}})
		var part *PartError
		if !errors.As(err, &part) || part.Part != PartAccount || part.RetryAfter != 9*time.Second {
			t.Errorf("error %v, want the account with 9 s", err)
		}
		delete(w.crm.contacts, "con-1")
		if _, err := w.e.Conversation(t.Context(), w.read, Request{ID: "conv-1", Require: []Part{PartContact}}); err != nil {
			t.Errorf("a contact that is missing is an answer, got %v", err)
		}
	})
}

func TestDeadlineIsNobodysFault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		w.crm.latency = 900 * time.Millisecond
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		d, err := w.e.Conversation(ctx, w.read, Request{ID: "conv-1", Include: everything})
		if err != nil {
			t.Fatal(err)
		}
		got := parse(t, d)
		if e := got.Enrichment; e.Contact.State != "unavailable" || e.Contact.Reason != "deadline" || e.Messages.State != "fresh" {
			t.Errorf("contact %+v, messages %s", e.Contact, e.Messages.State)
		}
		if d.Took != 180*time.Millisecond {
			t.Errorf("took %v, want the deadline less the margin", d.Took)
		}
		time.Sleep(time.Second) // the load went on, and its answer was kept
		if d := w.ask(t, w.read, "conv-1"); d.Enrichment.Contact.State != "cached" || w.crm.count(upstream.OpContacts) != 1 {
			t.Errorf("contact %s after %d calls, want cached after 1", d.Enrichment.Contact.State, w.crm.count(upstream.OpContacts))
		}
	})
}

func TestMissingAndUnlinked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3)
		delete(w.crm.contacts, "con-1")
		w.reads.links["conv-2"] = [2]string{"", ""}
		d := w.ask(t, w.read, "conv-1")
		if d.Enrichment.Contact.State != "missing" || deref(d.ContactID) != "con-1" || string(d.Contact) != "null" || !d.Enrichment.Complete {
			t.Errorf("a deleted contact: %s, id %s, %s", d.Enrichment.Contact.State, deref(d.ContactID), d.Contact)
		}
		w.crm.reset()
		d = w.ask(t, w.read, "conv-2")
		if got := d.states(); got[3] != "unlinked" || got[4] != "unlinked" || len(w.crm.made) != 0 || !d.Enrichment.Complete {
			t.Errorf("without ids: states %v, CRM calls %v", got, w.crm.made)
		}
		twin := w.crm.contacts["con-3"]
		twin.ID = "con-3b"
		w.crm.contacts["con-3b"] = twin
		d = w.ask(t, w.row, "conv-3")
		if l := d.Enrichment.Link; l.State != "unlinked" || l.Reason != "ambiguous" || l.Rule != "external_identifier" || d.ContactID != nil {
			t.Errorf("two contacts for one key: link %+v, contact %v", l, d.ContactID)
		}
		w.crm.failing(upstream.OpFind, &upstream.Error{Kind: upstream.Timeout})
		w.rows.add(conv(4))
		d = w.ask(t, w.row, "conv-4")
		if e := d.Enrichment; e.Link.State != "unavailable" || e.Contact.State != "unavailable" || e.Account.Reason != "timeout" {
			t.Errorf("a failed search: %v", d.states())
		}
	})
}

func TestNoCRM(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		w.read.CRM = nil
		d := w.ask(t, w.read, "conv-1")
		if got := d.states(); got[3] != "unlinked" || got[4] != "unlinked" || deref(d.ContactID) != "con-1" || !d.Enrichment.Complete {
			t.Errorf("states %v, contact %s", got, deref(d.ContactID))
		}
	})
}

func TestHiddenFields(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		calls := []upstream.FunctionCall{{Name: "lookup", Arguments: []byte(`{}`), Result: []byte(`{}`)}}
		w.rows.threads = map[string]upstream.Thread{"conv-1": {Messages: []upstream.Message{{ID: "m", Role: "assistant", FunctionCalls: calls}}}}
		if d := w.ask(t, w.row, "conv-1"); !strings.Contains(string(d.Messages[0]), "lookup") || string(d.Variables) == "null" {
			t.Errorf("shown: %s, %s", d.Messages[0], d.Variables)
		}
		w.row.Hide = []string{"functionCalls", "variables"}
		if d := w.ask(t, w.row, "conv-1"); !strings.Contains(string(d.Messages[0]), `"functionCalls":null`) || string(d.Variables) != "null" {
			t.Errorf("hidden: %s, %s", d.Messages[0], d.Variables)
		}
	})
}

func TestWorkspaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 2)
		w.row.Places = Places{Workspace: "ws-default", Workspaces: []Place{{ID: "ws-widget", Type: "widget"}}}
		w.rows.add(widget(3))
		for id, want := range map[string]bool{"conv-3": true, "conv-1": false} {
			_, err := w.e.Conversation(t.Context(), w.row, Request{ID: id, Workspaces: []string{"ws-widget"}})
			if got := err == nil; got != want || err != nil && !errors.Is(err, upstream.NotFound) {
				t.Errorf("%s: error %v, want shown %v", id, err, want)
			}
		}
	})
}
