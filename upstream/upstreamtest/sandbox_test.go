package upstreamtest_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/weft-gateway/weft/upstream"
	"github.com/weft-gateway/weft/upstream/autocalls"
	"github.com/weft-gateway/weft/upstream/client"
	"github.com/weft-gateway/weft/upstream/native"
	"github.com/weft-gateway/weft/upstream/rest"
	"github.com/weft-gateway/weft/upstream/sandbox"
	"github.com/weft-gateway/weft/upstream/upstreamtest"
)

func unused(p bool) []upstream.Filter {
	if p {
		return []upstream.Filter{upstream.FilterCustomerPhone, upstream.FilterWhatsappSender, upstream.FilterExternalIdentifier}
	}
	return nil
}

func now() time.Time { return time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC) }

func host(t testing.TB, name string, h http.Handler, ops []upstream.Op, token string) (*client.Client, *upstreamtest.Faults) {
	f := upstreamtest.NewFaults(t, upstreamtest.Handler(h))
	hh, err := client.NewHost(client.HostConfig{Name: name, URL: "http://x.invalid", Deadline: 10 * time.Second, Operations: ops, Transport: f})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(hh.Close)
	return hh.Client(token), f
}

func testAutocalls(t *testing.T, pages bool) {
	upstreamtest.TestStore(t, func(t testing.TB) upstreamtest.StoreCase {
		sb := sandbox.New(sandbox.Config{Conversations: 40, Now: now, PageNumbers: pages})
		t.Cleanup(sb.Close)
		tn := sb.Tenants()[0]
		c, f := host(t, "autocalls", sb.Autocalls(), autocalls.Operations(), tn.StoreToken)
		s, err := autocalls.New(c, autocalls.Config{TenantID: tn.ID})
		if err != nil {
			t.Fatal(err)
		}
		call := []upstream.FunctionCall{}
		return upstreamtest.StoreCase{Store: s, Faults: f, IDs: sb.ConversationIDs(tn.ID), Unknown: "11111111-2222-3333-4444-555555555555",
			Unused: unused(pages), Threads: map[string][]upstream.Message{sandbox.ExampleAPI: {
				{Role: "assistant", Content: "Hi! I'm following up on your recent inquiry. How can I help you today?", FunctionCalls: call},
				{Role: "user", Content: "I wanted to know more about your enterprise plan", FunctionCalls: call},
			}}}
	})
}
func TestAutocalls(t *testing.T)      { testAutocalls(t, false) }
func TestAutocallsPages(t *testing.T) { testAutocalls(t, true) }

func TestNative(t *testing.T) {
	upstreamtest.TestStore(t, func(t testing.TB) upstreamtest.StoreCase {
		sb := sandbox.New(sandbox.Config{Conversations: 40, Now: now})
		t.Cleanup(sb.Close)
		tn := sb.Tenants()[1]
		c, f := host(t, "native", sb.Native(), native.Operations(), tn.StoreToken)
		s, err := native.New(c, native.Config{TenantID: tn.ID})
		if err != nil {
			t.Fatal(err)
		}
		p, err := s.List(t.Context(), upstream.ListQuery{PerPage: 100})
		if err != nil || p.Next != "" {
			t.Fatal(err)
		}
		var ids []string
		for _, r := range p.Rows {
			ids = append(ids, r.ID)
		}
		th, err := s.Thread(t.Context(), sandbox.ExampleNative)
		if err != nil {
			t.Fatal(err)
		}
		return upstreamtest.StoreCase{Store: s, Faults: f, IDs: ids, Unknown: "11111111-2222-3333-4444-555555555555",
			Threads:   map[string][]upstream.Message{sandbox.ExampleNative: th.Messages},
			Attention: map[string][]string{sandbox.ExampleNative: {"ai1a2b3c-5678-9abc-def0-1234567890ab"}}}
	})
}

func TestREST(t *testing.T) {
	upstreamtest.TestCRM(t, func(t testing.TB) upstreamtest.CRMCase {
		sb := sandbox.New(sandbox.Config{Conversations: 40, Now: now})
		t.Cleanup(sb.Close)
		tn := sb.Tenants()[0]
		c, f := host(t, "rest", sb.CRM(), rest.Operations(), tn.CRMToken)
		s, err := rest.New(c, rest.Config{TenantID: tn.ID})
		if err != nil {
			t.Fatal(err)
		}
		found, err := s.FindContacts(t.Context(), upstream.ByExternalRef, []string{"crm-lead-12345"})
		if err != nil {
			t.Fatal(err)
		}
		st, _ := host(t, "autocalls", sb.Autocalls(), autocalls.Operations(), tn.StoreToken)
		store, _ := autocalls.New(st, autocalls.Config{TenantID: tn.ID})
		p, _ := store.List(t.Context(), upstream.ListQuery{PerPage: 100})
		var refs, phones []string
		for _, r := range p.Rows {
			if r.ExternalIdentifier != nil {
				refs = append(refs, *r.ExternalIdentifier)
			}
			if r.Customer != nil && r.Customer.Phone != nil {
				phones = append(phones, *r.Customer.Phone)
			}
		}
		contacts := found["crm-lead-12345"]
		have := map[string]bool{contacts[0].ID: true}
		acc := []string{}
		if contacts[0].AccountID != nil {
			acc = append(acc, *contacts[0].AccountID)
		}
		more, err := s.FindContacts(t.Context(), upstream.ByExternalRef, refs)
		if err != nil {
			t.Fatal(err)
		}
		m2, err := s.FindContacts(t.Context(), upstream.ByPhone, phones)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range []map[string][]upstream.Contact{more, m2} {
			for _, l := range m {
				for _, c := range l {
					if !have[c.ID] && c.AccountID != nil && c.Email != nil && c.Phone != nil {
						have[c.ID] = true
						contacts = append(contacts, c)
						acc = append(acc, *c.AccountID)
					}
				}
			}
		}
		am, err := s.Accounts(t.Context(), acc)
		if err != nil {
			t.Fatal(err)
		}
		var accounts []upstream.Account
		for _, a := range am {
			accounts = append(accounts, a)
		}
		t.Logf("%d contacts, %d accounts", len(contacts), len(accounts))
		var lookups = []upstream.Lookup{upstream.ByExternalRef, upstream.ByEmail, upstream.ByPhone}
		return upstreamtest.CRMCase{CRM: s, Faults: f, Contacts: contacts, Accounts: accounts, Unknown: "11111111-2222-3333-4444-555555555555", Lookups: lookups}
	})
}
