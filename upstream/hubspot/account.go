package hubspot

import (
	"context"
	"errors"

	"github.com/weft-gateway/weft/upstream"
)

func (c *CRM) accountObject() object[upstream.Account] {
	return object[upstream.Account]{
		op: upstream.OpAccounts, name: "companies", convert: c.account,
		properties: distinct([]string{
			"name", "domain", "website", "phone", "industry", "numberofemployees", "annualrevenue", "description", "type",
			"hs_country_code", "hs_parent_company_id", "hubspot_owner_id", "lifecyclestage", "notes_last_updated",
			"address", "address2", "city", "state", "zip", "country", merged,
		}, c.cfg.AccountCustom),
	}
}

// Accounts implements [upstream.CRM], for ids as those of [CRM.Contacts].
func (c *CRM) Accounts(ctx context.Context, ids []string) (map[string]upstream.Account, error) {
	return byID(ctx, c, &c.accounts, ids)
}

// account reads a company.
func (c *CRM) account(r record) (upstream.Account, error) {
	p := r.props
	parent, ok := p.ID("hs_parent_company_id")
	if !ok {
		return upstream.Account{}, errors.New("the parent of a company cannot be read")
	}
	a := upstream.Account{
		ID: r.id, TenantID: c.cfg.TenantID, ResolutionStatus: "crm_resolved",
		Name: p.Text("name"), EmailDomain: p.Text("domain"), Domain: p.Text("domain"), Website: p.Text("website"),
		Country: country(p.Text("hs_country_code")), CompanyType: p.Text("type"),
		CreatedAt: r.top.Time("createdAt"), UpdatedAt: r.top.Time("updatedAt"),
		Description: p.Text("description"), Industry: p.Text("industry"), Employees: p.Count("numberofemployees"),
		ParentID: parent, OwnerID: p.Text("hubspot_owner_id"), LifecycleStage: p.Text("lifecyclestage"),
		LastActivityAt: p.Time("notes_last_updated"), Address: address(p), URL: c.link("0-2", r.id),
		Custom: upstream.ReadCustom(c.cfg.AccountCustom, p.Raw),
	}
	if phone := p.Text("phone"); phone != nil {
		number := upstream.E164(*phone)
		a.Phone = &number
	}
	if amount := p.Number("annualrevenue"); amount != nil {
		a.AnnualRevenue = &upstream.Money{Amount: *amount}
	}
	return a, nil
}

// country returns a country's code of two letters, nil for anything else.
func country(code *string) *string {
	if code == nil || len(*code) != 2 || (*code)[0] < 'A' || (*code)[0] > 'Z' || (*code)[1] < 'A' || (*code)[1] > 'Z' {
		return nil
	}
	return code
}
