package hubspot

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
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
	testToken  = "pat-eu1-secret"
	portal     = "https://app.hubspot.test/contacts/42"
)

// fakeRecord is a record of the simulated account.
type fakeRecord struct {
	props     map[string]string
	archived  bool
	into      string   // the record that it was merged into
	companies []string // associated; the first is the primary one, but for loose
	loose     bool     // none of the companies is the primary one
}

// vendor is a HubSpot account, after the vendor's documentation and recorded
// answers: it takes what is documented, demands what is required, and answers
// null for what is empty.
type vendor struct {
	token func(string) bool // whether a bearer token is good

	mu         sync.Mutex
	records    map[string]map[string]*fakeRecord // object -> id -> record
	calls      []string
	perTen     int // calls in ten seconds; 0: unlimited
	daily      int // calls that the day has left; below zero: unlimited
	window     time.Time
	used       int
	broken     string // category of an error in place of a record
	searchPage int    // results on a page; 0: as asked
}

func newVendor() *vendor {
	v := &vendor{daily: -1, token: func(t string) bool { return t == testToken }}
	v.records = map[string]map[string]*fakeRecord{"contacts": {}, "companies": {}}
	return v
}

func (v *vendor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	v.mu.Lock()
	defer v.mu.Unlock()
	path := strings.TrimPrefix(r.URL.Path, "/")
	v.calls = append(v.calls, path)
	bearer, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !v.token(bearer) {
		refuse(w, 401, "EXPIRED_AUTHENTICATION", nil)
		return
	}
	if !v.meter(w, strings.HasSuffix(path, "/search")) {
		return
	}
	body, err := io.ReadAll(r.Body)
	var asked map[string]json.RawMessage
	if err != nil || r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" || json.Unmarshal(body, &asked) != nil {
		refuse(w, 400, "VALIDATION_ERROR", nil)
		return
	}
	switch path {
	case "crm/v3/objects/contacts/batch/read", "crm/v3/objects/companies/batch/read":
		v.batch(w, strings.Split(path, "/")[3], asked)
	case "crm/v3/objects/contacts/search":
		v.search(w, asked)
	case "crm/v4/associations/contacts/companies/batch/read":
		v.associations(w, asked)
	default:
		http.NotFound(w, r)
	}
}

func refuse(w http.ResponseWriter, status int, category string, more map[string]any) {
	said := map[string]any{"status": "error", "message": "canary", "correlationId": "0-0", "category": category}
	maps.Copy(said, more)
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(said)
}

// meter counts a call. A search has no headers that say so.
func (v *vendor) meter(w http.ResponseWriter, search bool) bool {
	if now := time.Now(); now.Sub(v.window) >= 10*time.Second {
		v.window, v.used = now, 0
	}
	v.used++
	if v.daily == 0 {
		refuse(w, 429, "RATE_LIMITS", map[string]any{"errorType": "RATE_LIMIT", "policyName": "DAILY"})
		return false
	}
	if v.perTen > 0 && v.used > v.perTen {
		refuse(w, 429, "RATE_LIMITS", map[string]any{"errorType": "RATE_LIMIT", "policyName": "TEN_SECONDLY_ROLLING"})
		return false
	}
	v.daily = max(v.daily-1, min(v.daily, -1))
	if search {
		return true
	}
	h := w.Header()
	if v.perTen > 0 {
		h.Set("X-HubSpot-RateLimit-Max", strconv.Itoa(v.perTen))
		h.Set("X-HubSpot-RateLimit-Remaining", strconv.Itoa(v.perTen-v.used))
		h.Set("X-HubSpot-RateLimit-Interval-Milliseconds", "10000")
	}
	if v.daily >= 0 {
		h.Set("X-HubSpot-RateLimit-Daily-Remaining", strconv.Itoa(v.daily))
	}
	return true
}

// lacks reports whether a required field is not there.
func lacks(w http.ResponseWriter, asked map[string]json.RawMessage, required ...string) bool {
	for _, name := range required {
		if _, ok := asked[name]; !ok {
			refuse(w, 400, "VALIDATION_ERROR", nil)
			return true
		}
	}
	return false
}

func fields[T any](asked map[string]json.RawMessage, name string) (v T) {
	_ = json.Unmarshal(asked[name], &v)
	return v
}

func (v *vendor) batch(w http.ResponseWriter, object string, asked map[string]json.RawMessage) {
	in := fields[[]struct{ ID string }](asked, "inputs")
	if lacks(w, asked, "inputs", "properties", "propertiesWithHistory") {
		return
	}
	if len(in) == 0 || len(in) > 100 {
		refuse(w, 400, "VALIDATION_ERROR", nil)
		return
	}
	by := fields[string](asked, "idProperty")
	results, missing := []any{}, []string{}
	done := map[string]bool{}
	for _, i := range in {
		id := v.lookup(object, by, i.ID)
		if id == "" {
			missing = append(missing, i.ID)
		} else if !done[id] {
			done[id] = true
			results = append(results, v.show(object, id, fields[[]string](asked, "properties")))
		}
	}
	v.answer(w, results, missing, "OBJECT_NOT_FOUND", "")
}

// lookup finds a record, also by an id that was merged into it.
func (v *vendor) lookup(object, by, value string) string {
	for id, rec := range v.records[object] {
		switch {
		case rec.archived:
		case by == "" && id == value && rec.into != "":
			return rec.into
		case by == "" && id == value, by != "" && by != "email" && rec.props[by] == value && rec.into == "":
			return id
		case by == "email" && rec.into == "" && slices.Contains(strings.Split(rec.props["email"]+";"+rec.props["hs_additional_emails"], ";"), value):
			return id
		}
	}
	return ""
}

// show is a record with the properties that were asked for, null where empty.
func (v *vendor) show(object, id string, properties []string) any {
	rec := v.records[object][id]
	props := map[string]any{"hs_object_id": id, "createdate": "2026-02-10T14:30:00Z", "lastmodifieddate": "2026-02-11T14:30:00.123Z"}
	for _, name := range properties {
		props[name] = nil
		if s := rec.props[name]; s != "" {
			props[name] = s
		}
	}
	var merged []string
	for other, o := range v.records[object] {
		if o.into == id {
			merged = append(merged, other)
		}
	}
	if _, ok := props["hs_merged_object_ids"]; ok && merged != nil {
		props["hs_merged_object_ids"] = strings.Join(merged, ";")
	}
	return map[string]any{"id": id, "properties": props, "createdAt": "2026-02-10T14:30:00Z", "updatedAt": "2026-02-11T14:30:00.123Z", "archived": false}
}

func (v *vendor) answer(w http.ResponseWriter, results []any, missing []string, category, sub string) {
	said := map[string]any{"status": "COMPLETE", "results": results, "startedAt": "2026-02-10T14:30:00Z", "completedAt": "2026-02-10T14:30:00Z"}
	if v.broken != "" {
		category = v.broken
	}
	if len(missing) > 0 || v.broken != "" {
		e := map[string]any{"status": "error", "category": category, "message": "canary", "context": map[string]any{"ids": missing}}
		if sub != "" {
			e["subCategory"], e["category"] = sub, "VALIDATION_ERROR"
		}
		said["errors"], said["numErrors"] = []any{e}, 1
		w.WriteHeader(http.StatusMultiStatus)
	}
	_ = json.NewEncoder(w).Encode(said)
}

func (v *vendor) search(w http.ResponseWriter, asked map[string]json.RawMessage) {
	if lacks(w, asked, "after", "filterGroups", "limit", "properties", "sorts") {
		return
	}
	groups := fields[[]struct {
		Filters []struct {
			PropertyName, Operator string
			Values                 []string
		}
	}](asked, "filterGroups")
	limit := fields[int](asked, "limit")
	if len(groups) == 0 || len(groups) > 5 || limit < 1 || limit > 200 {
		refuse(w, 400, "VALIDATION_ERROR", nil)
		return
	}
	results := []any{}
	for _, id := range slices.Sorted(maps.Keys(v.records["contacts"])) {
		rec := v.records["contacts"][id]
		hit := false
		for _, g := range groups {
			f := g.Filters[0]
			value := rec.props[f.PropertyName]
			switch f.PropertyName {
			case "phone", "mobilephone":
			case "hs_searchable_calculated_phone_number":
				value = national(rec.props["phone"])
			case "hs_searchable_calculated_mobile_number":
				value = national(rec.props["mobilephone"])
			default:
				refuse(w, 400, "VALIDATION_ERROR", nil)
				return
			}
			if f.Operator != "IN" || len(f.Values) == 0 || len(f.Values) > 100 {
				refuse(w, 400, "VALIDATION_ERROR", nil)
				return
			}
			hit = hit || value != "" && slices.Contains(f.Values, value)
		}
		if hit && !rec.archived && rec.into == "" {
			results = append(results, v.show("contacts", id, fields[[]string](asked, "properties")))
		}
	}
	said := map[string]any{"total": len(results), "results": results}
	if v.searchPage > 0 && len(results) > v.searchPage {
		said["results"], said["paging"] = results[:v.searchPage], map[string]any{"next": map[string]any{"after": "1"}}
	}
	_ = json.NewEncoder(w).Encode(said)
}

func (v *vendor) associations(w http.ResponseWriter, asked map[string]json.RawMessage) {
	in := fields[[]struct{ ID string }](asked, "inputs")
	if len(in) == 0 || len(in) > 1000 {
		refuse(w, 400, "VALIDATION_ERROR", nil)
		return
	}
	results, none := []any{}, []string{}
	for _, i := range in {
		rec := v.records["contacts"][i.ID]
		if rec == nil || len(rec.companies) == 0 {
			none = append(none, i.ID)
			continue
		}
		to := []any{}
		for n, id := range rec.companies {
			types := []any{map[string]any{"category": "HUBSPOT_DEFINED", "typeId": 279, "label": nil}}
			if n == len(rec.companies)-1 && !rec.loose {
				types = append(types, map[string]any{"category": "HUBSPOT_DEFINED", "typeId": 1, "label": "Primary"})
			}
			number, _ := strconv.Atoi(id)
			to = append(to, map[string]any{"toObjectId": number, "associationTypes": types})
		}
		results = append(results, map[string]any{"from": map[string]any{"id": i.ID}, "to": to})
	}
	v.answer(w, results, none, "OBJECT_NOT_FOUND", "crm.associations.NO_ASSOCIATIONS_FOUND")
}

// fill adds n contacts with a company each: contact 1000+i, company 5000+i.
func (v *vendor) fill(n int) {
	for i := range n {
		company := fmt.Sprint(5000 + i)
		v.records["contacts"][fmt.Sprint(1000+i)] = &fakeRecord{companies: []string{company}, props: map[string]string{
			"firstname": "Jan", "lastname": fmt.Sprint("Nr", i), "email": fmt.Sprintf("jan.%d@acme.test", i), "associatedcompanyid": company,
			"phone": fmt.Sprintf("+49 151 123456%02d", i), "crm_ref": fmt.Sprint("REF-", i), "secret_note": "canary", "plan": "gold",
		}}
		v.records["companies"][company] = &fakeRecord{props: map[string]string{
			"name": fmt.Sprint("Acme ", i), "domain": "acme.test", "numberofemployees": "40", "annualrevenue": "1500000.5", "secret_note": "canary",
		}}
	}
}

func (v *vendor) asked() []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	calls := v.calls
	v.calls = nil
	return calls
}

// open returns a CRM on the vendor.
func open(t testing.TB, v http.Handler, access client.Access) (*CRM, *upstreamtest.Faults) {
	t.Helper()
	faults := upstreamtest.NewFaults(t, upstreamtest.Handler(v))
	host, err := client.NewHost(client.HostConfig{
		Name: Kind, URL: "http://api.hubapi.invalid", Deadline: 10 * time.Second, MaxBody: 1 << 20,
		Operations: Operations(), Manners: Manners(), Transport: faults,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(host.Close)
	c, err := New(host.ClientWith(access, 0), Config{
		TenantID: testTenant, AppURL: portal + "/", ExternalRef: "crm_ref", ContactCustom: map[string]string{"plan": "plan", "none": "no_such_property"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return c, faults
}

func static() client.Access { return client.Access{Token: testToken} }
