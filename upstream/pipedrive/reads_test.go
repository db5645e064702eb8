package pipedrive

import (
	"testing"

	"github.com/weft-gateway/weft/upstream"
	"github.com/weft-gateway/weft/upstream/upstreamtest"
)

// reads is all that is read of Pipedrive's answers, with the configuration of
// [testConfig].
func reads() []string {
	all := []string{"success", "data.items.item.id", "data.items.item.custom_fields", "additional_data.next_cursor"}
	for _, field := range []string{
		"id", "is_deleted", "owner_id", "add_time", "update_time", "labels.label", "name",
		"org_id", "first_name", "last_name", "job_title",
		"emails.value", "emails.label", "emails.primary", "phones.value", "phones.label", "phones.primary",
		"custom_fields." + keyRef, "custom_fields." + keyPlan, "custom_fields." + keyBudget + ".currency", "custom_fields." + keyBudget + ".nothing",
		"postal_address.formatted_address", "postal_address.value", "postal_address.route", "postal_address.street_number", "postal_address.subpremise",
		"postal_address.locality", "postal_address.admin_area_level_1", "postal_address.postal_code", "postal_address.country",
		"website", "industry", "employee_count", "annual_revenue",
		"address.formatted_address", "address.value", "address.route", "address.street_number", "address.subpremise",
		"address.locality", "address.admin_area_level_1", "address.postal_code", "address.country",
	} {
		all = append(all, "data."+field)
	}
	return all
}

// TestReads: all that is not on the list makes no difference.
func TestReads(t *testing.T) {
	names := []string{
		"label_ids", "visible_to", "picture_id", "notes", "im", "birthday", "marketing_status", "doi_status", "email_messages_count", "activities_count",
		"open_deals_count", "last_activity_id", "next_activity_id", "cc_email", "linkedin", "people_count", "delete_time", "result_score", "organization",
		"owner", "sublocality", "admin_area_level_2", "postal_address_lat", "lat", "long", "custom_fields", "additional_data", "estimated_count", keySecret,
	}
	upstreamtest.TestCRMReads(t, reads(), names, func(t testing.TB) upstreamtest.CRMCase {
		v := newVendor()
		v.persons[1]["postal_address"] = object{"route": "Lindenweg", "street_number": "5"}
		v.persons[6] = object{"id": 6, "is_deleted": false, "custom_fields": object{keySecret: "REF-1"}} // is found for it, and is nobody
		v.orgs[101]["address"] = object{"value": "Lindenweg 5, Leipzig", "route": "Lindenweg"}
		c, faults := open(t, v, Access(testToken), testConfig())
		return upstreamtest.CRMCase{
			CRM: c, Faults: faults, Contacts: wantContacts(), Accounts: wantAccounts(),
			Lookups: []upstream.Lookup{upstream.ByExternalRef, upstream.ByEmail, upstream.ByPhone},
		}
	})
}
