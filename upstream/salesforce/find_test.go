package salesforce

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weft-gateway/weft/upstream"
	"github.com/weft-gateway/weft/upstream/upstreamtest"
)

// TestInjection searches by values that would end a query if they could.
func TestInjection(t *testing.T) {
	v := newVendor()
	v.fill(3)
	odd := []string{
		`' OR Name LIKE '%`, `\' OR Id != '`, `\\' OR Id != '`, `\`, `'`, `''`, `a' OR ''='`, `'), (SELECT Id FROM Contacts) --`,
		"%", `"`, `{x} OR "*"`, "\u2019", "jan' 0@acme.test",
	}
	v.contacts[contactID(0)]["Email"] = odd[1]
	c, _ := open(t, v, static(), nil)
	for _, by := range []upstream.Lookup{upstream.ByEmail, upstream.ByExternalRef} {
		found, err := c.FindContacts(t.Context(), by, odd)
		want := 0
		if by == upstream.ByEmail {
			want = 1
		}
		if err != nil || len(found) != want || len(found[odd[1]]) != want {
			t.Errorf("by %s: found %v, error %v", by, found, err)
		}
		if diff := cmp.Diff(odd, v.asked); diff != "" {
			t.Errorf("by %s: what arrived (-want +got):\n%s", by, diff)
		}
	}
	for _, number := range []string{`+49 151' OR "1`, `{*} 12`, `12" OR "3`} {
		if _, err := c.FindContacts(t.Context(), upstream.ByPhone, []string{number}); err != nil {
			t.Errorf("number %q: %v", number, err)
		}
	}
}

// TestLong holds long lists to staying below what a server takes as an address.
func TestLong(t *testing.T) {
	v := newVendor()
	v.fill(100)
	c, faults := open(t, v, static(), nil)
	var values, numbers []string
	for i := range 100 {
		address := fmt.Sprintf("%s-%03d@acme.test", strings.Repeat("ü", 100), i)
		v.contacts[contactID(i)]["Email"] = address
		values, numbers = append(values, address), append(numbers, fmt.Sprintf("+49151123456%02d", i))
	}
	found, err := c.FindContacts(t.Context(), upstream.ByEmail, values)
	if err != nil || len(found) != 100 {
		t.Errorf("%d found, error %v", len(found), err)
	}
	if n := len(faults.Calls()); n < 8 || n > 20 {
		t.Errorf("%d calls", n)
	}
	found, err = c.FindContacts(t.Context(), upstream.ByPhone, numbers)
	if n := len(faults.Calls()); err != nil || len(found) != 100 || n != 1 {
		t.Errorf("%d numbers found in %d calls, error %v", len(found), n, err)
	}
	// With many fields it takes two calls. Where the second fails, who was found by
	// the first need not be the only one.
	for i := range 80 {
		c.contacts.fields = append(c.contacts.fields, fmt.Sprintf("%s_%03d__c", strings.Repeat("F", 30), i))
	}
	n := 0
	faults.Set(func(r *request, next transport) (*response, error) {
		if n++; n > 1 {
			return upstreamtest.Answer(403, `[{"errorCode":"API_DISABLED_FOR_ORG"}]`)(r, next)
		}
		return upstreamtest.Answer(200, `{"searchRecords":[{"Id":"`+contactID(0)+`","Phone":"`+numbers[0]+`"}]}`)(r, next)
	})
	found, err = c.FindContacts(t.Context(), upstream.ByPhone, numbers)
	if n < 2 || upstream.KindOf(err) != upstream.Denied || len(found) != 0 {
		t.Errorf("%d found after %d calls, error %v", len(found), n, err)
	}
}

func TestFind(t *testing.T) {
	v := newVendor()
	v.fill(4)
	v.contacts[contactID(0)]["Phone"] = "(0151) 777-0000"
	v.contacts[contactID(1)]["Phone"] = "+43 151 7770000" // another country's
	v.contacts[contactID(2)]["Fax"] = "+49 151 7770000"
	v.contacts[contactID(3)]["Weft_Ref__c"] = "ref-1"
	c, _ := open(t, v, static(), nil)
	tests := []struct {
		by    upstream.Lookup
		value string
		want  []string
	}{
		{upstream.ByPhone, "+491517770000", []string{contactID(0)}},
		{upstream.ByEmail, "JAN.1@acme.test", []string{contactID(1)}},
		{upstream.ByExternalRef, "REF-1", []string{contactID(1)}},
		{upstream.ByPhone, "+000", nil},
	}
	for _, tt := range tests {
		found, err := c.FindContacts(t.Context(), tt.by, []string{tt.value})
		var got []string
		for _, k := range found[tt.value] {
			got = append(got, k.ID)
			if k.Account == nil {
				t.Errorf("by %s: %s came without its account", tt.by, k.ID)
			}
		}
		if diff := cmp.Diff(tt.want, got); err != nil || diff != "" {
			t.Errorf("by %s: %v (-want +got):\n%s", tt.by, err, diff)
		}
	}
	v.cut = true
	for _, by := range []upstream.Lookup{upstream.ByPhone, upstream.ByEmail} {
		if _, err := c.FindContacts(t.Context(), by, []string{"+491517770000"}); upstream.KindOf(err) != upstream.BadResponse {
			t.Errorf("by %s, the beginning of a list: %v, want bad_response", by, err)
		}
	}
	c.cfg.ExternalRef = ""
	if _, err := c.FindContacts(t.Context(), upstream.ByExternalRef, []string{"REF-2"}); err == nil {
		t.Error("no field for references: no error")
	}
}

// TestCase names fields in another case than theirs, which Salesforce takes.
func TestCase(t *testing.T) {
	v := newVendor()
	v.fill(2)
	v.contacts[contactID(1)]["Plan__c"] = "gold"
	c, _ := open(t, v, static(), func(cfg *Config) {
		cfg.ExternalRef, cfg.ContactCustom = "weft_ref__C", map[string]string{"plan": "plan__c", "mail": "email"}
	})
	found, err := c.FindContacts(t.Context(), upstream.ByExternalRef, []string{"REF-1"})
	if err != nil || len(found["REF-1"]) != 1 {
		t.Fatalf("%v, error %v", found, err)
	}
	k := found["REF-1"][0]
	want := upstream.Custom{"plan": json.RawMessage(`"gold"`), "mail": json.RawMessage(`"jan.1@acme.test"`)}
	if diff := cmp.Diff(want, k.Custom); diff != "" || k.Email == nil || *k.ExternalRef != "REF-1" {
		t.Errorf("%+v (-want +got):\n%s", k, diff)
	}
}

// TestFullSearch finds as much as is shown: there may be more.
func TestFullSearch(t *testing.T) {
	v := newVendor()
	v.fill(maxFound)
	for _, rec := range v.contacts {
		rec["Phone"] = "+43 151 7770000"
	}
	c, _ := open(t, v, static(), nil)
	if _, err := c.FindContacts(t.Context(), upstream.ByPhone, []string{"+491517770000"}); upstream.KindOf(err) != upstream.BadResponse {
		t.Errorf("%v, want bad_response", err)
	}
}
