// Package twenty reads people and companies from Twenty, by the REST interface
// that every workspace has.
//
// A page has 60 records at most, and a person's company comes along with them,
// so that a hundred people and their companies are two calls. Ids that the
// workspace does not know, and records that were deleted, are not in its answer.
package twenty

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/weft-gateway/weft/upstream"
	"github.com/weft-gateway/weft/upstream/client"
)

// Kind is the name of the connector in the configuration.
const Kind = "twenty"

// Operations returns the operations that the connector needs of its host.
func Operations() []upstream.Op {
	return []upstream.Op{upstream.OpContacts, upstream.OpAccounts, upstream.OpFind}
}

// refusedFor is how long a workspace that refuses calls is left alone. It has a
// hundred in a minute, and does not say when it takes the next.
const refusedFor = 10 * time.Second

// Manners are how Twenty refuses calls beyond the quota.
func Manners() client.Manners {
	return client.Manners{Refused: func(r client.Reply) (upstream.Kind, time.Duration) {
		if r.Status == http.StatusTooManyRequests {
			return upstream.RateLimited, refusedFor
		}
		return "", 0
	}}
}

// Config says whose records they are, and what is read of them beside the
// fields that every workspace has.
type Config struct {
	TenantID string // required
	AppURL   string // root of the pages that people see, as "https://acme.twenty.com"; "": records have no link

	// ExternalRef is the field of a person that holds their reference in another
	// system. "": there is none, and nobody is found by it.
	ExternalRef string

	// Fields that pass: the name that one gets -> theirs, with dots into an
	// object. Nil: none.
	ContactCustom, AccountCustom map[string]string
}

// CRM is a workspace as one tenant's key sees it.
type CRM struct {
	client *client.Client
	cfg    Config
	people map[string][]string // custom fields: our name -> the way to theirs
	firms  map[string][]string
}

var (
	_ upstream.CRM            = (*CRM)(nil)
	_ upstream.AccountBringer = (*CRM)(nil)
	_ upstream.Guarded        = (*CRM)(nil)
	_ upstream.Metered        = (*CRM)(nil)
)

// New returns the CRM that c's key opens.
func New(c *client.Client, cfg Config) (*CRM, error) {
	switch {
	case c == nil:
		return nil, errors.New("twenty: no client")
	case cfg.TenantID == "":
		return nil, errors.New("twenty: no tenant id")
	case cfg.ExternalRef != "" && !isField(cfg.ExternalRef):
		return nil, errors.New("twenty: the external reference is not the name of a field")
	}
	if u, err := url.Parse(cfg.AppURL); cfg.AppURL != "" && (err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https") {
		return nil, errors.New("twenty: the address of the pages is not one")
	}
	cfg.AppURL = strings.TrimRight(cfg.AppURL, "/")
	crm := &CRM{client: c, cfg: cfg}
	var people, firms error
	crm.people, people = ways(cfg.ContactCustom)
	crm.firms, firms = ways(cfg.AccountCustom)
	return crm, errors.Join(people, firms)
}

// BringsAccounts implements [upstream.AccountBringer].
func (c *CRM) BringsAccounts() {}

// Tripped implements [upstream.Guarded].
func (c *CRM) Tripped(op upstream.Op) (bool, time.Duration) { return c.client.Tripped(op) }

// Limited implements [upstream.Metered].
func (c *CRM) Limited() time.Duration { return c.client.Limited() }

// ways takes the configured names apart.
func ways(names map[string]string) (map[string][]string, error) {
	out := make(map[string][]string, len(names))
	for ours, theirs := range names {
		if !isField(theirs) {
			return nil, errors.New("twenty: " + ours + " is of no field")
		}
		out[ours] = strings.Split(theirs, ".")
	}
	return out, nil
}

// isField reports whether a name can stand in a filter: letters, digits and
// underscores, with dots between.
func isField(name string) bool {
	for part := range strings.SplitSeq(name, ".") {
		if !upstream.ValidID(part) || strings.Contains(part, "-") {
			return false
		}
	}
	return true
}
