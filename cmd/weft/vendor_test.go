package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/weft-gateway/weft/upstream/sandbox"
)

// organisation is a Salesforce in which everybody's number is known. Its
// sessions are given for a secret.
type organisation struct {
	mu    sync.Mutex
	calls []string
}

func (o *organisation) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.calls = append(o.calls, r.URL.Path)
	number := regexp.MustCompile(`FIND \{"(\d+)"`).FindStringSubmatch(r.URL.Query().Get("q"))
	switch {
	case r.URL.Path == "/services/oauth2/token" && r.PostFormValue("client_secret") == "s3cret":
		fmt.Fprint(w, `{"access_token":"session-1","instance_url":"https://x","token_type":"Bearer"}`)
	case r.Header.Get("Authorization") != "Bearer session-1":
		w.WriteHeader(http.StatusUnauthorized)
	case number != nil:
		_ = json.NewEncoder(w).Encode(map[string]any{"searchRecords": []any{map[string]any{
			"Id": "003D000000IRFmaIAH", "AccountId": "001D000000IRFmaIAH", "Name": "Jan Meier", "Phone": "+" + number[1], "Plan__c": "gold",
			"Secret__c": "canary", "Account": map[string]any{"Id": "001D000000IRFmaIAH", "Name": "Acme", "Website": "acme.test"},
		}}})
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

// A vendor's CRM, with a session to be asked for, serves a whole document: one
// call for the session, and one for the contact and the account.
func TestSalesforceDocument(t *testing.T) {
	org := &organisation{}
	crm := httptest.NewServer(org)
	defer crm.Close()
	box := sandbox.New(sandbox.Config{})
	srv := httptest.NewServer(box.Handler())
	t.Cleanup(func() { box.Close(); srv.CloseClientConnections(); srv.Close() })
	text := configFor(box, srv.URL, options{extra: "deadlines: {request: 15s, store: 10s, crm: 10s}"})
	link := regexp.MustCompile(`(?s)link: \[external_identifier[^\n]*`)
	text = link.ReplaceAllString(text, "link: [customer.phone]")
	own := regexp.MustCompile(`crm: \{kind: rest[^\n]*`)
	text = strings.Replace(text, own.FindString(text), fmt.Sprintf(
		"crm: {kind: salesforce, url: %q, auth: {grant: client_credentials, client_id: weft, client_secret: s3cret}, contact_custom: {plan: Plan__c}}", crm.URL), 1)
	file := filepath.Join(t.TempDir(), "weft.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p := start(t, "serve", "-config", file, "-listen", "127.0.0.1:0", "-ops-listen", "127.0.0.1:0", "-log-level", "error")
	m := p.await(t, `serving on (http://\S+), ops on (http://\S+)`)
	in := &installation{running: p, box: box, boxURL: srv.URL, public: m[1], ops: m[2], contract: contractOf(t)}

	d, a := in.document(t, keyAcme, sandbox.ExampleWhatsApp)
	if !d.Enrichment.Complete || d.Enrichment.Contact.Source != "salesforce" || d.Account["name"] != "Acme" || d.Contact["name"] != "Jan Meier" {
		t.Errorf("%s", a.body)
	}
	if custom, _ := d.Contact["custom"].(map[string]any); custom["plan"] != "gold" || strings.Contains(string(a.body), "canary") {
		t.Errorf("custom: %s", a.body)
	}
	if got := strings.Join(org.calls, " "); got != "/services/oauth2/token /services/data/v60.0/search" {
		t.Errorf("calls %s", got)
	}
	breakers := in.breakers(t)
	for _, name := range []string{"salesforce-oauth-token", "salesforce-find", "salesforce-contacts", "salesforce-accounts"} {
		if breakers[name] != "closed" {
			t.Errorf("breaker %s: %q", name, breakers[name])
		}
	}
}
