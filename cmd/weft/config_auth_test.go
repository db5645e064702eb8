package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func authEdits() []edit {
	const crm = `kind: rest, url: "http://crm", token: "T0KEN"`
	with := func(kind, auth string) string { return "kind: " + kind + `, url: "https://crm", auth: {` + auth + `}` }
	const at = "weft.yaml:15: tenants[0].crm.auth"
	return []edit{
		{"no credential", crm, `kind: hubspot, url: "https://crm"`, "weft.yaml:15: tenants[0].crm.token: is missing"},
		{"two credentials", crm, with("hubspot", "grant: client_credentials, client_id: a, client_secret: b") + ", token: T0KEN", "weft.yaml:15: tenants[0].crm.token: cannot go with auth"},
		{"auth of a rest", crm, with("rest", "grant: client_credentials, client_id: a, client_secret: T0KEN"), at + ": is only for hubspot, salesforce, pipedrive"},
		{"grant", crm, with("hubspot", "grant: password, client_id: a"), at + ".grant: want one of refresh_token, client_credentials, jwt_bearer"},
		{"nothing but the grant", crm, with("salesforce", "grant: jwt_bearer"), at + ".client_id: is missing\n" + at + ".private_key: is missing\n" + at + ".subject: is missing"},
		{"no refresh token", crm, with("hubspot", "grant: refresh_token, client_id: a, client_secret: b"), at + ".refresh_token: is missing"},
		{"refresh token of no use", crm, with("salesforce", "grant: client_credentials, client_id: a, client_secret: b, refresh_token: T0KEN"), at + ".refresh_token: is not for grant client_credentials"},
		{"no key", crm, with("salesforce", "grant: jwt_bearer, client_id: a, subject: s, private_key: T0KEN"), at + ".private_key: want an RSA key of at least 2048 bits in PEM, not encrypted"},
		{"secrets in the clear", crm, with("hubspot", `grant: client_credentials, url: "http://login", client_id: a, client_secret: b`), at + ".url: must start with https://, since secrets are sent there; http:// is for loopback alone"},
		{"secrets in the clear by default", crm, `kind: hubspot, url: "http://crm", auth: {grant: client_credentials, client_id: a, client_secret: b}`, at + ".url: must start with https://, since secrets are sent there; http:// is for loopback alone"},
		{"tokens of a metadata service", crm, with("hubspot", `grant: client_credentials, url: "https://169.254.169.254/token", client_id: a, client_secret: b`), at + ".url: is at an address that is link-local, of a metadata service or multicast; allow_addresses can allow it"},
		{"reference of a rest", crm, crm + ", external_ref: a", "weft.yaml:15: tenants[0].crm.external_ref: is not for kind rest"},
		{"reference in a query", crm, `kind: salesforce, url: "https://crm", token: T0KEN, external_ref: 1a`, "weft.yaml:15: tenants[0].crm.external_ref: want the name of a field: letters, digits and _, a letter first"},
		{"custom field in a query", crm, `kind: salesforce, url: "https://crm", token: T0KEN, contact_custom: {a: Owner.Name}`, "weft.yaml:15: tenants[0].crm.contact_custom.a: want the name of a field: letters, digits and _, a letter first"},
		{"custom field that is no key", crm, `kind: pipedrive, url: "https://crm", token: T0KEN, account_custom: {a: "b,c.d"}`, "weft.yaml:15: tenants[0].crm.account_custom.a: want the key of a custom field, with dots into its value"},
		{"custom field in a filter", crm, `kind: twenty, url: "https://crm", token: T0KEN, contact_custom: {a: "b.c-d"}`, "weft.yaml:15: tenants[0].crm.contact_custom.a: want the name of a field: letters, digits and _, with dots into it"},
		{"reference in a filter", crm, `kind: twenty, url: "https://crm", token: T0KEN, external_ref: ` + strings.Repeat("a", 65), "weft.yaml:15: tenants[0].crm.external_ref: want the name of a field: letters, digits and _, with dots into it"},
	}
}

func TestAuthRefused(t *testing.T) {
	for _, tt := range authEdits() {
		t.Run(tt.name, func(t *testing.T) {
			_, err := parseConfig("weft.yaml", broken(t, tt.from, tt.to), noEnv)
			if err == nil {
				t.Fatal("no error")
			}
			if diff := cmp.Diff(tt.want, err.Error()); diff != "" || strings.Contains(err.Error(), "T0KEN") {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
	file := strings.Replace(string(broken(t, `kind: rest, url: "http://crm"`, `kind: hubspot, url: "https://crm"`)), "[customer.phone]", "[external_identifier]", 1)
	_, err := parseConfig("weft.yaml", []byte(file), noEnv)
	if want := "weft.yaml:16: tenants[0].link[0]: looks up by externalRef, for which crm.external_ref has to say the field"; err == nil || err.Error() != want {
		t.Errorf("a look-up without a field: %v, want %s", err, want)
	}
}

// The copy that is shown has no secret, and the configuration keeps its own.
func TestAuthMasked(t *testing.T) {
	a := &Auth{Grant: "jwt_bearer", ClientID: "id", ClientSecret: "CANARY", RefreshToken: "CANARY", PrivateKey: "CANARY", Subject: "s"}
	b, err := json.Marshal(a.masked())
	if err != nil || strings.Contains(string(b), "CANARY") || a.PrivateKey != "CANARY" {
		t.Errorf("%s, error %v", b, err)
	}
}
