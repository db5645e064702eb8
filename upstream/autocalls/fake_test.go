package autocalls

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
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
	testToken  = "1|secret"
	botUUID    = "a1b2c3d4-5678-90ab-cdef-1234567890ab"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// open returns a store on a server that is in the process.
func open(t testing.TB, h http.Handler) (*Store, *upstreamtest.Faults) {
	t.Helper()
	faults := upstreamtest.NewFaults(t, upstreamtest.Handler(h))
	host, err := client.NewHost(client.HostConfig{
		Name: Kind, URL: "http://store.invalid", Deadline: 10 * time.Second, MaxBody: 256 << 10,
		Operations: Operations(), Transport: faults,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(host.Close)
	s, err := New(host.Client(testToken), Config{TenantID: testTenant})
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

func testdata(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// account is a small Autocalls: conversations by number, newest first.
type account struct {
	rows    []map[string]any // as listed
	history map[string]string
	byPage  bool // the older generation of the list
}

func newAccount(n int) *account {
	a := &account{history: map[string]string{}}
	for i := range n {
		id := fmt.Sprintf("c%d-7425-40de-944b-zzzzzzzzzzzz", i)
		row := map[string]any{
			"id": id, "assistant_id": botUUID, "assistant_name": "Bot", "type": "widget", "variables": nil,
			"message_count": i % 3, "total_cost": 0.5, "ai_enabled": i%4 != 0,
			"created_at": "2025-01-25 14:30:00", "updated_at": "2025-01-25 14:45:22",
		}
		switch i % 3 {
		case 1:
			row["type"], row["external_identifier"], row["variables"] = "api", fmt.Sprint("lead-", i/6), []any{}
		case 2:
			row["type"] = "whatsapp"
			row["whatsapp_sender"] = map[string]any{"name": "Acme", "phone": "+14155551234"}
			row["customer"] = map[string]any{"phone": fmt.Sprintf("+1415555%04d", i/6)}
		}
		a.rows = append(a.rows, row)
		a.history[id] = `{"status":true,"history":[{"role":"assistant","content":"Hello"},{"role":"user","content":"Hi"}],"variables":null}`
	}
	return a
}

func (a *account) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if id, ok := strings.CutPrefix(r.URL.Path, "/api/conversations/"); ok {
		body, ok := a.history[id]
		if !ok {
			w.WriteHeader(http.StatusNotFound)
			body = `{"status":false,"error":"Conversation not found"}`
		}
		fmt.Fprint(w, body)
		return
	}
	if r.Header.Get("Authorization") != "Bearer "+testToken {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	switch r.URL.Path {
	case "/api/user/conversations":
		a.list(w, r)
	case "/api/user/assistants/get":
		fmt.Fprintf(w, `{"current_page":1,"last_page":1,"data":[{"id":7,"uuid":%q}]}`, botUUID)
	default:
		http.NotFound(w, r)
	}
}

func (a *account) list(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	rows := slices.DeleteFunc(slices.Clone(a.rows), func(row map[string]any) bool {
		phone := func(side string) string {
			p, _ := row[side].(map[string]any)
			s, _ := p["phone"].(string)
			return s
		}
		ref, _ := row["external_identifier"].(string)
		differs := func(name, value string) bool { return q.Has(name) && q.Get(name) != value }
		return differs("type", row["type"].(string)) || differs("assistant_id", "7") ||
			differs("external_identifier", ref) || differs("customer_phone", phone("customer")) ||
			differs("whatsapp_sender_phone", phone("whatsapp_sender"))
	})
	per, _ := strconv.Atoi(q.Get("per_page"))
	var out map[string]any
	if a.byPage {
		page, _ := strconv.Atoi(q.Get("page"))
		page = max(page, 1)
		from, to := min((page-1)*per, len(rows)), min(page*per, len(rows))
		out = map[string]any{"data": rows[from:to], "current_page": page, "last_page": max(1, (len(rows)+per-1)/per)}
	} else {
		start := 0
		if raw, err := base64.StdEncoding.DecodeString(q.Get("cursor")); err == nil && len(raw) > 0 {
			start, _ = strconv.Atoi(string(raw))
		}
		cursor := func(at int, ok bool) any {
			if !ok {
				return nil
			}
			return base64.StdEncoding.EncodeToString([]byte(strconv.Itoa(at)))
		}
		end := min(start+per, len(rows))
		out = map[string]any{
			"data": rows[min(start, end):end], "path": "x", "per_page": per,
			"next_cursor": cursor(end, end < len(rows)), "prev_cursor": cursor(max(start-per, 0), start > 0),
		}
	}
	_ = json.NewEncoder(w).Encode(out)
}

func storeCase(t testing.TB, a *account) upstreamtest.StoreCase {
	s, faults := open(t, a)
	c := upstreamtest.StoreCase{Store: s, Faults: faults, Unknown: "11111111-2222-3333-4444-555555555555"}
	for _, row := range a.rows {
		c.IDs = append(c.IDs, row["id"].(string))
	}
	c.Threads = map[string][]upstream.Message{c.IDs[0]: {
		{Role: "assistant", Content: "Hello", FunctionCalls: []upstream.FunctionCall{}},
		{Role: "user", Content: "Hi", FunctionCalls: []upstream.FunctionCall{}},
	}}
	return c
}

func TestConformance(t *testing.T) {
	upstreamtest.TestStore(t, func(t testing.TB) upstreamtest.StoreCase { return storeCase(t, newAccount(23)) })
}

func TestConformanceByPage(t *testing.T) {
	upstreamtest.TestStore(t, func(t testing.TB) upstreamtest.StoreCase {
		a := newAccount(23)
		a.byPage = true
		return storeCase(t, a)
	})
}

// ids lists the ids of a page.
func ids(t *testing.T, s *Store, q upstream.ListQuery) []string {
	t.Helper()
	p, err := s.List(context.WithoutCancel(t.Context()), q)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, row := range p.Rows {
		out = append(out, row.ID)
	}
	return out
}
