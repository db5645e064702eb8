package sandbox

import (
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"
)

func TestAddConversation(t *testing.T) {
	s := open(t, 3)
	tok := token(t, s.autocalls, Acme)
	id, err := s.AddConversation(Acme, Draft{
		Type: "whatsapp", CustomerPhone: "+4915112345678", Variables: map[string]any{}, Messages: []string{"Hi", "Hello!"},
	})
	if err != nil {
		t.Fatal(err)
	}
	row := rows(t, object(t, s.Autocalls(), tok, listPath+"?per_page=1", http.StatusOK))[0]
	diff(t, row, decode(t, `{"id":"`+id+`","assistant_id":"a1b2c3d4-5678-90ab-cdef-1234567890ab","assistant_name":"Support Assistant",
		"type":"whatsapp","variables":[],"message_count":2,"total_cost":0,"ai_enabled":true,
		"created_at":"2026-04-01 12:00:00","updated_at":"2026-04-01 12:00:00",
		"whatsapp_sender":{"name":"Acme Corp Support","phone":"+14155551234"},"customer":{"phone":"+4915112345678"}}`))
	diff(t, object(t, s.Autocalls(), "", "/api/conversations/"+id, http.StatusOK)["history"],
		any([]any{map[string]any{"role": "user", "content": "Hi"}, map[string]any{"role": "assistant", "content": "Hello!"}}))

	if _, err := s.AddConversation(Acme, Draft{ID: id}); err == nil {
		t.Error("an id was given twice")
	}
	if _, err := s.AddConversation("nobody", Draft{}); err == nil {
		t.Error("nobody got a conversation")
	}
	if _, err := s.AddConversation(Acme, Draft{Variables: map[string]any{"f": func() {}}}); err == nil {
		t.Error("a function became JSON")
	}
}

func TestAddNativeConversation(t *testing.T) {
	s := open(t, 3)
	tok := token(t, s.native, Globex)
	id, err := s.AddConversation(Globex, Draft{ID: "mine", ContactID: exampleContact, Messages: []string{"Hi"}})
	if err != nil || id != "mine" {
		t.Fatal(id, err)
	}
	row := rows(t, object(t, s.Native(), tok, "/conversations?per_page=1", http.StatusOK))[0]
	for name, want := range map[string]any{
		"id": "mine", "contactId": exampleContact, "accountId": nil, "status": "new", "type": "widget", "messageCount": 1.0,
	} {
		diff(t, row[name], want)
	}
}

func TestChangeConversation(t *testing.T) {
	s := open(t, 3)
	row := func() map[string]any {
		all := rows(t, object(t, s.Autocalls(), token(t, s.autocalls, Acme), listPath+"?per_page=100", http.StatusOK))
		return all[slices.IndexFunc(all, func(r map[string]any) bool { return r["id"] == ExampleWidget })]
	}
	if !s.SetAI(ExampleWidget, false) || row()["ai_enabled"] != false {
		t.Error("the AI is on still")
	}
	if !s.AddMessage(ExampleWidget, "user", "One more thing") || row()["message_count"] != 13.0 {
		t.Errorf("%v messages, want 13", row()["message_count"])
	}
	if got := row()["updated_at"]; got != "2026-04-01 12:00:00" {
		t.Errorf("updated at %v", got)
	}
	history := object(t, s.Autocalls(), "", "/api/conversations/"+ExampleWidget, http.StatusOK)["history"].([]any)
	diff(t, history[len(history)-1], any(map[string]any{"role": "user", "content": "One more thing"}))
	if s.SetAI("nothing", true) || s.AddMessage("nothing", "user", "") {
		t.Error("a conversation that is not there was changed")
	}

	native := func() any {
		return object(t, s.Native(), token(t, s.native, Globex), "/conversations/"+ExampleNative, http.StatusOK)["status"]
	}
	s.SetAI(ExampleNative, false)
	diff(t, native(), any("human_managed"))
	s.SetAI(ExampleNative, true)
	diff(t, native(), any("waiting"))
	s.AddMessage(ExampleNative, "user", "And now?")
	diff(t, native(), any("active"))
}

func TestDeleteConversation(t *testing.T) {
	s := open(t, 3)
	before := s.ConversationIDs(Acme)
	if !s.DeleteConversation(before[1]) || s.DeleteConversation(before[1]) || !s.DeleteConversation(ExampleNative) {
		t.Error("not deleted, or twice")
	}
	diff(t, s.ConversationIDs(Acme), slices.Delete(slices.Clone(before), 1, 2))
	object(t, s.Autocalls(), "", "/api/conversations/"+before[1], http.StatusNotFound)
	if s.ConversationIDs("nobody") != nil {
		t.Error("nobody has conversations")
	}
}

func TestPutContact(t *testing.T) {
	s := open(t, -1)
	tok := token(t, s.crm, Acme)
	old := object(t, s.CRM(), tok, "/contacts/con-9001", http.StatusOK)
	if err := s.PutContact(Acme, "con-9001", map[string]any{"email": "ada@new.example", "phone": nil}); err != nil {
		t.Fatal(err)
	}
	old["email"], old["phone"], old["updatedAt"] = "ada@new.example", nil, "2026-04-01T12:00:00.000Z"
	diff(t, object(t, s.CRM(), tok, "/contacts/con-9001", http.StatusOK), old)

	if err := s.PutContact(Acme, "fresh", map[string]any{"externalRef": "ref-1", "accountId": "fresh"}); err != nil {
		t.Fatal(err)
	}
	diff(t, ids(t, object(t, s.CRM(), tok, "/contacts?externalRef=ref-1", http.StatusOK)), []string{"fresh"})
	if err := s.PutAccount(Acme, "fresh", map[string]any{"name": "Fresh Ltd"}); err != nil {
		t.Fatal(err)
	}
	diff(t, object(t, s.CRM(), tok, "/accounts/fresh", http.StatusOK)["name"], any("Fresh Ltd"))

	for name, err := range map[string]error{
		"unknown field":  s.PutContact(Acme, "con-9001", map[string]any{"mail": "x"}),
		"wrong type":     s.PutAccount(Acme, "acc-9001", map[string]any{"name": 1}),
		"unknown tenant": s.PutContact(Initech, "x", nil),
		"no JSON":        s.PutContact(Acme, "x", map[string]any{"email": func() {}}),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}

	if !s.DeleteContact(Acme, "fresh") || s.DeleteContact(Acme, "fresh") || s.DeleteContact(Initech, "fresh") {
		t.Error("contact not deleted, or twice")
	}
	if !s.DeleteAccount(Acme, "fresh") || s.DeleteAccount(Globex, "fresh") || s.DeleteAccount(Initech, "fresh") {
		t.Error("account not deleted, or twice")
	}
	object(t, s.CRM(), tok, "/contacts/fresh", http.StatusNotFound)
}

// TestConcurrent is for the race detector.
func TestConcurrent(t *testing.T) {
	s := New(Config{Conversations: 20})
	defer s.Close()
	acme, globex, crm := token(t, s.autocalls, Acme), token(t, s.native, Globex), token(t, s.crm, Acme)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 20 {
				get(t, s.Autocalls(), acme, listPath)
				get(t, s.Autocalls(), acme, "/api/conversations/"+ExampleWidget)
				get(t, s.Native(), globex, "/conversations/"+ExampleNative+"/messages")
				get(t, s.CRM(), crm, "/contacts?ids=con-9001,con-9002")
				get(t, s.Handler(), "", "/calls")
			}
		})
		wg.Go(func() {
			for i := range 20 {
				s.SetAI(ExampleWidget, i%2 == 0)
				s.AddMessage(ExampleNative, "user", "Hello?")
				id, err := s.AddConversation(Acme, Draft{})
				if err != nil || !s.DeleteConversation(id) {
					t.Errorf("%s: %v", id, err)
				}
				if err := s.PutContact(Acme, "con-9001", map[string]any{"title": time.Duration(i).String()}); err != nil {
					t.Error(err)
				}
				_ = s.CRM().Set("contacts", Dial{Latency: time.Duration(i % 2)})
			}
		})
	}
	wg.Wait()
}

// Tenants that are configured beside the fixed ones have records of their own.
func TestMoreTenants(t *testing.T) {
	s := New(Config{Conversations: -1, MoreTenants: 2})
	defer s.Close()
	all := s.Tenants()
	if len(all) != 4 {
		t.Fatalf("%d tenants, want the two fixed ones and two more", len(all))
	}
	one, other := all[2], all[3]
	if _, err := s.AddConversation(one.ID, Draft{ID: "mine", ContactID: "con"}); err != nil {
		t.Fatal(err)
	}
	if err := s.PutContact(one.ID, "con", map[string]any{"lastName": "Larsson"}); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		token, target string
		svc           *Service
		want          int
	}{
		{one.StoreToken, "/conversations/mine", s.Native(), http.StatusOK},
		{other.StoreToken, "/conversations/mine", s.Native(), http.StatusNotFound},
		{one.CRMToken, "/contacts/con", s.CRM(), http.StatusOK},
		{other.CRMToken, "/contacts/con", s.CRM(), http.StatusNotFound},
	} {
		if got := get(t, tt.svc, tt.token, tt.target).Code; got != tt.want {
			t.Errorf("%s with %s: %d, want %d", tt.target, tt.token, got, tt.want)
		}
	}
}
