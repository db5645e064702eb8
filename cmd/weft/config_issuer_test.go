package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// issuerEdits put an issuer before the sound file's tenants, on line 9.
func issuerEdits() []edit {
	const good = "issuer: https://id, audience: weft, jwks_url: https://id/keys, algorithms: [RS256], tenant: acme"
	var edits []edit
	add := func(name, from, to, want string) {
		text := strings.Replace(good, from, to, 1)
		if text == good {
			panic("no " + from)
		}
		lines := strings.Split(want, "\n")
		for i := range lines {
			lines[i] = "weft.yaml:9: issuers[0]." + lines[i]
		}
		edits = append(edits, edit{name, "tenants:", "issuers: [{" + text + "}]\ntenants:", strings.Join(lines, "\n")})
	}
	add("no issuer", "issuer: https://id, ", "", "issuer: is missing")
	add("no audience", "audience: weft, ", "", "audience: is missing")
	add("no keys", "jwks_url: https://id/keys, ", "", "jwks_url: is missing, and so is jwks_file")
	add("keys twice", "jwks_url", "jwks_file: keys.json, jwks_url", "jwks_file: is one place too many beside jwks_url")
	add("keys without TLS", "https://id/keys", "http://id/T0KEN", "jwks_url: want a URL that starts with https://; http:// is for loopback alone")
	add("keys of another scheme", "https://id/keys", "file:///T0KEN", "jwks_url: want a URL that starts with https://; http:// is for loopback alone")
	add("keys without a host", "https://id/keys", "https:///keys", "jwks_url: want a URL with a host and, if any, a port from 1 to 65535")
	add("keys with a password", "https://id/keys", "'https://u:T0KEN@id/keys'", "jwks_url: must not hold a user or password; keys are public")
	add("keys with a fragment", "https://id/keys", "'https://id/keys#a'", "jwks_url: must not hold a fragment")
	add("keys nowhere", "https://id/keys", "''", "jwks_url: want a URL that starts with https://; http:// is for loopback alone")
	add("keys at a metadata service", "https://id/keys", "https://169.254.169.254/keys", "jwks_url: is at an address that is link-local, of a metadata service or multicast; allow_addresses can allow it")
	add("no algorithms", ", algorithms: [RS256]", "", "algorithms: is missing")
	add("none of the algorithms", "[RS256]", "[]", "algorithms: must not be empty")
	add("algorithm none", "[RS256]", "[RS256, none]", "algorithms[1]: want one of RS256, ES256, EdDSA")
	add("algorithm with a secret", "[RS256]", "[HS256]", "algorithms[0]: want one of RS256, ES256, EdDSA")
	add("algorithm twice", "[RS256]", "[RS256, RS256]", "algorithms[1]: repeats issuers[0].algorithms[0] on line 9")
	add("leeway", "tenant:", "leeway: 6m, tenant:", "leeway: want a duration from 1ms to 5m")
	add("no tenant", ", tenant: acme", "", "tenant: is missing, and so is tenant_claim")
	add("tenant twice", "tenant:", "tenant_claim: tid, tenant:", "tenant_claim: is one way too many beside tenant")
	add("tenant of nobody", "tenant: acme", "tenant: initech", "tenant: is no tenant of this file")
	add("empty claims", "tenant:", "scopes_claim: '', workspaces_claim: '', tenant:", "scopes_claim: must not be empty\nworkspaces_claim: must not be empty")
	return append(edits,
		edit{
			"one issuer", "tenants:", "issuers: [{" + good + "}, {" + good + "}]\ntenants:",
			"weft.yaml:9: issuers[1].issuer: repeats the issuer of issuers[0].issuer on line 9",
		},
		edit{"no caller", "    keys:\n      - {id: inbox, sha256: \"HASH2\", scopes: [conversations:read]}\n", "", "weft.yaml:18: tenants[1].keys: must not be empty: no issuer's tokens are this tenant's"},
		edit{
			"no caller but another's", "tenants:\n  - id: acme\n    workspace: main\n    keys:\n      - {id: inbox, sha256: \"HASH1\", scopes: [conversations:read], workspaces: []}\n",
			"issuers: [{" + strings.Replace(good, "acme", "globex", 1) + "}]\ntenants:\n  - id: acme\n",
			"weft.yaml:11: tenants[0].keys: must not be empty: no issuer's tokens are this tenant's",
		},
		edit{"key that expires some time", "workspaces: []}", "expires: next year}", "weft.yaml:13: tenants[0].keys[0].expires: want a date or a time such as 2027-01-31 or 2027-01-31T18:00:00+01:00"},
		edit{"key that expires on no day", "workspaces: []}", "expires: 2027-02-29}", "weft.yaml:13: tenants[0].keys[0].expires: want a date or a time such as 2027-01-31 or 2027-01-31T18:00:00+01:00"},
		edit{"ops key that expires", "keys: []", "keys: [{id: a, sha256: \"" + strings.Repeat("3", 64) + "\", expires: 2027-01-31}]", "weft.yaml:2: ops.keys[0].expires: unknown key; want one of id, sha256"},
	)
}

func TestIssuerDefaults(t *testing.T) {
	file := strings.NewReplacer("HASH1", hash1, "HASH2", hash2).Replace(sound)
	file = strings.Replace(file, "    keys:\n      - {id: inbox, sha256: \""+hash2+"\", scopes: [conversations:read]}\n", "", 1)
	file += "issuers: [{issuer: 'urn:id', audience: weft, jwks_url: 'http://127.0.0.1:1/keys?a=b', algorithms: [EdDSA], tenant_claim: tid}]\n"
	c, err := parseConfig("weft.yaml", []byte(file), noEnv) // a tenant without keys, too
	if err != nil {
		t.Fatal(err)
	}
	want := []Issuer{{
		Name: "urn:id", Audience: "weft", JWKSURL: "http://127.0.0.1:1/keys?a=b", Algorithms: []string{"EdDSA"},
		Leeway: 30 * time.Second, TenantClaim: "tid", WorkspacesClaim: "workspaces", ScopesClaim: "scope",
	}}
	if diff := cmp.Diff(want, c.Issuers); diff != "" {
		t.Errorf("issuers (-want +got):\n%s", diff)
	}
}

func TestInstant(t *testing.T) {
	for in, want := range map[string]string{
		"2027-01-31":                "2027-01-31T00:00:00Z",
		"2027-01-31T18:00:00Z":      "2027-01-31T18:00:00Z",
		"2027-01-31T18:00:00+01:00": "2027-01-31T17:00:00Z",
		"2027-01-31T18:00":          "",
		"":                          "",
	} {
		var got time.Time
		err := instant(&got)(in)
		if (err == nil) != (want != "") || err == nil && got.Format(time.RFC3339) != want {
			t.Errorf("%q is read as %v, %v, want %s", in, got, err, want)
		}
	}
}
