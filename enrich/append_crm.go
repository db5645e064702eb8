package enrich

import (
	"maps"
	"slices"
	"strconv"

	"github.com/weft-gateway/weft/upstream"
)

// encodeContact writes a contact as it is kept and shown.
func encodeContact(c *upstream.Contact) ([]byte, error) {
	if !writable(c.CreatedAt, c.UpdatedAt, c.LastActivityAt) {
		return nil, errYear
	}
	b := appendString(append(make([]byte, 0, scratch), `{"id":`...), c.ID)
	b = appendString(append(b, `,"tenantId":`...), c.TenantID)
	b = appendOptional(append(b, `,"accountId":`...), c.AccountID)
	b = appendOptional(append(b, `,"externalRef":`...), c.ExternalRef)
	b = appendString(append(b, `,"resolutionStatus":`...), c.ResolutionStatus)
	b = appendOptional(append(b, `,"firstName":`...), c.FirstName)
	b = appendOptional(append(b, `,"lastName":`...), c.LastName)
	b = appendOptional(append(b, `,"email":`...), c.Email)
	b = appendOptional(append(b, `,"phone":`...), c.Phone)
	b = appendOptional(append(b, `,"companyName":`...), c.CompanyName)
	b = appendTime(append(b, `,"createdAt":`...), c.CreatedAt)
	b = appendTime(append(b, `,"updatedAt":`...), c.UpdatedAt)
	b = appendMember(b, `,"name":`, c.Name)
	b = appendMember(b, `,"title":`, c.Title)
	b = appendMember(b, `,"department":`, c.Department)
	b = appendEmails(b, c.Emails)
	b = appendPhones(b, c.Phones)
	b = appendMember(b, `,"ownerId":`, c.OwnerID)
	b = appendMember(b, `,"ownerName":`, c.OwnerName)
	b = appendMember(b, `,"lifecycleStage":`, c.LifecycleStage)
	b = appendTexts(b, `,"tags":`, c.Tags)
	b = appendMember(b, `,"timezone":`, c.Timezone)
	b = appendMember(b, `,"language":`, c.Language)
	b = appendTexts(b, `,"accountIds":`, c.AccountIDs)
	b = appendAddress(b, c.Address)
	b = appendActivity(b, c.LastActivityAt, c.Archived, c.URL)
	b = appendCustom(b, c.Custom)
	return slices.Clone(append(b, '}')), nil
}

func appendEmails(b []byte, list []upstream.EmailAddress) []byte {
	for i, m := range list {
		b = appendOpening(b, `,"emails":[`, i)
		b = appendString(append(b, `{"value":`...), m.Value)
		b = appendOptional(append(b, `,"type":`...), m.Type)
		b = append(strconv.AppendBool(append(b, `,"primary":`...), m.Primary), '}')
	}
	return appendClosing(b, len(list))
}

func appendPhones(b []byte, list []upstream.PhoneNumber) []byte {
	for i, p := range list {
		b = appendOpening(b, `,"phones":[`, i)
		b = appendString(append(b, `{"value":`...), p.Value)
		b = appendOptional(append(b, `,"raw":`...), p.Raw)
		b = appendOptional(append(b, `,"type":`...), p.Type)
		b = append(strconv.AppendBool(append(b, `,"primary":`...), p.Primary), '}')
	}
	return appendClosing(b, len(list))
}

// appendOpening writes what is before element i of a list that is left out where
// it is empty, appendClosing what is after the last of n.
func appendOpening(b []byte, opening string, i int) []byte {
	if i > 0 {
		return append(b, ',')
	}
	return append(b, opening...)
}

func appendClosing(b []byte, n int) []byte {
	if n == 0 {
		return b
	}
	return append(b, ']')
}

func appendAddress(b []byte, a *upstream.Address) []byte {
	if a == nil {
		return b
	}
	b = appendOptional(append(b, `,"address":{"street":`...), a.Street)
	b = appendOptional(append(b, `,"city":`...), a.City)
	b = appendOptional(append(b, `,"state":`...), a.State)
	b = appendOptional(append(b, `,"postalCode":`...), a.PostalCode)
	b = appendOptional(append(b, `,"country":`...), a.Country)
	return append(appendOptional(append(b, `,"formatted":`...), a.Formatted), '}')
}

// appendCustom writes the fields by their names, so that the same record always
// has the same bytes.
func appendCustom(b []byte, custom upstream.Custom) []byte {
	for i, name := range slices.Sorted(maps.Keys(custom)) {
		b = appendString(appendOpening(b, `,"custom":{`, i), name)
		b = appendRaw(append(b, ':'), custom[name])
	}
	if len(custom) > 0 {
		b = append(b, '}')
	}
	return b
}

// appendActivity writes what contacts and accounts end with.
func appendActivity(b []byte, last *upstream.Time, archived *bool, url *string) []byte {
	if last != nil {
		b = appendTime(append(b, `,"lastActivityAt":`...), last)
	}
	if archived != nil {
		b = appendBool(append(b, `,"archived":`...), archived)
	}
	return appendMember(b, `,"url":`, url)
}

// encodeAccount writes an account as it is kept and shown.
func encodeAccount(a *upstream.Account) ([]byte, error) {
	if !writable(a.CreatedAt, a.UpdatedAt, a.LastActivityAt) {
		return nil, errYear
	}
	b := appendString(append(make([]byte, 0, scratch), `{"id":`...), a.ID)
	b = appendString(append(b, `,"tenantId":`...), a.TenantID)
	b = appendOptional(append(b, `,"name":`...), a.Name)
	b = appendString(append(b, `,"resolutionStatus":`...), a.ResolutionStatus)
	b = appendOptional(append(b, `,"externalRef":`...), a.ExternalRef)
	b = appendOptional(append(b, `,"emailDomain":`...), a.EmailDomain)
	b = appendOptional(append(b, `,"vatNumber":`...), a.VATNumber)
	b = appendBool(append(b, `,"vatValid":`...), a.VATValid)
	b = appendOptional(append(b, `,"country":`...), a.Country)
	b = appendOptional(append(b, `,"phone":`...), a.Phone)
	b = appendOptional(append(b, `,"website":`...), a.Website)
	b = appendOptional(append(b, `,"companyType":`...), a.CompanyType)
	b = appendTime(append(b, `,"createdAt":`...), a.CreatedAt)
	b = appendTime(append(b, `,"updatedAt":`...), a.UpdatedAt)
	b = appendMember(b, `,"domain":`, a.Domain)
	b = appendMember(b, `,"description":`, a.Description)
	b = appendMember(b, `,"industry":`, a.Industry)
	if a.Employees != nil {
		b = appendInt(append(b, `,"employees":`...), *a.Employees)
	}
	if m := a.AnnualRevenue; m != nil {
		b = appendFloat(append(b, `,"annualRevenue":{"amount":`...), &m.Amount)
		b = append(appendOptional(append(b, `,"currency":`...), m.Currency), '}')
	}
	b = appendMember(b, `,"parentId":`, a.ParentID)
	b = appendMember(b, `,"ownerId":`, a.OwnerID)
	b = appendMember(b, `,"ownerName":`, a.OwnerName)
	b = appendMember(b, `,"lifecycleStage":`, a.LifecycleStage)
	b = appendTexts(b, `,"tags":`, a.Tags)
	b = appendAddress(b, a.Address)
	b = appendActivity(b, a.LastActivityAt, a.Archived, a.URL)
	b = appendCustom(b, a.Custom)
	return slices.Clone(append(b, '}')), nil
}
