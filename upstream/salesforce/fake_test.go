package salesforce

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/weft-gateway/weft/upstream/client"
	"github.com/weft-gateway/weft/upstream/upstreamtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	testTenant = "a0b1c2d3-4567-89ab-cdef-0123456789ab"
	testToken  = "00Dxx!AQ.secret"
	app        = "https://acme.lightning.test"
)

// vendor is an organisation, after the vendor's documentation and recorded
// answers. It reads queries by a grammar of its own and takes nothing beside it.
type vendor struct {
	token func(string) bool // whether a session is good

	mu       sync.Mutex
	contacts map[string]map[string]any // long id -> field -> value
	accounts map[string]map[string]any
	calls    []string // resources
	asked    []string // values of the last query
	used     int      // calls in the last 24 hours
	most     int      // 0: unlimited
	busy     bool     // too many requests that take long
	cut      bool     // answers are the beginning of a list
}

func newVendor() *vendor {
	return &vendor{
		token:    func(t string) bool { return t == testToken },
		contacts: map[string]map[string]any{}, accounts: map[string]map[string]any{},
	}
}

// known are the fields that the user of the simulation may see.
func known(object string) []string {
	own := map[string][]string{
		"Contact": {
			"Id", "AccountId", "FirstName", "LastName", "Name", "Title", "Department", "Email", "Phone", "MobilePhone", "HomePhone",
			"OtherPhone", "AssistantPhone", "Fax", "OwnerId", "Owner.Name", "MailingStreet", "MailingCity", "MailingState", "MailingPostalCode",
			"MailingCountry", "LastActivityDate", "CreatedDate", "LastModifiedDate", "Weft_Ref__c", "Plan__c", "Secret__c",
		},
		"Account": {
			"Id", "Name", "Website", "Industry", "NumberOfEmployees", "AnnualRevenue", "Phone", "Type", "Description", "ParentId", "OwnerId",
			"Owner.Name", "BillingStreet", "BillingCity", "BillingState", "BillingPostalCode", "BillingCountry", "LastActivityDate",
			"CreatedDate", "LastModifiedDate", "Tier__c", "Secret__c",
		},
	}
	return own[object]
}

func (v *vendor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	v.mu.Lock()
	defer v.mu.Unlock()
	resource, ok := strings.CutPrefix(r.URL.Path, "/services/data/"+version+"/")
	v.calls = append(v.calls, resource)
	bearer, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !v.token(bearer) {
		refuse(w, 401, "INVALID_SESSION_ID")
		return
	}
	if len(r.RequestURI) > 8000 {
		refuse(w, 414, "URI_TOO_LONG")
		return
	}
	if v.used++; v.most > 0 {
		w.Header().Set("Sforce-Limit-Info", fmt.Sprintf("api-usage=%d/%d; per-app-api-usage=1/9999(appName=weft)", min(v.used, v.most), v.most))
	}
	if v.busy || v.most > 0 && v.used > v.most {
		refuse(w, 403, "REQUEST_LIMIT_EXCEEDED")
		return
	}
	q := r.URL.Query().Get("q")
	switch {
	case ok && r.Method == http.MethodGet && resource == "query":
		v.query(w, q)
	case ok && r.Method == http.MethodGet && resource == "search":
		v.search(w, q)
	default:
		refuse(w, 404, "NOT_FOUND")
	}
}

func refuse(w http.ResponseWriter, status int, code string) {
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode([]any{map[string]any{"message": "canary", "errorCode": code}})
}

func grammar() *regexp.Regexp {
	return regexp.MustCompile(`^SELECT ([A-Za-z0-9_.,]+) FROM (Contact|Account) WHERE ([A-Za-z0-9_]+) IN \(('(?:[^'\\]|\\['\\])*'(?:,'(?:[^'\\]|\\['\\])*')*)\)$`)
}

func (v *vendor) query(w http.ResponseWriter, q string) {
	m := grammar().FindStringSubmatch(q)
	if m == nil {
		refuse(w, 400, "MALFORMED_QUERY")
		return
	}
	fields, object, by := own(m[1], m[2]), m[2], own(m[3], m[2])[0]
	if !visible(fields, object) || !slices.Contains(known(object), by) {
		refuse(w, 400, "INVALID_FIELD")
		return
	}
	v.asked = nil
	for _, literal := range regexp.MustCompile(`'((?:[^'\\]|\\['\\])*)'`).FindAllStringSubmatch(m[4], -1) {
		v.asked = append(v.asked, strings.NewReplacer(`\\`, `\`, `\'`, `'`).Replace(literal[1]))
	}
	match := func(rec map[string]any) bool {
		has, _ := rec[by].(string)
		return has != "" && slices.ContainsFunc(v.asked, func(a string) bool {
			if by == "Id" {
				return a == has || a == has[:shortID]
			}
			return strings.EqualFold(a, has)
		})
	}
	v.answer(w, "records", object, fields, match)
}

// own are the names of fields as the organisation has them: it takes any case.
func own(list, object string) (names []string) {
	for name := range strings.SplitSeq(list, ",") {
		for _, k := range known(object) {
			if strings.EqualFold(name, k) {
				name = k
			}
		}
		names = append(names, name)
	}
	return names
}

// visible reports whether an object has fields, none twice.
func visible(fields []string, object string) bool {
	seen := map[string]bool{}
	for _, f := range fields {
		inner, isParent := strings.CutPrefix(f, "Account.")
		ok := slices.Contains(known(object), f) || object == "Contact" && isParent && slices.Contains(known("Account"), inner)
		if !ok || seen[strings.ToLower(f)] {
			return false
		}
		seen[strings.ToLower(f)] = true
	}
	return true
}

func (v *vendor) search(w http.ResponseWriter, q string) {
	m := regexp.MustCompile(`^FIND \{("\d+"(?: OR "\d+")*)\} IN PHONE FIELDS RETURNING Contact\(([A-Za-z0-9_.,]+) LIMIT (\d+)\)$`).FindStringSubmatch(q)
	if m == nil {
		refuse(w, 400, "MALFORMED_SEARCH")
		return
	}
	fields := own(m[2], "Contact")
	if !visible(fields, "Contact") {
		refuse(w, 400, "INVALID_FIELD")
		return
	}
	numbers := regexp.MustCompile(`\d+`).FindAllString(m[1], -1)
	v.answer(w, "searchRecords", "Contact", fields, func(rec map[string]any) bool {
		for _, f := range []string{"Phone", "MobilePhone", "HomePhone", "OtherPhone", "AssistantPhone", "Fax"} {
			has, _ := rec[f].(string)
			if has != "" && slices.ContainsFunc(numbers, func(n string) bool { return strings.HasSuffix(digits(has), n) }) {
				return true
			}
		}
		return false
	})
}

func (v *vendor) answer(w http.ResponseWriter, member, object string, fields []string, match func(map[string]any) bool) {
	all := v.contacts
	if object == "Account" {
		all = v.accounts
	}
	records := []any{nil} // collections hold null entries
	for _, id := range slices.Sorted(maps.Keys(all)) {
		if deleted, _ := all[id]["IsDeleted"].(bool); !deleted && match(all[id]) {
			records = append(records, v.show(object, all[id], fields))
		}
	}
	_ = json.NewEncoder(w).Encode(map[string]any{member: records, "totalSize": len(records) - 1, "done": !v.cut})
}

// show is a record as it is sent: with attributes, and null where empty.
func (v *vendor) show(object string, rec map[string]any, fields []string) any {
	out := map[string]any{"attributes": map[string]any{"type": object, "url": "/services/data/" + version + "/sobjects/" + object}}
	nested := map[string][]string{}
	for _, f := range fields {
		if parent, inner, ok := strings.Cut(f, "."); ok {
			nested[parent] = append(nested[parent], inner)
			continue
		}
		out[f] = rec[f]
	}
	for parent, inner := range nested {
		out[parent] = nil
		if parent == "Owner" && rec["OwnerId"] != nil {
			out[parent] = map[string]any{"attributes": map[string]any{"type": "Name"}, "Name": "Ada"}
		}
		id, _ := rec["AccountId"].(string)
		if account := v.accounts[id]; parent == "Account" && account != nil && account["hidden"] == nil {
			out[parent] = v.show("Account", account, inner)
		}
	}
	return out
}

func contactID(i int) string { return id("003", i) }
func accountID(i int) string { return id("001", i) }

func id(prefix string, i int) string {
	long, ok := canonical(fmt.Sprintf("%sAb00000aB%03d", prefix, i), prefix)
	if !ok {
		panic("no id")
	}
	return long
}

const stamp = "2026-05-01T07:25:37.000+0000"

// fill adds n contacts with an account each.
func (v *vendor) fill(n int) {
	for i := range n {
		v.contacts[contactID(i)] = map[string]any{
			"Id": contactID(i), "AccountId": accountID(i), "LastName": fmt.Sprint("Nr", i), "Name": fmt.Sprint("Jan Nr", i),
			"Email": fmt.Sprintf("jan.%d@acme.test", i), "Phone": fmt.Sprintf("+49 151 123456%02d", i), "Weft_Ref__c": fmt.Sprint("REF-", i),
			"CreatedDate": stamp, "LastModifiedDate": stamp, "Secret__c": "canary",
		}
		v.accounts[accountID(i)] = map[string]any{"Id": accountID(i), "Name": fmt.Sprint("Acme ", i), "CreatedDate": stamp, "LastModifiedDate": stamp, "Secret__c": "canary"}
	}
}

func (v *vendor) resources() []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	calls := v.calls
	v.calls = nil
	return calls
}

// open returns a CRM on the vendor.
func open(t testing.TB, v http.Handler, access client.Access, change func(*Config)) (*CRM, *upstreamtest.Faults) {
	t.Helper()
	faults := upstreamtest.NewFaults(t, upstreamtest.Handler(v))
	host, err := client.NewHost(client.HostConfig{
		Name: Kind, URL: "http://acme.my.salesforce.invalid", Deadline: 10 * time.Second, MaxBody: 1 << 20,
		Operations: Operations(), Manners: Manners(), Transport: faults,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(host.Close)
	cfg := Config{
		TenantID: testTenant, AppURL: app + "/", ExternalRef: "Weft_Ref__c",
		ContactCustom: map[string]string{"plan": "Plan__c"}, AccountCustom: map[string]string{"tier": "Tier__c"},
	}
	if change != nil {
		change(&cfg)
	}
	c, err := New(host.ClientWith(access, 0), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c, faults
}

func static() client.Access { return client.Access{Token: testToken} }

func ptr[T any](v T) *T { return &v }
