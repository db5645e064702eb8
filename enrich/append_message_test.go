package enrich

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weft-gateway/weft/upstream"
)

// Messages are written as encoding/json would write them.
func TestThreadIsAsEncoded(t *testing.T) {
	at := upstream.At(time.Date(2026, 3, 25, 11, 42, 0, 123e6, time.UTC))
	threads := []upstream.Thread{
		{Messages: []upstream.Message{}},
		{Messages: []upstream.Message{{ID: "m", Role: "user", Content: "<a href=\"x\">&\u2028\u00e9\x01\n\xff</a>"}}},
		{Messages: []upstream.Message{
			{ID: "m1", Role: "assistant", CreatedAt: &at, FunctionCalls: []upstream.FunctionCall{}},
			{ID: "m2", Role: "tool", FunctionCalls: []upstream.FunctionCall{
				{Name: "f", Arguments: json.RawMessage(`{"a":[1,"<"]}`), Result: json.RawMessage("null")},
				{Name: "g", Result: json.RawMessage(`"x"`)},
			}},
		}},
	}
	for _, hide := range []bool{false, true} {
		for i, th := range threads {
			got, err := newThread(th, hide)
			if err != nil {
				t.Fatal(err)
			}
			shown := append([]upstream.Message{}, th.Messages...)
			for i := range shown {
				if hide {
					shown[i].FunctionCalls = nil
				}
			}
			want, err := encodeJSON(shown)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(decoded(t, want), decoded(t, got.json())); diff != "" {
				t.Errorf("thread %d, hide %t (-encoding/json +ours):\n%s", i, hide, diff)
			}
			compact, err := upstream.Compact(got.json())
			if err != nil || string(compact) != string(got.json()) {
				t.Errorf("thread %d: not compact: %s", i, got.json())
			}
		}
	}
	never := upstream.Time{Time: time.Date(12026, 1, 1, 0, 0, 0, 0, time.UTC)}
	if _, err := newThread(upstream.Thread{Messages: []upstream.Message{{ID: "m", CreatedAt: &never}}}, false); err == nil {
		t.Error("a year that JSON cannot have was written")
	}
}

func decoded(t *testing.T, b []byte) (v any) {
	t.Helper()
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatalf("%v in %s", err, b)
	}
	return v
}
