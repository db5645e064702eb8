package enrich

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/weft-gateway/weft/cache"
	"github.com/weft-gateway/weft/upstream"
)

// world is an enricher over fakes, with a tenant of either kind of store.
type world struct {
	e     *Enricher
	cache *cache.Cache
	rows  *rowStore
	reads *readStore
	crm   *fakeCRM
	row   *Tenant // its store is rows
	read  *Tenant // its store is reads
}

// newWorld has conversations conv-1..n, each with a contact and an account of
// its own: con-n and acc-n. The store takes 20 ms, the CRM 50 ms.
func newWorld(t testing.TB, n int) *world {
	t.Helper()
	w := &world{
		rows:  &rowStore{foreign: map[string]bool{"conv-9999999": true}},
		reads: &readStore{links: map[string][2]string{}},
		crm:   &fakeCRM{contacts: map[string]upstream.Contact{}, accounts: map[string]upstream.Account{}},
	}
	w.rows.latency, w.reads.latency, w.crm.latency = 20*time.Millisecond, 20*time.Millisecond, 50*time.Millisecond
	for i := 1; i <= n; i++ {
		c := conv(i)
		w.rows.add(c)
		w.reads.add(c)
		con, acc := fmt.Sprintf("con-%d", i), fmt.Sprintf("acc-%d", i)
		w.reads.links[c.ID] = [2]string{con, acc}
		w.crm.contacts[con] = upstream.Contact{ID: con, TenantID: tenantID, AccountID: &acc, ExternalRef: c.ExternalIdentifier, ResolutionStatus: "crm_resolved"}
		w.crm.accounts[acc] = upstream.Account{ID: acc, TenantID: tenantID, ResolutionStatus: "crm_resolved"}
	}
	var err error
	if w.cache, err = cache.New(cache.Config{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.cache.Close)
	w.row = &Tenant{ID: tenantID, Store: w.rows, StoreName: "rows", CRM: w.crm, CRMName: "crm",
		Rules: []Rule{{Field: "external_identifier", By: upstream.ByExternalRef}, {Field: "customer.phone", By: upstream.ByPhone}}}
	w.read = &Tenant{ID: "tenant-2", Store: w.reads, StoreName: "reads", CRM: w.crm, CRMName: "crm"}
	w.e, err = New(Config{
		Tenants: []*Tenant{w.row, w.read},
		Cache:   w.cache, Request: 3 * time.Second, Store: time.Second, CRM: time.Second,
		Conversation: cache.Policy{Fresh: 2 * time.Second, Stale: 24 * time.Hour},
		Contact:      cache.Policy{Fresh: 5 * time.Minute, Stale: 168 * time.Hour, Missing: time.Minute},
		Account:      cache.Policy{Fresh: 15 * time.Minute, Stale: 168 * time.Hour, Missing: time.Minute},
		Link:         cache.Policy{Fresh: 10 * time.Minute, Stale: 168 * time.Hour, Missing: time.Minute},
	})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

var everything = []Part{PartMessages, PartContact, PartAccount, PartAttentionItems}

// ask asks for everything of one conversation.
func (w *world) ask(t testing.TB, tenant *Tenant, id string) *document {
	t.Helper()
	d, err := w.e.Conversation(t.Context(), tenant, Request{ID: id, Include: everything})
	if err != nil {
		t.Fatalf("conversation %s: %v", id, err)
	}
	return parse(t, d)
}

// document is the decoded form of an answer.
type document struct {
	ID           string            `json:"id"`
	ContactID    *string           `json:"contactId"`
	AccountID    *string           `json:"accountId"`
	Status       string            `json:"status"`
	MessageCount int               `json:"messageCount"`
	Variables    json.RawMessage   `json:"variables"`
	Contact      json.RawMessage   `json:"contact"`
	Account      json.RawMessage   `json:"account"`
	Messages     []json.RawMessage `json:"messages"`
	Items        []json.RawMessage `json:"attentionItems"`
	Enrichment   struct {
		Complete                                                 bool
		Link                                                     struct{ Rule, State, Reason string }
		Conversation, Messages, Contact, Account, AttentionItems struct {
			State, Source, Reason string
			AsOf                  *time.Time
			AgeSeconds            *int
			RetryAfterSeconds     int
		}
	} `json:"enrichment"`
	took time.Duration
	tag  string
	body string
}

func parse(t testing.TB, d *Document) *document {
	t.Helper()
	var out document
	if err := json.Unmarshal(d.Body, &out); err != nil {
		t.Fatalf("not JSON: %v\n%s", err, d.Body)
	}
	out.took, out.tag, out.body = d.Took, d.Tag, string(d.Body)
	return &out
}

// states lists the states in the order link, conversation, messages, contact, account, items.
func (d *document) states() []string {
	e := d.Enrichment
	return []string{e.Link.State, e.Conversation.State, e.Messages.State, e.Contact.State, e.Account.State, e.AttentionItems.State}
}

// backfill runs a backfill of the tenants. It is stopped inside the bubble.
func (w *world) backfill(t *testing.T, tenants ...*Tenant) (*Backfiller, func()) {
	ctx, cancel := context.WithCancel(t.Context())
	b := w.e.Backfiller(tenants)
	finished := make(chan struct{})
	go func() { b.Run(ctx, tenants); close(finished) }()
	return b, func() { cancel(); <-finished }
}
