// Package enrich is the join: it takes one request by the hand until the
// document is whole.
//
// A conversation is made of five parts. Each has a slot, is fetched on its own
// and fails on its own; what it came to is said in the document. Only the
// conversation itself can turn the answer into an error.
//
//  1. The conversation is found. A store that reads by credential is asked; any
//     other has to show the id in a list made with the tenant's key (proof.go).
//  2. Messages and attention items need only the id, and are asked beside it.
//  3. The link says which contact and account the conversation belongs to. The
//     store may carry it; else a link rule finds it (link.go). A remembered link
//     lets the CRM be asked while the store is being asked.
//  4. Contact and account are asked together as soon as their ids are known.
//  5. The parts are spliced into one document (document.go).
//
// This is the only package where the cache meets an upstream.
package enrich

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/weft-gateway/weft/cache"
	"github.com/weft-gateway/weft/upstream"
)

// margin is what is kept of a request's time to assemble and send the answer.
const margin = 20 * time.Millisecond

// Config is what an [Enricher] is made of.
type Config struct {
	Cache *cache.Cache // required

	// Deadlines of one call, and of a whole request; all required.
	Request, Store, CRM time.Duration

	// How long a record of each kind is fresh, kept as a stale copy, and known
	// to be missing; all required.
	Conversation, Contact, Account, Link cache.Policy

	// Tenants whose conversations Erase can find by the contact that they lead
	// to; of others it removes the contact and its links alone.
	Tenants []*Tenant

	// Replaces is the Enricher of an earlier configuration, on the same cache,
	// whose place this one takes; nil: none. It may go on for what it has begun.
	Replaces *Enricher

	// Observe is told of each part of each answer; nil: nobody is.
	Observe func(part Part, state State, reason upstream.Kind)

	Logger *slog.Logger // nil: discarded
}

// Enricher answers requests for enriched conversations.
type Enricher struct {
	cfg     Config
	log     *slog.Logger
	records records
	proofs  *proofs

	variants [32]string // kinds of kept documents
	spares   *sync.Pool // of *spare
	pages    *sync.Pool // of *spare, for pages of lists
}

// New returns an Enricher.
func New(cfg Config) (*Enricher, error) {
	switch {
	case cfg.Cache == nil:
		return nil, errors.New("enrich: no cache")
	case cfg.Request <= margin || cfg.Store <= 0 || cfg.CRM <= 0:
		return nil, fmt.Errorf("enrich: a request needs more than %v, and each call a deadline", margin)
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Observe == nil {
		cfg.Observe = func(Part, State, upstream.Kind) {}
	}
	e := &Enricher{cfg: cfg, log: cfg.Logger, variants: newVariants(), spares: newSpares(maxSpare), pages: newSpares(maxPage)}
	var err error
	if e.records, err = newRecords(cfg); err != nil {
		return nil, err
	}
	e.proofs = newProofs(e)
	if cfg.Replaces != nil {
		e.proofs.follow(cfg.Replaces.proofs)
		e.cfg.Replaces = nil // else none would ever be forgotten
	}
	return e, nil
}
