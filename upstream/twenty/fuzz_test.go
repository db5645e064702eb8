package twenty

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/weft-gateway/weft/upstream"
	"github.com/weft-gateway/weft/upstream/client"
)

// FuzzRecords holds whatever Twenty may answer to never becoming a record that
// is no JSON, that brings another's account, or that shows what is on no list.
func FuzzRecords(f *testing.F) {
	v := newVendor()
	for _, seed := range []any{
		object{"data": object{"people": []object{v.shown(v.people[0], "1")}}, "pageInfo": object{"hasNextPage": true, "endCursor": "x"}},
		object{"data": object{"companies": v.firms}},
		object{"data": object{"people": []any{nil, 1, object{"id": personID(1), "phones": object{"additionalPhones": `[{"number":"1"}]`}}}}},
	} {
		body, err := json.Marshal(seed)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(body)
	}
	c, _ := open(f, newVendor(), testConfig())
	f.Fuzz(func(t *testing.T, body []byte) {
		people, _ := query[upstream.Contact]{object: "people", read: c.contact}.answer(client.Reply{Status: 200, Body: body})
		for _, r := range people.records {
			check(t, r, upstream.ValidID(r.ID) && len(r.Custom) <= 2 && (r.Account == nil || r.Account.ID == *r.AccountID))
		}
		firms, _ := query[upstream.Account]{object: "companies", read: c.account}.answer(client.Reply{Status: 200, Body: body})
		for _, r := range firms.records {
			check(t, r, upstream.ValidID(r.ID) && len(r.Custom) <= 1)
		}
	})
}

func check(t *testing.T, record any, ok bool) {
	b, err := json.Marshal(record)
	if err != nil || !json.Valid(b) || !ok || strings.Contains(string(b), "s3cr3t") {
		t.Errorf("record %s, error %v", b, err)
	}
}
