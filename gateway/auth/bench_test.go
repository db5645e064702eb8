package auth

import (
	"testing"
	"time"
)

// A token that is remembered costs little more than an API key.
func TestRememberedTokenAllocates(t *testing.T) {
	provider := &idp{}
	provider.publish("rsa")
	now := time.Now()
	creds := NewCredentials(testKeys(t), newTokens(t, provider, nil))
	header := "Bearer " + signed(now, "RS256", "rsa")
	if n := testing.AllocsPerRun(100, func() { creds.Authenticate(header, now) }); n != 0 {
		t.Errorf("%v allocations for a remembered token, want 0", n)
	}
}

func BenchmarkCredentials(b *testing.B) {
	provider := &idp{}
	provider.publish("rsa", "ec", "ed")
	now := time.Now()
	for _, tt := range []struct {
		name, token string
		forget      bool
	}{
		{"key", secret, false},
		{"unknown key", "weft_unknown", false},
		{"token remembered", signed(now, "RS256", "rsa"), false},
		{"token RS256", signed(now, "RS256", "rsa"), true},
		{"token ES256", signed(now, "ES256", "ec"), true},
		{"token EdDSA", signed(now, "EdDSA", "ed"), true},
	} {
		b.Run(tt.name, func(b *testing.B) {
			tokens := newTokens(b, provider, nil)
			creds, header := NewCredentials(testKeys(b), tokens), "Bearer "+tt.token
			b.ReportAllocs()
			for b.Loop() {
				if tt.forget {
					clear(tokens.seen.young)
				}
				creds.Authenticate(header, now)
			}
		})
	}
}
