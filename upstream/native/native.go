// Package native reads conversations from a store that is shaped like the
// gateway itself: a conversation carries its workspace, its channel and the ids
// of its contact and account, and messages and attention items have paths of
// their own.
//
// The store's token fixes what can be read. On top of it, a record that names
// another tenant is not found: it is never handed on, and it is counted.
package native

import (
	"context"
	"errors"
	"net/url"
	"strconv"
	"time"

	"github.com/weft-gateway/weft/upstream"
	"github.com/weft-gateway/weft/upstream/client"
)

// Kind is the name of the connector in the configuration.
const Kind = "native"

// Operations returns the operations that the connector needs of its host.
func Operations() []upstream.Op {
	return []upstream.Op{upstream.OpList, upstream.OpConversation, upstream.OpThread, upstream.OpAttention}
}

// Config says whose conversations they are.
type Config struct {
	TenantID string // whose records may pass; required
	Foreign  func() // called for each record of another tenant, from any goroutine; nil: not counted
}

// Store is a native store as one tenant's token sees it.
type Store struct {
	client  *client.Client
	tenant  string
	foreign func()
}

var (
	_ upstream.Store           = (*Store)(nil)
	_ upstream.Reader          = (*Store)(nil)
	_ upstream.AttentionReader = (*Store)(nil)
	_ upstream.Guarded         = (*Store)(nil)
	_ upstream.Metered         = (*Store)(nil)
)

// New returns the store that c's token opens.
func New(c *client.Client, cfg Config) (*Store, error) {
	if c == nil {
		return nil, errors.New("native: no client")
	}
	if cfg.TenantID == "" {
		return nil, errors.New("native: no tenant id")
	}
	s := &Store{client: c, tenant: cfg.TenantID, foreign: cfg.Foreign}
	if s.foreign == nil {
		s.foreign = func() {}
	}
	return s, nil
}

// Filters implements [upstream.Store]: all that there are.
func (s *Store) Filters() []upstream.Filter {
	return []upstream.Filter{
		upstream.FilterType, upstream.FilterAssistant, upstream.FilterCustomerPhone,
		upstream.FilterWhatsappSender, upstream.FilterExternalIdentifier,
		upstream.FilterStatus, upstream.FilterWorkspace, upstream.FilterContact,
	}
}

// List implements [upstream.Store]: latest activity first.
func (s *Store) List(ctx context.Context, q upstream.ListQuery) (upstream.Page, error) {
	query := make(url.Values, len(q.Filters)+2)
	for f, v := range q.Filters {
		query.Set(string(f), v)
	}
	if q.PerPage > 0 {
		query.Set("per_page", strconv.Itoa(q.PerPage))
	}
	if q.Cursor != "" {
		query.Set("cursor", q.Cursor)
	}
	call := client.Call{Op: upstream.OpList, Path: []string{"conversations"}, Query: query}
	return client.Fetch(ctx, s.client, call, func(r client.Reply) (upstream.Page, error) {
		err := r.Err()
		if errors.Is(err, upstream.NotFound) { // a list that is not there is a wrong address
			err = upstream.BadResponse
		}
		if err != nil {
			return upstream.Page{}, err
		}
		return s.page(r.Body, q.Cursor)
	})
}

// Conversation implements [upstream.Reader].
func (s *Store) Conversation(ctx context.Context, id string) (upstream.Conversation, error) {
	return read(ctx, s, upstream.OpConversation, id, nil, s.conversation)
}

// Thread implements [upstream.Store].
func (s *Store) Thread(ctx context.Context, id string) (upstream.Thread, error) {
	return read(ctx, s, upstream.OpThread, id, []string{"messages"}, s.thread)
}

// AttentionItems implements [upstream.AttentionReader].
func (s *Store) AttentionItems(ctx context.Context, id string) ([]upstream.AttentionItem, error) {
	return read(ctx, s, upstream.OpAttention, id, []string{"attention-items"}, s.attentionItems)
}

// Derive implements [upstream.Store]. The store leaves nothing to derive.
func (s *Store) Derive(c *upstream.Conversation, _ *upstream.Thread) upstream.Derived {
	return upstream.Derived{Status: c.Status, AttentionItems: []upstream.AttentionItem{}}
}

// Tripped implements [upstream.Guarded].
func (s *Store) Tripped(op upstream.Op) (bool, time.Duration) { return s.client.Tripped(op) }

// Limited implements [upstream.Metered].
func (s *Store) Limited() time.Duration { return s.client.Limited() }

// read asks for something of the conversation id and hands the body to decode.
func read[T any](ctx context.Context, s *Store, op upstream.Op, id string, below []string, decode func(id string, body []byte) (T, error)) (T, error) {
	if !upstream.ValidID(id) {
		var none T
		return none, &upstream.Error{Kind: upstream.NotFound, Source: Kind, Op: op}
	}
	call := client.Call{Op: op, Path: append([]string{"conversations", id}, below...)}
	return client.Fetch(ctx, s.client, call, func(r client.Reply) (T, error) {
		if err := r.Err(); err != nil {
			var none T
			return none, err
		}
		return decode(id, r.Body)
	})
}
