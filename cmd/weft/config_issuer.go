package main

import (
	"cmp"
	"errors"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Issuer is who issues tokens, which are credentials beside API keys.
type Issuer struct {
	Name            string        `yaml:"issuer"`   // the claim iss, compared as it is
	Audience        string        `yaml:"audience"` // one of those in the claim aud
	JWKSURL         string        `yaml:"jwks_url,omitempty"`
	JWKSFile        string        `yaml:"jwks_file,omitempty"`
	Algorithms      []string      `yaml:"algorithms,flow"`
	Leeway          time.Duration `yaml:"leeway"`           // by which clocks may differ
	Tenant          string        `yaml:"tenant,omitempty"` // whose all its tokens are; "": the claim says
	TenantClaim     string        `yaml:"tenant_claim,omitempty"`
	WorkspacesClaim string        `yaml:"workspaces_claim"`
	ScopesClaim     string        `yaml:"scopes_claim"`
}

// maxLeeway bounds by how much a token may outlive itself.
const maxLeeway = 5 * time.Minute

func (i *Issuer) shape() fields {
	algorithm := func(dst *string) scalar { return oneOf(dst, "RS256", "ES256", "EdDSA") }
	return fields{
		"issuer":           required{text(&i.Name)},
		"audience":         required{text(&i.Audience)},
		"jwks_url":         keysURL(&i.JWKSURL),
		"jwks_file":        text(&i.JWKSFile),
		"algorithms":       required{listOf(&i.Algorithms, algorithm)},
		"leeway":           duration(&i.Leeway, maxLeeway),
		"tenant":           identifier(&i.Tenant),
		"tenant_claim":     text(&i.TenantClaim),
		"workspaces_claim": text(&i.WorkspacesClaim),
		"scopes_claim":     text(&i.ScopesClaim),
	}
}

// keysURL is where an issuer publishes its keys. Whoever can change them on the
// way can be anybody, so they travel in TLS, or not at all.
func keysURL(dst *string) scalar {
	return func(s string) error {
		u, err := url.Parse(s)
		switch {
		case err != nil:
			return errors.New("is not a URL")
		case u.Scheme != "https" && (u.Scheme != "http" || !isLoopback(u.Hostname())):
			return errors.New("want a URL that starts with https://; http:// is for loopback alone")
		case u.Hostname() == "" || !validPort(u):
			return errors.New("want a URL with a host and, if any, a port from 1 to 65535")
		case u.User != nil:
			return errors.New("must not hold a user or password; keys are public")
		case strings.Contains(s, "#"):
			return errors.New("must not hold a fragment")
		}
		*dst = s
		return nil
	}
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func (i *Issuer) complete() {
	i.Leeway = cmp.Or(i.Leeway, 30*time.Second)
	i.WorkspacesClaim = cmp.Or(i.WorkspacesClaim, "workspaces")
	i.ScopesClaim = cmp.Or(i.ScopesClaim, "scope")
}

func (i *Issuer) validate(r *report, path string, allow []netip.Prefix) {
	if i.JWKSURL == "" && i.JWKSFile == "" {
		r.fail(join(path, "jwks_url"), "is missing, and so is jwks_file")
	} else if i.JWKSURL != "" && i.JWKSFile != "" {
		r.fail(join(path, "jwks_file"), "is one place too many beside jwks_url")
	}
	if i.Tenant == "" && i.TenantClaim == "" {
		r.fail(join(path, "tenant"), "is missing, and so is tenant_claim")
	} else if i.Tenant != "" && i.TenantClaim != "" {
		r.fail(join(path, "tenant_claim"), "is one way too many beside tenant")
	}
	if i.JWKSURL != "" && !addressable(i.JWKSURL, allow) {
		r.fail(join(path, "jwks_url"), refusedAddress)
	}
	r.uniqueAll(make(map[string]string), i.Algorithms, join(path, "algorithms"))
}

// validateIssuers checks that each tenant has callers, and each token one issuer
// and one tenant.
func (c *Config) validateIssuers(r *report) {
	names := make(map[string]string) // issuer -> path of its name
	for n := range c.Issuers {
		i, path := &c.Issuers[n], index("issuers", n)
		i.validate(r, path, c.AllowAddresses)
		r.unique(names, i.Name, join(path, "issuer"), "repeats the issuer of")
		if is := func(t Tenant) bool { return t.ID == i.Tenant }; i.Tenant != "" && !slices.ContainsFunc(c.Tenants, is) {
			r.fail(join(path, "tenant"), "is no tenant of this file")
		}
	}
	for n, t := range c.Tenants {
		serves := func(i Issuer) bool { return i.Tenant == t.ID || i.TenantClaim != "" }
		if path := join(index("tenants", n), "keys"); len(t.Keys) == 0 && !slices.ContainsFunc(c.Issuers, serves) {
			r.fail(path, "must not be empty: no issuer's tokens are this tenant's")
		}
	}
}
