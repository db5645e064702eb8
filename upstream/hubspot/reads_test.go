package hubspot

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/weft-gateway/weft/upstream"
	"github.com/weft-gateway/weft/upstream/upstreamtest"
)

// reads is all that is read of HubSpot's answers, with the configuration of [open].
func reads() []string {
	all := []string{
		"status", "errors", "paging",
		"results.id", "results.archived", "results.createdAt", "results.updatedAt",
		"results.from.id", "results.to.toObjectId", "results.to.associationTypes.category", "results.to.associationTypes.typeId",
	}
	for _, property := range []string{
		"firstname", "lastname", "email", "hs_additional_emails", "phone", "mobilephone", "company", "jobtitle", "associatedcompanyid",
		"hubspot_owner_id", "lifecyclestage", "hs_language", "hs_timezone", "notes_last_updated", "address", "city", "state", "zip", "country",
		"hs_merged_object_ids", "crm_ref", "plan", "no_such_property",
		"name", "domain", "website", "industry", "numberofemployees", "annualrevenue", "description", "type",
		"hs_country_code", "hs_parent_company_id", "address2",
	} {
		all = append(all, "results.properties."+property)
	}
	return all
}

// TestReads: all that is not on the list makes no difference.
func TestReads(t *testing.T) {
	names := []string{
		"hs_object_id", "createdate", "lastmodifieddate", "salutation", "fax", "date_of_birth", "gender", "marital_status", "military_status",
		"message", "ip_city", "ip_country", "hs_ip_timezone", "hs_lead_status", "hs_email_domain", "hs_avatar_filemanager_key", "twitterhandle",
		"linkedinbio", "photo", "salary", "degree", "notes_last_contacted", "num_notes", "total_revenue", "about_us", "founded_year",
		"hs_analytics_source", "hs_all_contact_vids", "propertiesWithHistory", "associations", "secret_note", "toObjectType", "label", "archivedAt",
	}
	upstreamtest.TestCRMReads(t, reads(), names, func(t testing.TB) upstreamtest.CRMCase {
		v := newVendor()
		v.fill(4)
		delete(v.records["contacts"]["1002"].props, "associatedcompanyid")
		v.records["contacts"]["1002"].companies = []string{"5001", "5002"}
		v.records["companies"]["5001"].props["address"] = "Lindenweg 5"
		v.records["contacts"]["1001"].props["address"] = "Lindenweg 6"
		v.records["contacts"]["1009"] = &fakeRecord{into: "1003"}
		c, faults := open(t, v, static())
		contacts, err := c.Contacts(context.Background(), idsFrom(1000, 4))
		accounts, accErr := c.Accounts(context.Background(), idsFrom(5000, 4))
		if err != nil || accErr != nil {
			t.Fatal(err, accErr)
		}
		contacts["1009"] = upstream.Contact{ID: "1009"} // was merged into another
		return upstreamtest.CRMCase{
			CRM: c, Faults: faults, Lookups: []upstream.Lookup{upstream.ByExternalRef, upstream.ByEmail, upstream.ByPhone},
			Contacts: slices.SortedFunc(maps.Values(contacts), func(a, b upstream.Contact) int { return strings.Compare(a.ID, b.ID) }),
			Accounts: slices.SortedFunc(maps.Values(accounts), func(a, b upstream.Account) int { return strings.Compare(a.ID, b.ID) }),
		}
	})
}
