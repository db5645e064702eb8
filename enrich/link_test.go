package enrich

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weft-gateway/weft/upstream"
)

func TestAnchor(t *testing.T) {
	phone := func(s string) *upstream.Party { return &upstream.Party{Phone: &s} }
	vars := func(s string) json.RawMessage { return json.RawMessage(s) }
	ref := "crm-lead-12345"
	rules := []Rule{
		{"external_identifier", upstream.ByExternalRef}, {"variables.crm_contact_id", upstream.ByID},
		{"variables.email", upstream.ByEmail}, {"customer.phone", upstream.ByPhone},
	}
	type want struct {
		rule, value string
		by          upstream.Lookup
	}
	tests := []struct {
		name string
		c    upstream.Conversation
		want want
	}{
		{"reference first", upstream.Conversation{ExternalIdentifier: &ref, Customer: phone("+14155559876")}, want{"external_identifier", ref, upstream.ByExternalRef}},
		{"id in a variable", upstream.Conversation{Variables: vars(`{"crm_contact_id":"c-1","email":"a@b.c"}`)}, want{"variables.crm_contact_id", "c-1", upstream.ByID}},
		{"a number keeps its digits", upstream.Conversation{Variables: vars(`{"crm_contact_id":90071992547409931}`)}, want{"variables.crm_contact_id", "90071992547409931", upstream.ByID}},
		{"e-mail in lower case", upstream.Conversation{Variables: vars(`{"email":" Jane@Example.COM "}`)}, want{"variables.email", "jane@example.com", upstream.ByEmail}},
		{"phone", upstream.Conversation{Customer: phone("+1 (415) 555-9876")}, want{"customer.phone", "+14155559876", upstream.ByPhone}},
		{"the first with a value decides, be it useless", upstream.Conversation{Variables: vars(`{"email":"nobody"}`), Customer: phone("+14155559876")}, want{"variables.email", "", upstream.ByEmail}},
		{"no phone number", upstream.Conversation{Customer: phone("call me")}, want{"customer.phone", "", upstream.ByPhone}},
		{"national, no region", upstream.Conversation{Customer: phone("415 555 9876")}, want{"customer.phone", "", upstream.ByPhone}},
		{"an object is no key", upstream.Conversation{Variables: vars(`{"crm_contact_id":{"$gt":""},"email":["a@b.c"]}`)}, want{}},
		{"line feed in an id", upstream.Conversation{Variables: vars(`{"crm_contact_id":"a\nb"}`)}, want{"variables.crm_contact_id", "", upstream.ByID}},
		{"nothing", upstream.Conversation{Variables: vars(`null`)}, want{}},
	}
	tenant := &Tenant{CRM: &fakeCRM{}, Rules: rules}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := tenant.anchor(&tt.c)
			if got := (want{a.rule, a.value, a.by}); got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
	if got := (&Tenant{Region: "US"}).phone("415 555 9876"); got != "+14155559876" {
		t.Errorf("national number with a region: %q", got)
	}
	if a := (&Tenant{Rules: rules}).anchor(&upstream.Conversation{ExternalIdentifier: &ref}); a != (anchor{}) {
		t.Errorf("without a CRM: %+v", a)
	}
}

func TestPlace(t *testing.T) {
	str := func(s string) *string { return &s }
	c := upstream.Conversation{Type: str("whatsapp"), Inbox: "3", Assistant: &upstream.Assistant{ID: "as-1"}, WhatsappSender: &upstream.Party{Phone: str("+1")}}
	tests := []struct {
		name   string
		places Places
		want   [2]string // workspace, channel; "" stands for a derived id
	}{
		{"nothing configured", Places{}, [2]string{}},
		{"default", Places{Workspace: "w"}, [2]string{"w", ""}},
		{"type", Places{Workspace: "w", Workspaces: []Place{{ID: "t", Type: "whatsapp"}}}, [2]string{"t", ""}},
		{"sender before type", Places{Workspaces: []Place{{ID: "t", Type: "whatsapp"}, {ID: "s", Sender: "+1"}}}, [2]string{"s", ""}},
		{"assistant before sender", Places{Workspaces: []Place{{ID: "s", Sender: "+1"}, {ID: "a", Assistant: "as-1"}}}, [2]string{"a", ""}},
		{"inbox before assistant", Places{Workspaces: []Place{{ID: "a", Assistant: "as-1"}, {ID: "i", Inbox: "3"}, {ID: "no", Inbox: "4"}}}, [2]string{"i", ""}},
		{"all fields of a row have to match", Places{Workspace: "w", Channels: []Place{{ID: "no", Type: "whatsapp", Sender: "+2"}, {ID: "yes", Type: "whatsapp", Sender: "+1"}}}, [2]string{"w", "yes"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tenant := &Tenant{ID: "t", Places: tt.places}
			got := c
			tenant.place(&got)
			want := tt.want
			if want[0] == "" {
				want[0] = derivedID("t", "workspace")
			}
			if want[1] == "" {
				want[1] = derivedID("t", "channel", "whatsapp", "+1", "as-1")
			}
			if diff := cmp.Diff(want, [2]string{got.WorkspaceID, got.ChannelID}); diff != "" {
				t.Error(diff)
			}
		})
	}
	own := upstream.Conversation{WorkspaceID: "store-w", ChannelID: "store-c"}
	(&Tenant{ID: "t", Places: Places{Workspace: "w"}}).place(&own)
	if own.WorkspaceID != "store-w" || own.ChannelID != "store-c" || own.TenantID != "t" {
		t.Errorf("the store's own places were changed: %+v", own)
	}
}
