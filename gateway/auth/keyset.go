package auth

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"errors"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"
)

// The bounds of an issuer's keys.
const (
	maxKeys    = 100
	minRSABits = 2048
	maxRSABits = 8192 // verifying with a larger one takes long
)

// keyName is by what a token finds its key. The algorithm is the key's own, so
// that no key is ever used with another one.
type keyName struct{ kid, alg string }

type publicKey interface {
	Equal(other crypto.PublicKey) bool
}

// keySet is the keys of an issuer at one time. It is not changed.
type keySet struct {
	keys       map[keyName]publicKey
	loaded     time.Time
	generation uint64 // another one when a key was withdrawn
}

// next returns the set that takes the place of s, which is nil at first.
func (s *keySet) next(keys map[keyName]publicKey) *keySet {
	n := &keySet{keys: keys, loaded: time.Now()}
	if s == nil {
		return n
	}
	n.generation = s.generation
	for name, key := range s.keys {
		if other, there := keys[name]; !there || !key.Equal(other) {
			n.generation++
			break
		}
	}
	return n
}

// parseKeys reads a set of keys (RFC 7517). A key that is of no use here is passed
// over: issuers publish keys for other purposes beside those for signing. A name
// that two keys carry names neither. Without any key it is an error: the keys
// that are known are better than none.
func parseKeys(data []byte, allowed []string) (map[keyName]publicKey, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(data, &set); err != nil {
		return nil, errors.New("not a set of keys")
	}
	if len(set.Keys) > maxKeys {
		return nil, errors.New("too many keys")
	}
	keys := make(map[keyName]publicKey, len(set.Keys))
	ambiguous := make(map[keyName]bool)
	for _, raw := range set.Keys {
		name, key, ok := parseKey(raw)
		if !ok || !slices.Contains(allowed, name.alg) {
			continue
		}
		if other, dup := keys[name]; dup && !key.Equal(other) {
			ambiguous[name] = true
		}
		keys[name] = key
	}
	for name := range ambiguous {
		delete(keys, name)
	}
	if len(keys) == 0 {
		return nil, errors.New("no key that could be used")
	}
	return keys, nil
}

func parseKey(raw []byte) (keyName, publicKey, bool) {
	var k jose.JSONWebKey
	if err := k.UnmarshalJSON(raw); err != nil {
		return keyName{}, nil, false
	}
	name := keyName{kid: k.KeyID}
	var key publicKey
	switch pub := k.Key.(type) {
	case *rsa.PublicKey:
		if bits := pub.N.BitLen(); bits >= minRSABits && bits <= maxRSABits {
			name.alg, key = string(jose.RS256), pub
		}
	case *ecdsa.PublicKey:
		if pub.Curve == elliptic.P256() {
			name.alg, key = string(jose.ES256), pub
		}
	case ed25519.PublicKey:
		name.alg, key = string(jose.EdDSA), pub
	}
	usable := key != nil && name.kid != "" && len(name.kid) <= maxKeyID &&
		(k.Algorithm == "" || k.Algorithm == name.alg) && (k.Use == "" || k.Use == "sig")
	return name, key, usable
}
