package upstream

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// scanned has a field of each type that a Scanner reads.
type scanned struct {
	Text    *string         `json:"text"`
	Int     *int            `json:"int"`
	Float   *float64        `json:"float"`
	Bool    *bool           `json:"bool"`
	Time    *Time           `json:"time"`
	Raw     json.RawMessage `json:"raw"`
	Compact json.RawMessage `json:"compact"`
	List    []*string       `json:"list"`
	Inner   *scanned        `json:"inner"`
}

var scannedNames = []string{"text", "int", "float", "bool", "time", "raw", "compact", "list", "inner"}

func (v *scanned) read(s *Scanner) {
	s.Object(scannedNames, func(name string) {
		switch name {
		case "text":
			v.Text = s.Text()
		case "int":
			v.Int = s.Int()
		case "float":
			v.Float = s.Float()
		case "bool":
			v.Bool = s.Bool()
		case "time":
			v.Time = s.Time()
		case "raw":
			v.Raw = s.Raw()
		case "compact":
			v.Compact = s.Compact()
		case "list":
			v.List = nil
			if s.Array(func() { v.List = append(v.List, s.Text()) }) && v.List == nil {
				v.List = []*string{}
			}
		case "inner":
			if v.Inner = nil; !s.Null() {
				v.Inner = new(scanned)
				v.Inner.read(s)
			}
		}
	})
}

func scan(body []byte) (v scanned, err error) {
	s := NewScanner(body)
	v.read(s)
	return v, s.End()
}

func TestScanner(t *testing.T) {
	tests := []struct {
		body string
		fail string // "": none
	}{
		{`{"text":"a\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00\ud800x","int":-12,"float":1.5e3,"bool":true,"time":"2026-03-25T12:42:00+01:00"}`, ""},
		{` { "raw" : [ 1 , { "a" : " b " } ] , "compact" : [ 1 , { "a" : " b\" " } ] , "list" : [ ] , "x" : [[{}],"\u0000",null,false,-0.0e-1] } `, ""},
		{`{"text":null,"int":null,"float":null,"bool":null,"time":null,"raw":null,"compact":null,"list":null,"inner":null}`, ""},
		{`{"TEXT":"folded","ınt":1,"tĸxt":1,"bool":false,"inner":{"\u0074ext":"escaped","list":["a",null]}}`, ""},
		{"{\"text\":\"a\xffb\"}", ""},
		{`null`, ""},
		{`{"text":1}`, "field text has a type that is not documented"},
		{`{"int":1.0}`, "field int has a type that is not documented"},
		{`{"int":99999999999999999999}`, "field int has a type that is not documented"},
		{`{"float":1e999}`, "field float has a type that is not documented"},
		{`{"bool":"true"}`, "field bool has a type that is not documented"},
		{`{"list":{}}`, "field list has a type that is not documented"},
		{`{"time":"yesterday"}`, "upstream: not an RFC 3339 time"},
		{`{"text":x}`, "not JSON from byte 8 on"},
		{`{"text":"a"`, "not JSON from byte 11 on"},
		{`{"text":"a",}`, "not JSON from byte 12 on"},
		{`{"text" "a"}`, "not JSON from byte 8 on"},
		{`{"int":01}`, "not JSON from byte 8 on"},
		{`{"int":-}`, "not JSON from byte 8 on"},
		{`{"float":1.}`, "not JSON from byte 11 on"},
		{`{"x":tru}`, "not JSON from byte 5 on"},
		{"{\"text\":\"a\nb\"}", "not JSON from byte 10 on"},
		{`{"text":"\x"}`, "not JSON from byte 9 on"},
		{`{} {}`, "not JSON from byte 3 on"},
		{``, "not JSON from byte 0 on"},
		{`{"x":` + strings.Repeat("[", maxDepth-1) + strings.Repeat("]", maxDepth-1) + `}`, ""},
		{`{"x":` + strings.Repeat("[", maxDepth) + strings.Repeat("]", maxDepth) + `}`, errDepth.Error()},
	}
	for _, tt := range tests {
		got, err := scan([]byte(tt.body))
		text := ""
		if err != nil {
			text = err.Error()
		}
		if text != tt.fail {
			t.Errorf("%s: error %q, want %q", tt.body, text, tt.fail)
		}
		if err == nil {
			wantAsDecoded(t, []byte(tt.body), got)
		}
	}
}

// wantAsDecoded compares with what encoding/json makes of a body.
func wantAsDecoded(t *testing.T, body []byte, got scanned) {
	t.Helper()
	var want scanned
	if err := Decode(body, &want); err != nil {
		t.Fatalf("%q: encoding/json refuses it: %v", body, err)
	}
	want.compact()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%q (-encoding/json +Scanner):\n%s", body, diff)
	}
}

func (v *scanned) compact() {
	for ; v != nil; v = v.Inner {
		if v.Compact != nil {
			v.Compact, _ = Compact(v.Compact)
		}
	}
}

// repeats reports whether an object of a body has two members that may be one:
// encoding/json then mixes what they hold.
func repeats(body []byte) bool {
	type level struct {
		object, value bool
		names         []string
	}
	var stack []level
	for dec := json.NewDecoder(bytes.NewReader(body)); ; {
		token, err := dec.Token()
		if err != nil {
			return err != io.EOF //nolint:errorlint // as documented
		}
		delim, _ := token.(json.Delim)
		if delim == '}' || delim == ']' {
			stack = stack[:len(stack)-1]
			continue
		}
		if n := len(stack) - 1; n >= 0 && stack[n].object {
			top := &stack[n]
			if name, ok := token.(string); ok && !top.value {
				for _, other := range top.names {
					if strings.EqualFold(other, name) {
						return true
					}
				}
				top.names, top.value = append(top.names, name), true
				continue
			}
			top.value = false
		}
		if delim != 0 {
			stack = append(stack, level{object: delim == '{'})
		}
	}
}

// The Scanner takes what encoding/json takes, and makes the same of it.
func FuzzScanner(f *testing.F) {
	f.Add([]byte(`{"text":"a\u00e9\ud83d\ude00\ud800","int":-12,"float":1.5e3,"bool":true,"time":"2026-03-25T12:42:00+01:00","raw":[1, {}],"compact":{"a": " b"},"list":["a",null]}`))
	f.Add([]byte(`{"TEXT":"folded","inner":{"\u0074ext":"escaped"},"x":[[{}],"\u0000",null,false,-0.0e-1]} `))
	f.Add([]byte("{\"text\":\"a\xffb\",\"inner\":null}"))
	f.Add([]byte(`[01,{"a" 1}]`))
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := scan(body)
		var want scanned
		wantErr := Decode(body, &want)
		if (err == nil) != (wantErr == nil) && !repeats(body) {
			t.Fatalf("%q: error %v, of encoding/json %v", body, err, wantErr)
		}
		if err == nil && wantErr == nil && !repeats(body) {
			wantAsDecoded(t, body, got)
		}
		var raw json.RawMessage
		s := NewScanner(body)
		gotRaw := s.Raw()
		if err := s.End(); (err == nil) != (Decode(body, &raw) == nil) {
			t.Fatalf("%q: any value: error %v", body, err)
		} else if err == nil && !bytes.Equal(gotRaw, raw) {
			t.Fatalf("%q: raw %q, want %q", body, gotRaw, raw)
		}
	})
}
