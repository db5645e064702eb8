package main

import (
	"bytes"
	"net/http"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.Cleanup(func(int) { http.DefaultClient.CloseIdleConnections() }))
}

func TestCommands(t *testing.T) {
	tests := []struct {
		name, args string
		exit       int // 0: no error
		say        string
	}{
		{"none", "", 2, "no command"},
		{"unknown", "sevre", 2, `unknown command "sevre"`},
		{"help", "help", 0, "usage: weft"},
		{"version", "version", 0, "weft "},
		{"key", "key -id inbox", 0, "sha256"},
		{"no such file", "check -config /nonexistent/weft.yaml", 2, "weft.yaml"},
		{"serve without a file", "serve -config /nonexistent/weft.yaml", 2, "weft.yaml"},
		{"unknown flag", "serve -port 80", 2, "-port"},
		{"no such address", "demo -sandbox-listen 127.0.0.1:0 -listen 127.0.0.1:1:2", 2, "listen"},
		{"flags explained", "serve -h", 0, "-config"},
		{"log level of the demo", "demo -h", 0, "(default WARN)"},
		{"log level of the sandbox", "sandbox -h", 0, "(default INFO)"},
		{"a line for any shell", "sandbox -h", 0, "'ADDR/calls?keys'"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out bytes.Buffer
			err := run(t.Context(), strings.Fields(tt.args), func(string) string { return "" }, &out)
			exit, said := 0, out.String()
			if err != nil {
				exit, said = exitCode(err), err.Error()
			}
			if exit != tt.exit || !strings.Contains(said, tt.say) {
				t.Errorf("exit %d, %q; want exit %d and %q", exit, said, tt.exit, tt.say)
			}
		})
	}
}
