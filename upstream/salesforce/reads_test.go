package salesforce

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/weft-gateway/weft/upstream"
	"github.com/weft-gateway/weft/upstream/upstreamtest"
)

// reads is all that is read of Salesforce's answers, with the configuration of
// [open]. A search answers in a member of its own.
func reads() []string {
	account := []string{
		"Id", "Name", "Website", "Industry", "NumberOfEmployees", "AnnualRevenue", "Phone", "Type", "Description", "ParentId", "OwnerId", "Owner.Name",
		"BillingStreet", "BillingCity", "BillingState", "BillingPostalCode", "BillingCountry",
		"LastActivityDate", "CreatedDate", "LastModifiedDate", "Tier__c",
	}
	contact := []string{
		"Id", "AccountId", "FirstName", "LastName", "Name", "Title", "Department", "Email", "Phone", "MobilePhone", "HomePhone", "OtherPhone",
		"OwnerId", "Owner.Name", "MailingStreet", "MailingCity", "MailingState", "MailingPostalCode", "MailingCountry",
		"LastActivityDate", "CreatedDate", "LastModifiedDate", "Weft_Ref__c", "Plan__c",
	}
	for _, field := range account {
		contact = append(contact, "Account."+field)
	}
	all := []string{"done", "searchRecords.AssistantPhone", "searchRecords.Fax"}
	for _, field := range contact {
		all = append(all, "records."+field, "searchRecords."+field)
	}
	for _, field := range account {
		if !slices.Contains(all, "records."+field) {
			all = append(all, "records."+field)
		}
	}
	return all
}

// TestReads: all that is not on the list makes no difference.
func TestReads(t *testing.T) {
	names := []string{
		"attributes", "totalSize", "Salutation", "Suffix", "MiddleName", "Birthdate", "LeadSource", "AssistantName", "ReportsToId", "MasterRecordId", "IsDeleted",
		"CreatedById", "LastModifiedById", "SystemModstamp", "EmailBouncedReason", "EmailBouncedDate", "PhotoUrl", "Jigsaw", "JigsawContactId",
		"MailingLatitude", "MailingLongitude", "MailingAddress", "OtherStreet", "OtherCity", "BillingAddress", "ShippingStreet", "ShippingCity",
		"AccountNumber", "Site", "Sic", "SicDesc", "TickerSymbol", "Ownership", "Rating", "CleanStatus", "DunsNumber", "Tradestyle", "Contact", "Secret__c",
	}
	upstreamtest.TestCRMReads(t, reads(), names, func(t testing.TB) upstreamtest.CRMCase {
		v := newVendor()
		v.fill(3)
		v.contacts[contactID(1)]["Fax"], v.contacts[contactID(1)]["AssistantPhone"] = "+49301", "+49302"
		c, faults := open(t, v, static(), nil)
		ids := []string{contactID(0), contactID(1), contactID(2)}
		contacts, err := c.Contacts(context.Background(), ids)
		accounts, accErr := c.Accounts(context.Background(), []string{accountID(0), accountID(1), accountID(2)})
		if err != nil || accErr != nil {
			t.Fatal(err, accErr)
		}
		return upstreamtest.CRMCase{
			CRM: c, Faults: faults, Lookups: []upstream.Lookup{upstream.ByExternalRef, upstream.ByEmail, upstream.ByPhone},
			Contacts: slices.SortedFunc(maps.Values(contacts), func(a, b upstream.Contact) int { return strings.Compare(a.ID, b.ID) }),
			Accounts: slices.SortedFunc(maps.Values(accounts), func(a, b upstream.Account) int { return strings.Compare(a.ID, b.ID) }),
		}
	})
}
