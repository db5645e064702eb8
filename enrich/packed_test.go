package enrich

import (
	stdjson "encoding/json"
	"math"
	"strings"
	"testing"
	"unsafe"

	"github.com/google/go-cmp/cmp"

	"github.com/weft-gateway/weft/upstream"
)

// odd are conversations that encodeConversation cannot write so that they are read as
// what they are: with a year that others may have written to Redis, variables that are
// nested as deep as a body may be, and words that are not UTF-8.
func odd(t *testing.T) map[string]*upstream.Conversation {
	t.Helper()
	said := strings.Repeat("There is enough of this to be packed. ", 10)
	late, err := decodeConversation([]byte(`{"id":"conv-1","summary":"` + said + `","createdAt":"9999-12-31T23:30:00-01:00","variables":null}`))
	if err != nil {
		t.Fatal(err)
	}
	deep, latin := filled[upstream.Conversation](), filled[upstream.Conversation]()
	deep.Summary = &said
	deep.Variables = []byte(`{"a":` + strings.Repeat("[", 63) + strings.Repeat("]", 63) + `}`)
	bad := "caf\xe9 " + said
	latin.Summary = &bad
	return map[string]*upstream.Conversation{"late": late, "deep": deep, "latin": latin}
}

// What cannot be read again as it was is not packed, and ends nothing.
func TestOddConversationStays(t *testing.T) {
	for name, c := range odd(t) {
		t.Run(name, func(t *testing.T) {
			kept := keepConversation(c)
			if bytes, ok := kept.Pack(); ok || !kept.Small() {
				t.Errorf("packed to %d, %t; it would be tried again: %t", bytes, ok, !kept.Small())
			}
			if got := kept.record(); got != c {
				t.Errorf("it is read as another: %+v", got)
			}
			if bytes, ok := kept.Unpack(); ok {
				t.Errorf("unpacked to %d", bytes)
			}
		})
	}
}

// A number is written as encoding/json does.
func TestFloats(t *testing.T) {
	for _, f := range []float64{0, math.Copysign(0, -1), 0.0061, 1e-6, 9.9e-7, -1e-7, 1e-10, 1e-100, 1e20, 1e21, 1.5e21, 1e100, math.MaxFloat64, math.SmallestNonzeroFloat64} {
		want, err := stdjson.Marshal(f)
		if err != nil {
			t.Fatal(err)
		}
		if got := appendFloat(nil, &f); string(got) != string(want) {
			t.Errorf("%g is written as %s, want %s", f, got, want)
		}
	}
}

// What a kept document is believed to weigh is what it is.
func TestKeptWeight(t *testing.T) {
	const tag = 32
	if got, want := keptWeight, int(unsafe.Sizeof(kept{})+unsafe.Sizeof(ids{}))+tag; got != want {
		t.Errorf("it weighs %d, and takes %d", got, want)
	}
	i := &ids{[1]string{"conv"}, [1]string{"con"}, [1]string{"a"}, "tenant", "ws", "channel"}
	own := i.clone(&Tenant{ID: "acme"})
	if want := (ids{i.conversation, i.contact, i.account, "acme", "ws", "channel"}); *own != want || i.size() != 17 {
		t.Errorf("cloned as %+v, with %d bytes", own, i.size())
	}
}

// What is spliced of a conversation's JSON is what is written of the conversation,
// whatever is in it.
func FuzzSplice(f *testing.F) {
	for _, c := range tricky() {
		b, err := encodeConversation(c)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, true, false)
	}
	f.Add([]byte(`{"variables":{"x":1,"totalCost":2,"linked":false},"totalCost":1e-7,"inbox":"\"},\u2028"}`), true, true)
	f.Fuzz(func(t *testing.T, b []byte, costs, hide bool) {
		c, err := decodeConversation(b)
		if err != nil {
			return
		}
		json := readable(c)
		if json == nil {
			return
		}
		h := head{ids: &ids{conversation: [1]string{c.ID}, tenant: "acme"}, count: 7, costs: costs, hide: hide}
		if got, want := string(h.splice(nil, json)), string(h.fields(nil, c)); got != want {
			t.Errorf("spliced of %s:\n%s", json, cmp.Diff(want, got))
		}
	})
}
