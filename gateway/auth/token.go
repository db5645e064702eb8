package auth

import (
	"encoding/base64"
	"strings"
	"unicode/utf8"

	"github.com/go-jose/go-jose/v4/json"
)

// refusal is why a token is not accepted. It is for the log alone: outside, all
// refusals look the same.
type refusal string

// Error implements error.
func (r refusal) Error() string { return "auth: " + string(r) }

const (
	errMalformed  refusal = "malformed"
	errCritical   refusal = "demands an extension"
	errNoKeyID    refusal = "names no key"
	errIssuer     refusal = "unknown issuer"
	errAlgorithm  refusal = "algorithm not allowed"
	errAudience   refusal = "for another audience"
	errExpiry     refusal = "expired, or never to"
	errEarly      refusal = "not valid yet"
	errTenant     refusal = "for no tenant"
	errWorkspaces refusal = "workspaces not understood, none, or too many"
	errScopes     refusal = "scopes not understood"
	errKey        refusal = "signed with an unknown key"
	errSignature  refusal = "signature wrong"
)

// maxKeyID bounds the name of a key, in bytes: names that are unknown are
// remembered.
const maxKeyID = 256

// token is what a token says, nothing of it verified.
type token struct {
	alg, kid string
	claims   claims
}

// parse reads the compact form of a token. Beside algorithm and key nothing in
// the header has an effect: a key or an address that it brings along is ignored.
func parse(raw string) (token, error) {
	header, rest, _ := strings.Cut(raw, ".")
	payload, signature, _ := strings.Cut(rest, ".")
	h, err := object(header)
	if err != nil {
		return token{}, err
	}
	var t token
	if t.claims, err = object(payload); err != nil {
		return token{}, err
	}
	// Checked elsewhere, but for its spelling: a token has one.
	if _, err := base64.RawURLEncoding.Strict().DecodeString(signature); err != nil {
		return token{}, errMalformed
	}
	for _, name := range []string{"crit", "b64"} {
		if _, there := h[name]; there {
			return token{}, errCritical
		}
	}
	t.alg, _ = h["alg"].(string)
	t.kid, _ = h["kid"].(string)
	if t.kid == "" || len(t.kid) > maxKeyID {
		return token{}, errNoKeyID
	}
	return t, nil
}

// object reads a part of a token: one JSON object. The decoder minds the case of
// names and refuses one that is there twice, at any depth; the standard one does
// neither, and two readers of such a token would see two different tokens.
func object(part string) (map[string]any, error) {
	data, err := base64.RawURLEncoding.Strict().DecodeString(part)
	if err != nil || !utf8.Valid(data) {
		return nil, errMalformed
	}
	var o map[string]any
	if err := json.Unmarshal(data, &o); err != nil || o == nil {
		return nil, errMalformed
	}
	return o, nil
}
