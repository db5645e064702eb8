package twenty

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weft-gateway/weft/upstream"
	"github.com/weft-gateway/weft/upstream/client"
	"github.com/weft-gateway/weft/upstream/upstreamtest"
)

func second[T any](_ T, err error) error { return err }

// A hundred people and their companies cost two calls: 60 and 40 people, with
// the companies inside.
func TestFewestCalls(t *testing.T) {
	v := &vendor{key: testKey, left: -1}
	var ids, firms []string
	for i := range 100 {
		ids, firms = append(ids, personID(i)), append(firms, firmID(i))
		v.people = append(v.people, object{"id": personID(i), "companyId": firmID(i)})
		v.firms = append(v.firms, object{"id": firmID(i), "name": fmt.Sprint("F", i)})
	}
	c, faults := open(t, v, testConfig())
	got, err := c.Contacts(t.Context(), ids)
	brought := 0
	for _, p := range got {
		if p.Account != nil && p.Account.ID == *p.AccountID {
			brought++
		}
	}
	if n := len(faults.Calls()); err != nil || brought != 100 || n != 2 {
		t.Errorf("%d companies came along, %d calls, error %v; want 100 and 2", brought, n, err)
	}
	accounts, err := c.Accounts(t.Context(), firms)
	if n := len(faults.Calls()); err != nil || len(accounts) != 100 || n != 2 {
		t.Errorf("%d accounts, %d calls, error %v; want 100 and 2", len(accounts), n, err)
	}
}

// Who was deleted is missing, and a company that was deleted does not come along.
func TestGone(t *testing.T) {
	v := newVendor()
	v.people[1]["deletedAt"], v.firms[2]["deletedAt"] = "2026-03-20T09:15:00.000Z", "2026-03-20T09:15:00.000Z"
	c, _ := open(t, v, testConfig())
	got, err := c.Contacts(t.Context(), []string{personID(2), personID(3), unknownID, strings.ToUpper(personID(1)), "7"})
	want := wantContacts()[2]
	want.Account, want.CompanyName = nil, nil
	if diff := cmp.Diff(map[string]upstream.Contact{personID(3): want}, got); err != nil || diff != "" {
		t.Errorf("error %v (-want +got):\n%s", err, diff)
	}
}

func TestAnswers(t *testing.T) {
	one, two := personID(1), personID(2)
	people := func(list string) string { return `{"data":{"people":[` + list + `]}}` }
	tests := []struct {
		name   string
		status int
		body   string
		want   []string
		kind   upstream.Kind
	}{
		{"none", 200, people(""), nil, ""},
		{"null data", 200, `{"data":null}`, nil, upstream.BadResponse},
		{"null list", 200, `{"data":{"people":null}}`, nil, upstream.BadResponse},
		{"another object", 200, `{"data":{"companies":[]}}`, nil, upstream.BadResponse},
		{"a bare list", 200, `[]`, nil, upstream.BadResponse},
		{"no such list", 404, `{"statusCode":404,"error":"Not Found"}`, nil, upstream.BadResponse},
		{"bad filter", 400, `{"statusCode":400,"error":"BadRequestException","messages":["canary"]}`, nil, upstream.UpstreamError},
		{"all null", 200, people(`{"id":"` + one + `","name":null,"emails":null,"phones":null,"companyId":null,"company":null,"deletedAt":null,"city":null}`), []string{one}, ""},
		{"wrong types", 200, people(`{"id":"` + one + `","name":"Jan","emails":[],"phones":{"primaryPhoneNumber":5,"additionalPhones":[7,null]},"city":{},"company":"x","createdAt":5}`), []string{one}, ""},
		{"lists in texts", 200, people(`{"id":"` + one + `","emails":{"additionalEmails":"[\"a@b\"]"},"phones":{"additionalPhones":"[{]"}}`), []string{one}, ""},
		{"a company that is none", 200, people(`{"id":"` + one + `","companyId":{}},{"id":"` + two + `"}`), []string{two}, upstream.BadResponse},
		{"another company inside", 200, people(`{"id":"` + one + `","companyId":"` + firmID(1) + `","company":{"id":"` + firmID(2) + `"}}`), []string{one}, ""},
		{"deleted and shown", 200, people(`{"id":"` + one + `","deletedAt":"2026-03-20T09:15:00.000Z"},{"id":"` + two + `"}`), []string{two}, ""},
		{"no id", 200, people(`{"id":null},{"id":"` + two + `"}`), []string{two}, upstream.BadResponse},
		{"null among them", 200, people(`null,{"id":"` + two + `"}`), []string{two}, upstream.BadResponse},
		{"another's", 200, people(`{"id":"` + personID(3) + `"},{"id":"` + two + `"}`), []string{two}, upstream.WrongRecord},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, faults := open(t, newVendor(), testConfig())
			faults.Set(upstreamtest.Answer(tt.status, tt.body))
			got, err := c.Contacts(t.Context(), []string{one, two})
			var ids []string
			for id, contact := range got {
				ids = append(ids, id)
				if contact.Account != nil {
					t.Errorf("%s brings an account: %+v", id, contact.Account)
				}
			}
			if slices.Sort(ids); upstream.KindOf(err) != tt.kind || !slices.Equal(ids, tt.want) {
				t.Errorf("%v, error %v, want %v and %q", ids, err, tt.want, tt.kind)
			}
			if err != nil && strings.Contains(err.Error(), "canary") {
				t.Errorf("%v quotes the answer", err)
			}
		})
	}
}

// No value can change what a filter asks for: those that could are not asked.
func TestInjection(t *testing.T) {
	c, faults := open(t, newVendor(), testConfig())
	for _, v := range []string{
		`a@b","jan.1@acme.example`, `x","REF-1`, `x'],or(ref[is]:NOT_NULL`, `REF-1,REF-2`, `")`, `a\`, `[`, `]`, `(REF-1)`, `%`, `{}`,
	} {
		for _, by := range []upstream.Lookup{upstream.ByEmail, upstream.ByExternalRef, upstream.ByPhone} {
			found, err := c.FindContacts(t.Context(), by, []string{v})
			if n := len(faults.Calls()); n > 0 && by != upstream.ByPhone || err != nil || len(found) != 0 {
				t.Errorf("%q by %s: %d calls, %v, error %v", v, by, n, found, err)
			}
		}
	}
}

// A number is found by its country's code apart, and is nobody's in another country.
func TestPhones(t *testing.T) {
	tests := []struct {
		name, number, code, asked string
		found                     bool
	}{
		{"apart", "15112345601", "+49", "+4915112345601", true},
		{"with spaces in the code's place", "4155559876", "1", "+14155559876", true},
		{"whole", "+14155559876", "+1", "+14155559876", true},
		{"without code", "4155559876", "", "+14155559876", true},
		{"of a country with three digits", "22602716", "+216", "+21622602716", true},
		{"the same elsewhere", "4155559876", "+44", "+14155559876", false},
		{"another", "4155559870", "+1", "+14155559876", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v := newVendor()
			v.people[0]["phones"] = object{"primaryPhoneNumber": tt.number, "primaryPhoneCallingCode": tt.code}
			c, _ := open(t, v, testConfig())
			found, err := c.FindContacts(t.Context(), upstream.ByPhone, []string{tt.asked})
			if err != nil || len(found[tt.asked]) == 1 != tt.found {
				t.Errorf("%v, error %v", found, err)
			}
		})
	}
	n := number(upstream.Fields{"n": []byte(`"06 10 20 30 40"`), "c": []byte(`"+33"`)}, "n", "c")
	if n.Value != "06 10 20 30 40" {
		t.Errorf("a zero was guessed away: %s", n.Value)
	}
}

// A list of matches is read to its end: its second page may hold the twin.
func TestPages(t *testing.T) {
	v := newVendor()
	for i := 10; i < 100; i++ {
		v.people = append(v.people, object{"id": personID(i), "ref": "TWIN"})
	}
	c, faults := open(t, v, testConfig())
	found, err := c.FindContacts(t.Context(), upstream.ByExternalRef, []string{"TWIN", "REF-1"})
	if n := len(faults.Calls()); err != nil || len(found["TWIN"]) != 90 || len(found["REF-1"]) != 1 || n != 2 {
		t.Errorf("%d twins, %d calls, error %v", len(found["TWIN"]), n, err)
	}
	for i := 100; i < 400; i++ {
		v.people = append(v.people, object{"id": fmt.Sprintf("8a93d1e5-3f74-4945-8a65-%012d", i), "ref": "TWIN"})
	}
	found, err = c.FindContacts(t.Context(), upstream.ByExternalRef, []string{"TWIN"})
	if upstream.KindOf(err) != upstream.BadResponse || len(found) != 0 {
		t.Errorf("a list without end: %d, error %v", len(found), err)
	}
}

// A workspace whose pages are smaller than they may be asked for is read to the
// end: an id that has not come yet is not one that the workspace does not know.
// When the end cannot be read, nothing is said of what may be there.
func TestCutShort(t *testing.T) {
	ids := []string{personID(1), personID(2), personID(3), personID(4)}
	tests := []struct {
		name string
		info string // of the first page
		last upstreamtest.Fault
		read int // people by id
		find int // people by reference
		kind upstream.Kind
	}{
		{"two pages", `{"hasNextPage":true,"endCursor":"c1"}`, upstreamtest.Answer(200, `{"data":{"people":[{"id":"`+ids[2]+`","ref":"TWIN"}]}}`), 3, 3, ""},
		{"the second fails", `{"hasNextPage":true,"endCursor":"c1"}`, upstreamtest.Answer(500, ""), 2, 0, upstream.UpstreamError},
		{"the second is a web page", `{"hasNextPage":true,"endCursor":"c1"}`, upstreamtest.Answer(200, "<html>"), 2, 0, upstream.BadResponse},
		{"no way to the second", `{"hasNextPage":true,"endCursor":null}`, nil, 0, 0, upstream.BadResponse},
		{"a cursor that leads nowhere", `{"hasNextPage":true,"endCursor":"c0"}`, nil, 2, 0, upstream.BadResponse},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, faults := open(t, newVendor(), testConfig())
			faults.Set(func(r *http.Request, next http.RoundTripper) (*http.Response, error) {
				if r.URL.Query().Get("starting_after") == "c1" {
					return tt.last(r, next)
				}
				return upstreamtest.Answer(200, `{"data":{"people":[{"id":"`+ids[0]+`","ref":"TWIN"},{"id":"`+ids[1]+`","ref":"TWIN"}]},"pageInfo":`+tt.info+`}`)(r, next)
			})
			got, err := c.Contacts(t.Context(), ids)
			if len(got) != tt.read || upstream.KindOf(err) != tt.kind {
				t.Errorf("read %d, error %v; want %d, %q", len(got), err, tt.read, tt.kind)
			}
			found, err := c.FindContacts(t.Context(), upstream.ByExternalRef, []string{"TWIN"})
			if len(found["TWIN"]) != tt.find || upstream.KindOf(err) != tt.kind {
				t.Errorf("found %d, error %v; want %d, %q", len(found["TWIN"]), err, tt.find, tt.kind)
			}
			if n := len(faults.Calls()); n > 2*maxPages+2 { // one more each, after a failure in passing
				t.Errorf("%d calls", n)
			}
		})
	}
}

// A hundred numbers go into as few addresses as servers take.
func TestManyValues(t *testing.T) {
	var values []string
	for i := range 100 {
		values = append(values, fmt.Sprintf("+4915112345%03d", i))
	}
	c, faults := open(t, newVendor(), testConfig())
	if _, err := c.FindContacts(t.Context(), upstream.ByPhone, values); err != nil {
		t.Error(err)
	}
	calls := faults.Calls()
	for _, u := range calls {
		if n := len(u.RawQuery); n > maxQuery+200 {
			t.Errorf("a query of %d bytes", n)
		}
	}
	if len(calls) != 2 {
		t.Errorf("%d calls, want 2", len(calls))
	}
}

// A key that is withdrawn in the middle is denied, and nobody else's trouble; a
// quota that is used up closes the gate for ten seconds.
func TestRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVendor()
		v.left = 2
		c, faults := open(t, v, testConfig())
		read := func() upstream.Kind { return upstream.KindOf(second(c.Contacts(t.Context(), []string{personID(1)}))) }
		for i, want := range []upstream.Kind{"", "", upstream.RateLimited, upstream.RateLimited} {
			if got := read(); got != want {
				t.Errorf("%d: %q, want %q", i, got, want)
			}
		}
		if n := len(faults.Calls()); n != 3 || c.Limited() != refusedFor {
			t.Errorf("%d calls, limited for %v", n, c.Limited())
		}
		time.Sleep(refusedFor)
		v.left = -1
		if kind := read(); kind != "" || c.Limited() != 0 {
			t.Errorf("not open again: %s", kind)
		}
		v.key = "another"
		for range 20 {
			if kind := read(); kind != upstream.Denied {
				t.Errorf("withdrawn: %q", kind)
			}
		}
		if tripped, _ := c.Tripped(upstream.OpContacts); tripped {
			t.Error("a withdrawn key opened the breaker")
		}
	})
}

func TestNew(t *testing.T) {
	tests := []struct {
		name string
		cfg  Config
		ok   bool
	}{
		{"least", Config{TenantID: "t"}, true},
		{"nested", Config{TenantID: "t", ExternalRef: "crm.ref", ContactCustom: map[string]string{"a": "b.c_d"}}, true},
		{"no tenant", Config{}, false},
		{"no page", Config{TenantID: "t", AppURL: "javascript:alert(1)"}, false},
		{"a reference with a bracket", Config{TenantID: "t", ExternalRef: "id[is]:x"}, false},
		{"a field with a comma", Config{TenantID: "t", ContactCustom: map[string]string{"a": "b,c"}}, false},
		{"no field", Config{TenantID: "t", AccountCustom: map[string]string{"a": "b."}}, false},
	}
	for _, tt := range tests {
		if _, err := New(new(client.Client), tt.cfg); (err == nil) != tt.ok {
			t.Errorf("%s: error %v", tt.name, err)
		}
	}
	if _, err := New(nil, Config{TenantID: "t"}); err == nil {
		t.Error("no client: no error")
	}
}
