package twenty

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/weft-gateway/weft/upstream"
	"github.com/weft-gateway/weft/upstream/client"
	"github.com/weft-gateway/weft/upstream/upstreamtest"
)

const (
	testTenant = "acme"
	testKey    = "eyJhbGciOiJIUzI1NiJ9.e30.x"
	unknownID  = "00000000-0000-4000-8000-ffffffffffff"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func ptr[T any](v T) *T { return &v }

type object = map[string]any

func personID(i int) string { return fmt.Sprintf("7a93d1e5-3f74-4945-8a65-%012d", i) }
func firmID(i int) string   { return fmt.Sprintf("06290608-8bf0-4806-99ae-%012d", i) }

// vendor is a workspace of Twenty, after its documentation and the grammar of
// its filters. It refuses what that does not allow.
type vendor struct {
	key string

	mu            sync.Mutex
	people, firms []object
	left          int // calls of this minute; below 0: no such limit
}

func newVendor() *vendor {
	v := &vendor{key: testKey, left: -1}
	for i := 1; i <= 5; i++ {
		v.people = append(v.people, object{
			"id": personID(i), "name": object{"firstName": "Jan", "lastName": strconv.Itoa(i)}, "jobTitle": "Buyer", "city": "Leipzig",
			"emails": object{"primaryEmail": fmt.Sprintf("jan.%d@acme.example", i), "additionalEmails": []string{"j@home.example"}},
			"phones": object{"primaryPhoneNumber": fmt.Sprintf("151123456%02d", i), "primaryPhoneCallingCode": "+49", "primaryPhoneCountryCode": "DE",
				"additionalPhones": []object{{"number": "5551234567", "callingCode": "+1", "countryCode": "US"}}},
			"companyId": firmID(i), "createdAt": "2026-02-10T14:30:00.000Z", "updatedAt": "2026-03-20T09:15:00.000Z", "deletedAt": nil,
			"ref": fmt.Sprint("REF-", i), "plan": "PRO", "secret": "s3cr3t", "avatarUrl": "", "position": i, "linkedinLink": object{"primaryLinkUrl": ""},
		})
		v.firms = append(v.firms, object{
			"id": firmID(i), "name": fmt.Sprint("Firm ", i), "domainName": object{"primaryLinkUrl": "https://www.firm.example", "primaryLinkLabel": "", "secondaryLinks": []any{}},
			"employees": 120, "annualRecurringRevenue": object{"amountMicros": 284000000, "currencyCode": "EUR"}, "accountOwnerId": nil,
			"address":   object{"addressStreet1": "Lindenweg 5", "addressStreet2": "", "addressCity": "Leipzig", "addressState": "", "addressPostcode": "04109", "addressCountry": "DE"},
			"createdAt": "2026-02-10T14:30:00.000Z", "updatedAt": "2026-03-20T09:15:00.000Z", "deletedAt": nil, "secret": "s3cr3t", "tier": "gold",
		})
	}
	v.people[3]["phones"] = v.people[2]["phones"] // a number of two
	return v
}

func wantAccount(i int) upstream.Account {
	feb, mar := upstream.At(time.Date(2026, 2, 10, 14, 30, 0, 0, time.UTC)), upstream.At(time.Date(2026, 3, 20, 9, 15, 0, 0, time.UTC))
	return upstream.Account{
		ID: firmID(i), TenantID: testTenant, Name: ptr(fmt.Sprint("Firm ", i)), ResolutionStatus: "crm_resolved", Country: ptr("DE"),
		Website: ptr("https://www.firm.example"), Domain: ptr("firm.example"), EmailDomain: ptr("firm.example"), CreatedAt: &feb, UpdatedAt: &mar, Employees: ptr(120),
		AnnualRevenue: &upstream.Money{Amount: 284, Currency: ptr("EUR")}, URL: ptr("https://acme.twenty.example/object/company/" + firmID(i)),
		Address: &upstream.Address{Street: ptr("Lindenweg 5"), City: ptr("Leipzig"), PostalCode: ptr("04109"), Country: ptr("DE")},
		Custom:  upstream.Custom{"tier": json.RawMessage(`"gold"`)},
	}
}

func wantAccounts() (all []upstream.Account) {
	for i := 1; i <= 5; i++ {
		all = append(all, wantAccount(i))
	}
	return all
}

func wantContacts() (all []upstream.Contact) {
	feb, mar := upstream.At(time.Date(2026, 2, 10, 14, 30, 0, 0, time.UTC)), upstream.At(time.Date(2026, 3, 20, 9, 15, 0, 0, time.UTC))
	for i := 1; i <= 5; i++ {
		n := i
		if i == 4 {
			n = 3
		}
		email, phone := fmt.Sprintf("jan.%d@acme.example", i), fmt.Sprintf("+49151123456%02d", n)
		all = append(all, upstream.Contact{
			ID: personID(i), TenantID: testTenant, AccountID: ptr(firmID(i)), ExternalRef: ptr(fmt.Sprint("REF-", i)),
			ResolutionStatus: "crm_resolved", FirstName: ptr("Jan"), LastName: ptr(strconv.Itoa(i)), Email: &email, Phone: &phone,
			CompanyName: ptr(fmt.Sprint("Firm ", i)), CreatedAt: &feb, UpdatedAt: &mar, Title: ptr("Buyer"),
			Emails: []upstream.EmailAddress{{Value: email, Primary: true}, {Value: "j@home.example"}},
			Phones: []upstream.PhoneNumber{
				{Value: phone, Raw: ptr(fmt.Sprintf("151123456%02d", n)), Primary: true}, {Value: "+15551234567", Raw: ptr("5551234567")},
			},
			Address: &upstream.Address{City: ptr("Leipzig")}, URL: ptr("https://acme.twenty.example/object/person/" + personID(i)),
			Custom: upstream.Custom{"plan": json.RawMessage(`"PRO"`)}, Account: ptr(wantAccount(i)),
		})
	}
	return all
}

func testConfig() Config {
	return Config{
		TenantID: testTenant, AppURL: "https://acme.twenty.example/", ExternalRef: "ref",
		ContactCustom: map[string]string{"plan": "plan", "nothing": "emails.nothing"}, AccountCustom: map[string]string{"tier": "tier"},
	}
}

// open returns a CRM on a server that is in the process.
func open(t testing.TB, h http.Handler, cfg Config) (*CRM, *upstreamtest.Faults) {
	t.Helper()
	faults := upstreamtest.NewFaults(t, upstreamtest.Handler(h))
	host, err := client.NewHost(client.HostConfig{
		Name: Kind, URL: "https://api.twenty.example", Deadline: 10 * time.Second, MaxBody: 256 << 10,
		Operations: Operations(), Transport: faults, Manners: Manners(),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(host.Close)
	c, err := New(host.Client(testKey), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c, faults
}

func (v *vendor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	v.mu.Lock()
	defer v.mu.Unlock()
	kind, ok := strings.CutPrefix(r.URL.Path, "/rest/")
	records := map[string][]object{"people": v.people, "companies": v.firms}[kind]
	switch {
	case r.Header.Get("Authorization") != "Bearer "+v.key:
		fail(w, http.StatusUnauthorized, "UnauthorizedException", "Token invalid")
	case v.left == 0:
		fail(w, http.StatusTooManyRequests, "ThrottlerException", "Limit reached")
	case !ok || records == nil:
		fail(w, http.StatusNotFound, "Not Found", "Cannot GET")
	default:
		v.left = max(v.left-1, min(v.left, 0))
		v.list(w, r.URL.Query(), kind, records)
	}
}

func (v *vendor) list(w http.ResponseWriter, q url.Values, kind string, records []object) {
	for name, values := range q {
		if !slices.Contains([]string{"filter", "limit", "depth", "starting_after"}, name) || len(values) != 1 {
			fail(w, http.StatusBadRequest, "BadRequestException", "unknown parameter")
			return
		}
	}
	field, values, err := parse(q.Get("filter"))
	limit, limitErr := strconv.Atoi(q.Get("limit"))
	after, _ := strconv.Atoi(q.Get("starting_after"))
	if err != nil || limitErr != nil {
		fail(w, http.StatusBadRequest, "BadRequestException", "'filter' invalid")
		return
	}
	limit = min(limit, 60) // without a word
	var found []object
	for i, r := range records {
		if i >= after && r["deletedAt"] == nil && slices.Contains(values, text(r, field)) {
			found = append(found, v.shown(r, q.Get("depth")))
		}
	}
	info := object{"hasNextPage": len(found) > limit, "startCursor": nil, "endCursor": nil}
	if len(found) > limit {
		found = found[:limit]
		last := slices.IndexFunc(records, func(r object) bool { return r["id"] == found[limit-1]["id"] })
		info["endCursor"] = strconv.Itoa(last + 1)
	}
	if found == nil {
		found = []object{}
	}
	say(w, http.StatusOK, object{"data": object{kind: found}, "pageInfo": info, "totalCount": len(found)})
}

// shown is the record at a depth: with its company at 1.
func (v *vendor) shown(r object, depth string) object {
	out := object{}
	for name, value := range r {
		out[name] = value
	}
	if _, person := r["companyId"]; person && depth == "1" {
		out["company"] = nil
		for _, f := range v.firms {
			if f["id"] == r["companyId"] && f["deletedAt"] == nil {
				out["company"] = f
			}
		}
	}
	return out
}

// parse reads a filter as Twenty does: nothing can be escaped, and a comma ends
// a value wherever it stands.
func parse(s string) (field string, values []string, err error) {
	field, rest, ok := strings.Cut(s, "[in]:[")
	list, closed := strings.CutSuffix(rest, "]")
	if !ok || !closed || strings.Count(s, "(") != strings.Count(s, ")") {
		return "", nil, fmt.Errorf("not a filter")
	}
	for v := range strings.SplitSeq(list, ",") {
		if len(v) >= 2 && strings.ContainsAny(v[:1], `"'`) && strings.ContainsAny(v[len(v)-1:], `"'`) {
			v = v[1 : len(v)-1]
		}
		if field == "id" && !isID(v) {
			return "", nil, fmt.Errorf("not a UUID")
		}
		values = append(values, v)
	}
	return field, values, nil
}

// text is the value of a field, with dots into objects.
func text(r object, field string) string {
	first, rest, nested := strings.Cut(field, ".")
	if nested {
		inner, _ := r[first].(object)
		return text(inner, rest)
	}
	s, _ := r[first].(string)
	return s
}

func fail(w http.ResponseWriter, status int, kind, text string) {
	say(w, status, object{"statusCode": status, "error": kind, "messages": []string{text}})
}

func say(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

// another lets the workspace be asked for another value in all of its forms.
func another(asked, other string) upstreamtest.Fault {
	return func(r *http.Request, next http.RoundTripper) (*http.Response, error) {
		r = r.Clone(r.Context())
		q := r.URL.Query()
		field, values, err := parse(q.Get("filter"))
		if err != nil {
			return nil, err
		}
		by := upstream.ByExternalRef
		if strings.HasPrefix(field, "phones.") {
			by = upstream.ByPhone
		}
		if slices.Contains(values, asked) {
			values = slices.DeleteFunc(values, func(v string) bool { return slices.Contains(forms(asked, by), v) })
			values = append(values, forms(other, by)...)
		}
		q.Set("filter", filter{field, values}.String())
		r.URL.RawQuery = q.Encode()
		return next.RoundTrip(r)
	}
}

func TestConformance(t *testing.T) {
	upstreamtest.TestCRM(t, func(t testing.TB) upstreamtest.CRMCase {
		c, faults := open(t, newVendor(), testConfig())
		return upstreamtest.CRMCase{
			CRM: c, Faults: faults, Contacts: wantContacts(), Accounts: wantAccounts(), Unknown: unknownID,
			Lookups:   []upstream.Lookup{upstream.ByExternalRef, upstream.ByEmail, upstream.ByPhone},
			Ambiguous: &upstreamtest.Ambiguous{By: upstream.ByPhone, Value: "+4915112345603", Contacts: 2}, Swap: another,
		}
	})
}
