package main

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// address is where the gateway of this number finds a service.
func (w *world) address(name string, number int) string {
	if name == "crm" && w.crmHost != "" {
		return w.crmHost
	}
	for _, n := range []string{fmt.Sprint(name, number), name} {
		if p := w.proxies[n]; p != nil {
			return p.address
		}
		if r := w.relays[n]; r != nil {
			return r.address
		}
	}
	return w.behind(name)
}

// startFile writes the configuration of a gateway.
func (w *world) startFile(number int) (string, error) {
	file := w.file(number)
	return file, os.WriteFile(file, []byte(w.configuration(number)), 0o600)
}

func (w *world) file(number int) string {
	return filepath.Join(w.dir, fmt.Sprintf("weft-%d.yaml", number))
}

func (w *world) configuration(number int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "redis: {url: \"redis://%s/0\"}\n", w.address("redis", number))
	if w.issued != nil {
		fmt.Fprintf(&b, "issuers: [{issuer: \"urn:chaos\", audience: weft, jwks_url: %q, algorithms: [ES256], tenant_claim: tid}]\n", w.issued.url+"/keys")
	}
	fmt.Fprintf(&b, "%s\ntenants:\n", w.config)
	for _, t := range tenants() {
		fmt.Fprintf(&b, "  - id: %s\n    name: %s\n", t.ID, t.Name)
		fmt.Fprintf(&b, "    keys: [{id: chaos, sha256: %s, scopes: [conversations:read, contacts:erase]}]\n", digest(keyOf(t.ID)))
		fmt.Fprintf(&b, "    store: {kind: %s, url: \"http://%s/%s\", token: %s%s}\n", t.Store, w.address("store", number), t.Store, t.StoreToken, w.source)
		crm := url.URL{Scheme: "http", Host: w.address("crm", number), Path: "/crm"}
		fmt.Fprintf(&b, "    crm: {kind: rest, url: %q, token: %s}\n", crm.String(), t.CRMToken)
		if t.Store == "autocalls" {
			b.WriteString("    link: [external_identifier, variables.crm_contact_id, {variables.email: email}, customer.phone]\n")
		}
		b.WriteString(w.tenant)
	}
	return b.String()
}
