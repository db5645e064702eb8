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
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"
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

// fetch makes one call. What decode made crosses over in an atomic pointer: a
// call that ran out of time may leave its decoder running behind it.
func fetch[T any](ctx context.Context, c *client.Client, call client.Call, decode func(client.Reply) (T, error)) (T, error) {
	var got atomic.Pointer[T]
	call.Decode = func(r client.Reply) error {
		v, err := decode(r)
		if err == nil {
			got.Store(&v)
		}
		return err
	}
	if err := c.Get(ctx, call); err != nil {
		var none T
		return none, err
	}
	return *got.Load(), nil
}

// decode reads a body. Its error says where the body is odd, and never what it holds.
func decode(body []byte, v any) error {
	err := upstream.Decode(body, v)
	if t, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fmt.Errorf("field %s has a type that is not documented", t.Field)
	}
	if s, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Errorf("not JSON from byte %d on", s.Offset)
	}
	return err
}

// collectionErr is r.Err for an answer that cannot be "not found": a missing
// collection is a wrong address.
func collectionErr(r client.Reply) error {
	err := r.Err()
	if errors.Is(err, upstream.NotFound) {
		return upstream.BadResponse
	}
	return err
}

// validID reports whether id is 1-64 of A-Z, a-z, 0-9, _ and -. Documented ids
// are no valid UUIDs, so this is as strict as it can be.
func validID(id string) bool {
	for _, c := range []byte(id) {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' && c != '-' {
			return false
		}
	}
	return 1 <= len(id) && len(id) <= 64
}
