package enrich

import (
	"fmt"
	"slices"
	"time"

	"github.com/weft-gateway/weft/upstream"
)

// Request asks for one conversation.
type Request struct {
	ID         string
	Include    []Part   // messages, contact, account, attentionItems; what is not here costs no call
	Require    []Part   // contact, account: without them the answer is a [PartError]
	Workspaces []string // of the credential; nil: all of the tenant's
	Costs      bool     // the credential may see costs
}

// ListRequest asks for one page of conversations.
type ListRequest struct {
	Filters    map[upstream.Filter]string
	PerPage    int    // 1-100
	Cursor     string // as an earlier page gave it; "" is the first page
	Include    []Part // contact, account
	Workspaces []string
	Costs      bool
}

// Document is an answer, ready to be sent.
type Document struct {
	Body  []byte        // JSON
	Tag   string        // what an entity tag is made of: data, link and states, without ages and times
	Parts []NamedReport // for the headers that say where the time went; in document order
	Took  time.Duration
	Shown Shown

	spare *spare // what it is made in; nil: nothing that is used again
}

// Shown are the ids of the records that a document shows, for the account of
// who read what. A contact whose id is there, but not its record, is not shown.
type Shown struct{ Conversations, Contacts, Accounts []string }

// NamedReport is the report of a named part: those of [Part], "link", or "list".
type NamedReport struct {
	Name string
	Report
}

// The ways in which a request ends without a document, beside a store's
// [*upstream.Error]. NotFound is [upstream.NotFound].
type (
	// UnprovenError: a bound was hit before the id was found in the tenant's
	// list or shown not to be there.
	UnprovenError struct{ RetryAfter time.Duration }

	// PartError: a required part is unavailable or forbidden.
	PartError struct {
		Part       Part
		RetryAfter time.Duration
	}

	// FieldError: the store cannot answer this filter, or the cursor belongs
	// to another list.
	FieldError struct{ Field string }
)

func (e *UnprovenError) Error() string { return "enrich: ownership is not proved yet" }

func (e *PartError) Error() string { return fmt.Sprintf("enrich: required part %s", e.Part) }

func (e *FieldError) Error() string { return "enrich: cannot be answered: " + e.Field }

// wants reports whether the part is asked for.
func (r *Request) wants(p Part) bool {
	return slices.Contains(r.Include, p) || slices.Contains(r.Require, p)
}

// allowed reports whether a credential bound to workspaces may see one.
func allowed(workspaces []string, id string) bool {
	return len(workspaces) == 0 || slices.Contains(workspaces, id)
}
