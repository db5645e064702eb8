package intercom

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weft-gateway/weft/upstream"
	"github.com/weft-gateway/weft/upstream/client"
)

// record returns a conversation as Intercom sends it, changed; nil removes a
// field, and null is JSON's.
func record(t testing.TB, change jsonObject) string {
	t.Helper()
	b := newWorkspace(1)
	b.convs[0].id = 42
	r := b.convs[0].whole(true)
	for k, v := range change {
		if r[k] = v; v == nil {
			delete(r, k)
		}
	}
	raw, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

var null = json.RawMessage("null")

func documented() upstream.Conversation {
	created := upstream.At(time.Unix(day-3600, 0))
	return upstream.Conversation{
		ID: "42", TenantID: testTenant, Status: upstream.StatusNew, MessageCount: 1, LastMessageAt: &created,
		CreatedAt: created, UpdatedAt: upstream.At(time.Unix(day, 0)), Type: ptr("conversation"), ExternalIdentifier: ptr("ref-0"),
		Variables: json.RawMessage(`{"crm_contact_id":501,"email":"jane@example.com"}`),
		Customer:  &upstream.Party{Name: ptr("Jane")},
	}
}

func source(author jsonObject, subject any) jsonObject {
	return jsonObject{"type": "email", "subject": subject, "body": "x", "author": author}
}

func contacts(list ...any) jsonObject { return jsonObject{"type": "contact.list", "contacts": list} }

func TestConversation(t *testing.T) {
	with := func(f func(*upstream.Conversation)) *upstream.Conversation {
		c := documented()
		f(&c)
		return &c
	}
	anonymous := func(c *upstream.Conversation) {
		c.Customer, c.Variables = nil, json.RawMessage(`{"crm_contact_id":501}`)
	}
	one := func(id, ref any) jsonObject { return jsonObject{"id": id, "external_id": ref} }
	tests := []struct {
		name   string
		change jsonObject
		want   *upstream.Conversation
		kind   upstream.Kind
	}{
		{"documented", nil, with(func(*upstream.Conversation) {}), ""},
		{"of a company", jsonObject{"company": jsonObject{"id": "6f", "company_id": "acc-1", "name": "Acme", "secret": "canary"}},
			with(func(c *upstream.Conversation) {
				c.Variables = json.RawMessage(`{"company":"acc-1","crm_contact_id":501,"email":"jane@example.com"}`)
			}), ""},
		{"by e-mail", jsonObject{"source": source(jsonObject{"type": "lead", "name": "Jane", "email": "jane@example.com"}, "<p>Order &amp; more</p>")},
			with(func(c *upstream.Conversation) { c.Type, c.Subject = ptr("email"), ptr("Order & more") }), ""},
		{"subject of markup alone, with a title", jsonObject{"title": "Orders", "source": source(jsonObject{"type": "user", "name": "Jane", "email": "jane@example.com"}, "<p></p>")},
			with(func(c *upstream.Conversation) { c.Type, c.Subject = ptr("email"), ptr("Orders") }), ""},
		{"begun by the company", jsonObject{"source": source(jsonObject{"type": "admin", "name": "canary", "email": "canary@example.com"}, "")},
			with(func(c *upstream.Conversation) { anonymous(c); c.Type = ptr("email") }), ""},
		{"no source", jsonObject{"source": null},
			with(func(c *upstream.Conversation) { anonymous(c); c.Type, c.MessageCount = nil, 0 }), ""},
		{"of several, one began", jsonObject{"contacts": contacts(one("x", "canary"), one("u0", "ref-0"))}, with(func(*upstream.Conversation) {}), ""},
		{"of several, none began", jsonObject{"contacts": contacts(one("x", "canary"), one("y", "canary"))},
			with(func(c *upstream.Conversation) { c.ExternalIdentifier = nil }), ""},
		{"contact without a reference", jsonObject{"contacts": contacts(one("u0", null))},
			with(func(c *upstream.Conversation) { c.ExternalIdentifier = nil }), ""},
		{"null contacts and others", jsonObject{"contacts": null, "statistics": null, "ai_agent": null, "custom_attributes": null, "team_assignee_id": 0},
			with(func(c *upstream.Conversation) {
				c.ExternalIdentifier, c.Variables = nil, json.RawMessage(`{"email":"jane@example.com"}`)
			}), ""},
		{"odd types", jsonObject{"contacts": 1, "statistics": []int{}, "company": "x", "title": 5, "ai_agent_participated": "yes", "team_assignee_id": -1},
			with(func(c *upstream.Conversation) { c.ExternalIdentifier = nil }), ""},
		{"counted", jsonObject{"statistics": jsonObject{"count_conversation_parts": 7, "last_contact_reply_at": day + 5}, "team_assignee_id": 8},
			with(func(c *upstream.Conversation) {
				c.MessageCount, c.LastMessageAt, c.Inbox = 8, ptr(upstream.At(time.Unix(day+5, 0))), "8"
			}), ""},
		{"merged into another", jsonObject{"id": "43"}, nil, upstream.WrongRecord},
		{"no id", jsonObject{"id": nil}, nil, upstream.BadResponse},
		{"id of a path", jsonObject{"id": "../42"}, nil, upstream.BadResponse},
		{"created at a word", jsonObject{"created_at": "now"}, nil, upstream.BadResponse},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, _ := open(t, say(200, record(t, tt.change)))
			got, err := s.Conversation(t.Context(), "42")
			if upstream.KindOf(err) != tt.kind {
				t.Errorf("error %v, want %q", err, tt.kind)
			}
			if tt.want != nil {
				if diff := cmp.Diff(*tt.want, got); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			}
		})
	}
}

func TestStatus(t *testing.T) {
	agent := func(state any) jsonObject {
		return jsonObject{"ai_agent_participated": true, "ai_agent": jsonObject{"resolution_state": state}}
	}
	tests := []struct {
		name   string
		change jsonObject
		want   upstream.Status
		items  int
	}{
		{"nobody yet", nil, upstream.StatusNew, 0},
		{"the agent answers", agent(null), upstream.StatusActive, 0},
		{"the agent has answered", agent("assumed_resolution"), upstream.StatusActive, 0},
		{"left to people", agent("escalated"), upstream.StatusHumanManaged, 1},
		{"assigned", jsonObject{"admin_assignee_id": 5}, upstream.StatusHumanManaged, 0},
		{"assigned to nobody", jsonObject{"admin_assignee_id": 0}, upstream.StatusNew, 0},
		{"answered", jsonObject{"statistics": jsonObject{"first_admin_reply_at": day}}, upstream.StatusHumanManaged, 0},
		{"snoozed", jsonObject{"state": "snoozed"}, upstream.StatusWaiting, 0},
		{"closed", jsonObject{"state": "closed", "ai_agent": jsonObject{"resolution_state": "escalated"}}, upstream.StatusResolved, 0},
		{"a state of tomorrow", jsonObject{"state": "archived"}, upstream.StatusNew, 0},
	}
	for _, tt := range tests {
		s, _ := open(t, say(200, record(t, tt.change)))
		c, err := s.Conversation(t.Context(), "42")
		d := s.Derive(&c, nil)
		if err != nil || c.Status != tt.want || d.Status != tt.want || len(d.AttentionItems) != tt.items {
			t.Errorf("%s: %s, %d items, error %v; want %s, %d", tt.name, c.Status, len(d.AttentionItems), err, tt.want, tt.items)
		}
	}
	s, _ := open(t, say(200, record(t, agent("assumed_resolution"))))
	if c, err := s.Conversation(t.Context(), "42"); err != nil || c.Outcome == nil || *c.Outcome != "assumed_resolution" {
		t.Errorf("outcome %v, error %v", c.Outcome, err)
	}
}

func TestThread(t *testing.T) {
	b := newWorkspace(1)
	c := b.convs[0]
	file := part(3, "comment", "user", "")
	file["attachments"] = []any{jsonObject{"type": "upload", "name": "a.png", "url": "https://files.example/TOKEN"}}
	fin := part(4, "comment", "admin", "by Fin")
	fin["author"].(jsonObject)["from_ai_agent"] = true
	c.parts = []jsonObject{
		part(1, "comment", "bot", "a bot"), part(2, "note_and_reopen", "admin", "canary"), file, fin,
		part(5, "close", "admin", "Bye"), part(6, "snoozed", "admin", "canary"), part(8, "assignment", "admin", "canary: he never pays"), part(7, "comment", "team", nil),
	}
	c.total = 600
	s, _ := open(t, b)
	th, err := s.Thread(t.Context(), "1001")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range th.Messages {
		got = append(got, m.ID+" "+m.Role+": "+m.Content)
	}
	want := []string{
		"source-1001 user: Hello", "cut-1001 system: Earlier messages are not shown: Intercom gives the newest 500 parts of a conversation.",
		"1 assistant: a bot", "3 user: [file a.png]", "4 assistant: by Fin", "5 agent: Bye",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestThreadRefuses(t *testing.T) {
	parts := func(list string) string {
		return record(t, jsonObject{"conversation_parts": json.RawMessage(list)})
	}
	tests := []struct {
		name, body string
		kind       upstream.Kind
	}{
		{"null", parts("null"), upstream.BadResponse},
		{"a null part", parts(`{"conversation_parts":[null]}`), ""},
		{"a part without id", parts(`{"conversation_parts":[{"part_type":"comment","body":"x"}]}`), upstream.BadResponse},
		{"of another conversation", record(t, jsonObject{"id": 43}), upstream.WrongRecord},
	}
	for _, tt := range tests {
		s, _ := open(t, say(200, tt.body))
		if th, err := s.Thread(t.Context(), "42"); upstream.KindOf(err) != tt.kind {
			t.Errorf("%s: %d messages, error %v, want %q", tt.name, len(th.Messages), err, tt.kind)
		}
	}
}

// What is not asked for by configuration never passes, in any form.
func TestNothingElsePasses(t *testing.T) {
	s, _ := open(t, newWorkspace(30))
	p, err := s.List(t.Context(), upstream.ListQuery{PerPage: 100})
	if err != nil {
		t.Fatal(err)
	}
	th, err := s.Thread(t.Context(), p.Rows[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal([]any{p, th})
	if err != nil || strings.Contains(string(raw), "canary") {
		t.Errorf("something passed that nobody let pass: %v", err)
	}
}

// A token that ends is the tenant's own trouble. The last call of a quota
// closes the gate until the time that its answer names.
func TestTokenAndQuota(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newWorkspace(30)
		s, faults := open(t, b)
		list := func() error { _, err := s.List(t.Context(), upstream.ListQuery{PerPage: 10}); return err }
		b.token = "another"
		for range 30 {
			if err := list(); upstream.KindOf(err) != upstream.Denied {
				t.Fatal(err)
			}
		}
		b.token, b.left, b.reset = testToken, 2, time.Now().Add(9*time.Second).Unix()
		for range 2 {
			if err := list(); err != nil {
				t.Fatal(err)
			}
		}
		if got := s.Limited(); got != 9*time.Second {
			t.Errorf("limited for %v, want 9 s", got)
		}
		faults.Calls()
		if err := list(); upstream.KindOf(err) != upstream.RateLimited || len(faults.Calls()) != 0 {
			t.Errorf("with nothing left: %v", err)
		}
		time.Sleep(9 * time.Second)
		b.left = 1 << 30
		if err := list(); err != nil {
			t.Errorf("in the next window: %v", err)
		}
	})
}

func TestNew(t *testing.T) {
	s, _ := open(t, say(200, ""))
	for i, tt := range []struct {
		c    *client.Client
		cfg  Config
		good bool
	}{
		{s.client, Config{TenantID: "t"}, true},
		{nil, Config{TenantID: "t"}, false},
		{s.client, Config{}, false},
		{s.client, Config{TenantID: "t", Variables: map[string]string{"a": "contact.x"}}, false},
		{s.client, Config{TenantID: "t", Variables: map[string]string{"a": "company"}}, false},
	} {
		if _, err := New(tt.c, tt.cfg); (err == nil) != tt.good {
			t.Errorf("%d: %v", i, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(record(f, nil)))
	f.Add([]byte(`{"conversations":[` + record(f, nil) + `],"pages":{"next":{"starting_after":"x"}}}`))
	f.Add([]byte(`{"id":42,"conversation_parts":{"conversation_parts":[{"id":1,"part_type":"comment","body":"x","created_at":1e400}],"total_count":-1}}`))
	s := &Store{tenant: testTenant, variables: map[string]attribute{"crm": {ofConversation, "crm_id"}}}
	f.Fuzz(func(t *testing.T, body []byte) {
		check := func(c upstream.Conversation) {
			if raw, err := json.Marshal(c); err != nil || !upstream.ValidID(c.ID) || c.TenantID != testTenant {
				t.Errorf("%s: %v", raw, err)
			}
			var vars map[string]json.RawMessage
			_ = json.Unmarshal(c.Variables, &vars)
			for name := range vars {
				if name != "crm" && name != "email" {
					t.Errorf("variable %q passed", name)
				}
			}
		}
		if c, err := one(body, "42", s.conversation); err == nil {
			if check(c); c.ID != "42" {
				t.Errorf("conversation %s", c.ID)
			}
		}
		if p, err := s.page(body, trail{}); err == nil {
			for _, c := range p.Rows {
				check(c)
			}
			if _, ok := readTrail(p.Next); !ok {
				t.Errorf("cursor %q", p.Next)
			}
		}
		if th, err := one(body, "42", thread); err == nil {
			if raw, err := json.Marshal(th.Messages); err != nil {
				t.Errorf("%s: %v", raw, err)
			}
		}
	})
}
