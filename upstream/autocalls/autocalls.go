// Package autocalls reads conversations from Autocalls and from the products
// that speak its API.
//
// The list needs the account's key and shows only the account's conversations.
// The read of one conversation does not look at the key: whoever knows an id
// gets the messages, so a [upstream.Thread] proves nothing about ownership and
// the Store is no [upstream.Reader].
package autocalls

import (
	"cmp"
	"errors"
	"time"

	"github.com/weft-gateway/weft/upstream"
	"github.com/weft-gateway/weft/upstream/client"
)

// Kind is the name of the connector in the configuration.
const Kind = "autocalls"

// Operations returns the operations that the connector needs of its host.
func Operations() []upstream.Op {
	return []upstream.Op{upstream.OpList, upstream.OpThread, upstream.OpAssistants}
}

// Config says whose conversations they are.
type Config struct {
	TenantID string         // written into every row; required
	Timezone *time.Location // of times that come without a zone; nil is UTC
}

// Store is an Autocalls account.
type Store struct {
	client     *client.Client
	tenant     string
	zone       *time.Location
	assistants *assistants
}

var (
	_ upstream.Store   = (*Store)(nil)
	_ upstream.Guarded = (*Store)(nil)
	_ upstream.Metered = (*Store)(nil)
)

// New returns the account that c's token opens.
func New(c *client.Client, cfg Config) (*Store, error) {
	if c == nil {
		return nil, errors.New("autocalls: no client")
	}
	if cfg.TenantID == "" {
		return nil, errors.New("autocalls: no tenant id")
	}
	return &Store{
		client:     c,
		tenant:     cfg.TenantID,
		zone:       cmp.Or(cfg.Timezone, time.UTC),
		assistants: newAssistants(c),
	}, nil
}

// Tripped implements [upstream.Guarded].
func (s *Store) Tripped(op upstream.Op) (bool, time.Duration) { return s.client.Tripped(op) }

// Limited implements [upstream.Metered].
func (s *Store) Limited() time.Duration { return s.client.Limited() }

// collectionErr is r.Err for an answer that cannot be "not found": a missing
// collection is a wrong address.
func collectionErr(r client.Reply) error {
	err := r.Err()
	if errors.Is(err, upstream.NotFound) {
		return upstream.BadResponse
	}
	return err
}
