package enrich

import (
	"bytes"
	stdjson "encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weft-gateway/weft/cache"
	"github.com/weft-gateway/weft/upstream"
)

// longText is JSON of so many bytes, about, of which no two pieces are alike.
func longText(bytes int) []byte {
	var b strings.Builder
	for i := 0; b.Len() < bytes; i++ {
		fmt.Fprintf(&b, `,{"id":"msg-%d","role":"user","content":"The %dth thing that was said, about order %d."}`, i, i*i, i*7919)
	}
	return []byte("[" + b.String()[1:] + "]")
}

// Packed, a text is smaller, and reads as it did: both ways of packing
// are tried, at lengths around their bounds.
func TestTextPacked(t *testing.T) {
	for _, size := range []int{packFrom - 90, packFrom, 300, zstdFrom - 200, zstdFrom, 5000, 300 << 10} {
		json := longText(size)
		text := with(new(text), json)
		if got, ok := text.Pack(); ok != (len(json) >= packFrom) || got > len(json)*7/8 || !text.Small() {
			t.Errorf("%d bytes are packed to %d, %t", len(json), got, ok)
		}
		for range 2 {
			if got := text.append([]byte("before")); string(got) != "before"+string(json) {
				t.Errorf("%d bytes are read as %d others: %.80q", len(json), len(got), got)
			}
			if !bytes.Equal(text.json(), json) || text.size() != len(json) {
				t.Errorf("%d bytes: json has %d, size is %d", len(json), len(text.json()), text.size())
			}
			if text.Unpack(); packed(*text.form.Load()) {
				t.Errorf("%d bytes are still packed", len(json))
			}
		}
	}
}

// What would not be smaller stays as it is, and is not tried again.
func TestTextSolid(t *testing.T) {
	noise, rnd := []byte(`["`), rand.New(rand.NewPCG(1, 2))
	for range 600 {
		noise = append(noise, byte(rnd.Uint32())) // no JSON, but that is not looked at
	}
	solid := with(new(text), noise)
	if got, ok := solid.Pack(); ok || !solid.Small() {
		t.Errorf("noise of %d bytes takes %d, %t, small: %t", len(noise), got, ok, solid.Small())
	}
	for range 2 * enough {
		solid.append(nil)
	}
	if got := solid.Reads(); got != 0 {
		t.Errorf("it would be unpacked for %d reads", got)
	}
	if got := string((*text)(nil).append(nil)); got != "null" || (*text)(nil).size() != 4 {
		t.Errorf("none is %q", got)
	}
}

// Records are read while they are packed and unpacked.
func TestPackedWhileRead(t *testing.T) {
	full := read(t, filled[upstream.Conversation]())
	c := keepConversation(full)
	want, err := encodeConversation(full)
	if err != nil {
		t.Fatal(err)
	}
	th := &thread{}
	th.set(longText(4000))
	said := string(th.json())
	var wg sync.WaitGroup
	stop := make(chan struct{})
	wg.Go(func() {
		for i := range 500 {
			for _, p := range []cache.Packer{c, th} {
				if i%2 == 0 {
					p.Pack()
				} else {
					p.Unpack()
				}
			}
		}
		close(stop)
	})
	for range 2 {
		wg.Go(func() {
			for reading := true; reading; {
				select {
				case <-stop:
					reading = false
				default:
				}
				got, err := encodeConversation(c.record())
				if err != nil || string(got) != string(want) {
					t.Errorf("a conversation is read as %s, %v", got, err)
					return
				}
				if got := string(th.append(nil)); got != said {
					t.Errorf("messages are read as %.80q", got)
					return
				}
			}
		})
	}
	wg.Wait()
}

// read returns the conversation as it is read from Redis: all of its words are UTF-8.
func read(t *testing.T, c *upstream.Conversation) *upstream.Conversation {
	t.Helper()
	b, err := encodeConversation(c)
	if err != nil {
		t.Fatal(err)
	}
	again, err := decodeConversation(b)
	if err != nil {
		t.Fatal(err)
	}
	return again
}

// tricky are conversations whose words look like the fields of one.
func tricky() []*upstream.Conversation {
	text := func(s string) *string { return &s }
	words := `","contactId":"x","summary":"x","messageCount":1,"lastMessageAt":null,"variables":{},"assistant":null,"totalCost":1,"linked":true}`
	odd := filled[upstream.Conversation]()
	odd.ID, odd.WorkspaceID, odd.Summary, odd.Subject = words, words, text(words), text(`,"messageCount":`)
	odd.ExternalIdentifier, odd.Type, odd.Inbox = text(`\,"variables":`), text(`\\`), `"inbox":`+words
	odd.Assistant = &upstream.Assistant{ID: words, Name: text(words)}
	odd.Customer = &upstream.Party{Name: text(words), Phone: text(words)}
	odd.Variables = []byte(`{"a":[1],"assistant":null,"totalCost":2,"messageCount":3,"b":{"assistant":{},"linked":true}}`)
	bare := &upstream.Conversation{ID: "a", Variables: []byte("null")}
	many := filled[upstream.Conversation]()
	many.Summary = text(strings.Repeat("A long summary, of which there may be some. ", 40))
	return []*upstream.Conversation{filled[upstream.Conversation](), odd, bare, many}
}

// A conversation is shown with the same bytes, packed or not, and is the same record.
func TestConversationPacked(t *testing.T) {
	for i, c := range tricky() {
		c = read(t, c)
		kept := keepConversation(c)
		before, err := encodeConversation(c)
		if err != nil {
			t.Fatal(err)
		}
		for variant := range 4 {
			h := head{copied: kept, ids: &ids{[1]string{c.ID}, [1]string{"con"}, [1]string{""}, "acme", "ws", "ch"},
				status: "open", count: 12, costs: variant&1 > 0, hide: variant&2 > 0}
			want := string(h.append([]byte("{")))
			kept.Pack()
			if got := string(h.append([]byte("{"))); got != want {
				t.Errorf("conversation %d, variant %d (-whole +packed):\n%s", i, variant, cmp.Diff(want, got))
			}
			again, err := encodeConversation(kept.record())
			if err != nil || string(again) != string(before) {
				t.Errorf("conversation %d, variant %d, %v (-before +packed):\n%s", i, variant, err, cmp.Diff(string(before), string(again)))
			}
			kept.Unpack()
		}
	}
}

// The dictionary knows the fields of what is packed with it.
func TestDictionary(t *testing.T) {
	contact, err := encodeContact(filled[upstream.Contact]())
	if err != nil {
		t.Fatal(err)
	}
	account, err := encodeAccount(filled[upstream.Account]())
	if err != nil {
		t.Fatal(err)
	}
	conversation, err := encodeConversation(filled[upstream.Conversation]())
	if err != nil {
		t.Fatal(err)
	}
	for _, json := range [][]byte{contact, account, conversation} {
		var fields map[string]any
		if err := stdjson.Unmarshal(json, &fields); err != nil {
			t.Fatal(err)
		}
		for name := range fields {
			if !strings.Contains(dictionary, `"`+name+`":`) {
				t.Errorf("%s is not in the dictionary", name)
			}
		}
	}
}
