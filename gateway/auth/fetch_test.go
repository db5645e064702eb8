package auth

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestFileOfKeys(t *testing.T) {
	file := filepath.Join(t.TempDir(), "keys.json")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(published("ec"))
	synctest.Test(t, func(t *testing.T) {
		tokens := newTokens(t, &idp{down: errors.New("not to be asked")}, func(_ *TokensConfig, i *Issuer) {
			i.JWKSURL, i.JWKSFile = "", file
		})
		token := es("ec")
		if !accepts(tokens, token) {
			t.Fatal("a good token is refused before Run")
		}
		running(t, tokens)
		write(published("ed"))
		time.Sleep(loadPause + time.Second)
		if accepts(tokens, token) {
			t.Error("a token of a key that left the file is accepted")
		}
		ed := signed(time.Now(), "EdDSA", "ed")
		if !accepts(tokens, ed) {
			t.Error("a token of a key that is new in the file is refused")
		}
		write("{half a f")
		time.Sleep(loadPause + time.Second)
		if !accepts(tokens, ed) {
			t.Error("a broken file takes the keys away")
		}
	})
}

func TestRedirects(t *testing.T) {
	signers()
	var asked []string
	provider := &idp{}
	provider.publish("ec")
	for to, want := range map[string]bool{
		"/moved":                        true,
		"https://id.example/moved":      true,
		"http://id.example/moved":       false,
		"https://evil.example/moved":    false,
		"https://id.example:8443/moved": false,
		"/keys":                         false, // round and round
	} {
		asked = nil
		tokens := newTokens(t, roundTripper(func(r *http.Request) (*http.Response, error) {
			asked = append(asked, r.URL.String())
			if strings.HasSuffix(r.URL.Path, "/moved") {
				return provider.RoundTrip(r)
			}
			return &http.Response{StatusCode: http.StatusFound, Header: http.Header{"Location": {to}}, Body: http.NoBody, Request: r}, nil
		}), nil)
		if got := accepts(tokens, es("ec")); got != want || len(asked) > 4 {
			t.Errorf("redirect to %s: accepted %t, want %t; asked %v", to, got, want, asked)
		}
		if !want && strings.Contains(strings.Join(asked, " "), "moved") {
			t.Errorf("redirect to %s was followed: %v", to, asked)
		}
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestStatus(t *testing.T) {
	tokens := newTokens(t, roundTripper(func(r *http.Request) (*http.Response, error) {
		resp, err := (&idp{body: published("ec")}).RoundTrip(r)
		resp.StatusCode = http.StatusInternalServerError
		return resp, err
	}), nil)
	if accepts(tokens, es("ec")) {
		t.Error("keys are taken from an error")
	}
}
