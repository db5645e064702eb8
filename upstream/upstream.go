// Package upstream is the vocabulary of the systems behind the gateway: the
// records that a conversation store and a CRM hold, what can be asked of them,
// and the kinds of failure they have.
//
// A record's JSON form is the form that openapi.yaml publishes. It is encoded
// once, when the record is read, kept in the cache, and spliced into the
// document as bytes. A field that is not in these types cannot reach a caller.
//
// The package imports nothing but the standard library. Connectors are its
// children, named after the product, and never import one another.
package upstream

import (
	"context"
	"time"
)

// Store is a conversation store as one tenant's credential sees it.
// All methods may be called concurrently. Failures are [*Error].
type Store interface {
	// Filters names the list filters that this store can answer,
	// in the words of [ListQuery]. The order is of no meaning.
	Filters() []Filter

	// List answers one page, in the store's own order.
	List(ctx context.Context, q ListQuery) (Page, error)

	// Thread reads the messages of one conversation. The store may answer for
	// a conversation of somebody else: a Thread proves nothing about ownership.
	Thread(ctx context.Context, id string) (Thread, error)

	// Derive says what the store leaves to be derived from a conversation and
	// its thread. A nil thread means that the messages are not known, or that
	// the store is both a [Reader] and an [AttentionReader]. It is pure and cheap, and is
	// called for each document.
	Derive(c *Conversation, t *Thread) Derived
}

// Reader is a Store whose credential limits what it can read by id, so that
// an answer proves ownership. The rows of a Store that is not a Reader have
// to be found in a list before they may be shown.
type Reader interface {
	// Conversation reads one conversation; unknown is [NotFound].
	Conversation(ctx context.Context, id string) (Conversation, error)
}

// AttentionReader is a Store that keeps attention items of its own.
// For any other Store the items are those of [Derived].
type AttentionReader interface {
	AttentionItems(ctx context.Context, id string) ([]AttentionItem, error)
}

// CRM is where contacts and accounts live, as one tenant's credential sees it.
// Reads are batch first: one record is a batch of one. All methods may be
// called concurrently and take at most [MaxBatch] ids or values.
//
// The records that are returned are good even when the error is not nil. The
// error says why the others are not there; nil means that the CRM has none of
// them. A record that was not asked for is never returned: it is dropped, and
// the error is [WrongRecord].
type CRM interface {
	// Contacts reads contacts by id: id -> contact.
	Contacts(ctx context.Context, ids []string) (map[string]Contact, error)

	// Accounts reads accounts by id: id -> account.
	Accounts(ctx context.Context, ids []string) (map[string]Account, error)

	// FindContacts looks contacts up by a key other than their id:
	// value -> the contacts that carry it. Two for one value are an ambiguous
	// match, which is the caller's to judge. Beside an error, contacts that carry a
	// value may be out of sight: one that is found is not known to be the only one.
	FindContacts(ctx context.Context, by Lookup, values []string) (map[string][]Contact, error)
}

// AccountBringer is a CRM whose contacts bring their account along, in
// [Contact.Account]: whoever needs both asks for the contacts first.
type AccountBringer interface {
	BringsAccounts()
}

// Guarded is a connector whose calls run behind circuit breakers.
type Guarded interface {
	// Tripped reports whether the breaker of the operation is not closed: a
	// call would be refused or be a probe, so that whoever has a copy takes it.
	// The duration is how long until the next probe, 0 if one is due.
	// Asking changes nothing.
	Tripped(op Op) (bool, time.Duration)
}

// Metered is a connector whose source gives each tenant a quota.
type Metered interface {
	// Limited returns how long the source wants to be left alone by this
	// tenant: a call would be refused, so that whoever has a copy takes it.
	// 0: calls can be made. Asking changes nothing.
	Limited() time.Duration
}

// MaxBatch is the most ids or values in one call of a [CRM].
const MaxBatch = 100

// Op names an operation of a connector, the unit that a circuit breaker guards.
type Op string

// The operations. Each connector has those that it needs.
const (
	OpList         Op = "list"
	OpConversation Op = "conversation"
	OpThread       Op = "messages"
	OpAttention    Op = "attention-items"
	OpAssistants   Op = "assistants"
	OpContacts     Op = "contacts"
	OpAccounts     Op = "accounts"
	OpFind         Op = "find"
	OpAssociations Op = "associations" // which accounts contacts belong to, where that takes a call of its own
	OpToken        Op = "token"        // a new token, of the service that gives them
)

// Lookup is how a link rule's value is looked up in the CRM.
type Lookup string

// The lookups of a link rule. ByID needs no search.
const (
	ByID          Lookup = "id"
	ByExternalRef Lookup = "externalRef"
	ByEmail       Lookup = "email"
	ByPhone       Lookup = "phone"
)

// Filter names a list filter, in the words of the public query string.
type Filter string

// The list filters.
const (
	FilterType               Filter = "type"
	FilterAssistant          Filter = "assistant_id"
	FilterCustomerPhone      Filter = "customer_phone"
	FilterWhatsappSender     Filter = "whatsapp_sender_phone"
	FilterExternalIdentifier Filter = "external_identifier"
	FilterStatus             Filter = "status"
	FilterWorkspace          Filter = "workspace_id"
	FilterContact            Filter = "contact_id"
)

// ListQuery asks a [Store] for one page of conversations.
type ListQuery struct {
	Filters map[Filter]string // filter -> exact value; only those of Store.Filters
	PerPage int               // 1-100; 0 leaves it to the store
	Cursor  string            // a cursor of an earlier Page, with the same filters; "" is the first page
}

// Page is one page of a list.
type Page struct {
	Rows []Conversation
	Next string // cursor of the next page; "" at the end
	Prev string // cursor of the page before; "" at the start

	// Short is true where rows that could not be read were left out.
	Short bool

	// Numbered is true where the store counts pages instead of following a
	// cursor: rows that are removed meanwhile make others slip by between two
	// pages. Total is then how many rows it says there are, 0 if it does not say.
	Numbered bool
	Total    int
}
