package sandbox

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"testing"
	"time"
)

const listPath = "/api/user/conversations"

func TestAutocallsDocumentedRows(t *testing.T) {
	s := open(t, 3)
	doc := object(t, s.Autocalls(), token(t, s.autocalls, Acme), listPath+"?per_page=100", http.StatusOK)
	got := rows(t, doc)
	if len(got) < 3 {
		t.Fatalf("%d rows", len(got))
	}
	common := `"assistant_id":"a1b2c3d4-5678-90ab-cdef-1234567890ab","assistant_name":"Support Assistant","ai_enabled":true,`
	want := []map[string]any{
		decode(t, `{"id":"7c9e6679-7425-40de-944b-e07fc1f90ae7","type":"widget",`+common+`
			"variables":{"user_name":"Jane Smith","plan":"premium"},"message_count":12,"total_cost":0.0045,
			"created_at":"2025-01-25 14:30:00","updated_at":"2025-01-25 14:45:22"}`),
		decode(t, `{"id":"8d0f7780-8536-51ef-055c-f18fd2g01bf8","type":"whatsapp",`+common+`
			"variables":null,"message_count":8,"total_cost":0.0032,
			"created_at":"2025-01-25 10:15:00","updated_at":"2025-01-25 10:28:45",
			"whatsapp_sender":{"name":"Acme Corp Support","phone":"+14155551234"},
			"customer":{"name":"John Doe","phone":"+14155559876"}}`),
		decode(t, `{"id":"9e1g8891-9647-62fg-166d-g29ge3h12cg9","type":"api",`+common+`
			"variables":{"lead_id":"12345","source":"website"},"external_identifier":"crm-lead-12345",
			"message_count":5,"total_cost":0.0021,
			"created_at":"2025-01-25 09:00:00","updated_at":"2025-01-25 09:15:30"}`),
	}
	diff(t, got[len(got)-3:], want)
	delete(doc, "data")
	diff(t, doc, decode(t, `{"path":"http://example.com/api/user/conversations","per_page":100,"next_cursor":null,"prev_cursor":null}`))
}

func TestAutocallsTimezone(t *testing.T) {
	s := New(Config{Conversations: -1, Timezone: time.FixedZone("", 2*60*60), Now: func() time.Time { return noon }})
	defer s.Close()
	if _, err := s.AddConversation(Acme, Draft{}); err != nil {
		t.Fatal(err)
	}
	got := rows(t, object(t, s.Autocalls(), token(t, s.autocalls, Acme), listPath+"?per_page=100", http.StatusOK))
	diff(t, got[0]["created_at"], any("2026-04-01 14:00:00"))
	diff(t, got[len(got)-1]["created_at"], any("2025-01-25 09:00:00")) // documented without a zone
}

func TestAutocallsRead(t *testing.T) {
	const forTheWidget = `{"status":true,"history":[
		{"role":"assistant","content":"Hello! Welcome to our support. How can I help you today?"},
		{"role":"user","content":"I'd like to schedule a demo"},
		{"role":"assistant","content":"I'd be happy to help you schedule a demo! I have availability tomorrow at 2 PM or Thursday at 10 AM. Which works better for you?",
		 "function_calls":[{"name":"check_calendar_availability","arguments":{"date_range":"next_7_days"},
		 "result":{"available_slots":["2025-01-10 14:00","2025-01-12 10:00"]}}]},
		{"role":"user","content":"Thursday at 10 AM works for me"},
		{"role":"assistant","content":"I've scheduled your demo for Thursday, January 12th at 10 AM. You'll receive a calendar invitation shortly. Is there anything specific you'd like us to cover during the demo?",
		 "function_calls":[{"name":"book_appointment","arguments":{"datetime":"2025-01-12T10:00:00","title":"Product Demo"},
		 "result":{"success":true,"booking_id":"abc123"}}]}],
		"variables":{"user_name":"Jane Smith","plan":"premium"}}`
	const forTheAPI = `{"status":true,"history":[
		{"role":"assistant","content":"Hi! I'm following up on your recent inquiry. How can I help you today?"},
		{"role":"user","content":"I wanted to know more about your enterprise plan"}],
		"variables":{"lead_id":"12345","source":"website"},"external_identifier":"crm-lead-12345"}`
	const forWhatsApp = `{"status":true,"history":[
		{"role":"user","content":"Hi, I need help with my order"},
		{"role":"assistant","content":"Hello! I'd be happy to help you with your order. Could you please provide your order number?"}],
		"variables":null,"whatsapp_sender":{"name":"Acme Corp Support","phone":"+14155551234"},
		"customer":{"name":"John Doe","phone":"+14155559876"}}`
	const unknown = `{"status":false,"error":"Conversation not found"}`

	s := open(t, -1)
	for _, tt := range []struct {
		name, id string
		status   int
		want     string
	}{
		{"widget", ExampleWidget, 200, forTheWidget},
		{"api", ExampleAPI, 200, forTheAPI},
		{"whatsapp", ExampleWhatsApp, 200, forWhatsApp},
		{"unknown", "nothing", 404, unknown},
		{"of the other store", ExampleNative, 404, unknown},
		{"escaped slash", "a%2Fb", 404, unknown},
	} {
		t.Run(tt.name, func(t *testing.T) { // no token: the read needs none
			diff(t, object(t, s.Autocalls(), "", "/api/conversations/"+tt.id, tt.status), decode(t, tt.want))
		})
	}
}

// TestAutocallsForeign: anybody can read what only its owner can list.
func TestAutocallsForeign(t *testing.T) {
	s := open(t, 5)
	object(t, s.Autocalls(), token(t, s.autocalls, Acme), "/api/conversations/"+ExampleForeign, http.StatusOK)
	listed := func(tenant string) []string {
		return ids(t, object(t, s.Autocalls(), token(t, s.autocalls, tenant), listPath+"?per_page=100", http.StatusOK))
	}
	for _, id := range listed(Initech) {
		if slices.Contains(listed(Acme), id) {
			t.Errorf("%s is listed for Acme", id)
		}
	}
	if !slices.Contains(listed(Initech), ExampleForeign) {
		t.Error("the foreign conversation is not listed for its owner")
	}
}

func TestAutocallsEmptyMap(t *testing.T) {
	s := open(t, -1)
	if got := get(t, s.Autocalls(), "", "/api/conversations/"+ExampleUnlinked).Body.String(); decode(t, got)["variables"] == nil {
		t.Errorf("variables are not an empty list in %s", got)
	} else if list, isList := decode(t, got)["variables"].([]any); !isList || len(list) != 0 {
		t.Errorf("variables %v, want an empty list", list)
	}
}

func TestAutocallsFilters(t *testing.T) {
	s := open(t, 200)
	all := rows(t, walk(t, s, listPath+"?per_page=100"))
	field := func(row map[string]any, object, name string) string {
		o, _ := row[object].(map[string]any)
		v, _ := o[name].(string)
		return v
	}
	support := "123" // the number of the documented assistant
	for _, tt := range []struct {
		name, value string
		has         func(map[string]any) bool
	}{
		{"type", "api", func(r map[string]any) bool { return r["type"] == "api" }},
		{"type", "", func(map[string]any) bool { return true }},
		{"assistant_id", support, func(r map[string]any) bool { return r["assistant_name"] == "Support Assistant" }},
		{"assistant_id", "900", func(map[string]any) bool { return false }},
		{"customer_phone", "+14155559876", func(r map[string]any) bool { return field(r, "customer", "phone") == "+14155559876" }},
		{"customer_phone", "14155559876", func(map[string]any) bool { return false }},
		{"whatsapp_sender_phone", "+442071234567", func(r map[string]any) bool { return field(r, "whatsapp_sender", "phone") == "+442071234567" }},
		{"external_identifier", "crm-lead-12345", func(r map[string]any) bool { return r["external_identifier"] == "crm-lead-12345" }},
		{"unknown", "anything", func(map[string]any) bool { return true }},
	} {
		t.Run(tt.name+"="+tt.value, func(t *testing.T) {
			want := []string{}
			for _, r := range all {
				if tt.has(r) {
					want = append(want, r["id"].(string))
				}
			}
			q := url.Values{tt.name: {tt.value}, "per_page": {"7"}}
			diff(t, ids(t, walk(t, s, listPath+"?"+q.Encode())), want)
		})
	}
}

// walk collects all pages, and checks that the way back shows the same.
func walk(t *testing.T, s *Sandbox, target string) map[string]any {
	t.Helper()
	tok := token(t, s.autocalls, Acme)
	var pages [][]any
	forward, backward := []any{}, []any{}
	page := object(t, s.Autocalls(), tok, target, http.StatusOK)
	if page["prev_cursor"] != nil {
		t.Error("something before the first page")
	}
	for {
		pages = append(pages, page["data"].([]any))
		forward = append(forward, page["data"].([]any)...)
		next, isString := page["next_cursor"].(string)
		if !isString {
			break
		}
		page = object(t, s.Autocalls(), tok, target+"&cursor="+url.QueryEscape(next), http.StatusOK)
	}
	backward = append(backward, pages[len(pages)-1]...)
	for range len(pages) - 1 {
		prev, _ := page["prev_cursor"].(string)
		page = object(t, s.Autocalls(), tok, target+"&cursor="+url.QueryEscape(prev), http.StatusOK)
		backward = append(slices.Clone(page["data"].([]any)), backward...)
	}
	if page["prev_cursor"] != nil {
		t.Error("something before the first page, on the way back")
	}
	diff(t, backward, forward)
	return map[string]any{"data": forward}
}

func TestAutocallsWalkWhileItGrows(t *testing.T) {
	s := open(t, 30)
	tok, before := token(t, s.autocalls, Acme), s.ConversationIDs(Acme)
	page := object(t, s.Autocalls(), tok, listPath+"?per_page=10", http.StatusOK)
	seen := ids(t, page)
	for page["next_cursor"] != nil {
		if _, err := s.AddConversation(Acme, Draft{}); err != nil {
			t.Fatal(err)
		}
		page = object(t, s.Autocalls(), tok, listPath+"?per_page=10&cursor="+page["next_cursor"].(string), http.StatusOK)
		seen = append(seen, ids(t, page)...)
	}
	diff(t, seen, before)
}

func TestAutocallsRefusals(t *testing.T) {
	s := open(t, -1)
	tok := token(t, s.autocalls, Acme)
	for _, tt := range []struct {
		name, token, target string
		status              int
		want                string
	}{
		{"no token", "", listPath, 401, `{"message":"Unauthenticated."}`},
		{"wrong token", "x", listPath, 401, `{"message":"Unauthenticated."}`},
		{"token of the CRM", "sandbox-acme-crm", listPath, 401, `{"message":"Unauthenticated."}`},
		{"assistants without token", "", "/api/user/assistants/get", 401, `{"message":"Unauthenticated."}`},
		{"too many", tok, listPath + "?per_page=101", 422,
			`{"message":"The per page field must not be greater than 100.","errors":{"per_page":["The per page field must not be greater than 100."]}}`},
		{"too few", tok, listPath + "?per_page=0", 422,
			`{"message":"The per page field must be at least 1.","errors":{"per_page":["The per page field must be at least 1."]}}`},
		{"two wrong", tok, listPath + "?per_page=x&type=fax", 422,
			`{"message":"The selected type is invalid. (and 1 more error)","errors":{"type":["The selected type is invalid."],"per_page":["The per page field must be an integer."]}}`},
		{"three wrong", tok, listPath + "?per_page=x&type=fax&assistant_id=a1b2", 422,
			`{"message":"The selected type is invalid. (and 2 more errors)","errors":{"type":["The selected type is invalid."],
			"assistant_id":["The assistant id field must be an integer."],"per_page":["The per page field must be an integer."]}}`},
		{"assistants", tok, "/api/user/assistants/get?per_page=x", 422,
			`{"message":"The per page field must be an integer.","errors":{"per_page":["The per page field must be an integer."]}}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			diff(t, object(t, s.Autocalls(), tt.token, tt.target, tt.status), decode(t, tt.want))
		})
	}
}

func TestAutocallsPageNumbers(t *testing.T) {
	s := New(Config{Conversations: 30, PageNumbers: true, Now: func() time.Time { return noon }})
	defer s.Close()
	tok, want := token(t, s.autocalls, Acme), s.ConversationIDs(Acme)
	got := []string{}
	last := (len(want) + 14) / 15
	for p := 1; p <= last; p++ {
		doc := object(t, s.Autocalls(), tok, listPath+"?page="+strconv.Itoa(p), http.StatusOK)
		got = append(got, ids(t, doc)...)
		if _, has := doc["next_cursor"]; has || doc["current_page"] != float64(p) || doc["last_page"] != float64(last) {
			t.Errorf("page %v of %v, want %d of %d without a cursor", doc["current_page"], doc["last_page"], p, last)
		}
		for _, key := range []string{"variables", "external_identifier", "whatsapp_sender", "customer"} {
			for _, row := range rows(t, doc) {
				if _, has := row[key]; has {
					t.Fatalf("a row has %s", key)
				}
			}
		}
	}
	diff(t, got, want)
	if doc := object(t, s.Autocalls(), tok, listPath+"?page=99", http.StatusOK); len(ids(t, doc)) != 0 || doc["from"] != nil {
		t.Errorf("page 99: %v", doc)
	}
}

func TestAutocallsAssistants(t *testing.T) {
	s := open(t, -1)
	tok := token(t, s.autocalls, Acme)
	first := object(t, s.Autocalls(), tok, "/api/user/assistants/get", http.StatusOK)
	second := object(t, s.Autocalls(), tok, "/api/user/assistants/get?page=2", http.StatusOK)
	if len(rows(t, first)) != 10 || len(rows(t, second)) != 2 || second["last_page"] != 2.0 {
		t.Fatalf("%d and %d assistants, last page %v", len(rows(t, first)), len(rows(t, second)), second["last_page"])
	}
	diff(t, rows(t, first)[0], decode(t, `{"id":123,"uuid":"a1b2c3d4-5678-90ab-cdef-1234567890ab","name":"Support Assistant",
		"status":"active","created_at":"2025-01-10T09:00:00.000000Z","updated_at":"2025-01-20T16:30:00.000000Z"}`))
	diff(t, first["next_page_url"], any("http://example.com/api/user/assistants/get?page=2"))
}
