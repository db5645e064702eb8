package weft_test

import (
	"encoding/json"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/go-cmp/cmp"

	"github.com/weft-gateway/weft"
	"github.com/weft-gateway/weft/upstream"
)

// contract loads the document as a gateway serves it.
func contract(t *testing.T) *openapi3.T {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(weft.OpenAPI())
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func TestOpenAPIIsValid(t *testing.T) {
	err := contract(t).Validate(t.Context(), openapi3.EnableExamplesValidation(), openapi3.EnableSchemaFormatValidation())
	if err != nil {
		t.Fatal(err)
	}
}

func TestOpenAPIBelongsToTheCaller(t *testing.T) {
	b := weft.OpenAPI()
	b[0] = '!'
	if weft.OpenAPI()[0] == '!' {
		t.Error("a caller's change is seen by the next one")
	}
}

// schema returns a schema of the document by name.
func schema(t *testing.T, doc *openapi3.T, name string) *openapi3.Schema {
	t.Helper()
	ref := doc.Components.Schemas[name]
	if ref == nil {
		t.Fatalf("no schema %s", name)
	}
	return ref.Value
}

// example returns a copy of an example that a test may change.
func example(t *testing.T, doc *openapi3.T, name string) object {
	t.Helper()
	ref := doc.Components.Examples[name]
	if ref == nil {
		t.Fatalf("no example %s", name)
	}
	b, err := json.Marshal(ref.Value.Value)
	if err != nil {
		t.Fatal(err)
	}
	var v object
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// object is a JSON object.
type object = map[string]any

// absent stands for no value at all.
type absent struct{}

// put sets the value at a path of object keys, or removes it.
func put(v object, path string, value any) {
	keys := strings.Split(path, ".")
	for _, k := range keys[:len(keys)-1] {
		v = v[k].(object)
	}
	last := keys[len(keys)-1]
	if _, ok := value.(absent); ok {
		delete(v, last)
		return
	}
	v[last] = value
}

// TestDocumentSchema demands that the schema refuses what the gateway must
// never answer: else the tests that validate answers would prove nothing.
func TestDocumentSchema(t *testing.T) {
	doc := contract(t)
	tests := []struct {
		name, path string
		value      any
		valid      bool
	}{
		{"as it is", "id", "7c9e6679-7425-40de-944b-e07fc1f90ae7", true},
		{"id that is no UUID", "id", "9e1g8891-9647-62fg-166d-g29ge3h12cg9", true},
		{"id of 65 characters", "id", strings.Repeat("a", 65), false},
		{"empty tenant", "tenantId", "", false},
		{"cost", "totalCost", 0.0045, true},
		{"cost that is not known", "totalCost", nil, false},
		{"cost as text", "totalCost", "0.0045", false},
		{"internal field", "linked", true, false},
		{"unknown field of a contact", "contact.ssn", "078-05-1120", false},
		{"unknown field of an account", "account.creditLine", 5, false},
		{"unknown field of a part", "enrichment.contact.error", "dial tcp", false},
		{"no contact key", "contact", absent{}, false},
		{"no messages key", "messages", absent{}, false},
		{"no enrichment", "enrichment", absent{}, false},
		{"no completeness", "enrichment.complete", absent{}, false},
		{"no report of a part", "enrichment.attentionItems", absent{}, false},
		{"no summary key", "summary", absent{}, false},
		{"contact without its account key", "contact.accountId", absent{}, false},
		{"account without vatValid", "account.vatValid", absent{}, false},
		{"contact without a title", "contact.title", absent{}, true},
		{"unknown status", "status", "open", false},
		{"null status", "status", nil, false},
		{"time without milliseconds", "updatedAt", "2026-03-25T11:42:00Z", false},
		{"time in another zone", "updatedAt", "2026-03-25T11:42:00.000+01:00", false},
		{"hidden variables", "variables", nil, true},
		{"variables from an empty PHP map", "variables", []any{}, false},
		{"messages unavailable", "messages", nil, true},
		{"no contact", "contact", nil, true},
		{"contact without a name", "contact.firstName", nil, true},
		{"optional field as null", "contact.title", nil, false},
		{"script as a link", "contact.url", "javascript:alert(1)", false},
		{"unknown state", "enrichment.contact", object{"state": "ok"}, false},
		{"no state", "enrichment.contact", object{}, false},
		{"missing", "enrichment.contact", object{"state": "missing", "source": "rest", "asOf": "2026-03-25T11:42:00.000Z"}, true},
		{"unavailable without a reason", "enrichment.contact", object{"state": "unavailable"}, false},
		{"forbidden", "enrichment.contact", object{"state": "forbidden", "source": "rest", "reason": "denied"}, true},
		{"unknown reason", "enrichment.contact", object{"state": "unavailable", "reason": "not_found"}, false},
		{"ambiguous part", "enrichment.contact", object{"state": "unavailable", "reason": "ambiguous"}, false},
		{"fresh with a reason", "enrichment.contact", object{"state": "fresh", "reason": "timeout"}, false},
		{"fresh with an age", "enrichment.contact", object{"state": "fresh", "ageSeconds": 1}, false},
		{"cached without an age", "enrichment.contact", object{"state": "cached", "asOf": "2026-03-25T11:42:00.000Z"}, false},
		{"link without a rule", "enrichment.link", object{"state": "unlinked"}, false},
		{"ambiguous link", "enrichment.link", object{"rule": "customer.phone", "state": "unlinked", "reason": "ambiguous"}, true},
		{"unlinked for a timeout", "enrichment.link", object{"rule": "customer.phone", "state": "unlinked", "reason": "timeout"}, false},
		{"unavailable link", "enrichment.link", object{"rule": "customer.phone", "state": "unavailable", "reason": "timeout"}, true},
		{"unavailable link without a reason", "enrichment.link", object{"rule": "customer.phone", "state": "unavailable"}, false},
		{"ambiguous link that is unavailable", "enrichment.link", object{"rule": "customer.phone", "state": "unavailable", "reason": "ambiguous"}, false},
		{"fresh link with a reason", "enrichment.link", object{"rule": "store", "state": "fresh", "reason": "ambiguous"}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v := example(t, doc, "Complete")
			put(v, tt.path, tt.value)
			err := schema(t, doc, "ConversationDocument").VisitJSON(v, openapi3.EnableJSONSchema2020())
			if got := err == nil; got != tt.valid {
				t.Errorf("valid = %v, want %v: %v", got, tt.valid, err)
			}
		})
	}
}

// TestListSchema does the same for a list and its rows.
func TestListSchema(t *testing.T) {
	doc := contract(t)
	tests := []struct {
		name   string
		change func(page, row object)
		valid  bool
	}{
		{"as it is", func(object, object) {}, true},
		{"empty", func(page, _ object) { put(page, "data", []any{}) }, true},
		{"null for empty", func(page, _ object) { put(page, "data", nil) }, false},
		{"no cursor key", func(page, _ object) { put(page, "nextCursor", absent{}) }, false},
		{"empty cursor", func(page, _ object) { put(page, "nextCursor", "") }, false},
		{"total", func(page, _ object) { put(page, "total", 300) }, false},
		{"no report of the list", func(page, _ object) { put(page, "enrichment.list", absent{}) }, false},
		{"row with messages", func(_, row object) { put(row, "messages", nil) }, false},
		{"row with a report of messages", func(_, row object) { put(row, "enrichment.messages", object{"state": "skipped"}) }, false},
		{"row without a report of its contact", func(_, row object) { put(row, "enrichment.contact", absent{}) }, false},
		{"row without an account key", func(_, row object) { put(row, "account", absent{}) }, false},
		{"row with an internal field", func(_, row object) { put(row, "linked", false) }, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			page := example(t, doc, "Page")
			tt.change(page, page["data"].([]any)[0].(object))
			err := schema(t, doc, "ConversationList").VisitJSON(page, openapi3.EnableJSONSchema2020())
			if got := err == nil; got != tt.valid {
				t.Errorf("valid = %v, want %v: %v", got, tt.valid, err)
			}
		})
	}
}

var errorRow = regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\| (\\d{3}) \\|")

// TestErrors holds the enum, the table, the texts, and the answers together.
func TestErrors(t *testing.T) {
	doc := contract(t)
	var enum, table, texts []string
	for _, v := range schema(t, doc, "ErrorCode").Enum {
		enum = append(enum, v.(string))
	}
	status := map[string]string{} // code -> status
	for _, m := range errorRow.FindAllStringSubmatch(schema(t, doc, "Error").Description, -1) {
		table = append(table, m[1])
		status[m[1]] = m[2]
	}
	bodies := map[string]any{} // code -> body
	for _, v := range schema(t, doc, "Error").Examples {
		body := v.(object)
		texts = append(texts, body["code"].(string))
		bodies[body["code"].(string)] = body
	}
	if diff := cmp.Diff(enum, table); diff != "" {
		t.Errorf("table of Error (-enum +table):\n%s", diff)
	}
	if diff := cmp.Diff(enum, texts); diff != "" {
		t.Errorf("examples of Error (-enum +examples):\n%s", diff)
	}

	answered := map[string]bool{"method_not_allowed": true} // of methods that are not listed
	for path, item := range doc.Paths.Map() {
		op := item.Get
		if op == nil {
			op = item.Delete
		}
		for code, response := range op.Responses.Map() {
			body := response.Value.Content["application/json"]
			if code < "400" || path == "/readyz" {
				continue // no error
			}
			for name, e := range body.Examples {
				answered[name] = true
				if diff := cmp.Diff(bodies[name], e.Value.Value); diff != "" {
					t.Errorf("%s: example %s (-Error +response):\n%s", path, name, diff)
				}
				if status[name] != code {
					t.Errorf("%s: %s answers %s, the table says %s", path, name, code, status[name])
				}
			}
		}
	}
	if diff := cmp.Diff(slices.Sorted(slices.Values(enum)), slices.Sorted(maps.Keys(answered))); diff != "" {
		t.Errorf("codes of the answers (-enum +answers):\n%s", diff)
	}
}

// TestSchemasMatchRecords compares the schemas with the types whose JSON is
// spliced into the document: the same fields, and required where never omitted.
func TestSchemasMatchRecords(t *testing.T) {
	doc := contract(t)
	tests := []struct {
		schema string
		record any
	}{
		{"Conversation", upstream.Conversation{}},
		{"Assistant", upstream.Assistant{}},
		{"Party", upstream.Party{}},
		{"Message", upstream.Message{}},
		{"FunctionCall", upstream.FunctionCall{}},
		{"AttentionItem", upstream.AttentionItem{}},
		{"Contact", upstream.Contact{}},
		{"Account", upstream.Account{}},
		{"EmailAddress", upstream.EmailAddress{}},
		{"PhoneNumber", upstream.PhoneNumber{}},
		{"Money", upstream.Money{}},
	}
	for _, tt := range tests {
		t.Run(tt.schema, func(t *testing.T) {
			s := schema(t, doc, tt.schema)
			want := map[string]bool{} // field -> required
			for field := range s.Properties {
				want[field] = slices.Contains(s.Required, field)
			}
			if diff := cmp.Diff(want, fields(tt.record)); diff != "" {
				t.Errorf("(-openapi.yaml +upstream):\n%s", diff)
			}
		})
	}
}

// fields returns the JSON fields of a record: field -> always present.
func fields(record any) map[string]bool {
	got := map[string]bool{}
	for f := range reflect.TypeOf(record).Fields() {
		name, option, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "-" {
			continue // not written
		}
		switch name {
		case "linked", "inbox": // never leave the gateway
		case "totalCost": // leaves only for callers that may see costs
			got[name] = false
		default:
			got[name] = option != "omitempty"
		}
	}
	return got
}
