// Package auth turns a credential into who is asking: the tenant, what may be
// read, and in which workspaces.
//
// A credential is `Authorization: Bearer` with an API key or a JSON Web Token
// in it. Nothing that a caller sends beside it counts.
//
// Of API keys only the SHA-256 digests are ever held, so that neither the
// configuration nor a core dump gives a key away (auth.go). A token passes these
// steps, each in a file of its own:
//
//  1. One that was verified within the last minute is remembered (memory.go).
//  2. It is read strictly: no name twice, nothing critical (token.go).
//  3. Its issuer is found, and its claims are checked (claims.go).
//  4. Its key is found, or waited for (source.go, load.go, fetch.go, keyset.go).
//  5. The signature is verified (tokens.go).
package auth

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// The scopes of a tenant's key.
const (
	ScopeRead  = "conversations:read" // conversations and what belongs to them
	ScopeCosts = "costs:read"         // what a conversation has cost
	ScopeErase = "contacts:erase"     // forget a person; not for credentials that are bound to workspaces
)

// Scopes returns all scopes that a tenant's credential can carry.
func Scopes() []string { return []string{ScopeRead, ScopeCosts, ScopeErase} }

// opsPrefix begins the scopes of operators, which no tenant's key may carry.
const opsPrefix = "ops:"

// Principal is who is asking. Its slices are shared: they are not to be changed.
type Principal struct {
	TenantID   string
	KeyID      string // of an API key its id; of a token "jwt:" and a hash of issuer and subject
	Scopes     []string
	Workspaces []string // nil: all of the tenant's
}

// Has reports whether the principal carries the scope.
func (p Principal) Has(scope string) bool { return slices.Contains(p.Scopes, scope) }

// Key describes one API key. The key itself is not known here.
type Key struct {
	TenantID   string
	ID         string    // names the key in logs
	SHA256     string    // of the whole key, 64 lower-case hex digits
	Scopes     []string  // at least one
	Workspaces []string  // empty: all of the tenant's
	Expires    time.Time // from then on it is refused; zero: never
}

// Keys knows the API keys of all tenants. It is safe for concurrent use.
type Keys struct {
	known map[digest]entry // digest of the key -> whose it is
}

type digest = [sha256.Size]byte

// entry repeats the digest, so that the last word is a comparison in constant time.
type entry struct {
	digest  digest
	who     Principal
	expires time.Time // zero: never
}

// New returns the Keys that knows all of keys. A key without tenant, id,
// scope or a well-formed digest is refused, and so is a digest or a tenant's
// key id that is there twice.
func New(keys []Key) (*Keys, error) {
	k := &Keys{known: make(map[digest]entry, len(keys))}
	type name struct{ tenant, id string }
	names := make(map[name]bool, len(keys))
	for _, key := range keys {
		d, err := key.check()
		if err != nil {
			return nil, fmt.Errorf("auth: key %q of tenant %q: %w", key.ID, key.TenantID, err)
		}
		n := name{key.TenantID, key.ID}
		if _, dup := k.known[d]; dup || names[n] {
			return nil, fmt.Errorf("auth: key %q of tenant %q: there is another like it", key.ID, key.TenantID)
		}
		names[n] = true
		k.known[d] = entry{digest: d, who: key.principal(), expires: key.Expires}
	}
	return k, nil
}

// Authenticate returns whose key an Authorization header carries. Which of the
// possible faults a bad one has is not told: all of them look the same outside.
func (k *Keys) Authenticate(header string, now time.Time) (Principal, bool) {
	token, ok := bearer(header)
	if !ok {
		return Principal{}, false
	}
	return k.find(digestOf(token), now)
}

func (k *Keys) find(d digest, now time.Time) (Principal, bool) {
	e, ok := k.known[d]
	switch {
	case !ok || subtle.ConstantTimeCompare(e.digest[:], d[:]) != 1:
		return Principal{}, false
	case !e.expires.IsZero() && !now.Before(e.expires):
		return Principal{}, false
	}
	return e.who, true
}

// digestOf hashes a credential, and keeps the copy that it takes off the heap
// where the credential has a usual length.
func digestOf(token string) digest {
	var buf [2 << 10]byte
	return sha256.Sum256(append(buf[:0], token...))
}

func (k Key) principal() Principal {
	p := Principal{TenantID: k.TenantID, KeyID: k.ID, Scopes: slices.Clone(k.Scopes)}
	if len(k.Workspaces) > 0 {
		p.Workspaces = slices.Clone(k.Workspaces)
	}
	return p
}

// check returns the key's digest. Its errors never show it.
func (k Key) check() (digest, error) {
	var d digest
	switch n, err := hex.Decode(d[:], []byte(k.SHA256[:min(len(k.SHA256), 2*len(d))])); {
	case k.TenantID == "" || k.ID == "":
		return d, errors.New("tenant and id are required")
	case err != nil || n != len(d) || len(k.SHA256) != 2*len(d) || strings.ToLower(k.SHA256) != k.SHA256:
		return d, errors.New("sha256 is not 64 lower-case hex digits")
	case len(k.Scopes) == 0:
		return d, errors.New("no scope")
	case slices.ContainsFunc(k.Scopes, func(s string) bool { return strings.HasPrefix(s, opsPrefix) }):
		return d, errors.New("a tenant's key cannot carry an ops scope")
	case slices.Contains(k.Workspaces, ""):
		return d, errors.New("an empty workspace")
	case len(k.Workspaces) > 0 && slices.Contains(k.Scopes, ScopeErase):
		return d, errors.New("a key that is bound to workspaces cannot forget people, who are the tenant's")
	}
	return d, nil
}
