package auth

import (
	"errors"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Issuer describes who issues tokens, and how they are read.
type Issuer struct {
	Name       string        // the claim iss, compared as it is; required
	Audience   string        // the claim aud has to name it; required
	JWKSURL    string        // where its keys are; this or JWKSFile
	JWKSFile   string        // the file that its keys are in
	Algorithms []string      // of RS256, ES256 and EdDSA those that it signs with; at least one
	Leeway     time.Duration // by which clocks may differ; 0: not at all

	// Whose tokens they are: always the one tenant's, or the one's that a claim
	// names. An issuer with a claim speaks for all tenants.
	Tenant      string
	TenantClaim string

	WorkspacesClaim string // an array; a token without it may see all workspaces; required
	ScopesClaim     string // a string with spaces between, or an array; required
}

// algorithms are those that can be allowed. None has a secret that the gateway
// would share with an issuer.
func algorithms() []string {
	return []string{string(jose.RS256), string(jose.ES256), string(jose.EdDSA)}
}

// check reports what is wrong with the description, given the tenants there are.
func (i Issuer) check(tenants []string) error {
	unknown := func(alg string) bool { return !slices.Contains(algorithms(), alg) }
	switch {
	case i.Name == "" || i.Audience == "":
		return errors.New("a name and an audience are required")
	case (i.JWKSURL == "") == (i.JWKSFile == ""):
		return errors.New("the keys are at a URL or in a file")
	case len(i.Algorithms) == 0 || slices.ContainsFunc(i.Algorithms, unknown):
		return errors.New("want algorithms of RS256, ES256 and EdDSA")
	case i.Leeway < 0:
		return errors.New("a negative leeway")
	case (i.Tenant == "") == (i.TenantClaim == ""):
		return errors.New("want a tenant, or the claim that names it")
	case i.Tenant != "" && !slices.Contains(tenants, i.Tenant):
		return errors.New("there is no such tenant")
	case i.WorkspacesClaim == "" || i.ScopesClaim == "":
		return errors.New("the claims of workspaces and scopes are required")
	}
	return nil
}
