package main

import (
	"bytes"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestCommandLine(t *testing.T) {
	tests := []struct {
		name, args string
		fails      string // "": it does not
		says       string
	}{
		{"help", "-h", "", "-rounds"},
		{"help of profile", "profile -h", "", "profiles"},
		{"help of scale", "scale -h", "", "-tenants"},
		{"scale", "scale", "", "| replicas | 10 | 100 | 1000 |"},
		{"unknown command", "now", `"now"`, ""},
		{"unknown case", "-cases hot,lukewarm", `"lukewarm"`, ""},
		{"argument", "-rounds 1 hot", `"hot"`, ""},
		{"no rounds", "-rounds 0", "-rounds", ""},
		{"too short", "-duration 10ms", "-duration", ""},
		{"few ids", "-ids 10", "-ids", ""},
		{"no tenants", "-tenants 0", "-tenants", ""},
		{"a page of some", "-cases hot -out page.md", "-out", ""},
		{"a profile of no time", "profile -duration 0s", "-duration", ""},
		{"scale of nothing", "scale -tenants 0", "above 0", ""},
		{"scale with changes before polls", "scale -change 1s", "-change", ""},
		{"baseline without its bytes", "serve-a", "-body", ""},
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
