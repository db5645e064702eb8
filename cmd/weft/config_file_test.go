package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// replaceFile puts a file in its place in one go.
func replaceFile(t *testing.T, path, content string) {
	t.Helper()
	if err := errors.Join(os.WriteFile(path+".new", []byte(content), 0o600), os.Rename(path+".new", path)); err != nil {
		t.Fatal(err)
	}
}

// looks returns what the next looks at the files say.
func looks(f *configFile, n int) (changed []bool) {
	for range n {
		changed = append(changed, f.changed())
	}
	return changed
}

// A change is seen whatever way it is made, once it is the same twice.
func TestConfigFileChanges(t *testing.T) {
	dir := t.TempDir()
	path, token := filepath.Join(dir, "weft.yaml"), filepath.Join(dir, "token")
	first := strings.NewReplacer("HASH1", hash1, "HASH2", hash2).Replace(sound)
	second := strings.Replace(first, "request: 3s", "request: 4s", 1)
	secret := strings.Replace(first, "token: T0KEN\n", "token: ${GLOBEX_TOKEN}\n", 1)
	f := newConfigFile(path, from(map[string]string{"GLOBEX_TOKEN_FILE": token}))
	read := func(want time.Duration, wantToken string) {
		t.Helper()
		cfg, err := f.read(nil)
		if err != nil || cfg.Deadlines.Request != want || cfg.Tenants[1].Store.Token != wantToken {
			t.Fatalf("read %v with %q, %v", cfg.Deadlines.Request, cfg.Tenants[1].Store.Token, err)
		}
	}
	check := func(what string, want ...bool) {
		t.Helper()
		if diff := cmp.Diff(want, looks(f, len(want))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
	replaceFile(t, path, first)
	read(3*time.Second, "T0KEN")
	check("as it was", false, false)
	replaceFile(t, path, second)
	check("replaced", false, true, true)
	read(4*time.Second, "T0KEN")
	check("read again", false, false)

	replaceFile(t, path, secret[:200])
	check("half written", false)
	replaceFile(t, path, first)
	check("and then whole", false, true)
	read(3*time.Second, "T0KEN")

	replaceFile(t, token, "one")
	replaceFile(t, path, secret)
	check("with a secret", false, true)
	read(3*time.Second, "one")
	check("as it was, with a secret", false, false)
	replaceFile(t, token, "two")
	check("another secret", false, true)
	read(3*time.Second, "two")

	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	check("gone", false, true)
	if _, err := f.read(nil); err == nil {
		t.Error("read what is gone")
	}
	check("said once", false, false)

	// As Kubernetes does: the name leads through a link to a directory, and the link is exchanged.
	for name, content := range map[string]string{"v1": first, "v2": second} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
		replaceFile(t, filepath.Join(dir, name, "weft.yaml"), content)
	}
	link := func(to string) {
		t.Helper()
		if err := errors.Join(os.Symlink(to, filepath.Join(dir, "tmp")), os.Rename(filepath.Join(dir, "tmp"), filepath.Join(dir, "..data"))); err != nil {
			t.Fatal(err)
		}
	}
	link("v1")
	if err := os.Symlink(filepath.Join("..data", "weft.yaml"), path); err != nil {
		t.Fatal(err)
	}
	check("linked", false, true)
	read(3*time.Second, "T0KEN")
	link("v2")
	check("another link", false, true)
	read(4*time.Second, "T0KEN")
}

// What cannot be read twice is read once.
func TestConfigFromAPipe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Skip(err)
	}
	go func() {
		_ = os.WriteFile(path, []byte(strings.NewReplacer("HASH1", hash1, "HASH2", hash2).Replace(sound)), 0)
	}()
	f := newConfigFile(path, noEnv)
	if _, err := f.read(nil); err != nil {
		t.Error(err)
	}
	if f.again() || f.changed() {
		t.Error("a pipe is looked at again")
	}
}

// What has to do with one place or with everything is refused, with its line.
func TestFixedKeys(t *testing.T) {
	shared := func(from, to string) []byte { // it takes a Redis to have something to encrypt
		return []byte(strings.Replace(string(broken(t, from, to)), `url: ""`, `url: "redis://h"`, 1))
	}
	old, err := parseConfig("weft.yaml", shared("", ""), noEnv)
	if err != nil {
		t.Fatal(err)
	}
	const refused = "cannot be changed while the gateway runs; restart it"
	for _, tt := range []struct{ from, to, want string }{
		{"", "", ""},
		{"8080", "8081", "weft.yaml:1: listen: " + refused},
		{"9090", "9091", "weft.yaml:2: ops.listen: " + refused},
		{`url: ""`, `url: "redis://u:T0KEN@host"`, "weft.yaml:3: redis.url: " + refused},
		{"redis: 50ms", "redis: 60ms", "weft.yaml:4: deadlines.redis: " + refused},
		{"32MiB", "33MiB", "weft.yaml:6: cache.memory: " + refused},
		{"cache:", "cache:\n  encryption: [{id: k1, key: MDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDA=}]", "weft.yaml:6: cache.encryption: " + refused},
		{"listen: 127.0.0.1:8080", "listen: 127.0.0.1:8080\naudit: {file: stdout, hash: true}", "weft.yaml:2: audit.file: " + refused + "\nweft.yaml:2: audit.hash: " + refused},
		{"request: 3s", "request: 4s", ""},
		{"fresh: 5m", "fresh: 6m", ""},
		{"listen: 127.0.0.1:8080", "reload: off\nlog: {level: debug}\ndrain: {delay: 0}\nlimits: {in_flight: 99}\nlisten: 127.0.0.1:8080", ""},
		{"id: globex", "id: initech", ""},
	} {
		_, err := parseChecked("weft.yaml", shared(tt.from, tt.to), noEnv, func(c *Config, r *report) { c.changeable(r, &old) })
		got := ""
		if err != nil {
			got = err.Error()
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", tt.to, diff)
		}
	}
}
