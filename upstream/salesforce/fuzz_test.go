package salesforce

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/weft-gateway/weft/upstream"
	"github.com/weft-gateway/weft/upstream/client"
)

// FuzzDecode feeds the decoders any answer. What is not on the list of fields
// never passes, nor does a record that was not asked for.
func FuzzDecode(f *testing.F) {
	own := contactID(1)
	for _, s := range []string{
		`{"totalSize":1,"done":true,"records":[null,{"Id":"` + own + `","AccountId":"` + accountID(1) + `","Secret__c":"canary","Plan__c":{"a":1},"Account":{"Id":"` + accountID(1) + `","Name":"A"}}]}`,
		`{"records":[{"Id":"` + own + `","AccountId":7,"Account":[]}],"done":false}`,
		`{"records":[{"Id":"` + own + `","NumberOfEmployees":1e99,"Phone":{},"CreatedDate":"2026-05-01T07:25:37.000+0000","LastActivityDate":"x"}]}`,
		`{"records":{}}`, `[]`, `[{"errorCode":"REQUEST_LIMIT_EXCEEDED"}]`, `{"records":[{`,
	} {
		f.Add([]byte(s))
	}
	c, _ := open(f, newVendor(), static(), nil)
	f.Fuzz(func(t *testing.T, body []byte) {
		r := client.Reply{Status: 200, Body: body}
		contacts, _ := readRecords(r, &c.contacts, "records", func(f *found[upstream.Contact]) verdict {
			if f.id == own {
				return wanted
			}
			return wrong
		})
		for _, k := range contacts {
			check(t, k.value, k.value.URL)
			if a := k.value.Account; a != nil && (k.value.AccountID == nil || a.ID != *k.value.AccountID) {
				t.Errorf("the account %s of a contact of %v", a.ID, k.value.AccountID)
			}
			if k.value.ID != own {
				t.Errorf("contact %q", k.value.ID)
			}
		}
		accounts, _ := readRecords(r, &c.accounts, "records", func(*found[upstream.Account]) verdict { return wanted })
		for _, a := range accounts {
			check(t, a.value, a.value.URL)
		}
		refused(client.Reply{Status: http.StatusForbidden, Body: body})
	})
}

func check(t *testing.T, record any, link *string) {
	b, err := json.Marshal(record)
	var fields map[string]json.RawMessage
	if err != nil || json.Unmarshal(b, &fields) != nil || fields["Secret__c"] != nil || fields["Account"] != nil || !strings.HasPrefix(*link, app) {
		t.Errorf("%v: passed: %s", err, b)
	}
}

// FuzzCanonical: what passes can be written into a query as it is.
func FuzzCanonical(f *testing.F) {
	for _, s := range []string{"001D000000IRFma", "001d000000irfmaiah", "001D000000IRF'a", "001\u212a00000000000000"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, id string) {
		long, ok := canonical(id, "001")
		if !ok {
			return
		}
		again, ok := canonical(strings.ToLower(long), "001")
		if len(long) != longID || !ok || again != long || strings.Trim(long, suffix+"6789abcdefghijklmnopqrstuvwxyz") != "" {
			t.Errorf("%q: %q, %q", id, long, again)
		}
	})
}
