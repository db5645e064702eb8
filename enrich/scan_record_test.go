package enrich

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weft-gateway/weft/upstream"
)

// What is written is read again as it was.
func TestRecordsAreReadAgain(t *testing.T) {
	full := filled[upstream.Conversation]()
	full.Variables = json.RawMessage("null")
	for _, want := range []*upstream.Conversation{{Variables: json.RawMessage("null")}, full} {
		b, err := encodeConversation(want)
		if err != nil {
			t.Fatal(err)
		}
		std, err := decodeJSON[upstream.Conversation](b) // strings that are no UTF-8 do not come back
		if err != nil {
			t.Fatal(err)
		}
		std.Variables = json.RawMessage("null") // as the Scanner has it
		got, err := decodeConversation(b)
		if diff := cmp.Diff(std, got); diff != "" || err != nil {
			t.Errorf("%v (-encoding/json +ours):\n%s", err, diff)
		}
	}
	for _, c := range []upstream.Contact{{ID: "a"}, *filled[upstream.Contact]()} {
		want, err := newContact(c)
		if err != nil {
			t.Fatal(err)
		}
		got, err := decodeContact(want.json())
		want.id, want.accountID = strings.ToValidUTF8(want.id, "\ufffd"), strings.ToValidUTF8(want.accountID, "\ufffd")
		if err != nil || got.id != want.id || got.accountID != want.accountID || string(got.json()) != string(want.json()) {
			t.Errorf("got %q, %q, %s, %v, want %q, %q, %s", got.id, got.accountID, got.json(), err, want.id, want.accountID, want.json())
		}
	}
	for _, want := range []*link{{}, {ContactID: "c", AccountID: "a", Ambiguous: true}} {
		b, err := encodeJSON(want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := decodeLink(b)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
	}
}

// What comes back from Redis is refused if it is not JSON, or not of its type.
func TestDecodersRefuse(t *testing.T) {
	decoders := map[string]func([]byte) error{
		kindConversation: func(b []byte) error { _, err := decodeConversation(b); return err },
		kindThread:       func(b []byte) error { _, err := decodeThread(b); return err },
		kindAttention:    func(b []byte) error { _, err := decodeItems(b); return err },
		kindContact:      func(b []byte) error { _, err := decodeContact(b); return err },
		kindAccount:      func(b []byte) error { _, err := decodeAccount(b); return err },
		kindLink:         func(b []byte) error { _, err := decodeLink(b); return err },
	}
	for kind, decode := range decoders {
		for _, bad := range []string{``, `{`, `[{"id":"a"}`, `{} {}`, `{"id":"a",}`, "\x00", `{"accountId":"a"x}`} {
			if decode([]byte(bad)) == nil {
				t.Errorf("%s: %q was taken", kind, bad)
			}
		}
	}
	for kind, bad := range map[string]string{kindConversation: `{"id":1}`, kindContact: `{"accountId":[]}`, kindLink: `{"ambiguous":"yes"}`} {
		if decoders[kind]([]byte(bad)) == nil {
			t.Errorf("%s: %q was taken", kind, bad)
		}
	}
}

// A conversation is read as encoding/json would read it.
func FuzzDecodeConversation(f *testing.F) {
	f.Add([]byte(`{"id":"a","messageCount":2,"createdAt":"2026-03-25T11:42:00.000Z","variables":{"a":1},"customer":{"name":null,"phone":"1"},"linked":true}`))
	f.Add([]byte(`{"ID":"a","totalCost":1e3,"assistant":{"id":"x"}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := decodeConversation(b)
		if err != nil {
			return
		}
		if !json.Valid(b) {
			t.Fatalf("%q is not JSON", b)
		}
		again, err := encodeConversation(got)
		if err != nil {
			return // a year that JSON cannot have
		}
		back, err := decodeConversation(again)
		if err != nil {
			t.Fatalf("%q written as %s: %v", b, again, err)
		}
		if third, err := encodeConversation(back); err != nil || string(third) != string(again) {
			t.Errorf("%s written again as %s, %v", again, third, err)
		}
	})
}
