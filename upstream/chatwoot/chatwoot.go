// Package chatwoot reads conversations from an account of a Chatwoot server.
//
// The access token belongs to a user of the account, and what that user may not
// see is not found, or denied: an answer proves ownership. A conversation's id
// is its number within the account, which is what Chatwoot shows to people and
// takes in addresses, and not the number that its database has for it.
package chatwoot

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/weft-gateway/weft/upstream"
	"github.com/weft-gateway/weft/upstream/client"
)

// Kind is the name of the connector in the configuration.
const Kind = "chatwoot"

// Operations returns the operations that the connector needs of its host.
func Operations() []upstream.Op {
	return []upstream.Op{upstream.OpList, upstream.OpConversation, upstream.OpThread}
}

// Access is how a user's access token is sent.
func Access(token string) client.Access {
	return client.Access{Token: token, Header: "api_access_token"}
}

// Config says whose conversations they are, and what passes of them.
type Config struct {
	TenantID string // written into every row; required
	Account  string // the account's number, as it is in the server's addresses; required

	// Variables are the custom attributes that pass: the name that one gets ->
	// contact.KEY or conversation.KEY. Nil: none.
	Variables map[string]string

	Unreadable func(rows int) // called with how many a list had to leave out, from any goroutine; nil: not counted
}

// Store is an account as one user's token sees it.
type Store struct {
	client    *client.Client
	tenant    string
	account   string
	variables map[string]attribute
	left      func(rows int) // nil: nobody counts
}

var (
	_ upstream.Store   = (*Store)(nil)
	_ upstream.Reader  = (*Store)(nil)
	_ upstream.Guarded = (*Store)(nil)
	_ upstream.Metered = (*Store)(nil)
)

// New returns the account that c's token opens.
func New(c *client.Client, cfg Config) (*Store, error) {
	switch {
	case c == nil:
		return nil, errors.New("chatwoot: no client")
	case cfg.TenantID == "":
		return nil, errors.New("chatwoot: no tenant id")
	case !isNumber(cfg.Account):
		return nil, errors.New("chatwoot: an account is a number")
	}
	s := &Store{client: c, tenant: cfg.TenantID, account: cfg.Account, variables: make(map[string]attribute, len(cfg.Variables)), left: cfg.Unreadable}
	for name, way := range cfg.Variables {
		of, key, _ := strings.Cut(way, ".")
		if (of != ofContact && of != ofConversation) || key == "" {
			return nil, fmt.Errorf("chatwoot: variable %s: want %s.KEY or %s.KEY", name, ofContact, ofConversation)
		}
		s.variables[name] = attribute{of, key}
	}
	return s, nil
}

// Conversation implements [upstream.Reader].
func (s *Store) Conversation(ctx context.Context, id string) (upstream.Conversation, error) {
	if !isNumber(id) {
		return upstream.Conversation{}, unknown(upstream.OpConversation)
	}
	call := client.Call{Op: upstream.OpConversation, Path: s.path(id)}
	return client.Fetch(ctx, s.client, call, func(r client.Reply) (upstream.Conversation, error) {
		if err := r.Err(); err != nil {
			return upstream.Conversation{}, err
		}
		f, err := object(r.Body)
		if err != nil {
			return upstream.Conversation{}, err
		}
		c, err := s.conversation(f)
		if err == nil && c.ID != id {
			return upstream.Conversation{}, upstream.WrongRecord
		}
		return c, err
	})
}

// Derive implements [upstream.Store]. Chatwoot has a lifecycle of its own, and
// nothing that would be an attention item.
func (s *Store) Derive(c *upstream.Conversation, _ *upstream.Thread) upstream.Derived {
	return upstream.Derived{Status: c.Status, AttentionItems: []upstream.AttentionItem{}}
}

// Tripped implements [upstream.Guarded].
func (s *Store) Tripped(op upstream.Op) (bool, time.Duration) { return s.client.Tripped(op) }

// Limited implements [upstream.Metered].
func (s *Store) Limited() time.Duration { return s.client.Limited() }

// path is the way to the account's conversations, and to what is below.
func (s *Store) path(below ...string) []string {
	return append([]string{"api", "v1", "accounts", s.account, "conversations"}, below...)
}

func unknown(op upstream.Op) error {
	return &upstream.Error{Kind: upstream.NotFound, Source: Kind, Op: op}
}

// object reads a body that is one object.
func object(body []byte) (upstream.Fields, error) {
	var f upstream.Fields
	if err := client.Decode(body, &f); err != nil {
		return nil, err
	}
	if f == nil {
		return nil, errors.New("the answer is not an object")
	}
	return f, nil
}

// isNumber reports whether s is a whole number above zero, as Chatwoot's ids are.
func isNumber(s string) bool {
	return s != "" && len(s) <= 18 && s[0] != '0' && strings.Trim(s, "0123456789") == ""
}
