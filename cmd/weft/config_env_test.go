package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// from reads variables from a map.
func from(vars map[string]string) func(string) string {
	return func(name string) string { return vars[name] }
}

func secretFile(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestExpand(t *testing.T) {
	env := environment(from(map[string]string{
		"A": "a", "A_FILE": "never read, for A is set",
		"B_2": "${A}", "S_FILE": secretFile(t, "in a file\n"),
	}))
	for _, tt := range []struct{ name, text, want string }{
		{"nothing", "", ""},
		{"plain", "x$y{z}", "x$y{z}"},
		{"variable", "${A}", "a"},
		{"within", "<${A}|${A}>", "<a|a>"},
		{"not searched again", "${B_2}", "${A}"},
		{"file", "${S}", "in a file"},
		{"escaped", "$${A}", "${A}"},
		{"escaped and not", "$${${A}$${", "${a${"},
		{"dollar before the escape", "$$${A}", "$${A}"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := env.expand(tt.text)
			if err != nil || got != tt.want {
				t.Errorf("expand(%q) = %q, %v, want %q", tt.text, got, err, tt.want)
			}
		})
	}
}

func TestLookupFile(t *testing.T) {
	huge := secretFile(t, strings.Repeat("T0KEN", maxSecret))
	for _, tt := range []struct{ name, path, want, wantErr string }{
		{"line breaks at the end", secretFile(t, "line 1\nline 2\r\n\n"), "line 1\nline 2", ""},
		{"empty", secretFile(t, "\n"), "", ""},
		{"the secret in place of its file", "T0KEN", "", "cannot read the file that X_FILE names: no such file or directory"},
		{"directory", t.TempDir(), "", "cannot read the file that X_FILE names: is a directory"},
		{"huge", huge, "", "cannot read the file that X_FILE names: larger than 64 KiB"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, found, err := environment(from(map[string]string{"X_FILE": tt.path})).lookup("X")
			gotErr := ""
			if err != nil {
				gotErr = err.Error()
			}
			if got != tt.want || !found || gotErr != tt.wantErr {
				t.Errorf("got %q, %t, %q, want %q, true, %q", got, found, gotErr, tt.want, tt.wantErr)
			}
		})
	}
}

func TestOverride(t *testing.T) {
	vars := map[string]string{
		"WEFT_LISTEN": ":1", "WEFT_OPS_LISTEN": ":2",
		"WEFT_REDIS_URL_FILE":    secretFile(t, "redis://:T0KEN@other:6379/1\n"),
		"WEFT_DEADLINES_REQUEST": "10s", "WEFT_DEADLINES_STORE": "11ms", "WEFT_DEADLINES_CRM": "12ms", "WEFT_DEADLINES_REDIS": "13ms",
		"WEFT_CACHE_MEMORY":        "14MiB",
		"WEFT_CACHE_CONTACT_FRESH": "1s", "WEFT_CACHE_CONTACT_STALE": "2s", "WEFT_CACHE_CONTACT_MISSING": "3s",
		"WEFT_CACHE_ACCOUNT_FRESH": "4s", "WEFT_CACHE_ACCOUNT_STALE": "5s", "WEFT_CACHE_ACCOUNT_MISSING": "6s",
		"WEFT_CACHE_LINK_FRESH": "7s", "WEFT_CACHE_LINK_STALE": "8s", "WEFT_CACHE_LINK_MISSING": "9s",
		"WEFT_CACHE_CONVERSATION_FRESH": "10s", "WEFT_CACHE_CONVERSATION_STALE": "11s",
		"WEFT_CACHE_CONTACT_REVALIDATE": "2s", "WEFT_CACHE_ACCOUNT_REVALIDATE": "5s", "WEFT_CACHE_LINK_REVALIDATE": "0", "WEFT_CACHE_CONVERSATION_REVALIDATE": "11s",
		"WEFT_LOG_LEVEL": "warn", "WEFT_RELOAD": "off", "WEFT_DRAIN_DELAY": "0", "WEFT_DRAIN_TIMEOUT": "17s", "WEFT_LIMITS_IN_FLIGHT": "16",
		"WEFT_HSTS": "true", "WEFT_LIMITS_TENANT_IN_FLIGHT": "15",
		"WEFT_TENANTS": "ignored",
	}
	got, err := parseConfig("weft.yaml", broken(t, "", ""), from(vars))
	if err != nil {
		t.Fatal(err)
	}
	got.Tenants = nil
	want := Config{
		Listen: ":1", Ops: Ops{Listen: ":2", Keys: []Key{}},
		Redis:     Redis{URL: "redis://:T0KEN@other:6379/1"},
		Deadlines: Deadlines{10 * time.Second, 11 * time.Millisecond, 12 * time.Millisecond, 13 * time.Millisecond},
		Cache: Cache{
			Memory:       14 * mebibyte,
			Contact:      Policy{1 * time.Second, 2 * time.Second, 3 * time.Second, 2 * time.Second},
			Account:      Policy{4 * time.Second, 5 * time.Second, 6 * time.Second, 5 * time.Second},
			Conversation: Policy{10 * time.Second, 11 * time.Second, 0, 11 * time.Second},
			Link:         Policy{7 * time.Second, 8 * time.Second, 9 * time.Second, 0},
		},
		Limits: Limits{InFlight: 16, Tenant: TenantLimits{InFlight: 15}},
		HSTS:   true,
		Log:    Log{Level: "warn"},
		Reload: reloadOff,
		Drain:  Drain{0, 17 * time.Second},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("configuration (-want +got):\n%s", diff)
	}
}

func TestOverrideRefused(t *testing.T) {
	vars := map[string]string{
		"WEFT_LISTEN":               "T0KEN",
		"WEFT_REDIS_URL":            "redis://u:T0KEN@:1",
		"WEFT_DEADLINES_STORE":      "9s",
		"WEFT_CACHE_CONTACT_FRESH":  "5",
		"WEFT_CACHE_MEMORY_FILE":    "T0KEN",
		"WEFT_CACHE_ACCOUNT_STALE":  "1m",
		"WEFT_CACHE_CONTACT_NOTHIN": "of no meaning",
		"WEFT_CACHE_LINK_FRESH":     "${FIVE}", // taken as it is
		"FIVE":                      "5m",
	}
	_, err := parseConfig("weft.yaml", broken(t, "memory: 32MiB", "memory: x"), from(vars))
	want := strings.Join([]string{
		"weft.yaml:5: cache.account.fresh: must not be above cache.account.stale, 1m",
		"weft.yaml:6: cache.memory: want a size such as 32MiB, 64MB or a number of bytes",
		"WEFT_CACHE_CONTACT_FRESH: cache.contact.fresh: want a duration such as 50ms, 5m or 168h",
		"WEFT_CACHE_LINK_FRESH: cache.link.fresh: want a duration such as 50ms, 5m or 168h",
		"WEFT_DEADLINES_STORE: deadlines.store: must not be above deadlines.request, 3s",
		"WEFT_LISTEN: listen: want a host and port such as 127.0.0.1:8080",
		"WEFT_REDIS_URL: redis.url: want a URL with a host and, if any, a port from 1 to 65535",
	}, "\n")
	if err == nil {
		t.Fatal("no error")
	}
	if diff := cmp.Diff(want, err.Error()); diff != "" {
		t.Errorf("error (-want +got):\n%s", diff)
	}
}
