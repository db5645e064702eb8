package enrich

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAppendString(t *testing.T) {
	for _, s := range []string{"", "plain", `a"b\c`, "line\nfeed\ttab\r", "\x00\x1f", "é€😀", "\u2028\u2029", "bad\xff\xfeutf8", "<b>&"} {
		var got string
		raw := appendString(nil, s)
		if err := json.Unmarshal(raw, &got); err != nil {
			t.Errorf("%q: %s is not JSON: %v", s, raw, err)
		}
		var want string
		std, _ := json.Marshal(s)
		if err := json.Unmarshal(std, &want); err != nil || got != want {
			t.Errorf("%q: got %q, want %q", s, got, want)
		}
	}
}

// What our writer makes and what encoding/json makes decode to the same.
func FuzzAppendString(f *testing.F) {
	f.Add("a\"b\\c\u2028")
	f.Add("\xed\xa0\x80")
	f.Fuzz(func(t *testing.T, s string) {
		std, _ := json.Marshal(s)
		var got, want string
		if err := json.Unmarshal(appendString(nil, s), &got); err != nil {
			t.Fatalf("%q: %v", s, err)
		}
		if err := json.Unmarshal(std, &want); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}

// No string that a caller sends is taken for a cursor of a list it is not of.
func FuzzOpenCursor(f *testing.F) {
	own := ListRequest{}
	f.Add(sealCursor("tenant", &own, position{cursor: "upstream"}))
	f.Add("")
	f.Add("AAAA")
	f.Fuzz(func(t *testing.T, s string) {
		r := ListRequest{Cursor: s}
		store, ok := openCursor("tenant", &r)
		if ok && s != "" && sealCursor("tenant", &ListRequest{}, store) != s {
			t.Errorf("%q opened as %+v, which seals otherwise", s, store)
		}
		if _, foreign := openCursor("other", &r); foreign && s != "" {
			t.Errorf("%q opens for two tenants", s)
		}
	})
}
