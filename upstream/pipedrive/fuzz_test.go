package pipedrive

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/weft-gateway/weft/upstream"
	"github.com/weft-gateway/weft/upstream/client"
)

// FuzzRecords holds whatever Pipedrive may answer to never becoming a record
// that was not asked for, that is no JSON, or that shows what is on no list.
func FuzzRecords(f *testing.F) {
	v := newVendor()
	for _, seed := range []any{
		object{"success": true, "data": []object{v.persons[1], v.persons[2]}},
		object{"success": true, "data": []object{v.orgs[101]}},
		object{"success": true, "data": []any{nil, 1, object{"id": 1, "custom_fields": object{keyPlan: []any{object{"id": 1, "label": "x"}}}}}},
		object{"success": true, "data": object{"items": []any{object{"item": object{"id": 1}}}}},
		object{"success": false},
	} {
		body, err := json.Marshal(seed)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(body)
	}
	c, _ := open(f, newVendor(), Access(testToken), testConfig())
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, single := range []bool{true, false} {
			records, err := answer(client.Reply{Status: 200, Body: body}, single)
			if err != nil {
				continue
			}
			_, _, _ = searchItems(client.Reply{Status: 200, Body: body})
			contacts, _ := upstream.Collect(records, func(f upstream.Fields) (upstream.Contact, error) {
				return c.contacts.asked(f, []string{"1"})
			})
			for _, r := range contacts {
				check(t, r, r.ID == "1" && r.TenantID == testTenant && len(r.Custom) <= len(c.contacts.fields.ways))
			}
			accounts, _ := upstream.Collect(records, func(f upstream.Fields) (upstream.Account, error) {
				return c.accounts.asked(f, []string{"101"})
			})
			for _, r := range accounts {
				check(t, r, r.ID == "101" && r.TenantID == testTenant && r.Custom == nil)
			}
		}
	})
}

func check(t *testing.T, record any, ok bool) {
	b, err := json.Marshal(record)
	if err != nil || !json.Valid(b) || !ok || strings.Contains(string(b), "s3cr3t") {
		t.Errorf("record %s, error %v", b, err)
	}
}
