package native

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weft-gateway/weft/upstream"
)

const id = "c1a2b3c4-5678-9abc-def0-1234567890ab"

// record returns the documented conversation, changed; nil removes a field.
func record(t testing.TB, change map[string]any) string {
	t.Helper()
	r := map[string]any{
		"id": id, "tenantId": testTenant,
		"workspaceId": "w1a2b3c4-5678-9abc-def0-1234567890ab", "channelId": "ch1a2b3c-5678-9abc-def0-1234567890ab",
		"contactId": "ct1a2b3c-5678-9abc-def0-1234567890ab", "accountId": "ac1a2b3c-5678-9abc-def0-1234567890ab",
		"status":  "active",
		"summary": "Customer asked about delivery times for order #4521. Agent confirmed 3-5 business days to Germany.",
		"subject": "Re: Delivery time for order #4521", "outcome": "Delivery timeline confirmed, customer satisfied.",
		"messageCount": 6, "lastMessageAt": "2026-03-25T11:42:00.000Z",
		"createdAt": "2026-03-24T08:15:00.000Z", "updatedAt": "2026-03-25T11:42:00.000Z",
	}
	for k, v := range change {
		if r[k] = v; v == nil {
			delete(r, k)
		}
	}
	b, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// documented is the conversation of record.
func documented() upstream.Conversation {
	last := upstream.At(time.Date(2026, 3, 25, 11, 42, 0, 0, time.UTC))
	return upstream.Conversation{
		ID: id, TenantID: testTenant,
		WorkspaceID: "w1a2b3c4-5678-9abc-def0-1234567890ab", ChannelID: "ch1a2b3c-5678-9abc-def0-1234567890ab",
		ContactID: ptr("ct1a2b3c-5678-9abc-def0-1234567890ab"), AccountID: ptr("ac1a2b3c-5678-9abc-def0-1234567890ab"),
		Status:  upstream.StatusActive,
		Summary: ptr("Customer asked about delivery times for order #4521. Agent confirmed 3-5 business days to Germany."),
		Subject: ptr("Re: Delivery time for order #4521"), Outcome: ptr("Delivery timeline confirmed, customer satisfied."),
		MessageCount: 6, LastMessageAt: &last, UpdatedAt: last,
		CreatedAt: upstream.At(time.Date(2026, 3, 24, 8, 15, 0, 0, time.UTC)),
		Variables: json.RawMessage("null"), Linked: true,
	}
}

type changes = map[string]any

func TestConversation(t *testing.T) {
	with := func(change func(*upstream.Conversation)) *upstream.Conversation {
		c := documented()
		change(&c)
		return &c
	}
	tests := []struct {
		name   string
		change changes
		want   *upstream.Conversation
		kind   upstream.Kind
	}{
		{"documented", nil, with(func(*upstream.Conversation) {}), ""},
		{"what may be absent", changes{"contactId": nil, "accountId": nil, "summary": nil, "subject": nil, "outcome": nil, "lastMessageAt": nil},
			with(func(c *upstream.Conversation) {
				c.ContactID, c.AccountID, c.Summary, c.Subject, c.Outcome, c.LastMessageAt = nil, nil, nil, nil, nil, nil
			}), ""},
		{"no contact", changes{"contactId": json.RawMessage("null"), "accountId": ""},
			with(func(c *upstream.Conversation) { c.ContactID, c.AccountID = nil, nil }), ""},
		{"extras", changes{
			"type": "whatsapp", "aiEnabled": false, "externalIdentifier": "crm-lead-12345", "totalCost": 0.25,
			"variables": changes{"plan": "premium"}, "assistant": changes{"id": "a", "name": "Bot"},
			"whatsappSender": changes{"name": "Acme", "phone": "+1"}, "customer": changes{"phone": "+2"}, "secret": 1,
		}, with(func(c *upstream.Conversation) {
			c.Type, c.AIEnabled, c.ExternalIdentifier, c.TotalCost = ptr("whatsapp"), ptr(false), ptr("crm-lead-12345"), ptr(0.25)
			c.Variables, c.Assistant = json.RawMessage(`{"plan":"premium"}`), &upstream.Assistant{ID: "a", Name: ptr("Bot")}
			c.WhatsappSender = &upstream.Party{Name: ptr("Acme"), Phone: ptr("+1")}
			c.Customer = &upstream.Party{Phone: ptr("+2")}
		}), ""},
		{"another id", changes{"id": "c2"}, nil, upstream.WrongRecord},
		{"another id and tenant", changes{"id": "c2", "tenantId": "t2"}, nil, upstream.WrongRecord},
		{"another tenant", changes{"tenantId": "t2"}, nil, upstream.NotFound},
		{"another tenant and odd", changes{"tenantId": "t2", "status": "odd"}, nil, upstream.NotFound},
		{"no id", changes{"id": nil}, nil, upstream.BadResponse},
		{"no tenant", changes{"tenantId": nil}, nil, upstream.BadResponse},
		{"no workspace", changes{"workspaceId": nil}, nil, upstream.BadResponse},
		{"empty channel", changes{"channelId": ""}, nil, upstream.BadResponse},
		{"long channel", changes{"channelId": strings.Repeat("a", 65)}, nil, upstream.BadResponse},
		{"long contact", changes{"contactId": strings.Repeat("a", 65)}, nil, upstream.BadResponse},
		{"no status", changes{"status": nil}, nil, upstream.BadResponse},
		{"unknown status", changes{"status": "closed"}, nil, upstream.BadResponse},
		{"no count", changes{"messageCount": nil}, nil, upstream.BadResponse},
		{"negative count", changes{"messageCount": -1}, nil, upstream.BadResponse},
		{"huge count", changes{"messageCount": 1 << 53}, nil, upstream.BadResponse},
		{"count in quotes", changes{"messageCount": "6"}, nil, upstream.BadResponse},
		{"no created", changes{"createdAt": nil}, nil, upstream.BadResponse},
		{"updated without zone", changes{"updatedAt": "2026-03-25 11:42:00"}, nil, upstream.BadResponse},
		{"year before 0", changes{"lastMessageAt": "0000-01-01T00:00:00+01:00"}, nil, upstream.BadResponse},
		{"variables are a list", changes{"variables": []int{1}}, nil, upstream.BadResponse},
		{"id is a number", changes{"id": 7}, nil, upstream.BadResponse},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, _, foreign := open(t, say(200, record(t, tt.change)))
			got, err := s.Conversation(t.Context(), id)
			if upstream.KindOf(err) != tt.kind {
				t.Errorf("error %v, want %q", err, tt.kind)
			}
			if tt.want != nil {
				if diff := cmp.Diff(*tt.want, got); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			}
			wantForeign := 0
			if tt.change["tenantId"] == "t2" {
				wantForeign = 1
			}
			if *foreign != wantForeign {
				t.Errorf("%d records of other tenants counted, want %d", *foreign, wantForeign)
			}
		})
	}
}

func TestList(t *testing.T) {
	good := record(t, nil)
	page := func(rows ...string) string { return `{"data":[` + strings.Join(rows, ",") + `],"nextCursor":"n"}` }
	tests := []struct {
		name    string
		cursor  string
		body    string
		rows    int
		foreign int
		kind    upstream.Kind
	}{
		{"one", "", page(good), 1, 0, ""},
		{"without another tenant's", "", page(record(t, changes{"tenantId": "t2", "id": "c2"}), good), 1, 1, ""},
		{"a bad row", "", page(good, record(t, changes{"status": "odd"})), 0, 0, upstream.BadResponse},
		{"a row of a path", "", page(record(t, changes{"id": "a/b"})), 0, 0, upstream.BadResponse},
		{"a null row", "", page("null"), 0, 0, upstream.BadResponse},
		{"leads in a circle", "n", page(good), 0, 0, upstream.BadResponse},
		{"no data", "", `{"nextCursor":null}`, 0, 0, upstream.BadResponse},
		{"a bare list", "", `[` + good + `]`, 0, 0, upstream.BadResponse},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, _, foreign := open(t, say(200, tt.body))
			p, err := s.List(t.Context(), upstream.ListQuery{Cursor: tt.cursor})
			if upstream.KindOf(err) != tt.kind || len(p.Rows) != tt.rows || *foreign != tt.foreign {
				t.Errorf("%d rows, %d foreign, error %v; want %d, %d, %q", len(p.Rows), *foreign, err, tt.rows, tt.foreign, tt.kind)
			}
		})
	}
	s, _, _ := open(t, say(404, `{"error":"no such path"}`))
	if _, err := s.List(t.Context(), upstream.ListQuery{}); upstream.KindOf(err) != upstream.BadResponse {
		t.Errorf("a list that is not found: %v, want bad_response", err)
	}
}

func TestQuery(t *testing.T) {
	s, faults, _ := open(t, say(200, `{"data":[]}`))
	_, err := s.List(t.Context(), upstream.ListQuery{PerPage: 15, Cursor: "a+b", Filters: map[upstream.Filter]string{
		upstream.FilterStatus: "new", upstream.FilterWorkspace: "w1", upstream.FilterContact: "ct1", upstream.FilterCustomerPhone: "+1",
	}})
	want := "contact_id=ct1&cursor=a%2Bb&customer_phone=%2B1&per_page=15&status=new&workspace_id=w1"
	if calls := faults.Calls(); err != nil || len(calls) != 1 || calls[0].RawQuery != want {
		t.Errorf("calls %v, error %v, want one with %q", calls, err, want)
	}
	if len(slices.Compact(s.Filters())) != 8 {
		t.Errorf("filters %v", s.Filters())
	}
}

func TestThread(t *testing.T) {
	tests := []struct {
		name string
		body string
		ok   bool
	}{
		{"none", `{"data":[]}`, true},
		{"no data", `{}`, false},
		{"null data", `{"data":null}`, false},
		{"null message", `{"data":[null]}`, false},
		{"no id", `{"data":[{"role":"user","content":"x"}]}`, false},
		{"no role", `{"data":[{"id":"m1","content":"x"}]}`, false},
		{"a bad time", `{"data":[{"id":"m1","role":"user","createdAt":"yesterday"}]}`, false},
		{"a year before 0", `{"data":[{"id":"m1","role":"user","createdAt":"0000-01-01T00:00:00+01:00"}]}`, false},
		{"null call", `{"data":[{"id":"m1","role":"user","functionCalls":[null]}]}`, false},
	}
	for _, tt := range tests {
		s, _, _ := open(t, say(200, tt.body))
		got, err := s.Thread(t.Context(), id)
		if tt.ok && (err != nil || got.Messages == nil) || !tt.ok && upstream.KindOf(err) != upstream.BadResponse {
			t.Errorf("%s: %+v, error %v", tt.name, got, err)
		}
		if diff := cmp.Diff(upstream.Hints{}, got.Hints); diff != "" {
			t.Errorf("%s: hints:\n%s", tt.name, diff)
		}
	}
}

// A message need not say whose it is, but what it says is checked.
func TestThreadOfSomebodyElse(t *testing.T) {
	for name, tt := range map[string]struct {
		owner   string
		kind    upstream.Kind
		foreign int
	}{
		"says nothing":            {``, "", 0},
		"its own":                 {`,"tenantId":"` + testTenant + `","conversationId":"` + id + `"`, "", 0},
		"of another tenant":       {`,"tenantId":"t2"`, upstream.WrongRecord, 1},
		"of another conversation": {`,"tenantId":"` + testTenant + `","conversationId":"c2"`, upstream.WrongRecord, 0},
	} {
		s, _, foreign := open(t, say(200, `{"data":[{"id":"m1","role":"user","content":"x"},{"id":"m2","role":"user","content":"y"`+tt.owner+`}]}`))
		got, err := s.Thread(t.Context(), id)
		if upstream.KindOf(err) != tt.kind || *foreign != tt.foreign || (err == nil) != (len(got.Messages) == 2) {
			t.Errorf("%s: %d messages, %d foreign, error %v", name, len(got.Messages), *foreign, err)
		}
	}
}

func TestAttentionItems(t *testing.T) {
	item := func(changed string) string {
		return `{"id":"ai1","tenantId":"` + testTenant + `","conversationId":"` + id + `","type":"validation_failed",
			"reason":"VAT number not found","status":"resolved","createdAt":"2026-03-25T11:42:00.000Z",
			"resolvedAt":"2026-03-25T12:00:00.000Z"` + changed + `}`
	}
	at := upstream.At(time.Date(2026, 3, 25, 11, 42, 0, 0, time.UTC))
	done := upstream.At(time.Date(2026, 3, 25, 12, 0, 0, 0, time.UTC))
	whole := upstream.AttentionItem{
		ID: "ai1", TenantID: testTenant, ConversationID: id, Type: "validation_failed", Reason: ptr("VAT number not found"),
		Status: "resolved", CreatedAt: at, ResolvedAt: &done,
	}
	tests := []struct {
		name    string
		items   string
		want    []upstream.AttentionItem
		foreign int
		kind    upstream.Kind
	}{
		{"none", ``, []upstream.AttentionItem{}, 0, ""},
		{"one", item(``), []upstream.AttentionItem{whole}, 0, ""},
		{"without another tenant's", item(`,"tenantId":"t2"`) + "," + item(``), []upstream.AttentionItem{whole}, 1, ""},
		{"of another conversation", item(`,"conversationId":"c2"`), nil, 0, upstream.WrongRecord},
		{"no tenant", item(`,"tenantId":null`), nil, 0, upstream.BadResponse},
		{"no id", item(`,"id":null`), nil, 0, upstream.BadResponse},
		{"no type", item(`,"type":""`), nil, 0, upstream.BadResponse},
		{"no status", item(`,"status":null`), nil, 0, upstream.BadResponse},
		{"no time", item(`,"createdAt":null`), nil, 0, upstream.BadResponse},
		{"null", `null`, nil, 0, upstream.BadResponse},
	}
	for _, tt := range tests {
		s, _, foreign := open(t, say(200, `{"data":[`+tt.items+`]}`))
		got, err := s.AttentionItems(t.Context(), id)
		if diff := cmp.Diff(tt.want, got); upstream.KindOf(err) != tt.kind || diff != "" {
			t.Errorf("%s: error %v, want %q (-want +got):\n%s", tt.name, err, tt.kind, diff)
		}
		if *foreign != tt.foreign {
			t.Errorf("%s: %d of other tenants counted, want %d", tt.name, *foreign, tt.foreign)
		}
	}
}

func TestDerive(t *testing.T) {
	s, _, _ := open(t, say(200, ""))
	c := documented()
	c.Status, c.AIEnabled = upstream.StatusResolved, ptr(false)
	got := s.Derive(&c, nil)
	if got.Status != upstream.StatusResolved || got.AttentionItems == nil || len(got.AttentionItems) != 0 {
		t.Errorf("derived %+v", got)
	}
}

func TestNew(t *testing.T) {
	if _, err := New(nil, Config{TenantID: "t"}); err == nil {
		t.Error("no client: no error")
	}
	s, _, _ := open(t, say(200, ""))
	if _, err := New(s.client, Config{}); err == nil {
		t.Error("no tenant: no error")
	}
	if s, err := New(s.client, Config{TenantID: "t"}); err != nil {
		t.Error(err)
	} else {
		s.foreign() // may be left out
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(record(f, nil)))
	f.Add([]byte(`{"data":[` + record(f, changes{"tenantId": "t2"}) + `,` + record(f, nil) + `]}`))
	f.Add([]byte(`{"data":[{"id":"m1","role":"user","functionCalls":[{"result":1e999}]}]}`))
	f.Add([]byte(`{"data":[{"id":"a","tenantId":"` + testTenant + `","conversationId":"` + id + `","type":"t","status":"s","createdAt":"2026-03-25T11:42:00Z"}]}`))
	s := &Store{tenant: testTenant, foreign: func() {}}
	f.Fuzz(func(t *testing.T, body []byte) {
		writable := func(v any) {
			if b, err := json.Marshal(v); err != nil || !json.Valid(b) {
				t.Errorf("a record that is no JSON: %v", err)
			}
		}
		if c, err := s.conversation(id, body); err == nil {
			writable(c)
			if c.ID != id || c.TenantID != testTenant {
				t.Errorf("conversation %q of %q", c.ID, c.TenantID)
			}
		}
		if p, err := s.page(body, ""); err == nil {
			for _, c := range p.Rows {
				writable(c)
				if !upstream.ValidID(c.ID) || c.TenantID != testTenant {
					t.Errorf("row %q of %q", c.ID, c.TenantID)
				}
			}
		}
		if th, err := s.thread(id, body); err == nil {
			writable(th)
		}
		if items, err := s.attentionItems(id, body); err == nil {
			for _, a := range items {
				writable(a)
				if a.ConversationID != id || a.TenantID != testTenant {
					t.Errorf("item of %q of %q", a.ConversationID, a.TenantID)
				}
			}
		}
	})
}
