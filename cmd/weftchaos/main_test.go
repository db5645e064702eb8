package main

import (
	"bytes"
	"strings"
	"testing"
)

func TestCommandLine(t *testing.T) {
	tests := []struct {
		name, args string
		fails      string // "": it does not
		says       string
	}{
		{"list", "-list", "", "redis-killed"},
		{"help", "-h", "", "-soak"},
		{"nothing matches", "-run nothing-is-called-so", "", "seed "},
		{"unknown flag", "-nonsense", "nonsense", ""},
		{"argument", "now", `"now"`, ""},
		{"expression", "-run (", "missing", ""},
		{"a page of some", "-run 20 -out page.md", "-out", ""},
		{"negative soak", "-soak -1s", "negative", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out bytes.Buffer
			err := run(t.Context(), strings.Fields(tt.args), func(string) string { return "" }, &out)
			if (err == nil) != (tt.fails == "") || err != nil && !strings.Contains(err.Error(), tt.fails) || !strings.Contains(out.String(), tt.says) {
				t.Errorf("%v, %q", err, out.String())
			}
		})
	}
}
