package salesforce

import (
	"context"
	"time"

	"github.com/weft-gateway/weft/upstream"
)

func (c *CRM) accountObject() object[upstream.Account] {
	return object[upstream.Account]{
		op: upstream.OpAccounts, name: "Account", prefix: "001", fields: c.accountFields(), convert: c.account,
	}
}

func (c *CRM) accountFields() []string {
	return distinct([]string{
		"Id", "Name", "Website", "Industry", "NumberOfEmployees", "AnnualRevenue", "Phone", "Type", "Description",
		"ParentId", "OwnerId", "Owner.Name", "BillingStreet", "BillingCity", "BillingState", "BillingPostalCode", "BillingCountry",
		"LastActivityDate", "CreatedDate", "LastModifiedDate",
	}, c.cfg.AccountCustom)
}

// Accounts implements [upstream.CRM], for ids as those of [CRM.Contacts].
func (c *CRM) Accounts(ctx context.Context, ids []string) (map[string]upstream.Account, error) {
	return byID(ctx, c, &c.accounts, ids)
}

// account reads an account.
func (c *CRM) account(id string, f upstream.Fields) (upstream.Account, error) {
	parent, err := reference(f, "ParentId", c.accounts.prefix)
	if err != nil {
		return upstream.Account{}, err
	}
	a := upstream.Account{
		ID: id, TenantID: c.cfg.TenantID, ResolutionStatus: "crm_resolved", Name: f.Text("Name"),
		Website: f.Text("Website"), Domain: upstream.Domain(f.Text("Website")),
		CompanyType: f.Text("Type"), Description: f.Text("Description"), Industry: f.Text("Industry"),
		Employees: f.Count("NumberOfEmployees"), ParentID: parent,
		OwnerID: f.Text("OwnerId"), OwnerName: f.Object("Owner").Text("Name"),
		LastActivityAt: f.Time("LastActivityDate", time.DateOnly),
		CreatedAt:      f.Time("CreatedDate", timeLayout), UpdatedAt: f.Time("LastModifiedDate", timeLayout),
		Address: address(f, "Billing"), URL: c.link("Account", id),
		Custom: custom(c.cfg.AccountCustom, f),
	}
	if phone := f.Text("Phone"); phone != nil {
		number := upstream.E164(*phone)
		a.Phone = &number
	}
	if amount := f.Number("AnnualRevenue"); amount != nil {
		a.AnnualRevenue = &upstream.Money{Amount: *amount}
	}
	return a, nil
}
