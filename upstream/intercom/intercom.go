// Package intercom reads conversations from an Intercom workspace.
//
// The token belongs to the workspace, so that an answer proves ownership. One
// call reads a conversation with its messages; the list has everything but them.
package intercom

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/weft-gateway/weft/upstream"
	"github.com/weft-gateway/weft/upstream/client"
)

// Kind is the name of the connector in the configuration.
const Kind = "intercom"

// version is of the API. Without one, answers have the form that somebody set
// for the app.
const version = "2.15"

// Operations returns the operations that the connector needs of its host.
func Operations() []upstream.Op {
	return []upstream.Op{upstream.OpList, upstream.OpConversation, upstream.OpThread}
}

// Manners are what Intercom wants with every call. Its quota has the common
// headers.
func Manners() client.Manners {
	return client.Manners{Header: http.Header{"Intercom-Version": {version}}}
}

// Config says whose conversations they are, and what passes of them.
type Config struct {
	TenantID string // written into every row; required

	// Variables are what passes beside the contract's fields: the name that one
	// gets -> conversation.KEY, a custom attribute, or company.KEY, a field of
	// the company. Nil: none.
	Variables map[string]string

	Unreadable func(rows int) // called with how many a list had to leave out, from any goroutine; nil: not counted
}

// Store is a workspace as its token sees it.
type Store struct {
	client    *client.Client
	tenant    string
	variables map[string]attribute
	left      func(rows int) // nil: nobody counts
	readings  readings
}

var (
	_ upstream.Store   = (*Store)(nil)
	_ upstream.Reader  = (*Store)(nil)
	_ upstream.Guarded = (*Store)(nil)
	_ upstream.Metered = (*Store)(nil)
)

// New returns the workspace that c's token opens.
func New(c *client.Client, cfg Config) (*Store, error) {
	switch {
	case c == nil:
		return nil, errors.New("intercom: no client")
	case cfg.TenantID == "":
		return nil, errors.New("intercom: no tenant id")
	}
	s := &Store{client: c, tenant: cfg.TenantID, variables: make(map[string]attribute, len(cfg.Variables)), left: cfg.Unreadable}
	for name, way := range cfg.Variables {
		of, key, _ := strings.Cut(way, ".")
		if (of != ofCompany && of != ofConversation) || key == "" {
			return nil, fmt.Errorf("intercom: variable %s: want %s.KEY or %s.KEY", name, ofConversation, ofCompany)
		}
		s.variables[name] = attribute{of, key}
	}
	return s, nil
}

// Conversation implements [upstream.Reader].
func (s *Store) Conversation(ctx context.Context, id string) (upstream.Conversation, error) {
	return read(ctx, s, upstream.OpConversation, id, s.conversation)
}

// Thread implements [upstream.Store]. Intercom gives the newest 500 parts of a
// conversation; where there are more, a message of the system says so. Notes
// and events are left out.
func (s *Store) Thread(ctx context.Context, id string) (upstream.Thread, error) {
	return read(ctx, s, upstream.OpThread, id, thread)
}

// read reads the conversation id, as text without markup, for decode. A call
// that is made for the other operation, or was answered a moment ago, is shared,
// unless this one's breaker keeps calls back.
func read[T any](ctx context.Context, s *Store, op upstream.Op, id string, decode func(upstream.Fields) (T, error)) (T, error) {
	var none T
	if !isNumber(id) {
		return none, &upstream.Error{Kind: upstream.NotFound, Source: Kind, Op: op}
	}
	if tripped, _ := s.client.Tripped(op); tripped {
		return fetch(ctx, s, op, id, decode)
	}
	r := s.readings.take(op, id)
	if r == nil {
		return fetch(ctx, s, op, id, decode)
	}
	body, ok, err := r.wait(ctx, op)
	if !ok {
		return fetch(ctx, s, op, id, decode)
	}
	if err != nil {
		return none, err
	}
	got, err := decode(body)
	if err != nil {
		return none, &upstream.Error{Kind: upstream.BadResponse, Source: Kind, Op: op, Status: http.StatusOK, Err: err}
	}
	return got, nil
}

// fetch makes the call, and lets the other operation share it.
func fetch[T any](ctx context.Context, s *Store, op upstream.Op, id string, decode func(upstream.Fields) (T, error)) (T, error) {
	type answer struct {
		body  upstream.Fields
		bytes int
		half  T
	}
	var got answer
	var err error
	r := s.readings.begin(op, id)
	defer func() { s.readings.end(id, r, got.body, got.bytes, err) }()
	call := client.Call{Op: op, Path: []string{"conversations", id}, Query: url.Values{"display_as": {"plaintext"}}}
	got, err = client.Fetch(ctx, s.client, call, func(reply client.Reply) (a answer, err error) {
		if err := reply.ErrIf("errors"); err != nil {
			return a, err
		}
		a.half, err = one(reply.Body, id, func(f upstream.Fields) (T, error) {
			a.body, a.bytes = f, len(reply.Body)
			return decode(f)
		})
		return a, err
	})
	return got.half, err
}

// one decodes the conversation that was asked for by id.
func one[T any](body []byte, id string, decode func(upstream.Fields) (T, error)) (none T, err error) {
	f, err := object(body)
	if err != nil {
		return none, err
	}
	switch got, ok := f.ID("id"); {
	case !ok || got == nil:
		return none, errors.New("a conversation without a usable id")
	case *got != id:
		return none, upstream.WrongRecord
	}
	return decode(f)
}

// Tripped implements [upstream.Guarded].
func (s *Store) Tripped(op upstream.Op) (bool, time.Duration) { return s.client.Tripped(op) }

// Limited implements [upstream.Metered].
func (s *Store) Limited() time.Duration { return s.client.Limited() }

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

// isNumber reports whether s is a whole number, as ids of conversations are.
func isNumber(s string) bool {
	return s != "" && len(s) <= 64 && strings.Trim(s, "0123456789") == ""
}
