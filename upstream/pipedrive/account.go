package pipedrive

import (
	"strings"

	"github.com/weft-gateway/weft/upstream"
)

// account reads an organization.
func (c *CRM) account(f upstream.Fields) (upstream.Account, error) {
	id, _ := f.ID("id") // looked at before
	owner, _ := f.ID("owner_id")
	at := address(f.Object("address"))
	a := upstream.Account{
		ID: *id, TenantID: c.tenant, Name: f.Text("name"), ResolutionStatus: "crm_resolved",
		Website: f.Text("website"), Domain: upstream.Domain(f.Text("website")),
		CreatedAt: f.Time("add_time"), UpdatedAt: f.Time("update_time"),
		Industry: label(f, "industry"), Employees: f.Count("employee_count"), AnnualRevenue: revenue(f),
		OwnerID: owner, Tags: labels(f), Address: at,
		URL: c.link("organization", *id), Custom: c.accounts.fields.read(f),
	}
	if at != nil {
		a.Country = upstream.CountryCode(at.Country)
	}
	return a, nil
}

// revenue reads an amount, with its currency where that is there.
func revenue(f upstream.Fields) *upstream.Money {
	if amount := f.Number("annual_revenue"); amount != nil {
		return &upstream.Money{Amount: *amount}
	}
	object := f.Object("annual_revenue")
	if amount := object.Number("value"); amount != nil {
		return &upstream.Money{Amount: *amount, Currency: object.Text("currency")}
	}
	return nil
}

// address reads an address, which Pipedrive takes apart after it was typed in
// as one.
func address(f upstream.Fields) *upstream.Address {
	formatted := f.Text("formatted_address")
	if formatted == nil {
		formatted = f.Text("value")
	}
	return upstream.Address{
		Street: street(f), City: f.Text("locality"), State: f.Text("admin_area_level_1"),
		PostalCode: f.Text("postal_code"), Country: f.Text("country"), Formatted: formatted,
	}.OrNil()
}

func street(f upstream.Fields) *string {
	route := f.Text("route")
	if route == nil {
		return nil
	}
	parts := []string{*route}
	for _, name := range []string{"street_number", "subpremise"} {
		if part := f.Text(name); part != nil {
			parts = append(parts, *part)
		}
	}
	s := strings.Join(parts, " ")
	return &s
}
