package native

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/weft-gateway/weft/upstream"
	"github.com/weft-gateway/weft/upstream/client"
	"github.com/weft-gateway/weft/upstream/upstreamtest"
)

const (
	testTenant = "a0b1c2d3-4567-89ab-cdef-0123456789ab"
	testToken  = "secret"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func ptr[T any](v T) *T { return &v }

// open returns a store on a server that is in the process, and a counter of
// the records of other tenants.
func open(t testing.TB, h http.Handler) (s *Store, faults *upstreamtest.Faults, foreign *int) {
	t.Helper()
	faults, foreign = upstreamtest.NewFaults(t, upstreamtest.Handler(h)), new(int)
	host, err := client.NewHost(client.HostConfig{
		Name: Kind, URL: "http://store.invalid", Deadline: 10 * time.Second, MaxBody: 256 << 10,
		Operations: Operations(), Transport: faults,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(host.Close)
	s, err = New(host.Client(testToken), Config{TenantID: testTenant, Foreign: func() { *foreign++ }})
	if err != nil {
		t.Fatal(err)
	}
	return s, faults, foreign
}

// say returns a server that says one thing.
func say(status int, body string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	})
}

// inbox is a small native store.
type inbox struct {
	rows []map[string]any // latest activity first
}

func newInbox(n int) *inbox {
	b := &inbox{}
	for i := range n {
		row := map[string]any{
			"id": fmt.Sprint("c", i), "tenantId": testTenant, "workspaceId": fmt.Sprint("w", i%2), "channelId": "ch1",
			"status": []string{"new", "active", "waiting", "resolved", "human_managed"}[i%5], "messageCount": 2,
			"createdAt": "2026-03-24T08:15:00.000Z", "updatedAt": "2026-03-25T11:42:00Z",
			"lastMessageAt": "2026-03-25T12:42:00+01:00", "contactId": fmt.Sprint("ct", i%4), "accountId": nil,
		}
		if i%2 == 0 {
			row["type"], row["externalIdentifier"] = "api", fmt.Sprint("ref-", i/4)
			row["assistant"] = map[string]any{"id": fmt.Sprint("bot", i%4), "name": nil}
		} else {
			row["type"] = "whatsapp"
			row["whatsappSender"] = map[string]any{"name": "Acme", "phone": "+14155551234"}
			row["customer"] = map[string]any{"name": nil, "phone": fmt.Sprintf("+1415555%04d", i/4)}
		}
		b.rows = append(b.rows, row)
	}
	return b
}

func (b *inbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "Bearer "+testToken {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	if r.URL.Path == "/conversations" {
		b.list(w, r)
		return
	}
	id, below, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/conversations/"), "/")
	i := slices.IndexFunc(b.rows, func(row map[string]any) bool { return row["id"] == id })
	switch {
	case i < 0:
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, `{"error":"Conversation not found"}`)
	case below == "messages":
		fmt.Fprint(w, `{"data":[{"id":"m1","role":"user","content":"Hi","createdAt":"2026-03-24T08:15:00Z"},
			{"id":"m2","role":"assistant","content":"Hello","functionCalls":[{"name":"f","arguments":{"a": 1}}]}]}`)
	case below == "attention-items" && i%2 == 0:
		fmt.Fprintf(w, `{"data":[{"id":"ai1","tenantId":%q,"conversationId":%q,"type":"escalation","status":"open",
			"createdAt":"2026-03-25T11:42:00Z"}]}`, testTenant, id)
	case below == "attention-items":
		fmt.Fprint(w, `{"data":[]}`)
	default:
		_ = json.NewEncoder(w).Encode(b.rows[i])
	}
}

func (b *inbox) list(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	inner := func(row map[string]any, field, of string) any {
		m, _ := row[field].(map[string]any)
		return m[of]
	}
	rows := slices.DeleteFunc(slices.Clone(b.rows), func(row map[string]any) bool {
		differs := func(name string, value any) bool { return q.Has(name) && value != q.Get(name) }
		return differs("type", row["type"]) || differs("status", row["status"]) ||
			differs("workspace_id", row["workspaceId"]) || differs("contact_id", row["contactId"]) ||
			differs("external_identifier", row["externalIdentifier"]) ||
			differs("assistant_id", inner(row, "assistant", "id")) ||
			differs("customer_phone", inner(row, "customer", "phone")) ||
			differs("whatsapp_sender_phone", inner(row, "whatsappSender", "phone"))
	})
	per, _ := strconv.Atoi(q.Get("per_page"))
	start, _ := strconv.Atoi(q.Get("cursor"))
	end := min(start+per, len(rows))
	out := map[string]any{"data": rows[min(start, end):end], "nextCursor": nil}
	if end < len(rows) {
		out["nextCursor"] = strconv.Itoa(end)
	}
	if start > 0 {
		out["prevCursor"] = strconv.Itoa(max(start-per, 0))
	}
	_ = json.NewEncoder(w).Encode(out)
}

func TestConformance(t *testing.T) {
	upstreamtest.TestStore(t, func(t testing.TB) upstreamtest.StoreCase {
		b := newInbox(23)
		s, faults, _ := open(t, b)
		c := upstreamtest.StoreCase{Store: s, Faults: faults, Unknown: "nobody"}
		for _, row := range b.rows {
			c.IDs = append(c.IDs, row["id"].(string))
		}
		asked := upstream.At(time.Date(2026, 3, 24, 8, 15, 0, 0, time.UTC))
		c.Threads = map[string][]upstream.Message{"c0": {
			{ID: "m1", Role: "user", Content: "Hi", CreatedAt: &asked, FunctionCalls: []upstream.FunctionCall{}},
			{ID: "m2", Role: "assistant", Content: "Hello", FunctionCalls: []upstream.FunctionCall{
				{Name: "f", Arguments: json.RawMessage(`{"a":1}`), Result: json.RawMessage("null")},
			}},
		}}
		c.Attention = map[string][]string{"c0": {"ai1"}, "c1": nil}
		return c
	})
}
