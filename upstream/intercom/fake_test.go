package intercom

import (
	"cmp"
	"encoding/base64"
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
	testTenant = "a0b1c2d3-4567-89ab-cdef-0123456789ab"
	testToken  = "secret"
	day        = 1711324800 // unix seconds
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func ptr[T any](v T) *T { return &v }

type jsonObject = map[string]any

// document is the vendor's own specification, amended by what its examples and
// its service really send.
var document = sync.OnceValues(func() (*upstreamtest.Spec, error) {
	doc, err := os.ReadFile("testdata/openapi.json")
	if err != nil {
		return nil, err
	}
	return upstreamtest.NewSpec(doc, func(doc *openapi3.T) {
		// "nullable" beside a reference has no effect in OpenAPI 3.0, and yet
		// null is what these are where there is nothing.
		for _, name := range []string{"ai_agent", "company", "sla_applied", "conversation_rating", "conversation_first_contact_reply", "conversation_teammates", "starting_after_paging"} {
			if s := doc.Components.Schemas[name]; s != nil {
				s.Value.Nullable = true
			}
		}
		// null is among the values of these; it is no string, which the type demands.
		for _, p := range []string{"last_answer_type", "resolution_state"} {
			doc.Components.Schemas["ai_agent"].Value.Properties[p].Value.Enum = nil
		}
	})
})

// fakeConversation is a conversation of the fake.
type fakeConversation struct {
	id      int
	updated int64
	fields  jsonObject   // beside those that all have
	parts   []jsonObject // oldest first
	total   int          // of parts; 0: as many as there are
}

// workspace is a small Intercom. Its methods may be called from several
// goroutines.
type workspace struct {
	mu    sync.Mutex
	token string
	left  int // calls until the quota is used up
	reset int64
	convs []*fakeConversation
}

func newWorkspace(n int) *workspace {
	b := &workspace{token: testToken, left: 1 << 30}
	for i := range n {
		id := 1000 + n - i
		b.convs = append(b.convs, &fakeConversation{
			id: id, updated: day - int64(i)*60, fields: fields(i),
			parts: []jsonObject{
				part(id*10+1, "comment", "user", "Is it here?"),
				part(id*10+2, "note", "admin", "canary: between us"),
				part(id*10+3, "comment", "admin", "Tomorrow."),
				part(id*10+4, "assignment", "admin", nil),
			},
		})
	}
	return b
}

// fields are what differs between conversations.
func fields(i int) jsonObject {
	f := jsonObject{
		"title": nil, "state": []string{"open", "closed", "snoozed"}[i%3], "open": i%3 == 0,
		"admin_assignee_id": nil, "team_assignee_id": nil, "company": nil, "statistics": nil,
		"ai_agent": nil, "ai_agent_participated": false,
		"source": jsonObject{
			"type": "conversation", "id": fmt.Sprint(70 + i), "delivered_as": "customer_initiated", "subject": "",
			"body": "Hello", "author": jsonObject{"type": "user", "id": fmt.Sprint("u", i), "name": "Jane", "email": "jane@example.com"},
			"attachments": []any{}, "url": nil, "redacted": false,
		},
		"contacts":          jsonObject{"type": "contact.list", "contacts": []any{jsonObject{"type": "contact", "id": fmt.Sprint("u", i), "external_id": fmt.Sprint("ref-", i)}}},
		"custom_attributes": jsonObject{"crm_id": 501 + i, "secret": "canary"},
	}
	if i%2 == 1 {
		f["statistics"] = jsonObject{"type": "conversation_statistics", "count_conversation_parts": 4, "last_contact_reply_at": day - i*60, "first_admin_reply_at": day - i*60}
		f["team_assignee_id"] = 5017691
	}
	return f
}

func part(id int, kind, author string, body any) jsonObject {
	return jsonObject{
		"type": "conversation_part", "id": strconv.Itoa(id), "part_type": kind, "body": body, "created_at": day, "updated_at": day,
		"author": jsonObject{"type": author, "id": "1", "name": "A", "email": "a@example.com"}, "attachments": []any{}, "redacted": false,
	}
}

func (b *workspace) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.left--
	w.Header().Set("X-RateLimit-Limit", "10000")
	w.Header().Set("X-RateLimit-Remaining", strconv.Itoa(max(b.left, 0)))
	w.Header().Set("X-RateLimit-Reset", strconv.FormatInt(b.reset, 10))
	switch {
	case b.left < 0:
		refuse(w, http.StatusTooManyRequests, "rate_limit_exceeded")
	case r.Header.Get("Authorization") != "Bearer "+b.token:
		refuse(w, http.StatusUnauthorized, "unauthorized")
	case r.Header.Get("Intercom-Version") != "2.15":
		refuse(w, http.StatusBadRequest, "intercom_version_invalid")
	case r.URL.Path == "/conversations":
		b.list(w, r)
	default:
		id, _ := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/conversations/"))
		i := slices.IndexFunc(b.convs, func(c *fakeConversation) bool { return c.id == id })
		if i < 0 {
			refuse(w, http.StatusNotFound, "not_found")
			return
		}
		reply(w, http.StatusOK, b.convs[i].whole(r.URL.Query().Get("display_as") == "plaintext"))
	}
}

// list shows the latest updates first, after a place that its cursor names.
func (b *workspace) list(w http.ResponseWriter, r *http.Request) {
	per, err := strconv.Atoi(cmp.Or(r.URL.Query().Get("per_page"), "20"))
	if err != nil || per < 1 || per > 150 {
		refuse(w, http.StatusBadRequest, "parameter_invalid")
		return
	}
	rows := slices.Clone(b.convs)
	slices.SortFunc(rows, func(x, y *fakeConversation) int {
		return cmp.Or(cmp.Compare(y.updated, x.updated), cmp.Compare(y.id, x.id))
	})
	total := len(rows)
	if cursor := r.URL.Query().Get("starting_after"); cursor != "" {
		var updated int64
		var id int
		raw, _ := base64.StdEncoding.DecodeString(cursor)
		if _, err := fmt.Sscanf(string(raw), "[%d,%d]", &updated, &id); err != nil {
			refuse(w, http.StatusBadRequest, "parameter_invalid")
			return
		}
		rows = slices.DeleteFunc(rows, func(c *fakeConversation) bool {
			return c.updated > updated || c.updated == updated && c.id >= id
		})
	}
	pages := jsonObject{"type": "pages", "page": 1, "per_page": per, "total_pages": (total + per - 1) / per}
	if len(rows) > per {
		rows = rows[:per]
		last := rows[per-1]
		pages["next"] = jsonObject{"page": 2, "starting_after": base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "[%d,%d]", last.updated, last.id))}
	}
	list := []any{}
	for _, c := range rows {
		list = append(list, c.row())
	}
	reply(w, http.StatusOK, jsonObject{"type": "conversation.list", "conversations": list, "total_count": total, "pages": pages})
}

func (c *fakeConversation) row() jsonObject {
	out := jsonObject{
		"type": "conversation", "id": strconv.Itoa(c.id), "created_at": c.updated - 3600, "updated_at": c.updated,
		"waiting_since": nil, "snoozed_until": nil, "read": true, "priority": "not_priority", "sla_applied": nil,
		"conversation_rating": nil, "teammates": nil, "tags": jsonObject{"type": "tag.list", "tags": []any{}},
		"linked_objects": jsonObject{"type": "list", "data": []any{}, "total_count": 0, "has_more": false}, "first_contact_reply": nil,
	}
	for k, v := range c.fields {
		out[k] = v
	}
	return out
}

// whole is the conversation with its newest 500 parts.
func (c *fakeConversation) whole(plain bool) jsonObject {
	out := c.row()
	list := []any{}
	for _, p := range c.parts[max(0, len(c.parts)-500):] {
		if body, ok := p["body"].(string); ok && !plain {
			shown := jsonObject{}
			for k, v := range p {
				shown[k] = v
			}
			shown["body"] = "<p>" + body + "</p>"
			p = shown
		}
		list = append(list, p)
	}
	out["conversation_parts"] = jsonObject{"type": "conversation_part.list", "conversation_parts": list, "total_count": cmp.Or(c.total, len(c.parts))}
	return out
}

func refuse(w http.ResponseWriter, status int, code string) {
	reply(w, status, jsonObject{
		"type": "error.list", "request_id": "b14d75ab-7d26-4191-b33f-77ca0a4d4ede",
		"errors": []any{jsonObject{"code": code, "message": "canary"}},
	})
}

func reply(w http.ResponseWriter, status int, body jsonObject) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

// open returns a store on a server that is in the process. What goes over is
// held to the vendor's document where it is a workspace.
func open(t testing.TB, h http.Handler) (*Store, *upstreamtest.Faults) {
	t.Helper()
	if _, real := h.(*workspace); real {
		spec, err := document()
		if err != nil {
			t.Fatal(err)
		}
		h = spec.Handler(t, h)
	}
	faults := upstreamtest.NewFaults(t, upstreamtest.Handler(h))
	host, err := client.NewHost(client.HostConfig{
		Name: Kind, URL: "http://store.invalid", Deadline: 10 * time.Second, MaxBody: 256 << 10,
		Operations: Operations(), Transport: faults, Manners: Manners(),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(host.Close)
	s, err := New(host.Client(testToken), Config{
		TenantID:  testTenant,
		Variables: map[string]string{"crm_contact_id": "conversation.crm_id", "company": "company.company_id"},
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
	upstreamtest.TestStore(t, func(t testing.TB) upstreamtest.StoreCase {
		b := newWorkspace(43)
		s, faults := open(t, b)
		c := upstreamtest.StoreCase{Store: s, Faults: faults, Unknown: "4711"}
		for _, row := range b.convs {
			c.IDs = append(c.IDs, strconv.Itoa(row.id))
		}
		call, at, began := []upstream.FunctionCall{}, upstream.At(time.Unix(day, 0)), upstream.At(time.Unix(day-3600, 0))
		id := c.IDs[0]
		c.Threads = map[string][]upstream.Message{id: {
			{ID: "source-" + id, Role: "user", Content: "Hello", CreatedAt: &began, FunctionCalls: call},
			{ID: id + "1", Role: "user", Content: "Is it here?", CreatedAt: &at, FunctionCalls: call},
			{ID: id + "3", Role: "agent", Content: "Tomorrow.", CreatedAt: &at, FunctionCalls: call},
		}}
		return c
	})
}
