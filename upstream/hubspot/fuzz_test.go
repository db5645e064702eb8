package hubspot

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/weft-gateway/weft/upstream"
	"github.com/weft-gateway/weft/upstream/client"
)

type (
	request   = http.Request
	response  = http.Response
	transport = http.RoundTripper
	through   func(*request) (*response, error)
)

func (f through) RoundTrip(r *request) (*response, error) { return f(r) }

// FuzzDecode feeds the decoders any answer. What is not on the list of fields
// never passes, nor does a record that was not asked for.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{
		`{"status":"COMPLETE","results":[{"id":"1","properties":{"firstname":"a","email":null,"secret":"canary","associatedcompanyid":"2","plan":{"a":[1]}}}]}`,
		`{"results":[null,{"id":1,"properties":[]},{"id":"1","properties":{"associatedcompanyid":{}}}]}`,
		`{"results":[{"id":"2","properties":{"hs_merged_object_ids":"1;3","phone":7,"numberofemployees":"1e99","annualrevenue":"NaN"}}]}`,
		`{"results":[{"from":{"id":"1"},"to":[{"toObjectId":5,"associationTypes":[{"category":"HUBSPOT_DEFINED","typeId":1}]}]}]}`,
		`{"status":"PENDING","results":[]}`, `{"results":{}}`, `[]`, `{"results":[{`,
	} {
		f.Add([]byte(s), 200)
		f.Add([]byte(s), 207)
	}
	c, _ := open(f, newVendor(), static())
	f.Fuzz(func(t *testing.T, body []byte, status int) {
		r := client.Reply{Status: 200 + status&15, Body: body}
		contacts, _ := readBatch(r, &c.contacts, func(f *found[upstream.Contact]) bool { return f.ids[0] == "1" })
		accounts, _ := readBatch(r, &c.accounts, func(f *found[upstream.Account]) bool { return f.ids[0] == "1" })
		for _, k := range contacts {
			check(t, k.value.ID, k.value, k.value.URL)
		}
		for _, a := range accounts {
			check(t, a.value.ID, a.value, a.value.URL)
		}
		companies, _ := readCompanies(r, []string{"1"})
		for id, of := range companies {
			for _, company := range of {
				if id != "1" || !isID(company) {
					t.Errorf("%q belongs to %q", id, company)
				}
			}
		}
		refused(client.Reply{Status: http.StatusTooManyRequests, Body: body})
	})
}

func check(t *testing.T, id string, record any, link *string) {
	b, err := json.Marshal(record)
	if err != nil || id != "1" || !strings.HasPrefix(*link, portal) {
		t.Errorf("%q: %v: %s", id, err, b)
	}
	var fields map[string]json.RawMessage
	if json.Unmarshal(b, &fields) != nil || fields["secret"] != nil {
		t.Errorf("passed: %s", b)
	}
}
