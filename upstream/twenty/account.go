package twenty

import (
	"errors"

	"github.com/weft-gateway/weft/upstream"
)

// account reads a company. One that came along with a person has the same
// fields as one that was asked for.
func (c *CRM) account(f upstream.Fields) (upstream.Account, error) {
	id, ok := f.ID("id")
	switch {
	case !ok || id == nil:
		return upstream.Account{}, errors.New("a company without id")
	case f.Text("deletedAt") != nil:
		return upstream.Account{}, upstream.NotFound
	}
	owner, _ := f.ID("accountOwnerId")
	site := f.Text("domainName") // once it was a text
	if site == nil {
		site = f.Object("domainName").Text("primaryLinkUrl")
	}
	domain := upstream.Domain(site)
	a := upstream.Account{
		ID: *id, TenantID: c.cfg.TenantID, Name: f.Text("name"), ResolutionStatus: "crm_resolved",
		Website: site, Domain: domain, EmailDomain: domain, // companies are told by it when people are added by e-mail
		CreatedAt: f.Time("createdAt"), UpdatedAt: f.Time("updatedAt"),
		Employees: f.Count("employees"), AnnualRevenue: revenue(f.Object("annualRecurringRevenue")), OwnerID: owner,
		Address: address(f.Object("address")),
		URL:     c.link("company", *id), Custom: custom(c.firms, f),
	}
	if a.Address != nil {
		a.Country = upstream.CountryCode(a.Address.Country)
	}
	return a, nil
}

// revenue reads an amount, which Twenty keeps in millionths.
func revenue(f upstream.Fields) *upstream.Money {
	micros := f.Number("amountMicros")
	if micros == nil {
		return nil
	}
	return &upstream.Money{Amount: *micros / 1e6, Currency: f.Text("currencyCode")}
}

func address(f upstream.Fields) *upstream.Address {
	street, second := f.Text("addressStreet1"), f.Text("addressStreet2")
	if street != nil && second != nil {
		both := *street + "\n" + *second
		street = &both
	}
	return upstream.Address{
		Street: street, City: f.Text("addressCity"), State: f.Text("addressState"),
		PostalCode: f.Text("addressPostcode"), Country: f.Text("addressCountry"),
	}.OrNil()
}
