// Package pipedrive reads persons and organizations from Pipedrive, by version
// 2 of its API.
//
// One record is read by its own path, which costs the least of the company's
// daily tokens; more are read 100 in a call. Ids that Pipedrive does not know are
// left out of its answer without a word, and so are those that were deleted, or
// merged into another.
package pipedrive

import (
	"cmp"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/weft-gateway/weft/upstream"
	"github.com/weft-gateway/weft/upstream/client"
)

// Kind is the name of the connector in the configuration.
const Kind = "pipedrive"

// Operations returns the operations that the connector needs of its host.
func Operations() []upstream.Op {
	return []upstream.Op{upstream.OpContacts, upstream.OpAccounts, upstream.OpFind}
}

// Access is how a personal API token is sent.
func Access(token string) client.Access { return client.Access{Token: token, Header: "x-api-token"} }

// Manners are how Pipedrive speaks of the tokens of the day, which the whole
// company shares and which come back at midnight, UTC. The quota of two seconds
// has the common headers.
func Manners() client.Manners {
	spent := func(h http.Header) (time.Duration, bool) {
		if left, err := strconv.Atoi(h.Get("X-Daily-Ratelimit-Token-Remaining")); err != nil || left > 0 {
			return 0, false
		}
		now := time.Now().UTC()
		return now.Truncate(24 * time.Hour).Add(24 * time.Hour).Sub(now), true
	}
	return client.Manners{
		Spent: spent,
		Refused: func(r client.Reply) (upstream.Kind, time.Duration) {
			wait, _ := spent(r.Header)
			return "", wait
		},
	}
}

// Config says whose records they are, and what is read of them beside the
// fields that every company has.
type Config struct {
	TenantID string // required
	AppURL   string // root of the pages that people see, as "https://acme.pipedrive.com"; "": records have no link

	// ExternalRef is the key of the custom field of a person that holds its
	// reference in another system. "": there is none, and nobody is found by it.
	ExternalRef string

	// Custom fields that pass: the name that one gets -> its key, and after a
	// dot a part of its value, as in "d4de90a6.currency". Nil: none.
	ContactCustom, AccountCustom map[string]string
}

// CRM is a company's Pipedrive as one tenant's credential sees it.
type CRM struct {
	client   *client.Client
	tenant   string
	app      string
	contacts collection[upstream.Contact]
	accounts collection[upstream.Account]
}

var (
	_ upstream.CRM     = (*CRM)(nil)
	_ upstream.Guarded = (*CRM)(nil)
	_ upstream.Metered = (*CRM)(nil)
)

// New returns the CRM that c's credential opens.
func New(c *client.Client, cfg Config) (*CRM, error) {
	switch {
	case c == nil:
		return nil, errors.New("pipedrive: no client")
	case cfg.TenantID == "":
		return nil, errors.New("pipedrive: no tenant id")
	}
	if u, err := url.Parse(cfg.AppURL); cfg.AppURL != "" && (err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https") {
		return nil, errors.New("pipedrive: the address of the pages is not one")
	}
	crm := &CRM{client: c, tenant: cfg.TenantID, app: strings.TrimRight(cfg.AppURL, "/")}
	crm.contacts = collection[upstream.Contact]{
		op: upstream.OpContacts, path: "persons", record: crm.contact,
		id: func(c *upstream.Contact) string { return c.ID },
	}
	crm.accounts = collection[upstream.Account]{
		op: upstream.OpAccounts, path: "organizations", record: crm.account,
		id: func(a *upstream.Account) string { return a.ID },
	}
	if err := crm.contacts.fields.configure(cfg.ExternalRef, cfg.ContactCustom); err != nil {
		return nil, err
	}
	return crm, crm.accounts.fields.configure("", cfg.AccountCustom)
}

// Tripped implements [upstream.Guarded].
func (c *CRM) Tripped(op upstream.Op) (bool, time.Duration) { return c.client.Tripped(op) }

// Limited implements [upstream.Metered].
func (c *CRM) Limited() time.Duration { return c.client.Limited() }

// custom are the custom fields that are read of a kind of record.
type custom struct {
	ref  string              // key; "": none
	ways map[string][]string // our name -> key, and what is below it
	keys []string            // all keys, sorted; nil: more than can be asked for
}

// maxKeys is how many custom fields can be asked for. Without any named, all
// come.
const maxKeys = 15

func (f *custom) configure(ref string, names map[string]string) error {
	f.ref, f.ways = ref, make(map[string][]string, len(names))
	keys := make([]string, 0, len(names)+1)
	if ref != "" {
		keys = append(keys, ref)
	}
	for ours, theirs := range names {
		way := strings.Split(theirs, ".")
		f.ways[ours], keys = way, append(keys, way[0])
	}
	for _, key := range keys {
		if !upstream.ValidID(key) {
			return errors.New("pipedrive: " + cmp.Or(key, "nothing") + " is not the key of a custom field")
		}
	}
	slices.Sort(keys)
	if keys = slices.Compact(keys); len(keys) <= maxKeys {
		f.keys = keys
	}
	return nil
}
