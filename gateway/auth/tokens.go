package auth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// TokensConfig is what [Tokens] are made of.
type TokensConfig struct {
	Issuers   []Issuer          // none: no token is accepted
	Tenants   []string          // the ids that there are
	Transport http.RoundTripper // fetches keys; required for those that are at a URL
	Logger    *slog.Logger      // nil: discarded

	// Replaces are the Tokens of an earlier configuration: of issuers that are
	// still in the same place, their keys are kept. nil: none.
	Replaces *Tokens
}

// Tokens knows the issuers of tokens (RFC 7519) and verifies what they issue. It
// is safe for concurrent use.
type Tokens struct {
	tenants   []string
	issuers   map[string]*verifier // claim iss -> who verifies
	transport http.RoundTripper
	seen      memory
	log       *slog.Logger
}

// verifier is an issuer with its keys.
type verifier struct {
	Issuer
	source *source
	allow  []jose.SignatureAlgorithm
}

// NewTokens returns the Tokens of the issuers. It reads files of keys, which have
// to be there, and fetches nothing yet.
func NewTokens(cfg TokensConfig) (*Tokens, error) {
	t := &Tokens{
		tenants: slices.Clone(cfg.Tenants), issuers: make(map[string]*verifier, len(cfg.Issuers)),
		transport: cfg.Transport, log: cfg.Logger,
	}
	if t.log == nil {
		t.log = slog.New(slog.DiscardHandler)
	}
	for _, i := range cfg.Issuers {
		if err := t.add(i, cfg.Replaces); err != nil {
			t.Close()
			return nil, fmt.Errorf("auth: issuer %q: %w", i.Name, err)
		}
	}
	return t, nil
}

// add makes an issuer known.
func (t *Tokens) add(i Issuer, before *Tokens) error {
	if err := i.check(t.tenants); err != nil {
		return err
	}
	switch {
	case t.issuers[i.Name] != nil:
		return errors.New("is there twice")
	case t.transport == nil && i.JWKSURL != "":
		return errors.New("a transport is required")
	}
	i.Algorithms = slices.Clone(i.Algorithms)
	v := &verifier{Issuer: i}
	for _, alg := range i.Algorithms {
		v.allow = append(v.allow, jose.SignatureAlgorithm(alg))
	}
	if v.source = before.shared(i); v.source == nil {
		var err error
		if v.source, err = newSource(i, t.transport, t.log); err != nil {
			return err
		}
	}
	t.issuers[i.Name] = v
	return nil
}

// shared returns the source of the issuer's keys if there is one to share, else
// nil. A nil Tokens has none.
func (t *Tokens) shared(i Issuer) *source {
	if t == nil {
		return nil
	}
	v := t.issuers[i.Name]
	if v == nil || v.JWKSURL != i.JWKSURL || v.JWKSFile != i.JWKSFile || !slices.Equal(v.Algorithms, i.Algorithms) || !v.source.share() {
		return nil
	}
	return v.source
}

// Run keeps the issuers' keys up to date until ctx ends.
func (t *Tokens) Run(ctx context.Context) {
	var wg sync.WaitGroup
	for _, v := range t.issuers {
		wg.Go(func() { v.source.run(ctx) })
	}
	wg.Wait()
}

// Close ends what is being loaded. A key that is unknown from now on stays so.
func (t *Tokens) Close() {
	for _, v := range t.issuers {
		v.source.close()
	}
}

// KeysAge returns how long ago the keys of an issuer were read for the last
// time. It is false where they never were.
func (t *Tokens) KeysAge(issuer string) (time.Duration, bool) {
	v := t.issuers[issuer]
	if v == nil {
		return 0, false
	}
	return v.source.age()
}

// find returns who bears a token. Its digest is by what it is remembered.
func (t *Tokens) find(raw string, d digest, now time.Time) (Principal, bool) {
	if len(t.issuers) == 0 || strings.Count(raw, ".") != 2 {
		return Principal{}, false
	}
	if who, ok := t.seen.get(d, now); ok {
		return who, true
	}
	r, err := t.verify(raw, now)
	if err != nil {
		t.log.Debug("token refused", "error", err)
		return Principal{}, false
	}
	if now.Before(r.until) { // not one that lives by the leeway alone
		t.seen.add(d, r)
	}
	return r.who, true
}

// verify accepts a token or says why not. What is cheap to find wrong is looked
// at first; nothing is believed before the signature is verified.
func (t *Tokens) verify(raw string, now time.Time) (remembered, error) {
	tok, err := parse(raw)
	if err != nil {
		return remembered{}, err
	}
	issuer, _ := tok.claims["iss"].(string)
	v := t.issuers[issuer]
	switch {
	case v == nil:
		return remembered{}, errIssuer
	case !slices.Contains(v.Algorithms, tok.alg):
		return remembered{}, errAlgorithm
	}
	expires, err := tok.claims.valid(&v.Issuer, now)
	if err != nil {
		return remembered{}, err
	}
	who, err := tok.claims.principal(&v.Issuer, t.tenants)
	if err != nil {
		return remembered{}, err
	}
	generation, err := v.signed(raw, keyName{tok.kid, tok.alg})
	if err != nil {
		return remembered{}, err
	}
	until := now.Add(rememberFor)
	if expires.Before(until) {
		until = expires
	}
	return remembered{who: who, until: until, source: v.source, generation: generation}, nil
}

// signed verifies the signature with the named key, and with no other.
func (v *verifier) signed(raw string, name keyName) (generation uint64, err error) {
	key, generation, ok := v.source.key(name)
	if !ok {
		return 0, errKey
	}
	jws, err := jose.ParseSignedCompact(raw, v.allow)
	if err != nil {
		return 0, errMalformed
	}
	if _, err := jws.Verify(key); err != nil {
		return 0, errSignature
	}
	return generation, nil
}
