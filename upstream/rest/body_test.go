package rest

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weft-gateway/weft/upstream"
)

// What is read from a body does not change with it: it is read into again.
func TestNothingPointsIntoTheBody(t *testing.T) {
	c, _ := open(t, say(200, ""), Config{})
	read := func(body []byte) (contacts []upstream.Contact, accounts []upstream.Account) {
		records, err := elements(body, c.envelope)
		if err != nil {
			t.Fatal(err)
		}
		contacts, _ = c.contacts.decode(records, func(*upstream.Contact) bool { return true })
		accounts, _ = c.accounts.decode(records, func(*upstream.Account) bool { return true })
		return contacts, accounts
	}
	body := []byte(`{"data":[` + fullContact + `,` + fullAccount + `]}`)
	wantContacts, wantAccounts := read(bytes.Clone(body))
	contacts, accounts := read(body)
	for i := range body {
		body[i] = 'x'
	}
	if len(contacts) == 0 || len(accounts) == 0 {
		t.Fatal("nothing was read")
	}
	if diff := cmp.Diff(wantContacts, contacts) + cmp.Diff(wantAccounts, accounts); diff != "" {
		t.Errorf("changed with its body (-want +got):\n%s", diff)
	}
}
