package auth

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"time"
)

// claims are what a token says of its bearer, name -> value as JSON has it.
type claims map[string]any

// maxWorkspaces bounds those of a token, since tokens are remembered.
const maxWorkspaces = 100

// maxInstant bounds times, in seconds since 1970: the year 9999.
const maxInstant = 253402300799

// instant returns a time, which has to be a JSON number. It is zero where the
// claim is absent.
func (c claims) instant(name string) (time.Time, error) {
	v, there := c[name]
	if !there {
		return time.Time{}, nil
	}
	seconds, ok := v.(float64)
	if !ok || seconds < 0 || seconds > maxInstant {
		return time.Time{}, errMalformed
	}
	return time.Unix(int64(seconds), 0), nil
}

// valid checks whom the token is for and when it holds, and returns when it
// ends. An instant that it is said to begin or to have been issued at lies ahead
// by no more than the leeway.
func (c claims) valid(i *Issuer, now time.Time) (expires time.Time, err error) {
	audiences, ok := words(c["aud"], false)
	if !ok || !slices.Contains(audiences, i.Audience) {
		return time.Time{}, errAudience
	}
	expires, err = c.instant("exp")
	if err != nil {
		return time.Time{}, err
	}
	if expires.IsZero() || !now.Before(expires.Add(i.Leeway)) {
		return time.Time{}, errExpiry
	}
	for _, name := range []string{"nbf", "iat"} {
		begins, err := c.instant(name)
		if err != nil {
			return time.Time{}, err
		}
		if begins.After(now.Add(i.Leeway)) {
			return time.Time{}, errEarly
		}
	}
	return expires, nil
}

// principal returns who bears the token.
func (c claims) principal(i *Issuer, tenants []string) (Principal, error) {
	p := Principal{TenantID: i.Tenant}
	if i.TenantClaim != "" {
		p.TenantID, _ = c[i.TenantClaim].(string)
		if !slices.Contains(tenants, p.TenantID) {
			return Principal{}, errTenant
		}
	}
	var err error
	if p.Scopes, err = c.scopes(i.ScopesClaim); err != nil {
		return Principal{}, err
	}
	if p.Workspaces, err = c.workspaces(i.WorkspacesClaim); err != nil {
		return Principal{}, err
	}
	if p.Workspaces != nil { // a person is the tenant's, not a workspace's
		p.Scopes = slices.DeleteFunc(p.Scopes, func(s string) bool { return s == ScopeErase })
	}
	p.KeyID, err = c.keyID(i)
	return p, err
}

// scopes are the known ones. Others are for other services; those of operators
// are never among them.
func (c claims) scopes(claim string) ([]string, error) {
	v, there := c[claim]
	if !there {
		v = ""
	}
	given, ok := words(v, true)
	if !ok {
		return nil, errScopes
	}
	return slices.DeleteFunc(Scopes(), func(s string) bool { return !slices.Contains(given, s) }), nil
}

// workspaces are nil, which is all, only where the claim is absent. An empty
// list is none, and there is nothing to be seen with that.
func (c claims) workspaces(claim string) ([]string, error) {
	v, there := c[claim]
	if !there {
		return nil, nil
	}
	if _, single := v.(string); single {
		return nil, errWorkspaces
	}
	ids, ok := words(v, false)
	if !ok || len(ids) == 0 || len(ids) > maxWorkspaces || slices.Contains(ids, "") {
		return nil, errWorkspaces
	}
	return ids, nil
}

// keyID names the bearer in logs and limits. A subject may be somebody's e-mail
// address, so it is hashed; a colon is in no key's id.
func (c claims) keyID(i *Issuer) (string, error) {
	subject := ""
	if v, there := c["sub"]; there {
		var ok bool
		if subject, ok = v.(string); !ok {
			return "", errMalformed
		}
	}
	sum := sha256.Sum256([]byte(i.Name + "\x00" + subject))
	return "jwt:" + hex.EncodeToString(sum[:8]), nil
}

// words returns an array of strings. A string stands for itself or, where it may
// be split, for the words in it.
func words(v any, split bool) ([]string, bool) {
	switch v := v.(type) {
	case string:
		if split {
			return strings.Fields(v), true
		}
		return []string{v}, true
	case []any:
		all := make([]string, len(v))
		for i := range v {
			s, ok := v[i].(string)
			if !ok {
				return nil, false
			}
			all[i] = s
		}
		return all, true
	}
	return nil, false
}
