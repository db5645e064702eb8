package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weft-gateway/weft/upstream/sandbox"
)

// The documented conversations come out with every documented value.
func TestDocumentedConversations(t *testing.T) {
	for name, c := range map[string]struct{ key, id string }{
		"widget":   {keyCosts, sandbox.ExampleWidget},
		"api":      {keyCosts, sandbox.ExampleAPI},
		"whatsapp": {keyCosts, sandbox.ExampleWhatsApp},
		"native":   {keyGlobex, sandbox.ExampleNative},
		"ai_off":   {keyAcme, sandbox.ExampleAIOff},
	} {
		t.Run(name, func(t *testing.T) {
			_, a := install(t, options{}).document(t, c.key, c.id)
			golden(t, name+".json", a.body)
		})
	}
}

// golden compares a document with the one that was looked at, but for the
// times at which it was asked for.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	var v any
	if err := json.Unmarshal(got, &v); err != nil {
		t.Fatal(err)
	}
	var indented strings.Builder
	enc := json.NewEncoder(&indented)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		t.Fatal(err)
	}
	text := regexp.MustCompile(`"asOf": "[^"]+"`).ReplaceAllString(indented.String(), `"asOf": "(now)"`)
	file := filepath.Join("testdata", "documents", name)
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), text); diff != "" {
		t.Errorf("document (-golden +got):\n%s", diff)
	}
}

func TestHiddenAndScopedFields(t *testing.T) {
	in := install(t, options{hide: "hide: [functionCalls, variables]"})
	a := in.get(t, keyAcme, "/api/conversations/"+sandbox.ExampleWidget)
	for _, secret := range []string{"totalCost", "check_calendar_availability", "premium", "internalNote"} {
		if strings.Contains(string(a.body), secret) {
			t.Errorf("%s is shown", secret)
		}
	}
	if a := in.get(t, keyCosts, "/api/conversations/"+sandbox.ExampleWidget); !strings.Contains(string(a.body), `"totalCost":0.0045`) {
		t.Error("the cost is not shown to a key that may see it")
	}
}

func TestLinks(t *testing.T) {
	in := install(t, options{})
	tests := []struct{ name, id, rule, link, contact, account string }{
		{"reference", sandbox.ExampleAPI, "external_identifier", "fresh", "fresh", "fresh"},
		{"phone", sandbox.ExampleWhatsApp, "customer.phone", "fresh", "fresh", "fresh"},
		{"e-mail", sandbox.ExampleByEmail, "variables.email", "fresh", "fresh", "fresh"},
		{"id", sandbox.ExampleByContactID, "variables.crm_contact_id", "fresh", "fresh", "fresh"},
		{"two contacts", sandbox.ExampleAmbiguous, "customer.phone", "unlinked", "unlinked", "unlinked"},
		{"no account", sandbox.ExampleNoAccount, "external_identifier", "fresh", "fresh", "unlinked"},
		{"deleted contact", sandbox.ExampleNoContact, "variables.crm_contact_id", "fresh", "missing", "unlinked"},
		{"deleted account", sandbox.ExampleLostAccount, "external_identifier", "fresh", "fresh", "missing"},
		{"nobody", sandbox.ExampleUnlinked, "external_identifier", "unlinked", "unlinked", "unlinked"},
		{"no key", sandbox.ExampleWidget, "", "unlinked", "unlinked", "unlinked"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d, _ := in.document(t, keyAcme, tt.id)
			e := d.Enrichment
			got := []string{e.Link.Rule, e.Link.State, e.Contact.State, strings.Replace(e.Account.State, "cached", "fresh", 1)} // some share an account
			if want := []string{tt.rule, tt.link, tt.contact, tt.account}; !slices.Equal(got, want) {
				t.Errorf("got %v, want %v", got, want)
			}
			if !e.Complete {
				t.Error("not complete")
			}
		})
	}
}

type listed struct {
	Data                   []shown
	NextCursor, PrevCursor *string
}

func (in *installation) page(t testing.TB, key string, query url.Values) listed {
	t.Helper()
	a := in.get(t, key, "/api/conversations?"+query.Encode())
	if a.status != http.StatusOK {
		t.Fatalf("list %v: status %d: %s", query, a.status, a.body)
	}
	var l listed
	if err := json.Unmarshal(a.body, &l); err != nil {
		t.Fatal(err)
	}
	return l
}

// walk lists all pages forward and then back, and returns the ids of the way out.
func (in *installation) walk(t *testing.T, key string, query url.Values) []string {
	t.Helper()
	out, back := []string{}, []string{}
	var last listed
	for cursor := ""; ; cursor = *last.NextCursor {
		last = in.page(t, key, withCursor(query, cursor))
		for _, d := range last.Data {
			out = append(out, d.ID)
		}
		if last.NextCursor == nil {
			break
		}
	}
	for page := last; ; page = in.page(t, key, withCursor(query, *page.PrevCursor)) {
		ids := make([]string, 0, len(page.Data))
		for _, d := range page.Data {
			ids = append(ids, d.ID)
		}
		back = append(ids, back...)
		if page.PrevCursor == nil {
			break
		}
	}
	if diff := cmp.Diff(out, back); diff != "" {
		t.Errorf("%v: forward and back differ:\n%s", query, diff)
	}
	return out
}

func withCursor(query url.Values, cursor string) url.Values {
	v := url.Values{}
	for k := range query {
		v.Set(k, query.Get(k))
	}
	if cursor != "" {
		v.Set("cursor", cursor)
	}
	return v
}

// Listing with each filter and walking all pages forward and back loses and
// repeats nothing, and one page is the other's complement.
func TestListsAndFilters(t *testing.T) {
	in := install(t, options{})
	all := in.walk(t, keyAcme, url.Values{"per_page": {"100"}})
	if len(all) < 300 || len(all) != len(unique(all)) {
		t.Fatalf("%d rows, %d different ones", len(all), len(unique(all)))
	}
	if diff := cmp.Diff(in.box.ConversationIDs(sandbox.Acme), all); diff != "" {
		t.Errorf("not what the store has (-store +gateway):\n%s", diff)
	}
	var typed int
	for _, kind := range []string{"test", "widget", "whatsapp", "api"} {
		typed += len(in.walk(t, keyAcme, url.Values{"type": {kind}, "per_page": {"37"}}))
	}
	if typed != len(all) {
		t.Errorf("the types add up to %d of %d", typed, len(all))
	}
	for name, query := range map[string]url.Values{
		"customer":  {"customer_phone": {"+14155559876"}},
		"sender":    {"whatsapp_sender_phone": {"+14155551234"}, "per_page": {"50"}},
		"reference": {"external_identifier": {"crm-lead-12345"}},
		"assistant": {"assistant_id": {in.assistantOf(t, sandbox.ExampleWidget)}, "per_page": {"60"}},
	} {
		ids := in.walk(t, keyAcme, query)
		want := map[string]string{"customer": sandbox.ExampleWhatsApp, "sender": sandbox.ExampleWhatsApp, "reference": sandbox.ExampleAPI, "assistant": sandbox.ExampleWidget}[name]
		if !slices.Contains(ids, want) || len(ids) == len(all) || len(ids) != len(unique(ids)) {
			t.Errorf("%s: %d rows, with %s: %v", name, len(ids), want, slices.Contains(ids, want))
		}
	}
	if ids := in.walk(t, keyAcme, url.Values{"external_identifier": {"no such thing"}}); len(ids) != 0 {
		t.Errorf("a filter that matches nothing: %v", ids)
	}
	native := in.walk(t, keyGlobex, url.Values{"per_page": {"100"}})
	if !slices.Contains(native, sandbox.ExampleNative) || len(native) != len(unique(native)) {
		t.Errorf("native: %d rows", len(native))
	}
	if n := len(in.walk(t, keyGlobex, url.Values{"status": {"resolved"}})); n == 0 || n == len(native) {
		t.Errorf("native, resolved: %d of %d", n, len(native))
	}
}

func (in *installation) assistantOf(t *testing.T, id string) string {
	var d struct{ Assistant struct{ ID string } }
	if err := json.Unmarshal(in.get(t, keyAcme, "/api/conversations/"+id).body, &d); err != nil {
		t.Fatal(err)
	}
	return d.Assistant.ID
}

func unique(ids []string) []string {
	ids = slices.Clone(ids)
	slices.Sort(ids)
	return slices.Compact(ids)
}

// A page of 100 rows: one list call, at most one search per link rule, one
// batch of contacts and one of accounts; again within the fresh time: none.
func TestListCalls(t *testing.T) {
	for _, c := range []struct {
		key   string
		list  func(*sandbox.Sandbox) *sandbox.Service
		finds int
	}{
		{keyAcme, (*sandbox.Sandbox).Autocalls, 3},
		{keyGlobex, (*sandbox.Sandbox).Native, 0},
	} {
		in := install(t, options{})
		crm := in.box.CRM()
		in.page(t, c.key, url.Values{"per_page": {"100"}})
		if n := float64(c.list(in.box).Calls("list")); n < 1 || n-in.metric(t, "weft_backfill_pages_total") > 1 {
			t.Errorf("%v list calls", n)
		}
		if f, con, acc := crm.Calls("find"), crm.Calls("contacts"), crm.Calls("accounts"); f > c.finds || con > 1 || acc > 1 || f+con == 0 {
			t.Errorf("%d searches, %d contact and %d account calls", f, con, acc)
		}
		crm.ResetCalls()
		in.page(t, c.key, url.Values{"per_page": {"100"}})
		if n := crm.Calls("find") + crm.Calls("contacts") + crm.Calls("accounts"); n != 0 {
			t.Errorf("again: %d calls of the CRM", n)
		}
	}
}

// 300 callers at once on one cold conversation: one call per part.
func TestHerd(t *testing.T) {
	in := install(t, options{extra: "limits: {tenant: {in_flight: 512}}\n" + // the herd is to be let in
		"cache: {conversation: {fresh: 1h, stale: 24h}}"}) // however long 300 callers take
	for _, svc := range []*sandbox.Service{in.box.Native(), in.box.CRM()} {
		if err := svc.Set("", sandbox.Dial{Latency: 200e6}); err != nil {
			t.Fatal(err)
		}
	}
	var wg sync.WaitGroup
	client := &http.Client{Transport: &http.Transport{MaxConnsPerHost: 300}}
	defer client.CloseIdleConnections()
	for range 300 {
		wg.Go(func() {
			req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, in.public+"/api/conversations/"+sandbox.ExampleNative, nil)
			req.Header.Set("Authorization", "Bearer "+keyGlobex)
			resp, err := client.Do(req)
			if err != nil {
				t.Error(err)
				return
			}
			defer resp.Body.Close()
			if resp.StatusCode != http.StatusOK {
				t.Errorf("status %d", resp.StatusCode)
			}
		})
	}
	wg.Wait()
	for op, n := range map[string]int{
		"read": in.box.Native().Calls("read"), "messages": in.box.Native().Calls("messages"), "attention-items": in.box.Native().Calls("attention-items"),
		"contacts": in.box.CRM().Calls("contacts"), "accounts": in.box.CRM().Calls("accounts"),
	} {
		if n != 1 {
			t.Errorf("%s: %d calls for 300 callers", op, n)
		}
	}
}

// Whatever the id, a conversation of somebody else looks like one that never was.
func TestForeignIDs(t *testing.T) {
	in := install(t, options{})
	strip := func(a answer) string {
		a.header.Del("X-Request-Id")
		a.header.Del("Date")
		return fmt.Sprint(a.status, a.header, string(a.body))
	}
	want := strip(in.get(t, keyAcme, "/api/conversations/00000000-0000-4000-8000-000000000000"))
	if !strings.Contains(want, "conversation_not_found") {
		t.Fatalf("an unknown id: %s", want)
	}
	for name, id := range map[string]string{
		"another tenant's":      sandbox.ExampleNative,
		"another customer's":    sandbox.ExampleForeign,
		"dots":                  "..",
		"dots and more":         "../conversations",
		"encoded slash":         "..%2faccounts%2f9",
		"encoded question mark": "a%3fb=c",
		"encoded hash":          "a%23b",
		"5,000 characters":      strings.Repeat("a", 5000),
		"trailing slash":        sandbox.ExampleWidget + "/",
		"NUL":                   "a%00b",
		"line feed":             "a%0ab",
		"not ASCII":             "%c3%a9",
	} {
		if got := strip(in.get(t, keyAcme, "/api/conversations/"+id)); got != want {
			t.Errorf("%s:\n got %s\nwant %s", name, got, want)
		}
	}
	odd := regexp.MustCompile(`\.\.|%2[fF]|%00|%3[fF]b|accounts%|%0a`)
	for _, svc := range []*sandbox.Service{in.box.Autocalls(), in.box.Native(), in.box.CRM()} {
		for _, uri := range svc.Requests() {
			if odd.MatchString(uri) {
				t.Errorf("an upstream was asked for %s", uri)
			}
		}
	}
	// Warm in the cache of its own tenant, and still not there for another.
	in.document(t, keyGlobex, sandbox.ExampleNative)
	if got := strip(in.get(t, keyAcme, "/api/conversations/"+sandbox.ExampleNative)); got != want {
		t.Errorf("another tenant's, warm: %s", got)
	}
}

// A conversation just created upstream is readable within 2 s, even if it was
// asked for before. That it takes no longer is shown in virtual time elsewhere.
func TestNewConversation(t *testing.T) {
	in := install(t, options{})
	const id = "11111111-2222-4333-8444-555555555555"
	if a := in.get(t, keyAcme, "/api/conversations/"+id); a.status != http.StatusNotFound {
		t.Fatalf("before it exists: %d", a.status)
	}
	if _, err := in.box.AddConversation(sandbox.Acme, sandbox.Draft{ID: id, Type: "widget", Messages: []string{"u: hello"}}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the new conversation", func() bool {
		return in.get(t, keyAcme, "/api/conversations/"+id).status == http.StatusOK
	})
}
