package enrich

import (
	"slices"

	"github.com/google/uuid"

	"github.com/weft-gateway/weft/upstream"
)

// Tenant is one customer: where its conversations and its contacts live.
type Tenant struct {
	ID, Name string

	Store     upstream.Store
	StoreName string // connector kind, as the document's source

	CRM     upstream.CRM // nil: nothing is linked
	CRMName string

	Rules  []Rule // in order; for a store that does not carry the link itself
	Region string // default region of phone numbers, ISO 3166-1 alpha-2; "": only international numbers are read
	Places Places
	Hide   []string // fields that are never shown: functionCalls, variables
}

// Rule is a link rule: a field of the conversation, and how the CRM looks its value up.
type Rule struct {
	Field string // external_identifier, customer.phone, variables.NAME
	By    upstream.Lookup
}

// Places says which workspace and channel a conversation belongs to, for a
// store that knows neither.
type Places struct {
	Workspace  string // the default; "": derived from the tenant
	Workspaces []Place
	Channels   []Place
}

// Place is one row of the mapping: a conversation that matches every set field.
// Rows are tried in the order inbox, assistant, sender, type: the most telling
// first.
type Place struct {
	ID, Assistant, Sender, Type string
	Inbox                       string // the store's own inbox or team
}

// place fills in workspace and channel where the store left them empty.
func (t *Tenant) place(c *upstream.Conversation) {
	if c.WorkspaceID == "" {
		c.WorkspaceID = t.workspaceOf(c)
	}
	if c.ChannelID == "" {
		c.ChannelID = t.channelOf(c)
	}
	c.TenantID = t.ID
}

func (t *Tenant) workspaceOf(c *upstream.Conversation) string {
	if id := match(t.Places.Workspaces, c); id != "" {
		return id
	}
	return t.defaultWorkspace()
}

func (t *Tenant) defaultWorkspace() string {
	if t.Places.Workspace != "" {
		return t.Places.Workspace
	}
	return derivedID(t.ID, "workspace")
}

// channelOf gives each (type, business number, assistant) a stable channel.
func (t *Tenant) channelOf(c *upstream.Conversation) string {
	if id := match(t.Places.Channels, c); id != "" {
		return id
	}
	assistant, sender, kind := facets(c)
	return derivedID(t.ID, "channel", kind, sender, assistant)
}

// match returns the id of the first row that fits, those that name an inbox
// before those that name an assistant before those that name a sender before
// those that name a type.
func match(places []Place, c *upstream.Conversation) string {
	assistant, sender, kind := facets(c)
	fits := func(want, got string) bool { return want == "" || want == got }
	for _, telling := range []func(Place) bool{
		func(p Place) bool { return p.Inbox != "" },
		func(p Place) bool { return p.Inbox == "" && p.Assistant != "" },
		func(p Place) bool { return p.Inbox == "" && p.Assistant == "" && p.Sender != "" },
		func(p Place) bool { return p.Inbox == "" && p.Assistant == "" && p.Sender == "" && p.Type != "" },
	} {
		for _, p := range places {
			if telling(p) && fits(p.Inbox, c.Inbox) && fits(p.Assistant, assistant) && fits(p.Sender, sender) && fits(p.Type, kind) {
				return p.ID
			}
		}
	}
	return ""
}

func facets(c *upstream.Conversation) (assistant, sender, kind string) {
	if c.Assistant != nil {
		assistant = c.Assistant.ID
	}
	if c.WhatsappSender != nil {
		sender = deref(c.WhatsappSender.Phone)
	}
	return assistant, sender, deref(c.Type)
}

// derivedID is a UUIDv5, so that every replica gives the same id.
func derivedID(parts ...string) string {
	var name []byte
	for _, p := range parts {
		name = append(append(name, p...), 0)
	}
	return uuid.NewSHA1(uuid.NameSpaceURL, name).String()
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// Fields that a tenant can hide.
const (
	hideCalls     = "functionCalls"
	hideVariables = "variables"
)

func (t *Tenant) hides(field string) bool { return slices.Contains(t.Hide, field) }

// threadKey keeps threads without function calls apart from those with them,
// so that hiding them takes effect at once. A dot is in no id.
func (t *Tenant) threadKey(id string) string {
	if t.hides(hideCalls) {
		return id + withoutCalls
	}
	return id
}

// withoutCalls ends the cache id of a thread without function calls.
const withoutCalls = ".nocalls"

// proves reports whether the store's own answer to an id proves ownership.
func (t *Tenant) proves() (upstream.Reader, bool) {
	r, ok := t.Store.(upstream.Reader)
	return r, ok
}
