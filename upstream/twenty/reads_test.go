package twenty

import (
	"slices"
	"testing"

	"github.com/weft-gateway/weft/upstream"
	"github.com/weft-gateway/weft/upstream/upstreamtest"
)

// reads is all that is read of Twenty's answers, with the configuration of
// [testConfig].
func reads() []string {
	company := []string{
		"id", "deletedAt", "name", "domainName", "createdAt", "updatedAt", "employees", "accountOwnerId", "tier",
		"annualRecurringRevenue.amountMicros", "annualRecurringRevenue.currencyCode",
		"address.addressStreet1", "address.addressStreet2", "address.addressCity", "address.addressState", "address.addressPostcode", "address.addressCountry",
	}
	person := []string{
		"id", "companyId", "deletedAt", "name.firstName", "name.lastName", "jobTitle", "city", "createdAt", "updatedAt", "ref", "plan",
		"emails.primaryEmail", "emails.additionalEmails", "emails.nothing",
		"phones.primaryPhoneNumber", "phones.primaryPhoneCallingCode", "phones.additionalPhones.number", "phones.additionalPhones.callingCode",
	}
	for _, field := range company {
		person = append(person, "company."+field)
	}
	all := []string{"pageInfo.hasNextPage"} // and endCursor, where there is a next one
	for _, field := range company {
		all = append(all, "data.companies."+field)
	}
	for _, field := range person {
		all = append(all, "data.people."+field)
	}
	return slices.Clip(all)
}

// TestReads: all that is not on the list makes no difference.
func TestReads(t *testing.T) {
	names := []string{
		"avatarUrl", "position", "createdBy", "searchVector", "linkedinLink", "xLink", "intro", "whatsapp", "workPreference", "performanceRating",
		"idealCustomerProfile", "tagline", "workPolicy", "introVideo", "visaSponsorship", "primaryLinkLabel", "secondaryLinks", "primaryPhoneCountryCode",
		"countryCode", "addressLat", "addressLng", "totalCount", "startCursor", "noteTargets", "taskTargets", "timelineActivities", "secret",
	}
	upstreamtest.TestCRMReads(t, reads(), names, func(t testing.TB) upstreamtest.CRMCase {
		c, faults := open(t, newVendor(), testConfig())
		return upstreamtest.CRMCase{
			CRM: c, Faults: faults, Contacts: wantContacts(), Accounts: wantAccounts(),
			Lookups: []upstream.Lookup{upstream.ByExternalRef, upstream.ByEmail, upstream.ByPhone},
		}
	})
}
