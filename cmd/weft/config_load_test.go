package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Files that the configuration names are looked for before the start.
func TestFilesOfTheConfiguration(t *testing.T) {
	dir := t.TempDir()
	keys := filepath.Join(dir, "keys.json")
	if err := os.WriteFile(keys, []byte(`{"keys":[]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, jwks, audit string
		want              string // in the error, in pieces; "": none
	}{
		{"there", keys, filepath.Join(dir, "audit.log"), ""},
		{"standard output", keys, stdout, ""},
		{"no keys", filepath.Join(dir, "none.json"), stdout, "issuers[0].jwks_file: no such file or directory"},
		{"no directory", keys, filepath.Join(dir, "none", "audit.log"), "audit.file: no such file or directory"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			file := filepath.Join(dir, "weft.yaml")
			text := string(broken(t, "", "")) + "\naudit: {file: " + tt.audit + "}\n" +
				"issuers: [{issuer: \"https://id.example.org\", audience: weft, jwks_file: " + tt.jwks + ", algorithms: [ES256], tenant_claim: tenant}]\n"
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := loadConfig(file, noEnv)
			got := ""
			if err != nil {
				got = err.Error()
			}
			if (err == nil) != (tt.want == "") || !strings.Contains(got, tt.want) {
				t.Errorf("error %q, want %q", got, tt.want)
			}
		})
	}
}
