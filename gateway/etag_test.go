package gateway

import (
	"strings"
	"testing"
)

func TestAnyMatches(t *testing.T) {
	const tag = `W/"abc"`
	tests := []struct {
		name   string
		header []string
		want   bool
	}{
		{"none", nil, false},
		{"empty", []string{""}, false},
		{"same", []string{`W/"abc"`}, true},
		{"strong", []string{`"abc"`}, true},
		{"other", []string{`W/"abd"`}, false},
		{"prefix", []string{`W/"ab"`}, false},
		{"unquoted", []string{`abc`}, false},
		{"star", []string{`*`}, true},
		{"star with space", []string{` * `}, true},
		{"star in quotes", []string{`"*"`}, false},
		{"last of a list", []string{`"x", W/"y" ,W/"abc"`}, true},
		{"comma inside a tag", []string{`"x,y", "abc"`}, true},
		{"second header", []string{`"x"`, `"abc"`}, true},
		{"lower-case w", []string{`w/"abc"`}, false},
		{"empty members", []string{`,, "abc"`}, true},
		{"behind a malformed one", []string{`"x" y, "abc"`}, false},
		{"unclosed", []string{`"abc`}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := anyMatches(tt.header, tag); got != tt.want {
				t.Errorf("anyMatches(%q) = %v, want %v", tt.header, got, tt.want)
			}
		})
	}
}

func FuzzAnyMatches(f *testing.F) {
	for _, s := range []string{"", "*", `"abc"`, `W/"abc"`, `"x", W/"abc"`, `"`, `W/`, `,,"abc`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, header string) {
		got := anyMatches([]string{header}, `W/"abc"`)
		if got && !strings.Contains(header, `"abc"`) && strings.Trim(header, " \t") != "*" {
			t.Errorf("%q matches", header)
		}
		if !got && anyMatches([]string{header, `"abc"`}, `W/"abc"`) == false {
			t.Errorf("%q keeps the next header from being read", header)
		}
	})
}
