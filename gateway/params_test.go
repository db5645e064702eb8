package gateway

import (
	"errors"
	"net/url"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/weft-gateway/weft/enrich"
	"github.com/weft-gateway/weft/upstream"
)

const (
	conversationTarget = conversationsPath + "/" + knownID
	listTarget         = conversationsPath
)

func TestReadParameters(t *testing.T) {
	all := []enrich.Part{enrich.PartMessages, enrich.PartContact, enrich.PartAccount, enrich.PartAttentionItems}
	tests := []struct {
		name, query string
		want        enrich.Request
	}{
		{"none", "", enrich.Request{Include: all}},
		{"empty pairs", "&&", enrich.Request{Include: all}},
		{"include", "include=contact", enrich.Request{Include: []enrich.Part{enrich.PartContact}}},
		{"include all", "include=messages,contact,account,attentionItems", enrich.Request{Include: all}},
		{"escaped comma", "include=messages%2Caccount", enrich.Request{Include: []enrich.Part{enrich.PartMessages, enrich.PartAccount}}},
		{"require", "require=contact", enrich.Request{Include: all, Require: []enrich.Part{enrich.PartContact}}},
		{"require implies include", "include=messages&require=account,contact", enrich.Request{
			Include: []enrich.Part{enrich.PartMessages, enrich.PartAccount, enrich.PartContact},
			Require: []enrich.Part{enrich.PartAccount, enrich.PartContact},
		}},
	}
	h := newHarness(t, nil)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h.fake.reads = nil
			if a := h.get(conversationTarget + "?" + tt.query); a.status != 200 {
				t.Fatalf("status %d: %s", a.status, a.body)
			}
			tt.want.ID = knownID
			if diff := cmp.Diff([]enrich.Request{tt.want}, h.fake.reads); diff != "" {
				t.Errorf("asked (-want +got):\n%s", diff)
			}
		})
	}
}

func TestListParameters(t *testing.T) {
	both := []enrich.Part{enrich.PartContact, enrich.PartAccount}
	filter := func(f upstream.Filter, v string) enrich.ListRequest {
		return enrich.ListRequest{Filters: map[upstream.Filter]string{f: v}, PerPage: 15, Include: both}
	}
	none := map[upstream.Filter]string{}
	tests := []struct {
		name, query string
		want        enrich.ListRequest
	}{
		{"none", "", enrich.ListRequest{Filters: none, PerPage: 15, Include: both}},
		{"smallest page", "per_page=1", enrich.ListRequest{Filters: none, PerPage: 1, Include: both}},
		{"largest page", "per_page=100", enrich.ListRequest{Filters: none, PerPage: 100, Include: both}},
		{"cursor", "cursor=eyJpZCI6MTAwfQ", enrich.ListRequest{Filters: none, PerPage: 15, Cursor: "eyJpZCI6MTAwfQ", Include: both}},
		{"include", "include=account", enrich.ListRequest{Filters: none, PerPage: 15, Include: both[1:]}},
		{"type", "type=whatsapp", filter(upstream.FilterType, "whatsapp")},
		{"assistant by number", "assistant_id=42", filter(upstream.FilterAssistant, "42")},
		{"assistant by uuid", "assistant_id=a1b2c3d4-5678-90ab-cdef-1234567890ab", filter(upstream.FilterAssistant, "a1b2c3d4-5678-90ab-cdef-1234567890ab")},
		{"customer phone", "customer_phone=%2B14155559876", filter(upstream.FilterCustomerPhone, "+14155559876")},
		{"sender phone", "whatsapp_sender_phone=%2B14155551234", filter(upstream.FilterWhatsappSender, "+14155551234")},
		{"external identifier", "external_identifier=a%26b+c%2F%C3%A9", filter(upstream.FilterExternalIdentifier, "a&b c/\u00e9")},
		{"longest in characters", "external_identifier=" + strings.Repeat("%C3%A9", 256), filter(upstream.FilterExternalIdentifier, strings.Repeat("\u00e9", 256))},
		{"status", "status=human_managed", filter(upstream.FilterStatus, "human_managed")},
		{"workspace", "workspace_id=w1", filter(upstream.FilterWorkspace, "w1")},
		{"contact", "contact_id=ct1", filter(upstream.FilterContact, "ct1")},
		{"several", "type=api&status=new&per_page=2", enrich.ListRequest{
			Filters: map[upstream.Filter]string{upstream.FilterType: "api", upstream.FilterStatus: "new"}, PerPage: 2, Include: both,
		}},
	}
	h := newHarness(t, nil)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h.fake.lists = nil
			if a := h.get(listTarget + "?" + tt.query); a.status != 200 {
				t.Fatalf("status %d: %s", a.status, a.body)
			}
			if diff := cmp.Diff([]enrich.ListRequest{tt.want}, h.fake.lists); diff != "" {
				t.Errorf("asked (-want +got):\n%s", diff)
			}
		})
	}
}

func TestBadParameters(t *testing.T) {
	tests := []struct {
		name, target, query, field string
	}{
		{"unknown", conversationTarget, "fields=id", "fields"},
		{"unknown, no value", conversationTarget, "x", "x"},
		{"other case", conversationTarget, "Include=contact", "Include"},
		{"a list's, on a read", conversationTarget, "per_page=15", "per_page"},
		{"a cursor, on a read", conversationTarget, "cursor=x", "cursor"},
		{"a read's, on a list", listTarget, "require=contact", "require"},
		{"key in the query", conversationTarget, "api_key=" + readKey, "api_key"},
		{"token in the query", listTarget, "access_token=" + readKey, "access_token"},
		{"tenant in the query", listTarget, "tenant_id=globex", "tenant_id"},
		{"include empty", conversationTarget, "include=", "include"},
		{"include without value", conversationTarget, "include", "include"},
		{"include unknown word", conversationTarget, "include=contact,notes", "include"},
		{"include other case", conversationTarget, "include=Contact", "include"},
		{"include word twice", conversationTarget, "include=contact,contact", "include"},
		{"include space", conversationTarget, "include=contact,+account", "include"},
		{"include trailing comma", conversationTarget, "include=contact,", "include"},
		{"include conversation", conversationTarget, "include=conversation", "include"},
		{"include twice", conversationTarget, "include=contact&include=account", "include"},
		{"include array style", conversationTarget, "include[]=contact", "include[]"},
		{"require messages", conversationTarget, "require=messages", "require"},
		{"require empty", conversationTarget, "require=", "require"},
		{"list include messages", listTarget, "include=messages", "include"},
		{"first of two", listTarget, "status=x&type=", "status"},
		{"per_page zero", listTarget, "per_page=0", "per_page"},
		{"per_page over", listTarget, "per_page=101", "per_page"},
		{"per_page negative", listTarget, "per_page=-1", "per_page"},
		{"per_page sign", listTarget, "per_page=%2B5", "per_page"},
		{"per_page leading zero", listTarget, "per_page=05", "per_page"},
		{"per_page decimals", listTarget, "per_page=5.0", "per_page"},
		{"per_page huge", listTarget, "per_page=99999999999999999999", "per_page"},
		{"per_page empty", listTarget, "per_page=", "per_page"},
		{"per_page twice", listTarget, "per_page=5&per_page=5", "per_page"},
		{"status unknown", listTarget, "status=open", "status"},
		{"assistant symbols", listTarget, "assistant_id=1%2F2", "assistant_id"},
		{"assistant long", listTarget, "assistant_id=" + strings.Repeat("a", 65), "assistant_id"},
		{"type long", listTarget, "type=" + strings.Repeat("a", 65), "type"},
		{"phone long", listTarget, "customer_phone=" + strings.Repeat("1", 33), "customer_phone"},
		{"sender long", listTarget, "whatsapp_sender_phone=" + strings.Repeat("1", 33), "whatsapp_sender_phone"},
		{"reference long", listTarget, "external_identifier=" + strings.Repeat("a", 257), "external_identifier"},
		{"reference control", listTarget, "external_identifier=a%0Ab", "external_identifier"},
		{"reference not UTF-8", listTarget, "external_identifier=%FF", "external_identifier"},
		{"workspace long", listTarget, "workspace_id=" + strings.Repeat("a", 65), "workspace_id"},
		{"contact empty", listTarget, "contact_id=", "contact_id"},
		{"cursor empty", listTarget, "cursor=", "cursor"},
		{"cursor long", listTarget, "cursor=" + strings.Repeat("a", 4097), "cursor"},
		{"bad escape in a value", listTarget, "type=%zz", "type"},
		{"bad escape in a name", listTarget, "%zz=1", "%zz"},
		{"no name", listTarget, "=1", "query"},
		{"long name", listTarget, strings.Repeat("n", 100) + "=1", strings.Repeat("n", 64)},
		{"name not UTF-8", listTarget, "%FF=1", "\uFFFD"},
		{"script in a name", listTarget, "%3Cscript%3E=1", "<script>"},
	}
	h := newHarness(t, nil)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h.get(tt.target+"?"+tt.query).is(t, 400, codeInvalidParameter, tt.field)
			if n := h.fake.calls(); n != 0 {
				t.Errorf("%d calls for a request that was refused", n)
			}
			if strings.Contains(h.logs.String(), readKey) {
				t.Errorf("the log has the key: %s", h.logs)
			}
		})
	}
}

func FuzzParseQuery(f *testing.F) {
	for _, s := range []string{"", "include=contact", "require=account,contact&include=messages", "per_page=05", "a&&b=", "%zz", "cursor=%ff", "status=new&type=api"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		read, readErr := parseRead(raw)
		list, listErr := parseList(raw)
		for _, err := range []error{readErr, listErr} {
			if p, ok := errors.AsType[badParam](err); err != nil && (!ok || p.field() == "" || len(p.field()) > maxName || !utf8.ValidString(p.field())) {
				t.Errorf("%q: error %v, want a badParam with a field that can be shown", raw, err)
			}
		}
		if readErr == nil {
			for _, p := range read.Require {
				if !slices.Contains(read.Include, p) {
					t.Errorf("%q: %s is required and not included", raw, p)
				}
			}
		}
		if listErr != nil {
			return
		}
		// What is taken is what the standard library reads, once each.
		std, err := url.ParseQuery(strings.ReplaceAll(raw, ";", "%3B"))
		if err != nil {
			t.Fatalf("%q is taken; url.ParseQuery says %v", raw, err)
		}
		for f, v := range list.Filters {
			if got := std[string(f)]; len(got) != 1 || got[0] != v || v == "" {
				t.Errorf("%q: filter %s is %q, url.ParseQuery has %q", raw, f, v, got)
			}
		}
		if list.PerPage < 1 || list.PerPage > 100 || len(list.Include) == 0 {
			t.Errorf("%q: %+v", raw, list)
		}
	})
}

func FuzzWordy(f *testing.F) {
	for _, s := range []string{"", knownID, "..", "a/b", "a b", strings.Repeat("a", 64), strings.Repeat("a", 65), "\u00e9", "a\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"
		want := s != "" && len(s) <= 64 && strings.Trim(s, letters) == ""
		if strings.ContainsFunc(s, func(r rune) bool { return !strings.ContainsRune(letters, r) }) {
			want = false
		}
		if got := wordy(s); got != want {
			t.Errorf("wordy(%q) = %v, want %v", s, got, want)
		}
		if wordy(s) && url.PathEscape(s) != s {
			t.Errorf("%q is taken and changes in a path", s)
		}
	})
}
