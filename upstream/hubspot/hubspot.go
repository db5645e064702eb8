// Package hubspot reads contacts and companies of HubSpot.
package hubspot

import (
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/weft-gateway/weft/upstream"
	"github.com/weft-gateway/weft/upstream/client"
)

// Kind is the name of the connector in the configuration.
const Kind = "hubspot"

// Operations returns the operations that the connector needs of its host.
func Operations() []upstream.Op {
	return []upstream.Op{upstream.OpContacts, upstream.OpAccounts, upstream.OpFind, upstream.OpAssociations}
}

// Config says whose records they are, and which of their properties pass.
type Config struct {
	TenantID string // required

	// AppURL is where people look at the account's records, as
	// https://app.hubspot.com/contacts/1234567; "": records have no deep links.
	AppURL string

	// ExternalRef is the property of a contact that holds its reference in
	// another system, whose values HubSpot keeps unique; "": there is none.
	ExternalRef string

	// What passes beside the fields of the contract: the name that it gets in
	// custom -> the property. Nil: nothing.
	ContactCustom map[string]string
	AccountCustom map[string]string
}

// CRM is a HubSpot account as one tenant's token sees it.
type CRM struct {
	client   *client.Client
	cfg      Config
	contacts object[upstream.Contact]
	accounts object[upstream.Account]
}

var (
	_ upstream.CRM     = (*CRM)(nil)
	_ upstream.Guarded = (*CRM)(nil)
	_ upstream.Metered = (*CRM)(nil)
)

// New returns the CRM that c's token opens.
func New(c *client.Client, cfg Config) (*CRM, error) {
	switch {
	case c == nil:
		return nil, errors.New("hubspot: no client")
	case cfg.TenantID == "":
		return nil, errors.New("hubspot: no tenant id")
	case cfg.ExternalRef != "" && !isProperty(cfg.ExternalRef):
		return nil, fmt.Errorf("hubspot: no property can be called %q", cfg.ExternalRef)
	}
	for _, custom := range []map[string]string{cfg.ContactCustom, cfg.AccountCustom} {
		for _, name := range custom {
			if !isProperty(name) {
				return nil, fmt.Errorf("hubspot: no property can be called %q", name)
			}
		}
	}
	crm := &CRM{client: c, cfg: cfg}
	crm.contacts = crm.contactObject()
	crm.accounts = crm.accountObject()
	return crm, nil
}

// Tripped implements [upstream.Guarded].
func (c *CRM) Tripped(op upstream.Op) (bool, time.Duration) { return c.client.Tripped(op) }

// Limited implements [upstream.Metered].
func (c *CRM) Limited() time.Duration { return c.client.Limited() }

// isProperty reports whether HubSpot could have a property of the name.
func isProperty(name string) bool {
	return regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,99}$`).MatchString(name)
}
