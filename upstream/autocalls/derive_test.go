package autocalls

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weft-gateway/weft/upstream"
)

func TestDerive(t *testing.T) {
	thread := func(roles ...string) *upstream.Thread {
		t := &upstream.Thread{}
		for _, r := range roles {
			t.Messages = append(t.Messages, upstream.Message{Role: r})
		}
		return t
	}
	tests := []struct {
		name   string
		off    *bool // nil: not known
		count  int
		thread *upstream.Thread
		want   upstream.Status
		items  int
	}{
		{"row without messages", ptr(true), 0, nil, upstream.StatusNew, 0},
		{"row with messages", ptr(true), 3, nil, upstream.StatusActive, 0},
		{"row of an unknown switch", nil, 3, nil, upstream.StatusActive, 0},
		{"row with the AI off", ptr(false), 0, nil, upstream.StatusHumanManaged, 1},
		{"AI off", ptr(false), 2, thread("assistant", "user"), upstream.StatusHumanManaged, 1},
		{"no message", ptr(true), 2, thread(), upstream.StatusNew, 0},
		{"not answered", ptr(true), 1, thread("system", "user"), upstream.StatusNew, 0},
		{"the customer's turn", ptr(true), 2, thread("user", "assistant"), upstream.StatusWaiting, 0},
		{"the assistant's turn", nil, 0, thread("assistant", "user"), upstream.StatusActive, 0},
		{"a note at the end", ptr(true), 2, thread("assistant", "system"), upstream.StatusActive, 0},
	}
	s, _ := open(t, say(200, ""))
	for _, tt := range tests {
		c := &upstream.Conversation{ID: "c1", TenantID: testTenant, AIEnabled: tt.off, MessageCount: tt.count}
		got := s.Derive(c, tt.thread)
		if got.Status != tt.want || len(got.AttentionItems) != tt.items || got.AttentionItems == nil {
			t.Errorf("%s: %+v, want %s and %d items", tt.name, got, tt.want, tt.items)
		}
	}
}

func TestHumanRequested(t *testing.T) {
	s, _ := open(t, say(200, ""))
	c := &upstream.Conversation{ID: documentedID, TenantID: testTenant, AIEnabled: ptr(false), UpdatedAt: at("2025-01-25T14:45:22Z")}
	got := s.Derive(c, nil).AttentionItems
	want := []upstream.AttentionItem{{
		ID: "c4a047ac-0663-5470-8129-fa0a78a9247a", TenantID: testTenant, ConversationID: documentedID,
		Type: "human_requested", Status: "open", CreatedAt: at("2025-01-25T14:45:22Z"),
		Reason: ptr("The AI assistant is switched off for this conversation: a person has to answer."),
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestNew(t *testing.T) {
	if _, err := New(nil, Config{TenantID: "t"}); err == nil {
		t.Error("no client: no error")
	}
	s, _ := open(t, say(200, ""))
	if _, err := New(s.client, Config{}); err == nil {
		t.Error("no tenant: no error")
	}
}
