package main

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// secrets are the variables that testdata/full.yaml names.
func secrets(name string) string {
	switch name {
	case "REDIS_PASSWORD", "AUTOCALLS_TOKEN", "CRM_TOKEN":
		return "CANARY-" + name
	case "SALESFORCE_KEY":
		return testKey()
	case "WEFT_KEY_2":
		return "CANARYaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaA="
	}
	return ""
}

// testKey is an RSA key in PEM, the same each time.
var testKey = sync.OnceValue(func() string {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}))
})

func noEnv(string) string { return "" }

func TestDump(t *testing.T) {
	c, err := loadConfig(filepath.Join("testdata", "full.yaml"), secrets)
	if err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	if err := c.dump(&got); err != nil {
		t.Fatal(err)
	}
	golden := filepath.Join("testdata", "full.golden")
	if *update {
		if err := os.WriteFile(golden, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("dump (-want +got):\n%s", diff)
	}
	for _, secret := range []string{"CANARY", "pa${x$", strings.Repeat("0", 12), "MDAw", "PRIVATE"} {
		if strings.Contains(got.String(), secret) {
			t.Errorf("the dump shows %q", secret)
		}
	}
	for _, got := range []string{c.Tenants[0].Store.Token, c.Tenants[0].CRM.Token} {
		if !strings.HasPrefix(got, "CANARY-") {
			t.Errorf("dump changed a token to %q", got)
		}
	}
	if got, want := c.Tenants[1].Store.Token, "pa${x$"; got != want {
		t.Errorf("escaped token is %q, want %q", got, want)
	}
}

// A ten-line file, the rest by default.
const starter = `redis: {url: "redis://127.0.0.1:6379/0"}
tenants:
  - id: acme
    keys:
      - {id: inbox, sha256: "00000000000000000000000000000000000000000000000000000000000000bb", scopes: [conversations:read]}
    store: {kind: autocalls, url: "http://127.0.0.1:9101", token: "${AUTOCALLS_TOKEN}"}
    crm: {kind: rest, url: "http://127.0.0.1:9102", token: "${CRM_TOKEN}"}
    link: [external_identifier, variables.crm_contact_id, {variables.email: email}, customer.phone]
`

func TestDefaults(t *testing.T) {
	got, err := parseConfig("weft.yaml", []byte(starter), secrets)
	if err != nil {
		t.Fatal(err)
	}
	want := defaultConfig()
	want.Redis.URL = "redis://127.0.0.1:6379/0"
	want.Tenants = []Tenant{{
		ID: "acme", Name: "acme",
		Keys: []Key{{
			ID: "inbox", SHA256: strings.Repeat("0", 62) + "bb", Scopes: []string{"conversations:read"},
		}},
		Store: Source{
			Kind: "autocalls", URL: "http://127.0.0.1:9101", Token: "CANARY-AUTOCALLS_TOKEN",
			Timezone: "UTC", InFlight: 64, Share: 64, Retry: true,
		},
		CRM: &Source{
			Kind: "rest", URL: "http://127.0.0.1:9102", Token: "CANARY-CRM_TOKEN", InFlight: 64, Share: 64, Retry: true,
			Paths:    Paths{"contacts", "accounts"},
			Params:   Params{"ids", "phone", "email", "externalRef"},
			Envelope: "data",
		},
		Link: []LinkRule{
			{"external_identifier", "externalRef"},
			{"variables.crm_contact_id", "id"},
			{"variables.email", "email"},
			{"customer.phone", "phone"},
		},
		Limits: TenantLimits{InFlight: 256},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("configuration (-want +got):\n%s", diff)
	}
}

func TestLoadUnreadable(t *testing.T) {
	huge := filepath.Join(t.TempDir(), "huge.yaml")
	if err := os.WriteFile(huge, bytes.Repeat([]byte("#\n"), maxFile), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, path, want string }{
		{"absent", "testdata/none.yaml", "testdata/none.yaml: no such file or directory"},
		{"directory", "testdata", "testdata: is a directory"},
		{"huge", huge, huge + ": larger than 1 MiB"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := loadConfig(tt.path, noEnv)
			if _, ok := errors.AsType[*configError](err); !ok || err.Error() != tt.want {
				t.Errorf("got %T %v, want a configError %s", err, err, tt.want)
			}
		})
	}
}

func FuzzParseConfig(f *testing.F) {
	full, err := os.ReadFile(filepath.Join("testdata", "full.yaml"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(full)
	f.Add([]byte(starter))
	f.Add([]byte("a: &a [*a]\ntenants: *a\n---\n? {}\n: !!binary x"))
	f.Add([]byte("listen: ${\nops: {listen: $${A}}\ntenants: [{link: [{}]}]"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := parseConfig("weft.yaml", data, secrets)
		if err != nil {
			if strings.Contains(err.Error(), "CANARY") {
				t.Errorf("the error shows a secret: %v", err)
			}
			return
		}
		if err := c.dump(&bytes.Buffer{}); err != nil {
			t.Error(err)
		}
	})
}
