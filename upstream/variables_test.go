package upstream

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

func TestVariables(t *testing.T) {
	from := Fields{"a": json.RawMessage(`{"b": 1}`), "long": json.RawMessage(`"` + strings.Repeat("x", maxCustom) + `"`), "none": json.RawMessage("null"), "mail": json.RawMessage(`"other"`)}
	email, long := "jane@example.com", strings.Repeat("y", maxCustom)
	for _, tt := range []struct {
		name  string
		names map[string]string
		texts map[string]*string
		want  string
	}{
		{"nothing", nil, nil, `null`},
		{"nothing that has a value", map[string]string{"x": "none", "y": "absent", "z": "long"}, map[string]*string{"email": nil, "long": &long}, `null`},
		{"both", map[string]string{"ours": "a"}, map[string]*string{"email": &email}, `{"email":"jane@example.com","ours":{"b":1}}`},
		{"a name that is taken", map[string]string{"email": "mail"}, map[string]*string{"email": &email}, `{"email":"other"}`},
	} {
		got := Variables(tt.names, func(key string) json.RawMessage { return from[key] }, tt.texts)
		if string(got) != tt.want {
			t.Errorf("%s: %.80s, want %s", tt.name, got, tt.want)
		}
	}
}

func TestUnix(t *testing.T) {
	at := func(n int64) *Time { at := At(time.UnixMilli(n)); return &at }
	for raw, want := range map[string]*Time{
		`1711324800`: at(1711324800000), `1711324800.25`: at(1711324800250), `"1711324800"`: at(1711324800000), `253402300799`: at(253402300799000),
		`0`: nil, `-1`: nil, `253402300800`: nil, `1e300`: nil, `null`: nil, `"now"`: nil, `{}`: nil, `true`: nil,
	} {
		got := Fields{"t": json.RawMessage(raw)}.Unix("t")
		if (got == nil) != (want == nil) || got != nil && !got.Equal(want.Time) {
			t.Errorf("%s: %v, want %v", raw, got, want)
		}
	}
}
