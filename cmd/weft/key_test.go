package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestKey(t *testing.T) {
	for _, tt := range []struct {
		name   string
		args   []string
		list   string
		id     string // "" is made up
		scopes []string
	}{
		{"default", nil, "the tenant's keys", "", []string{"conversations:read"}},
		{"named", []string{"-id", "inbox", "-scopes", "conversations:read, costs:read"}, "the tenant's keys", "inbox", []string{"conversations:read", "costs:read"}},
		{"ops", []string{"-id=null", "-scopes="}, "ops.keys", "null", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var out bytes.Buffer
			if err := runKey(tt.args, &out); err != nil {
				t.Fatal(err)
			}
			secret, rest, _ := strings.Cut(out.String(), "\n")
			if !regexp.MustCompile(`^weft_[A-Za-z0-9_-]{43}$`).MatchString(secret) {
				t.Errorf("the key is %q", secret)
			}
			if !strings.Contains(rest, "under "+tt.list+":\n") {
				t.Errorf("it belongs elsewhere than under %s: %s", tt.list, rest)
			}
			_, line, _ := strings.Cut(rest, "  - ")
			got, err := readKey(line, len(tt.scopes) == 0)
			if err != nil {
				t.Fatalf("the printed line is refused: %v", err)
			}
			sum := sha256.Sum256([]byte(secret))
			want := Key{ID: tt.id, SHA256: hex.EncodeToString(sum[:]), Scopes: tt.scopes}
			if want.ID == "" {
				want.ID = "key-" + want.SHA256[:8]
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("key (-want +got):\n%s", diff)
			}
		})
	}
}

func TestKeyExpires(t *testing.T) {
	var out bytes.Buffer
	if err := runKey([]string{"-id=guest", "-expires=2027-01-31"}, &out); err != nil {
		t.Fatal(err)
	}
	_, line, _ := strings.Cut(out.String(), "  - ")
	got, err := readKey(line, false)
	if want := time.Date(2027, 1, 31, 0, 0, 0, 0, time.UTC); err != nil || !got.Expires.Equal(want) {
		t.Errorf("it expires at %v, %v, want %v", got.Expires, err, want)
	}
}

// readKey reads a printed line as the configuration does.
func readKey(line string, ops bool) (Key, error) {
	text, from := strings.ReplaceAll(sound, "HASH1", hash1), "{id: inbox, sha256: \"HASH2\", scopes: [conversations:read]}"
	if ops {
		text = strings.NewReplacer("keys: []", "keys: ["+line+"]", "HASH2", hash2).Replace(text)
	} else {
		text = strings.ReplaceAll(text, from, strings.TrimSpace(line))
	}
	c, err := parseConfig("weft.yaml", []byte(text), noEnv)
	switch {
	case err != nil:
		return Key{}, err
	case ops:
		return c.Ops.Keys[0], nil
	}
	return c.Tenants[1].Keys[0], nil
}

func TestKeysDiffer(t *testing.T) {
	a, _ := newKey()
	b, _ := newKey()
	if a == b {
		t.Error("two keys are the same")
	}
}

func TestUsage(t *testing.T) {
	check := func(args ...string) error { return runCheck(t.Context(), args, noEnv, &bytes.Buffer{}) }
	key := func(args ...string) error { return runKey(args, &bytes.Buffer{}) }
	for _, tt := range []struct {
		name string
		err  error
		want string
	}{
		{"unknown flag", check("-verbose"), "weft check: flag provided but not defined: -verbose"},
		{"argument", check("weft.yaml"), "weft check: takes flags only"},
		{"key id", key("-id", "a b"), "weft key: -id: want 1 to 64 letters, digits, _ or -"},
		{"key scope", key("-scopes", "conversations:read,all"), "weft key: -scopes: want one of conversations:read, costs:read, contacts:erase"},
		{"ops scope", key("-scopes", "ops:all"), "weft key: -scopes: a tenant's key cannot have an ops scope; such a key belongs under ops.keys"},
		{"end of a key", key("-expires", "soon"), "weft key: -expires: want a date or a time such as 2027-01-31 or 2027-01-31T18:00:00+01:00"},
		{"end of an ops key", key("-scopes=", "-expires", "2027-01-31"), "weft key: -expires: a key of the ops listener does not expire"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, ok := errors.AsType[*usageError](tt.err); !ok || tt.err.Error() != tt.want {
				t.Errorf("got %T %v, want a usageError %s", tt.err, tt.err, tt.want)
			}
		})
	}
}

func TestHelp(t *testing.T) {
	var out bytes.Buffer
	if err := runKey([]string{"-h"}, &out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"usage: weft key [flags]\n", "-id name", "-scopes scopes"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("help lacks %q:\n%s", want, out.String())
		}
	}
}
