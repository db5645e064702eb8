// Package rest reads contacts and accounts from any CRM that speaks plain JSON
// over HTTP: one path for each kind of record, lists by id and by key. Paths,
// parameters and field names come from the configuration, so that an in-house
// CRM needs no code.
//
// What the CRM answers is checked against what it was asked. A record of
// another tenant, of another id, or that does not carry the value it was
// searched by is dropped and reported as [upstream.WrongRecord]. Only fields
// that [upstream.Contact] and [upstream.Account] name are read.
package rest

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/weft-gateway/weft/upstream"
	"github.com/weft-gateway/weft/upstream/client"
)

// Kind is the name of the connector in the configuration.
const Kind = "rest"

// Operations returns the operations that the connector needs of its host.
func Operations() []upstream.Op {
	return []upstream.Op{upstream.OpContacts, upstream.OpAccounts, upstream.OpFind}
}

// Config says whose records they are, and how the CRM calls things.
type Config struct {
	TenantID string // required; a record that names another one does not pass
	Foreign  func() // told of each such record, from any goroutine; nil: nobody is
	Paths    Paths
	Params   Params
	Envelope string // where in an answer the list is, as "data" or "result.items"; empty: "data"

	// Our field -> theirs, for those that differ. A dot leads into an object,
	// as in {"externalRef": "crm.ref"}. Nil: all have our names.
	ContactFields map[string]string
	AccountFields map[string]string

	// What passes beside the fields of the contract: the name that it gets in
	// custom -> theirs, with dots as above. Nil: nothing.
	ContactCustom map[string]string
	AccountCustom map[string]string
}

// Paths are the paths of the two kinds below the service's root. They may have
// several segments.
type Paths struct {
	Contacts string // empty: "contacts"
	Accounts string // empty: "accounts"
}

// Params are the names of the query parameters that take a list of values.
type Params struct {
	IDs         string // empty: "ids"
	Phone       string // empty: "phone"
	Email       string // empty: "email"
	ExternalRef string // empty: "externalRef"
}

// CRM is a CRM as one tenant's token sees it.
type CRM struct {
	client   *client.Client
	params   Params
	envelope []string
	contacts collection[upstream.Contact]
	accounts collection[upstream.Account]
}

var (
	_ upstream.CRM     = (*CRM)(nil)
	_ upstream.Guarded = (*CRM)(nil)
	_ upstream.Metered = (*CRM)(nil)
)

// New returns the CRM that c's token opens.
func New(c *client.Client, cfg Config) (*CRM, error) {
	if c == nil {
		return nil, errors.New("rest: no client")
	}
	if cfg.Foreign == nil {
		cfg.Foreign = func() {}
	}
	if cfg.TenantID == "" {
		return nil, errors.New("rest: no tenant id")
	}
	params := cfg.Params.withDefaults()
	if err := params.check(); err != nil {
		return nil, err
	}
	envelope, err := split("envelope", cmp.Or(cfg.Envelope, "data"), ".")
	if err != nil {
		return nil, err
	}
	crm := &CRM{client: c, params: params, envelope: envelope}
	crm.contacts = collection[upstream.Contact]{op: upstream.OpContacts, tenant: cfg.TenantID, foreign: cfg.Foreign, record: contact, identity: contactIdentity}
	if err := crm.contacts.configure("contacts", cfg.Paths.Contacts, contactFields, cfg.ContactFields, cfg.ContactCustom); err != nil {
		return nil, err
	}
	crm.accounts = collection[upstream.Account]{op: upstream.OpAccounts, tenant: cfg.TenantID, foreign: cfg.Foreign, record: account, identity: accountIdentity}
	if err := crm.accounts.configure("accounts", cfg.Paths.Accounts, accountFields, cfg.AccountFields, cfg.AccountCustom); err != nil {
		return nil, err
	}
	return crm, nil
}

// Tripped implements [upstream.Guarded].
func (c *CRM) Tripped(op upstream.Op) (bool, time.Duration) { return c.client.Tripped(op) }

// Limited implements [upstream.Metered].
func (c *CRM) Limited() time.Duration { return c.client.Limited() }

func (p Params) withDefaults() Params {
	return Params{
		IDs:         cmp.Or(p.IDs, "ids"),
		Phone:       cmp.Or(p.Phone, "phone"),
		Email:       cmp.Or(p.Email, "email"),
		ExternalRef: cmp.Or(p.ExternalRef, "externalRef"),
	}
}

// check refuses two lists in one parameter, which the CRM could not tell apart.
func (p Params) check() error {
	names := []string{p.IDs, p.Phone, p.Email, p.ExternalRef}
	slices.Sort(names)
	if len(slices.Compact(names)) < 4 {
		return errors.New("rest: two parameters of one name")
	}
	return nil
}

// collection is one kind of record: where it is and how it is read.
type collection[T any] struct {
	op      upstream.Op
	tenant  string
	foreign func() // told of a record of another tenant
	path    []string
	names   map[string][]string // our field -> the way to theirs
	extra   map[string][]string // the same for custom fields
	record  func(*fields) (T, error)

	identity func(*T) (id, tenant string)
}

// configure sets the path and the field names; known are the fields that there are.
func (c *collection[T]) configure(kind, path string, known []string, theirs, custom map[string]string) (err error) {
	if c.path, err = split("path of "+kind, strings.Trim(cmp.Or(path, kind), "/"), "/"); err != nil {
		return err
	}
	for f := range theirs {
		if !slices.Contains(known, f) {
			return fmt.Errorf("rest: %s have no field %q", kind, f)
		}
	}
	c.names, c.extra = make(map[string][]string, len(known)), make(map[string][]string, len(custom))
	for _, f := range known { // a whole comes before its parts
		way, given := theirs[f]
		if !given {
			c.names[f] = c.ownWay(f)
		} else if c.names[f], err = split("field "+f+" of "+kind, way, "."); err != nil {
			return err
		}
	}
	for f, way := range custom {
		if c.extra[f], err = split("custom field "+f+" of "+kind, way, "."); err != nil {
			return err
		}
	}
	return nil
}

// ownWay is the way to a field that has our name: a part is in its whole,
// wherever that is.
func (c *collection[T]) ownWay(f string) []string {
	if whole, part, ok := strings.Cut(f, "."); ok {
		return append(slices.Clone(c.names[whole]), part)
	}
	return []string{f}
}

// split cuts a configured path and refuses the parts that no path can have.
func split(what, path, sep string) ([]string, error) {
	parts := strings.Split(path, sep)
	for _, p := range parts {
		if p == "" || p == "." || p == ".." {
			return nil, fmt.Errorf("rest: %s %q has an empty part", what, path)
		}
	}
	return parts, nil
}
