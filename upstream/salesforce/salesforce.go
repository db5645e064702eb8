// Package salesforce reads contacts and accounts of Salesforce by queries: the
// account of a contact comes along with it, in the same call.
package salesforce

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/weft-gateway/weft/upstream"
	"github.com/weft-gateway/weft/upstream/client"
)

// Kind is the name of the connector in the configuration.
const Kind = "salesforce"

// version of the API, which every instance has.
const version = "v60.0"

// Operations returns the operations that the connector needs of its host.
func Operations() []upstream.Op {
	return []upstream.Op{upstream.OpContacts, upstream.OpAccounts, upstream.OpFind}
}

// Config says whose records they are, and which of their fields pass.
type Config struct {
	TenantID string // required

	// AppURL is where people look at the records, as
	// https://acme.lightning.force.com; "": records have no deep links.
	AppURL string

	// ExternalRef is the field of a contact, a text, that holds its reference
	// in another system, as Weft_Ref__c; "": there is none.
	ExternalRef string

	// What passes beside the fields of the contract: the name that it gets in
	// custom -> the field, as Plan__c. Nil: nothing.
	ContactCustom map[string]string
	AccountCustom map[string]string
}

// CRM is a Salesforce organisation as one tenant's token sees it.
type CRM struct {
	client   *client.Client
	cfg      Config
	contacts object[upstream.Contact]
	accounts object[upstream.Account]
}

var (
	_ upstream.CRM            = (*CRM)(nil)
	_ upstream.AccountBringer = (*CRM)(nil)
	_ upstream.Guarded        = (*CRM)(nil)
	_ upstream.Metered        = (*CRM)(nil)
)

// New returns the CRM that c's token opens.
func New(c *client.Client, cfg Config) (*CRM, error) {
	switch {
	case c == nil:
		return nil, errors.New("salesforce: no client")
	case cfg.TenantID == "":
		return nil, errors.New("salesforce: no tenant id")
	case cfg.ExternalRef != "" && !isField(cfg.ExternalRef):
		return nil, fmt.Errorf("salesforce: no field can be called %q", cfg.ExternalRef)
	}
	for _, custom := range []map[string]string{cfg.ContactCustom, cfg.AccountCustom} {
		for _, name := range custom {
			if !isField(name) {
				return nil, fmt.Errorf("salesforce: no field can be called %q", name)
			}
		}
	}
	cfg.AppURL = strings.TrimSuffix(cfg.AppURL, "/")
	crm := &CRM{client: c, cfg: cfg}
	crm.contacts = crm.contactObject()
	crm.accounts = crm.accountObject()
	return crm, nil
}

// BringsAccounts implements [upstream.AccountBringer].
func (c *CRM) BringsAccounts() {}

// Tripped implements [upstream.Guarded].
func (c *CRM) Tripped(op upstream.Op) (bool, time.Duration) { return c.client.Tripped(op) }

// Limited implements [upstream.Metered].
func (c *CRM) Limited() time.Duration { return c.client.Limited() }

// isField reports whether Salesforce could have a field of the name. It is
// written into queries as it is.
func isField(name string) bool {
	return regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]{0,79}$`).MatchString(name)
}
