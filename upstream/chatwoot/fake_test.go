package chatwoot

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"go.uber.org/goleak"

	"github.com/weft-gateway/weft/upstream"
	"github.com/weft-gateway/weft/upstream/client"
	"github.com/weft-gateway/weft/upstream/upstreamtest"
)

const (
	testTenant  = "a0b1c2d3-4567-89ab-cdef-0123456789ab"
	testToken   = "secret"
	testAccount = "7"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func ptr[T any](v T) *T { return &v }

type jsonObject = map[string]any

// chatSpec is the vendor's own document, amended by what its server really sends.
var chatSpec = sync.OnceValues(func() (*upstreamtest.Spec, error) {
	doc, err := os.ReadFile("testdata/openapi.json")
	if err != nil {
		return nil, err
	}
	return upstreamtest.NewSpec(doc, func(doc *openapi3.T) {
		s := func(name string) *openapi3.Schema { return doc.Components.Schemas[name].Value }
		c := s("conversation")
		// Where there is nothing, the server sends null.
		upstreamtest.Nullable(c, "snoozed_until", "priority", "sla_policy_id")
		c.Properties["last_non_activity_message"] = nullable(s("message"))
		upstreamtest.Nullable(s("message"), "content", "source_id", "sender_type", "sender_id", "processed_message_content")
		for _, list := range []*openapi3.Schema{
			s("conversation_list").Properties["data"].Value.Properties["payload"].Value.Items.Value.AllOf[2].Value,
			s("conversation_show").AllOf[1].Value,
		} {
			upstreamtest.Nullable(list, "meta.sender.email", "meta.sender.name", "meta.sender.phone_number", "meta.sender.identifier")
		}
		// A time is a number here too; a conversation can be snoozed; a message
		// can come from a template.
		c.Properties["timestamp"].Value.Type = &openapi3.Types{"number"}
		c.Properties["status"].Value.Enum = append(c.Properties["status"].Value.Enum, "snoozed")
		s("message").Properties["message_type"].Value.Enum = []any{0.0, 1.0, 2.0, 3.0}
	})
})

func nullable(s *openapi3.Schema) *openapi3.SchemaRef {
	own := *s
	own.Nullable = true
	return openapi3.NewSchemaRef("", &own)
}

// fakeMessage is a message of the fake.
type fakeMessage struct {
	id      int
	at      int64
	kind    int
	private bool
	content any
	sender  jsonObject
	files   []jsonObject
}

// fakeConversation is a conversation of the fake.
type fakeConversation struct {
	id       int
	at       int64 // last activity
	status   string
	assigned bool
	replied  bool
	channel  string
	inbox    int
	sender   jsonObject
	custom   jsonObject
	messages []fakeMessage
}

// server is a small Chatwoot with one account. Its methods may be called from
// several goroutines.
type server struct {
	mu      sync.Mutex
	token   string
	size    int  // rows of a page
	noTotal bool // leaves out the counts
	convs   []*fakeConversation
}

const day = 1711324800 // unix seconds

func newServer(n int) *server {
	b := &server{token: testToken, size: usualPage}
	for i := range n {
		c := &fakeConversation{
			id: n - i, at: day - int64(i)*60, channel: "Channel::WebWidget", inbox: 3,
			status:   []string{"open", "open", "resolved", "pending", "snoozed"}[i%5],
			assigned: i%5 == 1, custom: jsonObject{"plan": "premium", "internal_note": "canary"},
			sender: jsonObject{
				"id": 100 + i, "name": fmt.Sprint("Jane ", i), "email": nil, "phone_number": nil, "identifier": nil,
				"custom_attributes": jsonObject{"hubspot_id": 501 + i, "secret": "canary"},
			},
		}
		if i%2 == 0 {
			c.sender["email"], c.sender["phone_number"], c.sender["identifier"] = fmt.Sprintf("jane%d@example.com", i), "+14155559876", fmt.Sprint("ref-", i)
			c.channel, c.inbox = "Channel::Whatsapp", 4
		}
		c.messages = []fakeMessage{
			{id: i*1000 + 1, at: c.at - 120, kind: incoming, content: "Hi"},
			{id: i*1000 + 2, at: c.at - 60, kind: outgoing, private: true, content: "canary: a note"},
			{id: i*1000 + 3, at: c.at, kind: outgoing, content: "Hello", sender: jsonObject{"id": 1, "name": "Ann", "type": "user"}},
		}
		b.convs = append(b.convs, c)
	}
	return b
}

func (b *server) find(id int) *fakeConversation {
	for _, c := range b.convs {
		if c.id == id {
			return c
		}
	}
	return nil
}

func (b *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	token, others := r.Header["Api_access_token"], r.Header.Get("Authorization")
	if len(token) != 1 || token[0] != b.token || others != "" {
		reply(w, http.StatusUnauthorized, jsonObject{"error": "Invalid Access Token"})
		return
	}
	below, ok := strings.CutPrefix(r.URL.Path, "/api/v1/accounts/"+testAccount+"/conversations")
	if !ok {
		reply(w, http.StatusNotFound, jsonObject{"error": "Resource could not be found"})
		return
	}
	if below == "" {
		b.list(w, r)
		return
	}
	number, what, _ := strings.Cut(strings.TrimPrefix(below, "/"), "/")
	id, _ := strconv.Atoi(number)
	switch c := b.find(id); {
	case c == nil:
		reply(w, http.StatusNotFound, jsonObject{"error": "Resource could not be found"})
	case what == "messages":
		reply(w, http.StatusOK, jsonObject{"meta": jsonObject{"labels": []string{}}, "payload": c.page(r)})
	default:
		reply(w, http.StatusOK, c.json())
	}
}

// list shows open conversations unless it is told otherwise.
func (b *server) list(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	status := cmp.Or(q.Get("status"), "open")
	var rows []*fakeConversation
	for _, c := range b.convs {
		if status == "all" || c.status == status {
			rows = append(rows, c)
		}
	}
	slices.SortStableFunc(rows, func(x, y *fakeConversation) int { return cmp.Compare(y.at, x.at) })
	page, err := strconv.Atoi(cmp.Or(q.Get("page"), "1"))
	if err != nil || page < 1 {
		page = 1
	}
	payload := []jsonObject{}
	for _, c := range rows[min((page-1)*b.size, len(rows)):min(page*b.size, len(rows))] {
		payload = append(payload, c.json())
	}
	meta := jsonObject{"mine_count": 0, "unassigned_count": 0, "assigned_count": 0, "all_count": len(rows)}
	if b.noTotal {
		meta = jsonObject{}
	}
	reply(w, http.StatusOK, jsonObject{"data": jsonObject{"meta": meta, "payload": payload}})
}

func (c *fakeConversation) json() jsonObject {
	meta := jsonObject{"sender": c.sender, "channel": c.channel, "hmac_verified": false}
	if c.assigned {
		meta["assignee"] = jsonObject{"id": 1, "name": "Ann"}
	}
	replied := 0
	if c.replied {
		replied = day
	}
	out := jsonObject{
		"meta": meta, "id": c.id, "messages": []any{}, "account_id": 7, "uuid": fmt.Sprint("uuid-", c.id),
		"additional_attributes": jsonObject{}, "custom_attributes": c.custom, "inbox_id": c.inbox, "labels": []string{},
		"muted": false, "snoozed_until": nil, "status": c.status, "created_at": c.at - 3600, "timestamp": c.at,
		"updated_at": float64(c.at) + 0.25, "first_reply_created_at": replied, "unread_count": 0, "last_activity_at": c.at,
		"priority": nil, "waiting_since": 0, "sla_policy_id": nil, "last_non_activity_message": nil,
	}
	if n := len(c.messages); n > 0 {
		out["last_non_activity_message"] = c.messages[n-1].json(c.id)
	}
	return out
}

func (m fakeMessage) json(conversation int) jsonObject {
	out := jsonObject{
		"id": m.id, "content": m.content, "inbox_id": 3, "conversation_id": conversation, "message_type": m.kind,
		"content_type": "text", "status": "sent", "content_attributes": jsonObject{}, "created_at": m.at,
		"private": m.private, "source_id": nil,
	}
	if m.sender != nil {
		out["sender"] = m.sender
	}
	if m.files != nil {
		out["attachments"] = m.files
	}
	return out
}

// page is what is asked for of the messages: the newest 20, or 100 after one.
func (c *fakeConversation) page(r *http.Request) []jsonObject {
	list := c.messages
	if q := r.URL.Query(); q.Get("after") != "" {
		after, _ := strconv.Atoi(q.Get("after"))
		list = slices.DeleteFunc(slices.Clone(list), func(m fakeMessage) bool { return m.id <= after })
		list = list[:min(100, len(list))]
	} else {
		list = list[max(0, len(list)-20):]
	}
	out := []jsonObject{}
	for _, m := range list {
		out = append(out, m.json(c.id))
	}
	return out
}

func reply(w http.ResponseWriter, status int, body jsonObject) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

// open returns a store on a server that is in the process. What goes over is
// held to the vendor's document where it is a server.
func open(t testing.TB, h http.Handler) (*Store, *upstreamtest.Faults) {
	t.Helper()
	if _, real := h.(*server); real {
		spec, err := chatSpec()
		if err != nil {
			t.Fatal(err)
		}
		h = spec.Handler(t, h)
	}
	faults := upstreamtest.NewFaults(t, upstreamtest.Handler(h))
	host, err := client.NewHost(client.HostConfig{
		Name: Kind, URL: "http://store.invalid", Deadline: 10 * time.Second, MaxBody: 256 << 10,
		Operations: Operations(), Transport: faults,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(host.Close)
	s, err := New(host.ClientWith(Access(testToken), 0), Config{
		TenantID: testTenant, Account: testAccount,
		Variables: map[string]string{"crm_contact_id": "contact.hubspot_id", "plan": "conversation.plan"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return s, faults
}

// say returns a server that says one thing.
func say(status int, body string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	})
}

func TestConformance(t *testing.T) {
	for _, size := range []int{usualPage, 4} {
		t.Run(fmt.Sprint("pages of ", size), func(t *testing.T) {
			upstreamtest.TestStore(t, func(t testing.TB) upstreamtest.StoreCase {
				b := newServer(30)
				b.size = size
				s, faults := open(t, b)
				c := upstreamtest.StoreCase{Store: s, Faults: faults, Unknown: "4711"}
				for _, row := range b.convs {
					c.IDs = append(c.IDs, strconv.Itoa(row.id))
				}
				at := func(back int64) *upstream.Time { return ptr(upstream.At(time.Unix(day-back, 0))) }
				c.Threads = map[string][]upstream.Message{c.IDs[0]: {
					{ID: "1", Role: "user", Content: "Hi", CreatedAt: at(120), FunctionCalls: []upstream.FunctionCall{}},
					{ID: "3", Role: "agent", Content: "Hello", CreatedAt: at(0), FunctionCalls: []upstream.FunctionCall{}},
				}}
				return c
			})
		})
	}
}
