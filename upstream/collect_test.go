package upstream

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRows(t *testing.T) {
	read := func(f Fields) (string, error) {
		switch id := f.Text("id"); {
		case id == nil:
			return "", errors.New("no id")
		case *id == "foreign":
			return "", WrongRecord
		default:
			return *id, nil
		}
	}
	tests := []struct {
		name, list string
		want       []string
		left       int
		kind       Kind
	}{
		{"no rows", `[]`, []string{}, 0, ""},
		{"good ones", `[{"id":"a"},{"id":"b"}]`, []string{"a", "b"}, 0, ""},
		{"one of them odd", `[{"id":"a"},{},{"id":"b"}]`, []string{"a", "b"}, 1, ""},
		{"no objects", `[null,7,{"id":"b"},[]]`, []string{"b"}, 3, ""},
		{"nothing else", `[null]`, nil, 0, UpstreamError}, // of no kind: whoever asked makes it one
		{"a foreign one", `[{"id":"a"},{"id":"foreign"}]`, nil, 0, WrongRecord},
		{"a foreign and an odd one", `[{"id":"a"},{"id":"foreign"},{}]`, nil, 0, WrongRecord},
	}
	for _, tt := range tests {
		var records []json.RawMessage
		if err := json.Unmarshal([]byte(tt.list), &records); err != nil {
			t.Fatal(err)
		}
		got, left, err := Rows(records, read)
		if diff := cmp.Diff(tt.want, got); diff != "" || left != tt.left || KindOf(err) != tt.kind {
			t.Errorf("%s: %d left out, want %d; error %v, want %q (-want +got):\n%s", tt.name, left, tt.left, err, tt.kind, diff)
		}
	}
}
