package auth

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const (
	issuerName = "https://id.example"
	audience   = "weft"
	keysURL    = "https://id.example/keys"
)

// signers are made once: finding the primes of an RSA key takes a while.
var signers = sync.OnceValue(func() map[string]crypto.Signer {
	all := make(map[string]crypto.Signer)
	for _, name := range []string{"rsa", "rsa-other"} {
		all[name] = must(rsa.GenerateKey(rand.Reader, 2048))
	}
	all["rsa-short"] = must(rsa.GenerateKey(rand.Reader, 1024))
	for _, name := range []string{"ec", "ec-other"} {
		all[name] = must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	}
	all["ec-384"] = must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader))
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	must(ed, err)
	all["ed"] = ed
	return all
})

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func coded(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

// mint makes a token of a header and a payload, as they are, and signs it by what
// the key is: nothing of the code under test has a part in it.
func mint(header, payload string, key any) string {
	text := coded(header) + "." + coded(payload)
	sum := sha256.Sum256([]byte(text))
	var sig []byte
	switch key := key.(type) {
	case nil:
	case *rsa.PrivateKey:
		sig = must(rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:]))
	case *ecdsa.PrivateKey:
		r, s, err := ecdsa.Sign(rand.Reader, key, sum[:])
		must(r, err)
		sig = append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
	case ed25519.PrivateKey:
		sig = ed25519.Sign(key, []byte(text))
	case []byte:
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(text))
		sig = mac.Sum(nil)
	default:
		panic(fmt.Sprintf("no way to sign with a %T", key))
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(sig)
}

// fields are the members of a header or payload. One that is nil is left out.
type fields map[string]any

func (f fields) with(other fields) fields {
	all := maps.Clone(f)
	maps.Copy(all, other)
	maps.DeleteFunc(all, func(_ string, v any) bool { return v == nil })
	return all
}

func (f fields) String() string { return string(must(json.Marshal(map[string]any(f)))) }

func goodHeader(alg, kid string) fields { return fields{"alg": alg, "kid": kid, "typ": "JWT"} }

// goodClaims are good for ten minutes.
func goodClaims(now time.Time) fields {
	return fields{
		"iss": issuerName, "aud": audience, "sub": "larry@leadworks.example", "tid": "acme",
		"iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(10 * time.Minute).Unix(),
		"scope": "openid conversations:read",
	}
}

// signed is a good token of the named signer.
func signed(now time.Time, alg, signer string) string {
	return mint(goodHeader(alg, signer).String(), goodClaims(now).String(), signers()[signer])
}

// published is the set of the named signers' public keys, each under its name.
func published(names ...string) string {
	var set jose.JSONWebKeySet
	for _, name := range names {
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: signers()[name].Public(), KeyID: name, Use: "sig"})
	}
	return string(must(json.Marshal(set)))
}

func goodIssuer() Issuer {
	return Issuer{
		Name: issuerName, Audience: audience, JWKSURL: keysURL, Algorithms: algorithms(), Leeway: 30 * time.Second,
		TenantClaim: "tid", WorkspacesClaim: "workspaces", ScopesClaim: "scope",
	}
}

// idp is an issuer's side: it counts how often it is asked for its keys.
type idp struct {
	mu    sync.Mutex
	body  string
	down  error
	slow  time.Duration
	asked []time.Time
}

func (i *idp) publish(names ...string) { i.set(func() { i.body = published(names...) }) }

func (i *idp) set(f func()) {
	i.mu.Lock()
	defer i.mu.Unlock()
	f()
}

func (i *idp) fetches() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return len(i.asked)
}

func (i *idp) RoundTrip(req *http.Request) (*http.Response, error) {
	i.mu.Lock()
	i.asked = append(i.asked, time.Now())
	body, err, slow := i.body, i.down, i.slow
	i.mu.Unlock()
	select {
	case <-time.After(slow):
	case <-req.Context().Done():
		return nil, req.Context().Err()
	}
	if err != nil {
		return nil, err
	}
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), Request: req}, nil
}

// newTokens returns the Tokens of one issuer. Its keys are loaded when they are
// needed first, or by Run.
func newTokens(t testing.TB, transport http.RoundTripper, edit func(*TokensConfig, *Issuer)) *Tokens {
	t.Helper()
	cfg, issuer := TokensConfig{Tenants: []string{"acme", "globex"}, Transport: transport}, goodIssuer()
	if edit != nil {
		edit(&cfg, &issuer)
	}
	cfg.Issuers = append(cfg.Issuers, issuer)
	tokens, err := NewTokens(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tokens.Close)
	return tokens
}

// accepts reports whether the token is accepted now.
func accepts(tokens *Tokens, token string) bool {
	_, ok := NewCredentials(&Keys{}, tokens).Authenticate("Bearer "+token, time.Now())
	return ok
}
