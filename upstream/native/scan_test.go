package native

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What is read from a body does not change with it: it is read into again.
func TestNothingPointsIntoTheBody(t *testing.T) {
	s := &Store{tenant: "t", foreign: func() {}}
	one := []byte(`{"id":"c","tenantId":"t","workspaceId":"w","channelId":"ch","status":"new","messageCount":1,"createdAt":"2026-03-24T08:15:00Z","updatedAt":"2026-03-24T08:15:00Z","contactId":"ct","summary":"s","variables":{"a":"b"},"assistant":{"id":"a","name":"n"},"customer":{"name":"n","phone":"p"}}`)
	page := []byte(`{"data":[` + string(one) + `],"nextCursor":"n"}`)
	thread := []byte(`{"data":[{"id":"m","role":"user","content":"hi","functionCalls":[{"name":"f","arguments":{"x":1},"result":[1, 2]}]}]}`)
	items := []byte(`{"data":[{"id":"i","tenantId":"t","conversationId":"c","type":"e","reason":"r","status":"open","createdAt":"2026-03-24T08:15:00Z"}]}`)
	for _, tt := range []struct {
		body []byte
		read func(body []byte) (any, error)
	}{
		{one, func(b []byte) (any, error) { return s.conversation("c", b) }},
		{page, func(b []byte) (any, error) { return s.page(b, "") }},
		{thread, func(b []byte) (any, error) { return s.thread("c", b) }},
		{items, func(b []byte) (any, error) { return s.attentionItems("c", b) }},
	} {
		want, err := tt.read(bytes.Clone(tt.body))
		if err != nil {
			t.Fatalf("%s: %v", tt.body, err)
		}
		got, _ := tt.read(tt.body)
		for i := range tt.body {
			tt.body[i] = 'x'
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("changed with its body (-want +got):\n%s", diff)
		}
	}
}
