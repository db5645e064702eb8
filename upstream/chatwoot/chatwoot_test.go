package chatwoot

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weft-gateway/weft/upstream"
	"github.com/weft-gateway/weft/upstream/client"
	"github.com/weft-gateway/weft/upstream/upstreamtest"
)

type changes = map[string]any

// record returns a conversation as the server sends it, changed; nil removes a
// field, and null is JSON's.
func record(t testing.TB, change changes) string {
	t.Helper()
	b := newServer(1)
	b.convs[0].id, b.convs[0].assigned = 42, true
	r := b.convs[0].json()
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
	at := upstream.At(time.Unix(day, 0))
	return upstream.Conversation{
		ID: "42", TenantID: testTenant, ChannelID: "4", Inbox: "4", Status: upstream.StatusHumanManaged,
		MessageCount: 1, LastMessageAt: &at, CreatedAt: upstream.At(time.Unix(day-3600, 0)),
		UpdatedAt: upstream.At(time.UnixMilli(day*1000 + 250)), Type: ptr("whatsapp"), ExternalIdentifier: ptr("ref-0"),
		Variables: json.RawMessage(`{"crm_contact_id":501,"email":"jane0@example.com","plan":"premium"}`),
		Customer:  &upstream.Party{Name: ptr("Jane 0"), Phone: ptr("+14155559876")},
	}
}

func TestConversation(t *testing.T) {
	with := func(f func(*upstream.Conversation)) *upstream.Conversation {
		c := documented()
		f(&c)
		return &c
	}
	bare := func(c *upstream.Conversation) {
		c.Type, c.ExternalIdentifier, c.Customer = nil, nil, nil
		c.Variables = json.RawMessage(`{"plan":"premium"}`)
		c.Status = upstream.StatusNew
	}
	tests := []struct {
		name   string
		change changes
		want   *upstream.Conversation
		kind   upstream.Kind
	}{
		{"documented", nil, with(func(*upstream.Conversation) {}), ""},
		{"no meta", changes{"meta": nil}, with(bare), ""},
		{"null meta", changes{"meta": null}, with(bare), ""},
		{"a list for meta", changes{"meta": []int{1}}, with(bare), ""},
		{"no sender", changes{"meta": changes{"sender": null}}, with(bare), ""},
		{"sender of nulls", changes{"meta": changes{"sender": changes{"email": null, "name": 5, "custom_attributes": []int{}}}}, with(bare), ""},
		{"an older server", changes{"updated_at": nil}, with(func(c *upstream.Conversation) { c.UpdatedAt = *c.LastMessageAt }), ""},
		{"by e-mail", changes{"additional_attributes": changes{"mail_subject": "Order 5", "secret": "canary"}},
			with(func(c *upstream.Conversation) { c.Subject = ptr("Order 5") }), ""},
		{"no message yet", changes{"last_non_activity_message": null},
			with(func(c *upstream.Conversation) { c.MessageCount, c.LastMessageAt = 0, nil }), ""},
		{"no inbox", changes{"inbox_id": null}, with(func(c *upstream.Conversation) { c.ChannelID, c.Inbox = "", "" }), ""},
		{"id in quotes", changes{"id": "42"}, with(func(*upstream.Conversation) {}), ""},
		{"a state of tomorrow", changes{"status": "archived"}, with(func(*upstream.Conversation) {}), ""},
		{"another id", changes{"id": 43}, nil, upstream.WrongRecord},
		{"another account", changes{"account_id": 8}, nil, upstream.WrongRecord},
		{"no id", changes{"id": nil}, nil, upstream.BadResponse},
		{"id of a path", changes{"id": "../42"}, nil, upstream.BadResponse},
		{"huge id", changes{"id": json.RawMessage(strings.Repeat("9", 70))}, nil, upstream.BadResponse},
		{"no activity", changes{"last_activity_at": null}, nil, upstream.BadResponse},
		{"created in the year 10000", changes{"created_at": 253402300800}, nil, upstream.BadResponse},
		{"created at a word", changes{"created_at": "yesterday"}, nil, upstream.BadResponse},
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
	tests := []struct {
		state             string
		assigned, replied bool
		want              upstream.Status
	}{
		{"open", false, false, upstream.StatusNew},
		{"open", true, false, upstream.StatusHumanManaged},
		{"open", false, true, upstream.StatusHumanManaged},
		{"pending", true, true, upstream.StatusActive},
		{"snoozed", false, false, upstream.StatusWaiting},
		{"resolved", true, true, upstream.StatusResolved},
	}
	for _, tt := range tests {
		b := newServer(1)
		c := b.convs[0]
		c.status, c.assigned, c.replied = tt.state, tt.assigned, tt.replied
		s, _ := open(t, b)
		got, err := s.Conversation(t.Context(), "1")
		if err != nil || got.Status != tt.want || s.Derive(&got, nil).Status != tt.want {
			t.Errorf("%+v: %s, error %v", tt, got.Status, err)
		}
	}
}

// What is not asked for by configuration never passes, in any form.
func TestNothingElsePasses(t *testing.T) {
	b := newServer(30)
	s, _ := open(t, b)
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

func TestListRefuses(t *testing.T) {
	page := func(rows ...string) string {
		return `{"data":{"meta":{"all_count":1},"payload":[` + strings.Join(rows, ",") + `]}}`
	}
	tests := []struct {
		name, body string
		kind       upstream.Kind
	}{
		{"a null row", page("null"), upstream.BadResponse},
		{"a row of a path", page(record(t, changes{"id": "a/b"})), upstream.BadResponse},
		{"another account's row", page(record(t, changes{"account_id": 8})), upstream.WrongRecord},
		{"null payload", `{"data":{"payload":null}}`, upstream.BadResponse},
		{"no data", `{"data":null}`, upstream.BadResponse},
		{"a bare list", `[` + record(t, nil) + `]`, upstream.BadResponse},
	}
	for _, tt := range tests {
		s, _ := open(t, say(200, tt.body))
		if p, err := s.List(t.Context(), upstream.ListQuery{}); upstream.KindOf(err) != tt.kind || len(p.Rows) > 0 {
			t.Errorf("%s: %d rows, error %v, want %q", tt.name, len(p.Rows), err, tt.kind)
		}
	}
	s, faults := open(t, newServer(5))
	if _, err := s.List(t.Context(), upstream.ListQuery{Filters: map[upstream.Filter]string{upstream.FilterType: "api"}}); upstream.KindOf(err) != upstream.UpstreamError {
		t.Errorf("a filter that is none: %v", err)
	}
	_, err := s.List(t.Context(), upstream.ListQuery{Filters: map[upstream.Filter]string{upstream.FilterStatus: "open"}})
	if _, refused := errors.AsType[*upstream.FilterError](err); !refused || len(faults.Calls()) != 0 {
		t.Errorf("a status that is none: %v", err)
	}
	s, _ = open(t, say(404, `{"error":"Resource could not be found"}`))
	if _, err := s.List(t.Context(), upstream.ListQuery{}); upstream.KindOf(err) != upstream.BadResponse {
		t.Errorf("an account that is not there: %v", err)
	}
}

func TestThread(t *testing.T) {
	b := newServer(1)
	c := b.convs[0]
	c.messages = []fakeMessage{
		{id: 5, at: day, kind: incoming, content: "Look", files: []jsonObject{
			{"file_type": "image", "data_url": "https://chat.example/rails/blobs/TOKEN/my%20photo.png?x=TOKEN"},
			{"file_type": "location", "fallback_title": "Main Street 1", "data_url": "https://TOKEN"},
			{},
		}},
		{id: 6, at: day, kind: outgoing, content: "by a bot", sender: jsonObject{"type": "agent_bot"}},
		{id: 7, at: day, kind: outgoing, content: "by a person", sender: jsonObject{"type": "user"}},
		{id: 8, at: day, kind: activity, content: "Ann joined"},
		{id: 9, at: day, kind: template, content: "How did we do?"},
		{id: 10, at: day, kind: incoming, content: nil},
		{id: 11, at: day, kind: outgoing, content: "a note", private: true},
	}
	s, _ := open(t, b)
	th, err := s.Thread(t.Context(), "1")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range th.Messages {
		got = append(got, m.ID+" "+m.Role+": "+m.Content)
	}
	want := []string{
		"5 user: Look\n[image my photo.png]\n[location Main Street 1]\n[file]",
		"6 assistant: by a bot", "7 agent: by a person", "8 system: Ann joined", "9 assistant: How did we do?", "10 user: ",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestThreadRefuses(t *testing.T) {
	one := func(m string) string { return `{"payload":[{"id":1,"content":"x","message_type":0},` + m + `]}` }
	tests := []struct {
		name, body string
		kind       upstream.Kind
	}{
		{"a flag that is odd", one(`{"id":2,"content":"canary","private":"no"}`), ""},
		{"null", one(`null`), upstream.BadResponse},
		{"no id", one(`{"content":"x"}`), upstream.BadResponse},
		{"of another conversation", one(`{"id":2,"conversation_id":2}`), upstream.WrongRecord},
		{"of an odd conversation", one(`{"id":2,"conversation_id":{}}`), upstream.WrongRecord},
		{"no payload", `{"meta":{}}`, upstream.BadResponse},
	}
	for _, tt := range tests {
		s, _ := open(t, say(200, tt.body))
		th, err := s.Thread(t.Context(), "1")
		raw, _ := json.Marshal(th)
		if upstream.KindOf(err) != tt.kind || strings.Contains(string(raw), "canary") {
			t.Errorf("%s: %s, error %v", tt.name, raw, err)
		}
	}
}

// A thread is read 100 messages at a time, and one that is too long is refused
// rather than cut.
func TestThreadPages(t *testing.T) {
	for _, tt := range []struct{ messages, calls int }{{0, 1}, {99, 1}, {100, 2}, {250, 3}, {1999, 20}, {2000, 20}} {
		b := newServer(1)
		c := b.convs[0]
		c.messages = nil
		for i := range tt.messages {
			c.messages = append(c.messages, fakeMessage{id: i + 1, at: day, kind: incoming, content: strconv.Itoa(i)})
		}
		s, faults := open(t, b)
		th, err := s.Thread(t.Context(), "1")
		calls := len(faults.Calls())
		if tt.messages >= messagePage*threadPages {
			if upstream.KindOf(err) != upstream.BadResponse || calls != threadPages {
				t.Errorf("%d messages: %d calls, error %v", tt.messages, calls, err)
			}
			continue
		}
		if err != nil || len(th.Messages) != tt.messages || calls != tt.calls {
			t.Errorf("%d messages: got %d by %d calls, want %d; error %v", tt.messages, len(th.Messages), calls, tt.calls, err)
		}
	}
}

// A token that ends is the tenant's own trouble, and a quota closes the gate
// for as long as the server says.
func TestTokenAndQuota(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newServer(30)
		s, faults := open(t, b)
		list := func() error { _, err := s.List(t.Context(), upstream.ListQuery{PerPage: 10}); return err }
		if err := list(); err != nil {
			t.Fatal(err)
		}
		b.token = "another"
		for range 30 {
			if err := list(); upstream.KindOf(err) != upstream.Denied {
				t.Fatal(err)
			}
		}
		b.token = testToken
		if err := list(); err != nil {
			t.Errorf("after the token is good again: %v", err)
		}
		faults.Set(upstreamtest.Answer(http.StatusTooManyRequests, "Retry later\n", "Retry-After", "20"))
		if err := list(); upstream.RetryAfter(err) != 20*time.Second {
			t.Errorf("quota used up: %v", err)
		}
		faults.Set(nil)
		faults.Calls()
		time.Sleep(19 * time.Second)
		if err := list(); upstream.KindOf(err) != upstream.RateLimited || len(faults.Calls()) != 0 {
			t.Errorf("after 19 s: %v", err)
		}
		time.Sleep(time.Second)
		if err := list(); err != nil {
			t.Errorf("after 20 s: %v", err)
		}
	})
}

func TestNew(t *testing.T) {
	s, _ := open(t, say(200, ""))
	good := Config{TenantID: "t", Account: "1"}
	if _, err := New(s.client, good); err != nil {
		t.Error(err)
	}
	for i, tt := range []struct {
		c      *client.Client
		change func(*Config)
	}{
		{nil, func(*Config) {}},
		{s.client, func(c *Config) { c.TenantID = "" }},
		{s.client, func(c *Config) { c.Account = "" }},
		{s.client, func(c *Config) { c.Account = "1/../2" }},
		{s.client, func(c *Config) { c.Account = "01" }},
		{s.client, func(c *Config) { c.Variables = map[string]string{"a": "sender.x"} }},
		{s.client, func(c *Config) { c.Variables = map[string]string{"a": "contact."} }},
	} {
		cfg := good
		tt.change(&cfg)
		if _, err := New(tt.c, cfg); err == nil {
			t.Errorf("%d: no error", i)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(record(f, nil)))
	f.Add([]byte(`{"data":{"meta":{"all_count":1e400},"payload":[` + record(f, nil) + `]}}`))
	f.Add([]byte(`{"payload":[{"id":1,"content":"x","message_type":1,"private":false,"attachments":[{"data_url":"http://a/b/c"}]}]}`))
	f.Add([]byte(`{"payload":[{"id":99999999999999999999,"created_at":-1e99}]}`))
	s := &Store{tenant: testTenant, account: testAccount, variables: map[string]attribute{"plan": {ofConversation, "plan"}}}
	f.Fuzz(func(t *testing.T, body []byte) {
		check := func(c upstream.Conversation) {
			if raw, err := json.Marshal(c); err != nil || !upstream.ValidID(c.ID) || c.TenantID != testTenant {
				t.Errorf("%s: %v", raw, err)
			}
			var vars map[string]json.RawMessage
			_ = json.Unmarshal(c.Variables, &vars)
			for name := range vars {
				if name != "plan" && name != "email" {
					t.Errorf("variable %q passed", name)
				}
			}
		}
		if got, err := object(body); err == nil {
			if c, err := s.conversation(got); err == nil {
				check(c)
			}
		}
		if got, err := s.decodeSheet(body, 1); err == nil {
			for _, r := range got.rows {
				check(r.Conversation)
			}
		}
		if got, err := decodeMessages(body, "1", "0"); err == nil {
			if raw, err := json.Marshal(got.messages); err != nil {
				t.Errorf("%s: %v", raw, err)
			}
		}
	})
}
