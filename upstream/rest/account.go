package rest

import "github.com/weft-gateway/weft/upstream"

// accountFields are the fields that an account can have, in the words of the configuration.
var accountFields = []string{
	"id", "tenantId", "name", "resolutionStatus", "externalRef", "emailDomain", "vatNumber",
	"vatValid", "country", "phone", "website", "companyType", "createdAt", "updatedAt",
	"description", "industry", "employees", "annualRevenue", "parentId", "ownerId", "ownerName",
	"lifecycleStage", "tags", "lastActivityAt", "domain", "archived", "url",
	"address", "address.street", "address.city", "address.state", "address.postalCode", "address.country", "address.formatted",
}

// account reads an account.
func account(f *fields) (upstream.Account, error) {
	a := upstream.Account{
		ID:               f.key(),
		TenantID:         f.owner(),
		Name:             f.text("name"),
		ResolutionStatus: f.resolution(),
		ExternalRef:      f.ref("externalRef"),
		EmailDomain:      f.text("emailDomain"),
		VATNumber:        f.text("vatNumber"),
		VATValid:         field[bool](f, "vatValid"),
		Country:          f.text("country"),
		Phone:            f.phone("phone"),
		Website:          f.text("website"),
		CompanyType:      f.text("companyType"),
		CreatedAt:        f.time("createdAt"),
		UpdatedAt:        f.time("updatedAt"),
		Domain:           f.text("domain"),
		Description:      f.text("description"),
		Industry:         f.text("industry"),
		Employees:        f.count("employees"),
		AnnualRevenue:    f.money("annualRevenue"),
		ParentID:         f.id("parentId"),
		OwnerID:          f.id("ownerId"),
		OwnerName:        f.text("ownerName"),
		LifecycleStage:   f.text("lifecycleStage"),
		Tags:             f.tags("tags"),
		LastActivityAt:   f.time("lastActivityAt"),
		Address:          f.address("address"),
		Archived:         field[bool](f, "archived"),
		URL:              f.link("url"),
		Custom:           f.custom(),
	}
	return a, f.err
}

func accountIdentity(a *upstream.Account) (id, tenant string) { return a.ID, a.TenantID }
