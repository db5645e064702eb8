package main

import (
	"net/netip"
	"time"
)

// Config is the understood configuration: every value is there, defaults
// included, and has been checked. The yaml tags give the names in the file.
type Config struct {
	Listen    string    `yaml:"listen"` // host:port of the public listener; port 0 takes a free one
	Ops       Ops       `yaml:"ops"`
	Redis     Redis     `yaml:"redis"`
	Deadlines Deadlines `yaml:"deadlines"`
	Cache     Cache     `yaml:"cache"`
	Audit     Audit     `yaml:"audit,omitempty"`
	Limits    Limits    `yaml:"limits"`
	HSTS      bool      `yaml:"hsts,omitempty"` // tell browsers to use TLS only
	Log       Log       `yaml:"log,flow"`
	Reload    string    `yaml:"reload"` // when a changed file is taken over: off, signal or watch
	Drain     Drain     `yaml:"drain,flow"`

	// AllowAddresses are those that sources may have although they are
	// link-local or the like; none: no such address.
	AllowAddresses []netip.Prefix `yaml:"allow_addresses,flow,omitempty"`

	Issuers []Issuer `yaml:"issuers,omitempty"` // whose tokens are accepted; none: API keys alone
	Tenants []Tenant `yaml:"tenants"`           // at least one
}

// Ops is the listener for those who run the gateway.
type Ops struct {
	Listen string `yaml:"listen"`         // host:port; never the public one
	Keys   []Key  `yaml:"keys,omitempty"` // who may change something; none: nobody

	// Hosts are names that it is known by, besides those that no stranger can have.
	Hosts []string `yaml:"hosts,flow,omitempty"`
}

// Redis is the shared tier of the cache.
type Redis struct {
	URL string `yaml:"url"` // with its password; "" leaves the memory tier alone
}

// Deadlines bound what a request may wait for. None is ever zero.
type Deadlines struct {
	Request time.Duration `yaml:"request"` // the whole request
	Store   time.Duration `yaml:"store"`   // one call of a conversation store
	CRM     time.Duration `yaml:"crm"`     // one call of a CRM
	Redis   time.Duration `yaml:"redis"`   // one round trip to Redis
}

// Cache says how much is remembered, and for how long.
type Cache struct {
	Memory       byteSize `yaml:"memory"` // bound of the memory tier, in bytes
	Contact      Policy   `yaml:"contact"`
	Account      Policy   `yaml:"account"`
	Conversation Policy   `yaml:"conversation"` // messages and attention items too
	Link         Policy   `yaml:"link"`

	// Encryption keys for Redis: the first writes, all read; none: in the clear.
	Encryption []EncryptionKey `yaml:"encryption,omitempty"`
}

// Policy is how long one kind of record is kept, counted from when its source
// answered.
type Policy struct {
	Fresh   time.Duration `yaml:"fresh"`             // served without asking again
	Stale   time.Duration `yaml:"stale"`             // served when the source cannot be asked
	Missing time.Duration `yaml:"missing,omitempty"` // how long an absence is believed; 0 for conversations, which have a rule of their own

	// Revalidate: past fresh and younger than this, it is served at once while
	// its source is asked; 0: who asks waits.
	Revalidate time.Duration `yaml:"revalidate"`
}

// Tenant is one customer of the gateway, with its own sources and keys.
type Tenant struct {
	ID          string          `yaml:"id"`
	Name        string          `yaml:"name"`                 // for people; the id where none is given
	Workspace   string          `yaml:"workspace,omitempty"`  // default workspace; "": the store's, else one derived from the tenant
	Workspaces  []WorkspaceRule `yaml:"workspaces,omitempty"` // exceptions from the default
	Channels    []ChannelRule   `yaml:"channels,omitempty"`   // fixed channel ids; none: derived ones
	Keys        []Key           `yaml:"keys,omitempty"`       // at least one, where no issuer's tokens are the tenant's
	Store       Source          `yaml:"store"`
	CRM         *Source         `yaml:"crm,omitempty"` // nil: contacts and accounts stay unlinked
	Limits      TenantLimits    `yaml:"limits,flow"`
	Link        []LinkRule      `yaml:"link,flow,omitempty"`    // in the order in which they are tried
	Hide        []string        `yaml:"hide,flow,omitempty"`    // fields of the document that this tenant does not show
	CORS        []string        `yaml:"cors,flow,omitempty"`    // origins of web pages that may read the answers; none: no page of another origin
	PhoneRegion string          `yaml:"phone_region,omitempty"` // country of numbers without a country code; "": they are not read
}

// WorkspaceRule sends conversations to a workspace by the store's inbox, else by
// their assistant, else by their WhatsApp sender, else by their type. At least one list has a value.
type WorkspaceRule struct {
	ID         string   `yaml:"id"`
	Assistants []string `yaml:"assistants,flow,omitempty"` // as rows carry them
	Senders    []string `yaml:"senders,flow,omitempty"`    // phone numbers, as rows carry them
	Types      []string `yaml:"types,flow,omitempty"`
	Inboxes    []string `yaml:"inboxes,flow,omitempty"` // the store's inboxes, or teams; only kinds chatwoot and intercom
}

// ChannelRule gives a fixed channel id to the conversations that match all of
// its values. A value that is "" matches any; at least one is set.
type ChannelRule struct {
	ID        string `yaml:"id"`
	Type      string `yaml:"type,omitempty"`
	Sender    string `yaml:"sender,omitempty"` // phone number, as rows carry it
	Assistant string `yaml:"assistant,omitempty"`
}

// Key is an API key, known by its hash alone.
type Key struct {
	ID         string    `yaml:"id"`
	SHA256     string    `yaml:"sha256"`                    // of the whole key, 64 lower-case hex digits
	Scopes     []string  `yaml:"scopes,flow,omitempty"`     // none for a key of the ops listener
	Workspaces []string  `yaml:"workspaces,flow,omitempty"` // what the key may see; none: all of the tenant
	Expires    time.Time `yaml:"expires,omitempty"`         // from then on it is refused; zero: never
	Limits     RateLimit `yaml:"limits,flow,omitempty"`
}

// Source is a system that the gateway reads.
type Source struct {
	Kind     string `yaml:"kind"`
	URL      string `yaml:"url"` // root, without a slash at the end; equal for the same host
	Token    string `yaml:"token,omitempty"`
	Auth     *Auth  `yaml:"auth,omitempty"`     // how tokens are got that end, in the place of Token; nil: Token does not end
	Timezone string `yaml:"timezone,omitempty"` // of times without a zone; only kind autocalls
	Account  string `yaml:"account,omitempty"`  // the account's number; only kind chatwoot
	InFlight int    `yaml:"in_flight"`          // calls at once, over all tenants of the URL
	Share    int    `yaml:"share"`              // of them, this tenant's
	Retry    bool   `yaml:"retry"`              // a call that failed in passing is made once more

	// Variables are the store's own fields that pass as variables: the name that
	// one gets -> group.KEY; only kinds chatwoot and intercom.
	Variables map[string]string `yaml:"variables,omitempty"`

	// The rest is for kind rest alone and empty for others.

	Paths         Paths             `yaml:"paths,omitempty"`
	Params        Params            `yaml:"params,omitempty"`
	Envelope      string            `yaml:"envelope,omitempty"`       // key of a list's records
	ContactFields map[string]string `yaml:"contact_fields,omitempty"` // our field -> theirs, dots for nesting; those not named keep their name
	AccountFields map[string]string `yaml:"account_fields,omitempty"` // the same for accounts

	// For every CRM.

	AppURL      string `yaml:"app_url,omitempty"`      // where people look at the records, for deep links; "": the kind's own, or none
	ExternalRef string `yaml:"external_ref,omitempty"` // the field of a contact that is its externalRef; not for kind rest; "": none

	ContactCustom map[string]string `yaml:"contact_custom,omitempty"` // name under custom -> the CRM's field; nothing else passes
	AccountCustom map[string]string `yaml:"account_custom,omitempty"` // the same for accounts
}

// Paths are where a CRM keeps its records, below its URL.
type Paths struct {
	Contacts string `yaml:"contacts"`
	Accounts string `yaml:"accounts"`
}

// Params are the query parameters by which a CRM is asked.
type Params struct {
	IDs         string `yaml:"ids"`
	Phone       string `yaml:"phone"`
	Email       string `yaml:"email"`
	ExternalRef string `yaml:"external_ref"`
}

// LinkRule is a field of a conversation and how its value is looked up in the
// CRM: id, externalRef, email or phone.
type LinkRule struct{ Field, Lookup string }
