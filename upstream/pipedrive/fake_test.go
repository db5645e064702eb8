package pipedrive

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
	testToken  = "0123456789abcdef0123456789abcdef01234567"
	keyRef     = "d4de1c1518b4531717c676029a45911c340390a6"
	keyPlan    = "946947d1b02fd3ef20798d6112ec5d895a686a21"
	keyBudget  = "77aa1c1518b4531717c676029a45911c340390b7"
	keySecret  = "00ff1c1518b4531717c676029a45911c340390ff"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func ptr[T any](v T) *T { return &v }

type object = map[string]any

// vendor is a Pipedrive company, after the vendor's documentation of version 2.
// It refuses what that does not allow.
type vendor struct {
	token string

	mu            sync.Mutex
	persons, orgs map[int]object
	daily         int // tokens of the day that are left; below 0: no such limit
	window        int // calls of the window that are left; below 0: no such limit
	spent         []int
}

func newVendor() *vendor {
	v := &vendor{token: testToken, persons: map[int]object{}, orgs: map[int]object{}, daily: -1, window: -1}
	for i := 1; i <= 5; i++ {
		v.persons[i] = object{
			"id": i, "name": fmt.Sprint("Jan ", i), "first_name": "Jan", "last_name": strconv.Itoa(i), "owner_id": 7, "org_id": 100 + i,
			"add_time": "2026-02-10T14:30:00Z", "update_time": "2026-03-20T09:15:00Z", "job_title": "Buyer",
			"emails":     []object{{"value": fmt.Sprintf("Jan.%d@acme.example", i), "primary": true, "label": "work"}},
			"phones":     []object{{"value": fmt.Sprintf("+49151123456%02d", i), "primary": true, "label": "mobile"}},
			"is_deleted": false, "visible_to": 7, "label_ids": []int{3}, "labels": []object{{"id": 3, "label": "Customer"}}, "picture_id": nil,
			"custom_fields": object{
				keyRef: fmt.Sprint("REF-", i), keySecret: "s3cr3t", keyPlan: object{"id": 2, "label": "Pro"},
				keyBudget: object{"value": 500, "currency": "EUR"},
			},
		}
		v.orgs[100+i] = object{
			"id": 100 + i, "name": fmt.Sprint("Firm ", i), "owner_id": 7, "add_time": "2026-02-10T14:30:00Z", "update_time": "2026-03-20T09:15:00Z",
			"website": "https://www.firm.example/de", "industry": object{"id": 2, "label": "Machinery"}, "annual_revenue": 1500000, "employee_count": 120,
			"address": object{"value": "Lindenweg 5, Leipzig", "country": "Germany", "locality": "Leipzig", "route": "Lindenweg", "street_number": "5",
				"postal_code": "04109", "admin_area_level_1": "Sachsen", "subpremise": nil, "formatted_address": "Lindenweg 5, 04109 Leipzig, Germany"},
			"is_deleted": false, "label_ids": []int{}, "custom_fields": object{keyRef: 9000 + i, keySecret: "s3cr3t"}, "linkedin": nil,
		}
	}
	v.persons[4]["phones"] = v.persons[3]["phones"] // a number of two
	return v
}

// wantContacts are what the connector is to make of the persons.
func wantContacts() (all []upstream.Contact) {
	feb, mar := upstream.At(time.Date(2026, 2, 10, 14, 30, 0, 0, time.UTC)), upstream.At(time.Date(2026, 3, 20, 9, 15, 0, 0, time.UTC))
	for i := 1; i <= 5; i++ {
		email, phone := fmt.Sprintf("Jan.%d@acme.example", i), fmt.Sprintf("+49151123456%02d", i-i/4*(1-i/5))
		all = append(all, upstream.Contact{
			ID: strconv.Itoa(i), TenantID: testTenant, AccountID: ptr(strconv.Itoa(100 + i)), ExternalRef: ptr(fmt.Sprint("REF-", i)),
			ResolutionStatus: "crm_resolved", FirstName: ptr("Jan"), LastName: ptr(strconv.Itoa(i)), Name: ptr(fmt.Sprint("Jan ", i)),
			Email: &email, Phone: &phone, Title: ptr("Buyer"), CreatedAt: &feb, UpdatedAt: &mar, OwnerID: ptr("7"), Tags: []string{"Customer"},
			Emails: []upstream.EmailAddress{{Value: email, Type: ptr("work"), Primary: true}},
			Phones: []upstream.PhoneNumber{{Value: phone, Raw: &phone, Type: ptr("mobile"), Primary: true}},
			URL:    ptr(fmt.Sprint("https://acme.pipedrive.example/person/", i)),
			Custom: upstream.Custom{"plan": json.RawMessage(`"Pro"`), "currency": json.RawMessage(`"EUR"`)},
		})
	}
	return all
}

func wantAccounts() (all []upstream.Account) {
	feb, mar := upstream.At(time.Date(2026, 2, 10, 14, 30, 0, 0, time.UTC)), upstream.At(time.Date(2026, 3, 20, 9, 15, 0, 0, time.UTC))
	for i := 1; i <= 5; i++ {
		all = append(all, upstream.Account{
			ID: strconv.Itoa(100 + i), TenantID: testTenant, Name: ptr(fmt.Sprint("Firm ", i)), ResolutionStatus: "crm_resolved",
			Website: ptr("https://www.firm.example/de"), Domain: ptr("firm.example"),
			CreatedAt: &feb, UpdatedAt: &mar, Industry: ptr("Machinery"), Employees: ptr(120), AnnualRevenue: &upstream.Money{Amount: 1500000},
			OwnerID: ptr("7"), URL: ptr(fmt.Sprint("https://acme.pipedrive.example/organization/", 100+i)),
			Address: &upstream.Address{Street: ptr("Lindenweg 5"), City: ptr("Leipzig"), State: ptr("Sachsen"), PostalCode: ptr("04109"),
				Country: ptr("Germany"), Formatted: ptr("Lindenweg 5, 04109 Leipzig, Germany")},
		})
	}
	return all
}

func testConfig() Config {
	return Config{
		TenantID: testTenant, AppURL: "https://acme.pipedrive.example/", ExternalRef: keyRef,
		ContactCustom: map[string]string{"plan": keyPlan, "currency": keyBudget + ".currency", "nothing": keyBudget + ".nothing"},
	}
}

// open returns a CRM on a server that is in the process.
func open(t testing.TB, h http.Handler, access client.Access, cfg Config) (*CRM, *upstreamtest.Faults) {
	t.Helper()
	faults := upstreamtest.NewFaults(t, upstreamtest.Handler(h))
	host, err := client.NewHost(client.HostConfig{
		Name: Kind, URL: "https://acme.pipedrive.example", Deadline: 10 * time.Second, MaxBody: 256 << 10,
		Operations: Operations(), Transport: faults, Manners: Manners(),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(host.Close)
	c, err := New(host.ClientWith(access, 0), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c, faults
}

func (v *vendor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	v.mu.Lock()
	defer v.mu.Unlock()
	kind, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/api/v2/"), "/")
	records := map[string]map[int]object{"persons": v.persons, "organizations": v.orgs}[kind]
	cost := map[bool]int{true: 1, false: 10}[rest != ""]
	if rest == "search" {
		cost = 20
	}
	switch {
	case r.Header.Get("X-Api-Token") != v.token && r.Header.Get("Authorization") != "Bearer "+v.token:
		fail(w, http.StatusUnauthorized, "unauthorized access")
	case v.daily == 0 || v.window == 0:
		v.quota(w)
		fail(w, http.StatusTooManyRequests, "Rate limit exceeded")
	case records == nil || !strings.HasPrefix(r.URL.Path, "/api/v2/"):
		fail(w, http.StatusNotFound, "Unknown method.")
	default:
		v.spent = append(v.spent, cost)
		v.daily, v.window = max(v.daily-cost, min(v.daily, 0)), max(v.window-1, min(v.window, 0))
		v.quota(w)
		v.read(w, r.URL.Query(), records, rest)
	}
}

// quota says what is left, as the vendor does.
func (v *vendor) quota(w http.ResponseWriter) {
	if v.daily >= 0 {
		w.Header().Set("x-daily-ratelimit-token-limit", "150000")
		w.Header().Set("x-daily-ratelimit-token-remaining", strconv.Itoa(v.daily))
	}
	if v.window >= 0 {
		w.Header().Set("x-ratelimit-limit", "80")
		w.Header().Set("x-ratelimit-remaining", strconv.Itoa(v.window))
		w.Header().Set("x-ratelimit-reset", "2")
	}
}

func (v *vendor) read(w http.ResponseWriter, q url.Values, records map[int]object, rest string) {
	known := []string{"ids", "limit", "custom_fields", "include_labels", "include_option_labels"}
	if rest == "search" {
		known = []string{"term", "fields", "exact_match", "limit"}
	}
	for name, values := range q {
		if !slices.Contains(known, name) || len(values) != 1 {
			fail(w, http.StatusBadRequest, "unknown parameter "+name)
			return
		}
	}
	keys := strings.Split(q.Get("custom_fields"), ",")
	switch {
	case len(keys) > 15:
		fail(w, http.StatusBadRequest, "custom_fields has more than 15 keys")
	case rest == "search":
		v.search(w, q)
	case rest != "":
		id, err := strconv.Atoi(rest)
		record := records[id]
		if err != nil {
			fail(w, http.StatusBadRequest, "id must be an integer")
		} else if record == nil {
			fail(w, http.StatusNotFound, "Person not found")
		} else {
			say(w, http.StatusOK, object{"success": true, "data": only(record, keys)})
		}
	default:
		list(w, q, records, keys)
	}
}

func list(w http.ResponseWriter, q url.Values, records map[int]object, keys []string) {
	ids := strings.Split(q.Get("ids"), ",")
	limit, err := strconv.Atoi(q.Get("limit"))
	if err != nil || limit > 500 || len(ids) > 100 {
		fail(w, http.StatusBadRequest, "limit or ids out of range")
		return
	}
	found := []object{} // in the order of the ids that there are, not of those that were asked for
	for id := range 2000 {
		if record := records[id]; record != nil && record["is_deleted"] == false && slices.Contains(ids, strconv.Itoa(id)) {
			found = append(found, only(record, keys))
		}
	}
	say(w, http.StatusOK, object{"success": true, "data": found, "additional_data": object{"next_cursor": nil}})
}

// only is the record with the custom fields that were asked for, or all.
func only(record object, keys []string) object {
	out := object{}
	for name, value := range record {
		out[name] = value
	}
	if keys[0] != "" {
		custom := object{}
		for _, k := range keys {
			custom[k] = record["custom_fields"].(object)[k] // null where there is none
		}
		out["custom_fields"] = custom
	}
	return out
}

// search finds persons by what they carry, exactly but for case.
func (v *vendor) search(w http.ResponseWriter, q url.Values) {
	term, field := q.Get("term"), q.Get("fields")
	if term == "" || q.Get("exact_match") != "true" || !slices.Contains([]string{"email", "phone", "custom_fields"}, field) {
		fail(w, http.StatusBadRequest, "term, fields or exact_match is not valid")
		return
	}
	items := []object{}
	for id := range 2000 {
		person := v.persons[id]
		if person == nil || person["is_deleted"] == true {
			continue
		}
		texts := map[string][]string{"email": carried(person["emails"]), "phone": carried(person["phones"])}
		for _, value := range person["custom_fields"].(object) {
			if s, ok := value.(string); ok && strings.EqualFold(s, term) {
				texts["custom_fields"] = append(texts["custom_fields"], s)
			}
		}
		if slices.ContainsFunc(texts[field], func(s string) bool { return strings.EqualFold(s, term) }) {
			items = append(items, object{"result_score": 0.5, "item": object{
				"id": id, "type": "person", "name": person["name"], "emails": texts["email"], "phones": texts["phone"], "custom_fields": texts["custom_fields"],
			}})
		}
	}
	say(w, http.StatusOK, object{"success": true, "data": object{"items": items}, "additional_data": object{"next_cursor": nil}})
}

func carried(v any) (out []string) {
	list, _ := v.([]object)
	for _, e := range list {
		out = append(out, e["value"].(string))
	}
	return out
}

func fail(w http.ResponseWriter, status int, text string) {
	say(w, status, object{"success": false, "error": text, "error_info": "Please check developers.pipedrive.com", "data": nil})
}

func say(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

func TestConformance(t *testing.T) {
	upstreamtest.TestCRM(t, func(t testing.TB) upstreamtest.CRMCase {
		c, faults := open(t, newVendor(), Access(testToken), testConfig())
		return upstreamtest.CRMCase{
			CRM: c, Faults: faults, Contacts: wantContacts(), Accounts: wantAccounts(), Unknown: "999",
			Lookups:   []upstream.Lookup{upstream.ByExternalRef, upstream.ByEmail, upstream.ByPhone},
			Ambiguous: &upstreamtest.Ambiguous{By: upstream.ByPhone, Value: "+4915112345603", Contacts: 2},
			FindCalls: func(values int) int { return values + 1 },
		}
	})
}
