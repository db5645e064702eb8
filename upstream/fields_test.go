package upstream

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// What is there is read, and what is absent, null, empty or of another type has
// no value.
func TestFields(t *testing.T) {
	f := ReadFields(json.RawMessage(`{
		"text": "a", "empty": "", "null": null, "number": 12, "fraction": 1.5, "minus": -1, "huge": 1e999, "digits": "120", "nan": "NaN",
		"long": 900719925474099312345, "exact": 9007199254740991, "beyond": 9007199254740992, "true": true, "list": ["a", "", 7, null, "b"],
		"object": {"text": "b"}, "time": "2026-05-01T07:25:37.000+0000", "rfc": "2026-05-01T09:25:37+02:00", "day": "2026-05-01",
		"odd": "a/b", "year": "0000-01-01T00:00:00+23:00", "Text": "another"
	}`))
	at := At(time.Date(2026, 5, 1, 7, 25, 37, 0, time.UTC))
	id := func(name string) any {
		id, ok := f.ID(name)
		if !ok {
			return errors.New("no id")
		}
		return id
	}
	bad := errors.New("no id")
	s := func(s string) *string { return &s }
	n := func(n float64) *float64 { return &n }
	c := func(n int) *int { return &n }
	tests := []struct {
		name      string
		got, want any
	}{
		{"text", f.Text("text"), s("a")},
		{"empty text", f.Text("empty"), (*string)(nil)},
		{"null text", f.Text("null"), (*string)(nil)},
		{"no text", f.Text("TEXT"), (*string)(nil)},
		{"number as text", f.Text("number"), (*string)(nil)},
		{"texts", f.Texts("list"), []string{"a", "b"}},
		{"texts of a text", f.Texts("text"), []string(nil)},
		{"list", len(f.List("list")), 5},
		{"object", f.Object("object").Text("text"), s("b")},
		{"object of a list", f.Object("list").Text("text"), (*string)(nil)},
		{"id", id("text"), s("a")},
		{"no id", id("empty"), (*string)(nil)},
		{"null id", id("null"), (*string)(nil)},
		{"absent id", id("absent"), (*string)(nil)},
		{"whole id", id("number"), s("12")},
		{"long id", id("long"), s("900719925474099312345")},
		{"id in a fraction", id("fraction"), bad},
		{"id below zero", id("minus"), bad},
		{"huge id", id("huge"), bad},
		{"id that is an object", id("object"), bad},
		{"id that is a flag", id("true"), bad},
		{"id that leads elsewhere", id("odd"), bad},
		{"flag", f.Flag("true"), func() *bool { v := true; return &v }()},
		{"flag of a text", f.Flag("text"), (*bool)(nil)},
		{"number", f.Number("fraction"), n(1.5)},
		{"number in a text", f.Number("digits"), n(120)},
		{"infinite", f.Number("huge"), (*float64)(nil)},
		{"no number", f.Number("nan"), (*float64)(nil)},
		{"null number", f.Number("null"), (*float64)(nil)},
		{"count", f.Count("number"), c(12)},
		{"largest count", f.Count("exact"), c(9007199254740991)},
		{"count beyond", f.Count("beyond"), (*int)(nil)},
		{"half a count", f.Count("fraction"), (*int)(nil)},
		{"count below zero", f.Count("minus"), (*int)(nil)},
		{"time", f.Time("rfc"), &at},
		{"time of a layout", f.Time("time", "2006-01-02T15:04:05.000Z0700"), &at},
		{"time of no layout", f.Time("day"), (*Time)(nil)},
		{"time before the years", f.Time("year"), (*Time)(nil)},
		{"time of a number", f.Time("number"), (*Time)(nil)},
	}
	for _, tt := range tests {
		same := cmp.Comparer(func(a, b error) bool { return a.Error() == b.Error() })
		if diff := cmp.Diff(tt.want, tt.got, same); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
	for _, raw := range []string{``, `null`, `[]`, `"a"`, `{`} {
		if ReadFields(json.RawMessage(raw)) != nil {
			t.Errorf("%q is an object", raw)
		}
	}
}

func TestDomain(t *testing.T) {
	for site, want := range map[string]string{
		"https://www.Firm.example/de?x=1": "firm.example", "firm.example": "firm.example", "http://shop.firm.example:8080": "shop.firm.example",
		"www.firm.example": "firm.example", "firm": "", "": "", "http://127.0.0.1/": "", "http://[::1]/": "", "not a site.x": "", "http://%zz": "",
		"firm.example.": "firm.example", "a.example,b.example": "", "https://x:y@firm.example": "firm.example", "münchen.example": "münchen.example",
		"http://.": "", "..": "", "http://%22%3E.example": "", "http://firm..example": "", "https://" + strings.Repeat("a.", 127) + "example": "",
	} {
		got := ""
		if d := Domain(&site); d != nil {
			got = *d
		}
		if got != want {
			t.Errorf("%q: %q, want %q", site, got, want)
		}
	}
	if Domain(nil) != nil {
		t.Error("no site has a domain")
	}
}

func TestCountryCode(t *testing.T) {
	for country, want := range map[string]bool{"DE": true, "Germany": false, "de": false, "D": false, "": false, "Ä": false} {
		if got := CountryCode(&country); (got != nil) != want {
			t.Errorf("%q: %v", country, got)
		}
	}
	if CountryCode(nil) != nil {
		t.Error("no country has a code")
	}
}

func TestReadCustom(t *testing.T) {
	record := ReadFields(json.RawMessage(`{"a": {"x": [1, 2]}, "b": null, "c": "", "d": [], "e": {}, "f": false, "g": 0, "h": "` + strings.Repeat("x", maxCustom) + `", "i": "s3cr3t", "j": 1e400, "k": {"x": [-1e400]}}`))
	names := map[string]string{"A": "a", "B": "b", "C": "c", "D": "d", "E": "e", "F": "f", "G": "g", "H": "h", "J": "j", "K": "k", "N": "absent"}
	got := ReadCustom(names, record.Raw)
	want := Custom{"A": json.RawMessage(`{"x":[1,2]}`), "F": json.RawMessage(`false`), "G": json.RawMessage(`0`)}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if ReadCustom(map[string]string{"B": "b"}, record.Raw) != nil || ReadCustom(nil, record.Raw) != nil {
		t.Error("nothing is not nil")
	}
}

func TestCollect(t *testing.T) {
	read := func(f Fields) (string, error) {
		switch s := f.Text("s"); {
		case s == nil:
			return "", errors.New("no s")
		case *s == "gone":
			return "", NotFound
		case *s == "wrong":
			return "", WrongRecord
		default:
			return *s, nil
		}
	}
	tests := []struct {
		list string
		good []string
		kind Kind
	}{
		{`[{"s":"a"},{"s":"gone"},{"s":"b"}]`, []string{"a", "b"}, ""},
		{`[{"s":"a"},{"s":"wrong"},{}]`, []string{"a"}, WrongRecord},
		{`[{},{"s":"wrong"}]`, nil, WrongRecord},
		{`[null,{"s":"a"}]`, []string{"a"}, UpstreamError}, // of no kind: the client makes it a bad response
		{`[]`, nil, ""},
	}
	for _, tt := range tests {
		var list []json.RawMessage
		if err := json.Unmarshal([]byte(tt.list), &list); err != nil {
			t.Fatal(err)
		}
		good, bad := Collect(list, read)
		if diff := cmp.Diff(tt.good, good); diff != "" || KindOf(bad) != tt.kind {
			t.Errorf("%s: error %v, want %q (-want +got):\n%s", tt.list, bad, tt.kind, diff)
		}
	}
	if diff := cmp.Diff([]string{"b", "a"}, Askable([]string{"b", "x", "a", "b"}, func(s string) bool { return s != "x" })); diff != "" {
		t.Errorf("askable (-want +got):\n%s", diff)
	}
}

// Whatever a record holds, what is read of it can be written and is bounded.
func FuzzFields(f *testing.F) {
	f.Add([]byte(`{"a":1e400,"b":{"c":[null]}}`), "a")
	f.Add([]byte(`{"a":"0000-01-01T00:00:00+23:59"}`), "a")
	f.Fuzz(func(t *testing.T, body []byte, name string) {
		var raw json.RawMessage
		if Decode(body, &raw) != nil {
			return
		}
		r := ReadFields(raw)
		id, ok := r.ID(name)
		if ok && id != nil && !ValidID(*id) {
			t.Errorf("id %q", *id)
		}
		all := []any{r.Text(name), r.Texts(name), id, r.Flag(name), r.Number(name), r.Count(name), r.Time(name), Domain(r.Text(name)), ReadCustom(map[string]string{"x": name}, r.Raw)}
		b, err := json.Marshal(all)
		if err != nil {
			t.Fatalf("%q: %v", body, err)
		}
		var read any
		if err := json.Unmarshal(b, &read); err != nil {
			t.Errorf("%q: written as %s: %v", body, b, err)
		}
	})
}
