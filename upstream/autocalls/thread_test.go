package autocalls

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weft-gateway/weft/upstream"
)

const documentedID = "7c9e6679-7425-40de-944b-e07fc1f90ae7"

// said is a message without what the store does not have.
func said(role, content string, calls ...upstream.FunctionCall) upstream.Message {
	return upstream.Message{Role: role, Content: content, FunctionCalls: append([]upstream.FunctionCall{}, calls...)}
}

// TestDocumentedThreads holds the documented answers to every value that they have.
func TestDocumentedThreads(t *testing.T) {
	tests := []struct {
		file string
		want upstream.Thread
	}{
		{"read_widget.json", upstream.Thread{
			Messages: []upstream.Message{
				said("assistant", "Hello! Welcome to our support. How can I help you today?"),
				said("user", "I'd like to schedule a demo"),
				said("assistant", "I'd be happy to help you schedule a demo! I have availability tomorrow at 2 PM or Thursday at 10 AM. Which works better for you?",
					upstream.FunctionCall{
						Name:      "check_calendar_availability",
						Arguments: json.RawMessage(`{"date_range":"next_7_days"}`),
						Result:    json.RawMessage(`{"available_slots":["2025-01-10 14:00","2025-01-12 10:00"]}`),
					}),
				said("user", "Thursday at 10 AM works for me"),
				said("assistant", "I've scheduled your demo for Thursday, January 12th at 10 AM. You'll receive a calendar invitation shortly. Is there anything specific you'd like us to cover during the demo?",
					upstream.FunctionCall{
						Name:      "book_appointment",
						Arguments: json.RawMessage(`{"datetime":"2025-01-12T10:00:00","title":"Product Demo"}`),
						Result:    json.RawMessage(`{"success":true,"booking_id":"abc123"}`),
					}),
			},
			Hints: upstream.Hints{Variables: json.RawMessage(`{"user_name":"Jane Smith","plan":"premium"}`)},
		}},
		{"read_api.json", upstream.Thread{
			Messages: []upstream.Message{
				said("assistant", "Hi! I'm following up on your recent inquiry. How can I help you today?"),
				said("user", "I wanted to know more about your enterprise plan"),
			},
			Hints: upstream.Hints{
				Variables:          json.RawMessage(`{"lead_id":"12345","source":"website"}`),
				ExternalIdentifier: ptr("crm-lead-12345"),
			},
		}},
		{"read_whatsapp.json", upstream.Thread{
			Messages: []upstream.Message{
				said("user", "Hi, I need help with my order"),
				said("assistant", "Hello! I'd be happy to help you with your order. Could you please provide your order number?"),
			},
			Hints: upstream.Hints{
				Variables:      json.RawMessage("null"),
				WhatsappSender: &upstream.Party{Name: ptr("Acme Corp Support"), Phone: ptr("+14155551234")},
				Customer:       &upstream.Party{Name: ptr("John Doe"), Phone: ptr("+14155559876")},
			},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.file, func(t *testing.T) {
			s, _ := open(t, say(200, string(testdata(t, tt.file))))
			got, err := s.Thread(t.Context(), documentedID)
			if err != nil {
				t.Fatal(err)
			}
			for i := range got.Messages {
				got.Messages[i].ID = "" // held by TestMessageIDs
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestMessageIDs pins the derived ids, which consumers may keep.
func TestMessageIDs(t *testing.T) {
	a, err := decodeThread(documentedID, 200, testdata(t, "read_api.json"))
	if err != nil {
		t.Fatal(err)
	}
	b, err := decodeThread("other", 200, testdata(t, "read_api.json"))
	if err != nil {
		t.Fatal(err)
	}
	got := []string{a.Messages[0].ID, a.Messages[1].ID}
	want := []string{"5c308f01-e132-5b64-98b6-6ac066839ae4", "f87bfdd2-70e6-5c9d-bf40-9c8d07429e3b"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if a.Messages[0].ID == b.Messages[0].ID {
		t.Error("two conversations share a message id")
	}
}

func TestThreadShapes(t *testing.T) {
	call := func(body string) string {
		return `{"status":true,"history":[{"role":"assistant","content":"x","function_calls":[` + body + `]}]}`
	}
	tests := []struct {
		name string
		body string
		want []upstream.Message // nil: bad_response
	}{
		{"empty", `{"status":true,"history":[]}`, []upstream.Message{}},
		{"no content", `{"status":true,"history":[{"role":"system"},{"role":"user","content":null}]}`,
			[]upstream.Message{said("system", ""), said("user", "")}},
		{"null calls", `{"status":true,"history":[{"role":"user","content":"x","function_calls":null}]}`,
			[]upstream.Message{said("user", "x")}},
		{"empty PHP maps", call(`{"name":"f","arguments":[],"result":[ ]}`), []upstream.Message{said("assistant", "x",
			upstream.FunctionCall{Name: "f", Arguments: json.RawMessage("{}"), Result: json.RawMessage("{}")})}},
		{"free JSON", call(`{"name":"f","arguments":"{\"a\":1}","result":[ 1, null ]}`), []upstream.Message{said("assistant", "x",
			upstream.FunctionCall{Name: "f", Arguments: json.RawMessage(`"{\"a\":1}"`), Result: json.RawMessage("[1,null]")})}},
		{"nothing", call(`{"name":"f"}`), []upstream.Message{said("assistant", "x",
			upstream.FunctionCall{Name: "f", Arguments: json.RawMessage("null"), Result: json.RawMessage("null")})}},
		{"bytes that are no UTF-8", "{\"status\":true,\"history\":[{\"role\":\"user\",\"content\":\"a\xffb\"}]}",
			[]upstream.Message{said("user", "a\uFFFDb")}},
		{"no status", `{"history":[]}`, nil},
		{"status is a word", `{"status":"ok","history":[]}`, nil},
		{"no history", `{"status":true}`, nil},
		{"null history", `{"status":true,"history":null}`, nil},
		{"history is an object", `{"status":true,"history":{}}`, nil},
		{"null message", `{"status":true,"history":[null]}`, nil},
		{"no role", `{"status":true,"history":[{"content":"x"}]}`, nil},
		{"content is a list", `{"status":true,"history":[{"role":"user","content":["x"]}]}`, nil},
		{"variables are a list", `{"status":true,"history":[],"variables":[1]}`, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, _ := open(t, say(200, tt.body))
			got, err := s.Thread(t.Context(), "c1")
			if tt.want == nil {
				if upstream.KindOf(err) != upstream.BadResponse {
					t.Errorf("error %v, want bad_response", err)
				}
				return
			}
			for i := range got.Messages {
				got.Messages[i].ID = ""
			}
			if diff := cmp.Diff(tt.want, got.Messages); err != nil || diff != "" {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
		})
	}
}

func TestThreadErrors(t *testing.T) {
	missing := string(testdata(t, "read_404.json"))
	tests := []struct {
		name   string
		status int
		body   string
		want   upstream.Kind
	}{
		{"documented", 404, missing, upstream.NotFound},
		{"at 200", 200, missing, upstream.NotFound},
		{"at 400", 400, missing, upstream.NotFound},
		{"at 410", 410, missing, upstream.NotFound},
		{"404 with another error", 404, `{"error":"No such thing"}`, upstream.NotFound},
		{"other error at 200", 200, `{"status":false,"error":"conversation not found"}`, upstream.UpstreamError},
		{"no error at 200", 200, `{"status":false}`, upstream.UpstreamError},
		{"other error at 422", 422, `{"status":false,"error":"Insufficient balance"}`, upstream.UpstreamError},
		{"validation", 422, `{"message":"x","errors":{"a":["b"]}}`, upstream.UpstreamError},
		{"400 HTML", 400, `<html>`, upstream.UpstreamError},
		{"404 without error", 404, `{"message":"The route could not be found."}`, upstream.BadResponse},
		{"404 with an odd error", 404, `{"error":{"code":1}}`, upstream.BadResponse},
		{"404 list", 404, `[]`, upstream.BadResponse},
		{"404 HTML", 404, `<html>Conversation not found</html>`, upstream.BadResponse},
		{"404 empty", 404, ``, upstream.BadResponse},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, _ := open(t, say(tt.status, tt.body))
			if _, err := s.Thread(t.Context(), "c1"); upstream.KindOf(err) != tt.want {
				t.Errorf("error %v, want %s", err, tt.want)
			}
		})
	}
}

func FuzzThread(f *testing.F) {
	for _, name := range []string{"read_widget.json", "read_api.json", "read_whatsapp.json"} {
		f.Add(200, testdata(f, name))
	}
	f.Add(404, testdata(f, "read_404.json"))
	f.Add(200, []byte(`{"status":true,"history":[{"role":"a","function_calls":[{"arguments":[],"result":1e999}]}]}`))
	f.Fuzz(func(t *testing.T, code int, body []byte) {
		thread, err := decodeThread("c1", code, body)
		if err != nil {
			return
		}
		if thread.Messages == nil {
			t.Error("nil messages")
		}
		if b, err := json.Marshal(thread); err != nil || !json.Valid(b) {
			t.Errorf("a thread that is no JSON: %v", err)
		}
	})
}
