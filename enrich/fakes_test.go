package enrich

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/weft-gateway/weft/upstream"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const tenantID = "tenant-1"

// calls counts the calls of a fake and can make an operation fail.
type calls struct {
	latency time.Duration

	mu   sync.Mutex
	made map[upstream.Op]int
	fail map[upstream.Op]error
	trip map[upstream.Op]bool
}

func (c *calls) call(ctx context.Context, op upstream.Op) error {
	c.mu.Lock()
	if c.made == nil {
		c.made = map[upstream.Op]int{}
	}
	c.made[op]++
	err := c.fail[op]
	c.mu.Unlock()
	select {
	case <-time.After(c.latency):
		return err
	case <-ctx.Done():
		return &upstream.Error{Kind: upstream.Timeout, Op: op}
	}
}

func (c *calls) failing(op upstream.Op, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fail == nil {
		c.fail = map[upstream.Op]error{}
	}
	c.fail[op] = err
}

func (c *calls) count(op upstream.Op) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.made[op]
}

func (c *calls) reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.made = nil
}

func (c *calls) tripped(op upstream.Op, v bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.trip == nil {
		c.trip = map[upstream.Op]bool{}
	}
	c.trip[op] = v
}

func (c *calls) Tripped(op upstream.Op) (bool, time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.trip[op], 7 * time.Second
}

// rowStore is a store that does not prove ownership: its Thread answers for
// anybody's conversation. Rows are listed newest first; the id's number orders them.
type rowStore struct {
	calls
	mu      sync.Mutex
	rows    []upstream.Conversation // of the tenant, newest first
	foreign map[string]bool         // readable, but never listed
	threads map[string]upstream.Thread

	numbered bool // pages are counted
}

func (s *rowStore) change(id string, f func(*upstream.Conversation)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.rows {
		if s.rows[i].ID == id {
			f(&s.rows[i])
		}
	}
}

func (s *rowStore) Filters() []upstream.Filter {
	return []upstream.Filter{upstream.FilterType, upstream.FilterExternalIdentifier, upstream.FilterCustomerPhone, upstream.FilterWhatsappSender}
}

func (s *rowStore) add(c upstream.Conversation) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rows = slices.Insert(s.rows, 0, c)
}

func (s *rowStore) List(ctx context.Context, q upstream.ListQuery) (upstream.Page, error) {
	if err := s.call(ctx, upstream.OpList); err != nil {
		return upstream.Page{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []upstream.Conversation
	for _, c := range s.rows {
		if matches(c, q.Filters) {
			found = append(found, c)
		}
	}
	if s.numbered {
		return numberedPage(found, q), nil
	}
	return cut(found, q), nil
}

// numberedPage pages by offset.
func numberedPage(rows []upstream.Conversation, q upstream.ListQuery) upstream.Page {
	n, _ := strconv.Atoi(q.Cursor)
	from := min(len(rows), n*q.PerPage)
	to := min(len(rows), from+q.PerPage)
	page := upstream.Page{Rows: slices.Clone(rows[from:to]), Numbered: true, Total: len(rows)}
	if to < len(rows) {
		page.Next = strconv.Itoa(n + 1)
	}
	return page
}

// cut pages by the number of the id after which a page begins.
func cut(rows []upstream.Conversation, q upstream.ListQuery) upstream.Page {
	from := 0
	if q.Cursor != "" {
		before := number(q.Cursor)
		for from < len(rows) && number(rows[from].ID) >= before {
			from++
		}
	}
	to := min(len(rows), from+cmp.Or(q.PerPage, 15))
	page := upstream.Page{Rows: slices.Clone(rows[from:to])}
	if to < len(rows) {
		page.Next = rows[to-1].ID
	}
	return page
}

func number(id string) int {
	n, _ := strconv.Atoi(id[len("conv-"):])
	return n
}

func matches(c upstream.Conversation, filters map[upstream.Filter]string) bool {
	_, sender, kind := facets(&c)
	got := map[upstream.Filter]string{
		upstream.FilterType: kind, upstream.FilterExternalIdentifier: deref(c.ExternalIdentifier), upstream.FilterWhatsappSender: sender,
	}
	if c.Customer != nil {
		got[upstream.FilterCustomerPhone] = deref(c.Customer.Phone)
	}
	for f, want := range filters {
		if got[f] != want {
			return false
		}
	}
	return true
}

func (s *rowStore) Thread(ctx context.Context, id string) (upstream.Thread, error) {
	if err := s.call(ctx, upstream.OpThread); err != nil {
		return upstream.Thread{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.rows {
		if c.ID == id {
			return s.thread(c), nil
		}
	}
	if s.foreign[id] {
		return upstream.Thread{Messages: []upstream.Message{message(id, 0, "user")}}, nil
	}
	return upstream.Thread{}, &upstream.Error{Kind: upstream.NotFound, Op: upstream.OpThread}
}

func (s *rowStore) thread(c upstream.Conversation) upstream.Thread {
	t, ok := s.threads[c.ID]
	if !ok {
		t.Messages = []upstream.Message{message(c.ID, 0, "user"), message(c.ID, 1, "assistant")}
	}
	t.Hints = upstream.Hints{ExternalIdentifier: c.ExternalIdentifier, Customer: c.Customer, WhatsappSender: c.WhatsappSender}
	return t
}

func (s *rowStore) Derive(c *upstream.Conversation, t *upstream.Thread) upstream.Derived {
	d := upstream.Derived{Status: c.Status, AttentionItems: []upstream.AttentionItem{}}
	if t != nil && len(t.Messages) > 0 && t.Messages[len(t.Messages)-1].Role == "assistant" {
		d.Status = upstream.StatusWaiting
	}
	return d
}

// readStore is a store that proves ownership and carries the link.
type readStore struct {
	rowStore
	links map[string][2]string // conversation -> contact, account
}

func (s *readStore) Conversation(ctx context.Context, id string) (upstream.Conversation, error) {
	if err := s.call(ctx, upstream.OpConversation); err != nil {
		return upstream.Conversation{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.rows {
		if c.ID == id {
			return s.linked(c), nil
		}
	}
	return upstream.Conversation{}, &upstream.Error{Kind: upstream.NotFound, Op: upstream.OpConversation}
}

func (s *readStore) List(ctx context.Context, q upstream.ListQuery) (upstream.Page, error) {
	page, err := s.rowStore.List(ctx, q)
	for i := range page.Rows {
		page.Rows[i] = s.linked(page.Rows[i])
	}
	return page, err
}

func (s *readStore) linked(c upstream.Conversation) upstream.Conversation {
	c.Linked = true
	if l, ok := s.links[c.ID]; ok {
		c.ContactID, c.AccountID = optional(l[0]), optional(l[1])
	}
	return c
}

func (s *readStore) AttentionItems(ctx context.Context, id string) ([]upstream.AttentionItem, error) {
	if err := s.call(ctx, upstream.OpAttention); err != nil {
		return nil, err
	}
	return []upstream.AttentionItem{{ID: "att-1", TenantID: tenantID, ConversationID: id, Type: "escalation", Status: "open"}}, nil
}

// fakeCRM answers from two maps.
type fakeCRM struct {
	calls
	contacts map[string]upstream.Contact
	accounts map[string]upstream.Account
	batches  []int // sizes of the batches asked, finds included; guarded by calls.mu
}

func (c *fakeCRM) batch(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.batches = append(c.batches, n)
}

func (c *fakeCRM) Contacts(ctx context.Context, ids []string) (map[string]upstream.Contact, error) {
	c.batch(len(ids))
	if err := c.call(ctx, upstream.OpContacts); err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return pickRecords(c.contacts, ids), nil
}

func (c *fakeCRM) Accounts(ctx context.Context, ids []string) (map[string]upstream.Account, error) {
	c.batch(len(ids))
	if err := c.call(ctx, upstream.OpAccounts); err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return pickRecords(c.accounts, ids), nil
}

func pickRecords[R any](all map[string]R, ids []string) map[string]R {
	out := map[string]R{}
	for _, id := range ids {
		if r, ok := all[id]; ok {
			out[id] = r
		}
	}
	return out
}

func (c *fakeCRM) FindContacts(ctx context.Context, by upstream.Lookup, values []string) (map[string][]upstream.Contact, error) {
	c.batch(len(values))
	if err := c.call(ctx, upstream.OpFind); err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	out := map[string][]upstream.Contact{}
	for _, v := range values {
		for _, contact := range c.contacts {
			got := map[upstream.Lookup]*string{upstream.ByEmail: contact.Email, upstream.ByPhone: contact.Phone, upstream.ByExternalRef: contact.ExternalRef}[by]
			if deref(got) == v {
				out[v] = append(out[v], contact)
			}
		}
	}
	return out, nil
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func message(id string, i int, role string) upstream.Message {
	return upstream.Message{ID: fmt.Sprintf("%s-%d", id, i), Role: role, Content: "text of " + id, FunctionCalls: []upstream.FunctionCall{}}
}

// conv makes conversation n. Its external identifier is ref-n.
func conv(n int) upstream.Conversation {
	at := upstream.At(time.Date(2026, 1, 1, 0, 0, n, 0, time.UTC))
	kind, ref := "api", fmt.Sprintf("ref-%d", n)
	on := true
	return upstream.Conversation{
		ID: fmt.Sprintf("conv-%d", n), TenantID: tenantID, Status: upstream.StatusActive, MessageCount: 2,
		CreatedAt: at, UpdatedAt: at, LastMessageAt: &at, Type: &kind, AIEnabled: &on, ExternalIdentifier: &ref,
		Variables: json.RawMessage(`{"plan":"premium"}`),
	}
}

// widget makes conversation n of a kind that no list filter finds.
func widget(n int) upstream.Conversation {
	c := conv(n)
	kind := "widget"
	c.Type, c.ExternalIdentifier, c.Variables = &kind, nil, json.RawMessage("null")
	return c
}
