package auth

import (
	"testing"
	"testing/synctest"
	"time"
)

// Tokens that take the place of others go on with the keys of the issuers that
// have stayed the same, and fetch those of others.
func TestReplacedTokensKeepKeys(t *testing.T) {
	signers()
	for _, tt := range []struct {
		name    string
		change  func(*TokensConfig)
		fetches int
	}{
		{"all the same", func(*TokensConfig) {}, 1},
		{"another leeway", func(c *TokensConfig) { c.Issuers[0].Leeway = 7 * time.Second }, 1},
		{"another place", func(c *TokensConfig) { c.Issuers[0].JWKSURL += "/v2" }, 2},
		{"other algorithms", func(c *TokensConfig) { c.Issuers[0].Algorithms = []string{"ES256"} }, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				provider := &idp{}
				provider.publish("ec")
				cfg := TokensConfig{Tenants: []string{"acme", "globex"}, Transport: provider, Issuers: []Issuer{goodIssuer()}}
				first, err := NewTokens(cfg)
				if err != nil {
					t.Fatal(err)
				}
				if !accepts(first, es("ec")) {
					t.Fatal("refused at first")
				}
				tt.change(&cfg)
				cfg.Replaces = first
				second, err := NewTokens(cfg)
				if err != nil {
					t.Fatal(err)
				}
				first.Close()
				if !accepts(second, es("ec")) {
					t.Error("refused after the replacement")
				}
				provider.want(t, tt.fetches)
				second.Close()
				cfg.Replaces = second
				third, err := NewTokens(cfg)
				if err != nil {
					t.Fatal(err)
				}
				defer third.Close()
				if !accepts(third, es("ec")) {
					t.Error("refused after those before were closed")
				}
				provider.want(t, tt.fetches+1)
			})
		})
	}
}
