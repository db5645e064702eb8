package upstream

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// Times are written as the layout says.
func FuzzTimeAppend(f *testing.F) {
	for _, seconds := range []int64{0, -1, 1774438920, 253402300799, 253402300800, -62167219200, -62167219201} {
		f.Add(seconds, int64(987654321))
	}
	f.Fuzz(func(t *testing.T, seconds, nanos int64) {
		at := time.Unix(seconds%1e12, nanos%1e9).In(time.FixedZone("", int(seconds%40000)))
		want := `"` + at.UTC().Format(timeLayout) + `"`
		if got := string(Time{at}.Append([]byte{})); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
}

func BenchmarkTimeAppend(b *testing.B) {
	at, buf := At(time.Unix(1774438920, 987654321)), make([]byte, 0, 64)
	for b.Loop() {
		buf = at.Append(buf[:0])
	}
}

func TestTime(t *testing.T) {
	tests := []struct{ in, want string }{
		{`"2026-03-25T11:42:00Z"`, `"2026-03-25T11:42:00.000Z"`},
		{`"2026-03-25T11:42:00.1239Z"`, `"2026-03-25T11:42:00.123Z"`},
		{`"2026-03-25T13:42:00+02:00"`, `"2026-03-25T11:42:00.000Z"`},
		{`"2026-03-25 11:42:00"`, ""},
		{`"2026-02-30T11:42:00Z"`, ""},
		{`1774438920`, ""},
		{`""`, ""},
	}
	for _, tt := range tests {
		var v Time
		got, err := "", json.Unmarshal([]byte(tt.in), &v)
		if err == nil {
			b, err := json.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			got = string(b)
		}
		if got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.in, got, tt.want)
		}
	}
	if _, err := json.Marshal(At(time.Date(10001, 1, 1, 0, 0, 0, 0, time.UTC))); err == nil {
		t.Error("a year of five digits was written")
	}
}

func TestKindOf(t *testing.T) {
	busy := &Error{Kind: RateLimited, Source: "rest", Op: OpFind, Status: 429, RetryAfter: 3 * time.Second, Err: io.EOF}
	tests := []struct {
		name  string
		err   error
		kind  Kind
		retry time.Duration
	}{
		{"none", nil, "", 0},
		{"a kind", NotFound, NotFound, 0},
		{"an error", busy, RateLimited, 3 * time.Second},
		{"wrapped", fmt.Errorf("list: %w", busy), RateLimited, 3 * time.Second},
		{"joined", errors.Join(io.EOF, Denied), Denied, 0},
		{"of no known kind", io.EOF, UpstreamError, 0},
	}
	for _, tt := range tests {
		if got := KindOf(tt.err); got != tt.kind || RetryAfter(tt.err) != tt.retry {
			t.Errorf("%s: %q and %v, want %q and %v", tt.name, got, RetryAfter(tt.err), tt.kind, tt.retry)
		}
	}
	if !errors.Is(fmt.Errorf("x: %w", busy), RateLimited) || errors.Is(busy, NotFound) || !errors.Is(busy, io.EOF) {
		t.Error("errors.Is does not see the kind, or sees another, or not the cause")
	}
	if got, want := busy.Error(), "rest find: rate_limited (HTTP 429): EOF"; got != want {
		t.Errorf("text %q, want %q", got, want)
	}
}

func TestDecode(t *testing.T) {
	deep := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	tests := []struct {
		name, in string
		ok       bool
	}{
		{"object", `{"a": [1, "x"]}`, true},
		{"brackets in strings", `"` + strings.Repeat(`[{\"`, 100) + `"`, true},
		{"as deep as may be", deep(maxDepth), true},
		{"too deep", deep(maxDepth + 1), false},
		{"something behind it", `{} {}`, false},
		{"cut", `{"a": `, false},
		{"nothing", ``, false},
		{"NaN", `NaN`, false},
		{"not UTF-8", "\"a\xffb\"", true},
	}
	for _, tt := range tests {
		var v json.RawMessage
		err := Decode([]byte(tt.in), &v)
		if (err == nil) != tt.ok {
			t.Errorf("%s: error %v, want none: %v", tt.name, err, tt.ok)
		}
		if err == nil && !json.Valid(v) {
			t.Errorf("%s: not valid: %s", tt.name, v)
		}
	}
}

func TestObject(t *testing.T) {
	for in, want := range map[string]string{
		``: `null`, ` null `: `null`, `{ "a" : 1 }`: `{"a":1}`, `[]`: `{}`, `[ ]`: `{}`,
		`[1]`: "", `"x"`: "", `[`: "", `{`: "",
	} {
		got, err := Object(json.RawMessage(in))
		if diff := cmp.Diff(want, string(got)); diff != "" || (err != nil) != (want == "") {
			t.Errorf("%q: %s, error %v", in, diff, err)
		}
	}
}

func TestValidID(t *testing.T) {
	for id, want := range map[string]bool{
		"7c9e6679-7425-40de-944b-e07fc1f90ae7": true, "w1a2_B": true, "": false, "..": false, "a/b": false, "a b": false,
		"é": false, strings.Repeat("a", 64): true, strings.Repeat("a", 65): false,
	} {
		if got := ValidID(id); got != want {
			t.Errorf("%q: %v, want %v", id, got, want)
		}
	}
}

// Whatever a body holds, what is kept of it can be spliced.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"a":[1,{"b":"\u2028\ud800"}],"c":1e400}`))
	f.Add([]byte("\"\xed\xa0\x80\""))
	f.Fuzz(func(t *testing.T, body []byte) {
		var raw json.RawMessage
		if Decode(body, &raw) != nil {
			return
		}
		c, err := Compact(raw)
		if err != nil || !json.Valid(c) || !bytes.Equal(bytes.ToValidUTF8(c, nil), c) {
			t.Errorf("%q became %q: %v", body, c, err)
		}
	})
}
