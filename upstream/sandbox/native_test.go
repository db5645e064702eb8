package sandbox

import (
	"net/http"
	"net/url"
	"slices"
	"testing"
)

func TestNativeDocumented(t *testing.T) {
	s := open(t, -1)
	tok := token(t, s.native, Globex)
	got := object(t, s.Native(), tok, "/conversations/"+ExampleNative, http.StatusOK)
	diff(t, got, decode(t, `{"id":"c1a2b3c4-5678-9abc-def0-1234567890ab","tenantId":"`+Globex+`",
		"workspaceId":"w1a2b3c4-5678-9abc-def0-1234567890ab","channelId":"ch1a2b3c-5678-9abc-def0-1234567890ab",
		"contactId":"ct1a2b3c-5678-9abc-def0-1234567890ab","accountId":"ac1a2b3c-5678-9abc-def0-1234567890ab",
		"status":"active",
		"summary":"Customer asked about delivery times for order #4521. Agent confirmed 3-5 business days to Germany.",
		"subject":"Re: Delivery time for order #4521","outcome":"Delivery timeline confirmed, customer satisfied.",
		"messageCount":6,"lastMessageAt":"2026-03-25T11:42:00.000Z",
		"createdAt":"2026-03-24T08:15:00.000Z","updatedAt":"2026-03-25T11:42:00.000Z",
		"type":"email","aiEnabled":true,"externalIdentifier":null,"variables":null,
		"assistant":{"id":"e6c1d7a2-93f4-4b58-8a0d-000000000001","name":"Gina"},
		"whatsappSender":null,"customer":null,"totalCost":0.0061}`))

	messages := rows(t, object(t, s.Native(), tok, "/conversations/"+ExampleNative+"/messages", http.StatusOK))
	if len(messages) != 6 {
		t.Fatalf("%d messages, want 6", len(messages))
	}
	id, _ := messages[1]["id"].(string)
	diff(t, messages[1], decode(t, `{"id":"`+id+`","role":"assistant","content":"Thanks for getting in touch! Let me look up order #4521 for you.",
		"createdAt":"2026-03-24T08:16:00.000Z",
		"functionCalls":[{"name":"find_order","arguments":{"order":"4521"},"result":{"status":"shipped","country":"DE"}}]}`))
	if calls, isList := messages[0]["functionCalls"].([]any); !isList || len(calls) != 0 || id == "" {
		t.Errorf("functionCalls %v, id %q", messages[0]["functionCalls"], id)
	}

	diff(t, object(t, s.Native(), tok, "/conversations/"+ExampleNative+"/attention-items", http.StatusOK), decode(t, `{"data":[{
		"id":"ai1a2b3c-5678-9abc-def0-1234567890ab","tenantId":"`+Globex+`","conversationId":"`+ExampleNative+`",
		"type":"validation_failed","reason":"The delivery date in the draft did not match the carrier's.","status":"open",
		"createdAt":"2026-03-25T11:42:00.000Z","resolvedAt":null}]}`))
	diff(t, object(t, s.Native(), tok, "/conversations/"+ExampleNativeNoContact+"/attention-items", http.StatusOK), decode(t, `{"data":[]}`))
}

func TestNativeRefusals(t *testing.T) {
	s := open(t, -1)
	tok := token(t, s.native, Globex)
	for _, tt := range []struct {
		name, token, target string
		status              int
		want                string
	}{
		{"no token", "", "/conversations", 401, "Unauthorized"},
		{"read without token", "", "/conversations/" + ExampleNative, 401, "Unauthorized"},
		{"unknown", tok, "/conversations/nothing", 404, "Conversation not found"},
		{"messages of unknown", tok, "/conversations/nothing/messages", 404, "Conversation not found"},
		{"items of unknown", tok, "/conversations/nothing/attention-items", 404, "Conversation not found"},
		{"of the other store", tok, "/conversations/" + ExampleWidget, 404, "Conversation not found"},
		{"page size", tok, "/conversations?per_page=101", 400, "per_page is not within 1 and 100"},
		{"cursor", tok, "/conversations?cursor=x", 400, "cursor is not one of ours"},
		{"unknown parameter", tok, "/conversations?limit=1", 400, "unknown parameter"},
		{"empty parameter", tok, "/conversations?status=", 400, "status has no single value"},
		{"repeated parameter", tok, "/conversations?status=new&status=active", 400, "status has no single value"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			diff(t, object(t, s.Native(), tt.token, tt.target, tt.status), map[string]any{"error": tt.want})
		})
	}
}

func TestNativeFilters(t *testing.T) {
	s := open(t, 200)
	all := walkNative(t, s, "?per_page=100")
	text := func(v any) string { s, _ := v.(string); return s }
	in := func(row map[string]any, object, name string) string {
		o, _ := row[object].(map[string]any)
		return text(o[name])
	}
	for name, of := range map[string]func(map[string]any) string{
		"type":                  func(r map[string]any) string { return text(r["type"]) },
		"assistant_id":          func(r map[string]any) string { return in(r, "assistant", "id") },
		"customer_phone":        func(r map[string]any) string { return in(r, "customer", "phone") },
		"whatsapp_sender_phone": func(r map[string]any) string { return in(r, "whatsappSender", "phone") },
		"external_identifier":   func(r map[string]any) string { return text(r["externalIdentifier"]) },
		"status":                func(r map[string]any) string { return text(r["status"]) },
		"workspace_id":          func(r map[string]any) string { return text(r["workspaceId"]) },
		"contact_id":            func(r map[string]any) string { return text(r["contactId"]) },
	} {
		t.Run(name, func(t *testing.T) {
			first := slices.IndexFunc(all, func(r map[string]any) bool { return of(r) != "" })
			value, want := of(all[first]), []string{}
			for _, r := range all {
				if of(r) == value {
					want = append(want, r["id"].(string))
				}
			}
			if len(want) == len(all) {
				t.Fatalf("%s filters nothing", name)
			}
			got := walkNative(t, s, "?"+url.Values{name: {value}, "per_page": {"5"}}.Encode())
			diff(t, each(got, func(r map[string]any) string { return r["id"].(string) }), want)
		})
	}
}

// walkNative collects all pages, and checks the order and the way back.
func walkNative(t *testing.T, s *Sandbox, query string) []map[string]any {
	t.Helper()
	tok := token(t, s.native, Globex)
	all, pages := []map[string]any{}, 0
	page := object(t, s.Native(), tok, "/conversations"+query, http.StatusOK)
	for {
		all = append(all, rows(t, page)...)
		pages++
		next, isString := page["nextCursor"].(string)
		if !isString {
			break
		}
		page = object(t, s.Native(), tok, "/conversations"+query+"&cursor="+next, http.StatusOK)
	}
	back := rows(t, page)
	for range pages - 1 {
		page = object(t, s.Native(), tok, "/conversations"+query+"&cursor="+page["prevCursor"].(string), http.StatusOK)
		back = append(rows(t, page), back...)
	}
	diff(t, back, all)
	if page["prevCursor"] != nil {
		t.Error("something before the first page")
	}
	if !slices.IsSortedFunc(all, func(a, b map[string]any) int {
		return -compareTimes(a["lastMessageAt"], b["lastMessageAt"])
	}) {
		t.Error("not by latest activity")
	}
	return all
}

func compareTimes(a, b any) int {
	x, y := a.(string), b.(string)
	switch {
	case x < y:
		return -1
	case x > y:
		return 1
	}
	return 0
}

func TestNativeLatestActivityFirst(t *testing.T) {
	s := open(t, 20)
	all := walkNative(t, s, "?per_page=100")
	oldest := all[len(all)-1]["id"].(string)
	if !s.AddMessage(oldest, "user", "Hello again") {
		t.Fatal("no such conversation")
	}
	now := walkNative(t, s, "?per_page=100")
	if got := now[0]["id"]; got != oldest || len(now) != len(all) {
		t.Errorf("first is %v of %d, want %s of %d", got, len(now), oldest, len(all))
	}
}
