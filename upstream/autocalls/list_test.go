package autocalls

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weft-gateway/weft/upstream"
)

func ptr[T any](v T) *T { return &v }

func at(s string) upstream.Time {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		panic(err)
	}
	return upstream.At(t)
}

// TestDocumentedRows holds the documented list to every value that it has.
func TestDocumentedRows(t *testing.T) {
	s, _ := open(t, say(200, string(testdata(t, "list.json"))))
	got, err := s.List(t.Context(), upstream.ListQuery{})
	if err != nil {
		t.Fatal(err)
	}
	bot := &upstream.Assistant{ID: botUUID, Name: ptr("Support Assistant")}
	want := upstream.Page{
		Next: "eyJpZCI6MTAwLCJfcG9pbnRzVG9OZXh0SXRlbXMiOnRydWV9",
		Rows: []upstream.Conversation{{
			ID: "7c9e6679-7425-40de-944b-e07fc1f90ae7", TenantID: testTenant, Status: upstream.StatusActive,
			MessageCount: 12, LastMessageAt: ptr(at("2025-01-25T14:45:22Z")),
			CreatedAt: at("2025-01-25T14:30:00Z"), UpdatedAt: at("2025-01-25T14:45:22Z"),
			Type: ptr("widget"), AIEnabled: ptr(true), Assistant: bot, TotalCost: ptr(0.0045),
			Variables: json.RawMessage(`{"user_name":"Jane Smith","plan":"premium"}`),
		}, {
			ID: "8d0f7780-8536-51ef-055c-f18fd2g01bf8", TenantID: testTenant, Status: upstream.StatusActive,
			MessageCount: 8, LastMessageAt: ptr(at("2025-01-25T13:20:10Z")),
			CreatedAt: at("2025-01-25T13:00:00Z"), UpdatedAt: at("2025-01-25T13:20:10Z"),
			Type: ptr("api"), AIEnabled: ptr(true), Assistant: bot, TotalCost: ptr(0.0032),
			ExternalIdentifier: ptr("crm-lead-12345"),
			Variables:          json.RawMessage(`{"lead_id":"12345","source":"website"}`),
		}, {
			ID: "9e1g8891-9647-62fg-166d-g29ge3h12cg9", TenantID: testTenant, Status: upstream.StatusHumanManaged,
			MessageCount: 5, LastMessageAt: ptr(at("2025-01-25T12:15:30Z")),
			CreatedAt: at("2025-01-25T12:00:00Z"), UpdatedAt: at("2025-01-25T12:15:30Z"),
			Type: ptr("whatsapp"), AIEnabled: ptr(false), Assistant: bot, TotalCost: ptr(0.002),
			Variables:      json.RawMessage(`null`),
			WhatsappSender: &upstream.Party{Name: ptr("Acme Corp Support"), Phone: ptr("+14155551234")},
			Customer:       &upstream.Party{Name: ptr("John Doe"), Phone: ptr("+14155559876")},
		}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// base is a row without anything that it could lack.
const base = `"id":"c1","message_count":0,"created_at":"2025-01-25 14:30:00","updated_at":"2025-01-25 14:30:00"`

func list(rows string) string { return `{"data":[` + rows + `],"next_cursor":null,"prev_cursor":null}` }

func TestRow(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	plain := func(change func(*upstream.Conversation)) *upstream.Conversation {
		c := &upstream.Conversation{
			ID: "c1", TenantID: testTenant, Status: upstream.StatusNew, Variables: json.RawMessage("null"),
			CreatedAt: at("2025-01-25T13:30:00Z"), UpdatedAt: at("2025-01-25T13:30:00Z"),
		}
		change(c)
		return c
	}
	tests := []struct {
		name string
		row  string // after base; a repeated key replaces
		want *upstream.Conversation
	}{
		{"absent", ``, plain(func(*upstream.Conversation) {})},
		{"null", `,"assistant_id":null,"assistant_name":null,"type":null,"variables":null,"total_cost":null,"ai_enabled":null,
			"external_identifier":null,"whatsapp_sender":null,"customer":null`, plain(func(*upstream.Conversation) {})},
		{"empty PHP maps", `,"variables":[],"customer":[],"whatsapp_sender":{}`, plain(func(c *upstream.Conversation) {
			c.Variables = json.RawMessage("{}")
		})},
		{"variables", `,"variables": {"n": 12345678901234567890, "b": [ 1 ]}`, plain(func(c *upstream.Conversation) {
			c.Variables = json.RawMessage(`{"n":12345678901234567890,"b":[1]}`)
		})},
		{"integer assistant", `,"assistant_id":42,"assistant_name":"Bot"`, plain(func(c *upstream.Conversation) {
			c.Assistant = &upstream.Assistant{ID: "42", Name: ptr("Bot")}
		})},
		{"numbers for strings", `,"external_identifier":900719925474099312345,"customer":{"phone":4915112345678}`,
			plain(func(c *upstream.Conversation) {
				c.ExternalIdentifier = ptr("900719925474099312345")
				c.Customer = &upstream.Party{Phone: ptr("4915112345678")}
			})},
		{"strings for numbers", `,"message_count":"3","total_cost":"0.25","ai_enabled":"1"`, plain(func(c *upstream.Conversation) {
			c.MessageCount, c.TotalCost, c.AIEnabled = 3, ptr(0.25), ptr(true)
			c.Status, c.LastMessageAt = upstream.StatusActive, ptr(c.UpdatedAt)
		})},
		{"customer without name", `,"customer":{"phone":"+1"}`, plain(func(c *upstream.Conversation) {
			c.Customer = &upstream.Party{Phone: ptr("+1")}
		})},
		{"AI off", `,"ai_enabled":0`, plain(func(c *upstream.Conversation) {
			c.AIEnabled, c.Status = ptr(false), upstream.StatusHumanManaged
		})},
		{"times with a zone", `,"created_at":"2025-07-01T10:00:00.123456+05:00","updated_at":"2025-07-01 10:00:00"`,
			plain(func(c *upstream.Conversation) {
				c.CreatedAt = upstream.Time{Time: time.Date(2025, 7, 1, 5, 0, 0, 123e6, time.UTC)}
				c.UpdatedAt = at("2025-07-01T08:00:00Z") // summer in Berlin
			})},
		{"unknown fields", `,"secret":{"a":1}`, plain(func(*upstream.Conversation) {})},
		{"no id", `,"id":null`, nil},
		{"id of a path", `,"id":"a/b"`, nil},
		{"long id", `,"id":"` + strings.Repeat("a", 65) + `"`, nil},
		{"no count", `,"message_count":null`, nil},
		{"negative count", `,"message_count":-1`, nil},
		{"broken count", `,"message_count":1.5`, nil},
		{"huge count", `,"message_count":9007199254740992`, nil},
		{"long assistant", `,"assistant_id":"` + strings.Repeat("a", 65) + `"`, nil},
		{"no time", `,"created_at":null`, nil},
		{"zero time", `,"updated_at":"0000-00-00 00:00:00"`, nil},
		{"time before year 0", `,"updated_at":"0000-01-01T00:00:00+01:00"`, nil},
		{"variables are a string", `,"variables":"x"`, nil},
		{"variables are a list", `,"variables":[1]`, nil},
		{"a party is a string", `,"customer":"x"`, nil},
		{"a type is an object", `,"type":{}`, nil},
		{"a flag is a word", `,"ai_enabled":"yes"`, nil},
		{"a cost is a word", `,"total_cost":"dear"`, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, _ := open(t, say(200, list(`{`+base+tt.row+`}`)))
			s.zone = berlin
			p, err := s.List(t.Context(), upstream.ListQuery{})
			if tt.want == nil {
				if upstream.KindOf(err) != upstream.BadResponse {
					t.Errorf("rows %v, error %v, want bad_response", p.Rows, err)
				}
				return
			}
			if diff := cmp.Diff([]upstream.Conversation{*tt.want}, p.Rows); err != nil || diff != "" {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
		})
	}
}

func TestEnvelope(t *testing.T) {
	tests := []struct {
		name       string
		cursor     string
		body       string
		next, prev string
		ok         bool
	}{
		{"cursors", "b", `{"data":[],"next_cursor":"c","prev_cursor":"a"}`, "c", "a", true},
		{"the end", "b", `{"data":[],"next_cursor":null,"prev_cursor":"a"}`, "", "a", true},
		{"next cursor absent", "b", `{"data":[],"prev_cursor":"a"}`, "", "a", true},
		{"first page by number", "", string(`{"data":[],"current_page":1,"last_page":3}`), "page:2", "", true},
		{"page by number", "page:2", `{"data":[],"current_page":2,"last_page":3}`, "page:3", "page:1", true},
		{"last page by number", "page:3", `{"data":[],"current_page":3,"last_page":3}`, "", "page:2", true},
		{"no page by number", "", `{"data":[],"current_page":1,"last_page":0}`, "", "", true},
		{"leads in a circle", "b", `{"data":[],"next_cursor":"b","prev_cursor":null}`, "", "", false},
		{"page ignored", "page:2", `{"data":[],"current_page":1,"last_page":3}`, "", "", false},
		{"cursor ignored", "b", `{"data":[],"current_page":1,"last_page":3}`, "", "", false},
		{"page unknown to its successor", "page:2", `{"data":[],"next_cursor":"c","prev_cursor":null}`, "", "", false},
		{"no end in sight", "", `{"data":[]}`, "", "", false},
		{"no last page", "", `{"data":[],"current_page":1}`, "", "", false},
		{"no data", "", `{"next_cursor":null,"prev_cursor":null}`, "", "", false},
		{"data are null", "", `{"data":null,"next_cursor":null,"prev_cursor":null}`, "", "", false},
		{"data are an object", "", `{"data":{},"next_cursor":null,"prev_cursor":null}`, "", "", false},
		{"a null row", "", `{"data":[null],"next_cursor":null,"prev_cursor":null}`, "", "", false},
		{"a cursor is an object", "", `{"data":[],"next_cursor":{},"prev_cursor":null}`, "", "", false},
		{"no such list", "", `[]`, "", "", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, _ := open(t, say(200, tt.body))
			p, err := s.List(t.Context(), upstream.ListQuery{Cursor: tt.cursor})
			if !tt.ok {
				if upstream.KindOf(err) != upstream.BadResponse {
					t.Errorf("page %+v, error %v, want bad_response", p, err)
				}
				return
			}
			if err != nil || p.Next != tt.next || p.Prev != tt.prev {
				t.Errorf("next %q prev %q error %v, want %q %q", p.Next, p.Prev, err, tt.next, tt.prev)
			}
		})
	}
	s, _ := open(t, say(404, `{"message":"no such route"}`))
	if _, err := s.List(t.Context(), upstream.ListQuery{}); upstream.KindOf(err) != upstream.BadResponse {
		t.Errorf("a list that is not found: %v, want bad_response", err)
	}
}

func TestOlderRows(t *testing.T) {
	s, _ := open(t, say(200, string(testdata(t, "list_pages.json"))))
	p, err := s.List(t.Context(), upstream.ListQuery{Cursor: "page:2"})
	if err != nil || len(p.Rows) != 2 || p.Next != "page:3" || p.Prev != "page:1" {
		t.Fatalf("%d rows, next %q, prev %q, error %v", len(p.Rows), p.Next, p.Prev, err)
	}
	if r := p.Rows[1]; r.ExternalIdentifier != nil || string(r.Variables) != "null" || r.Customer != nil {
		t.Errorf("row %+v", r)
	}
}

func TestQuery(t *testing.T) {
	tests := []struct {
		name string
		q    upstream.ListQuery
		want string
	}{
		{"first page", upstream.ListQuery{}, ""},
		{"all filters", upstream.ListQuery{PerPage: 100, Cursor: "e30=", Filters: map[upstream.Filter]string{
			upstream.FilterType: "whatsapp", upstream.FilterAssistant: "7", upstream.FilterCustomerPhone: "+14155559876",
			upstream.FilterWhatsappSender: "+14155551234", upstream.FilterExternalIdentifier: "a&b=c d#",
		}}, "assistant_id=7&cursor=e30%3D&customer_phone=%2B14155559876&external_identifier=a%26b%3Dc+d%23&per_page=100" +
			"&type=whatsapp&whatsapp_sender_phone=%2B14155551234"},
		{"page by number", upstream.ListQuery{Cursor: "page:12"}, "page=12"},
		{"no page by number", upstream.ListQuery{Cursor: "page:x"}, "cursor=page%3Ax"},
	}
	for _, tt := range tests {
		s, faults := open(t, say(200, list("")))
		_, _ = s.List(t.Context(), tt.q)
		if calls := faults.Calls(); len(calls) != 1 || calls[0].RawQuery != tt.want {
			t.Errorf("%s: calls %v, want one with %q", tt.name, calls, tt.want)
		}
	}
	s, faults := open(t, say(200, list("")))
	_, err := s.List(t.Context(), upstream.ListQuery{Filters: map[upstream.Filter]string{upstream.FilterStatus: "new"}})
	if calls := faults.Calls(); err == nil || len(calls) != 0 {
		t.Errorf("a filter that the store does not have: %d calls, error %v", len(calls), err)
	}
}

func FuzzList(f *testing.F) {
	f.Add(testdata(f, "list.json"), "")
	f.Add(testdata(f, "list_pages.json"), "page:2")
	f.Add([]byte(list(`{`+base+`,"variables":[],"customer":{"name":7}}`)), "x")
	s := &Store{tenant: testTenant, zone: time.UTC}
	f.Fuzz(func(t *testing.T, body []byte, cursor string) {
		p, err := s.page(body, cursor)
		if err != nil {
			return
		}
		for _, row := range p.Rows {
			if b, err := json.Marshal(row); err != nil || !json.Valid(b) {
				t.Errorf("a row that is no JSON: %v", err)
			}
			if !upstream.ValidID(row.ID) || row.TenantID != testTenant || len(row.Variables) == 0 {
				t.Errorf("row %+v", row)
			}
		}
		if p.Next != "" && p.Next == cursor {
			t.Error("a list in a circle")
		}
	})
}
