package rest

import (
	"encoding/json"

	"github.com/weft-gateway/weft/upstream"
)

// contactFields are the fields that a contact can have, in the words of the configuration.
var contactFields = []string{
	"id", "tenantId", "accountId", "externalRef", "resolutionStatus", "firstName", "lastName",
	"email", "phone", "companyName", "createdAt", "updatedAt", "name", "title", "department",
	"emails", "phones", "ownerId", "ownerName", "lifecycleStage", "tags", "timezone", "language",
	"lastActivityAt", "accountIds", "archived", "url",
	"address", "address.street", "address.city", "address.state", "address.postalCode", "address.country", "address.formatted",
}

// contact reads a contact.
func contact(f *fields) (upstream.Contact, error) {
	c := upstream.Contact{
		ID:               f.key(),
		TenantID:         f.owner(),
		AccountID:        f.id("accountId"),
		ExternalRef:      f.ref("externalRef"),
		ResolutionStatus: f.resolution(),
		FirstName:        f.text("firstName"),
		LastName:         f.text("lastName"),
		Email:            f.text("email"),
		Phone:            f.phone("phone"),
		CompanyName:      f.text("companyName"),
		CreatedAt:        f.time("createdAt"),
		UpdatedAt:        f.time("updatedAt"),
		Name:             f.text("name"),
		Title:            f.text("title"),
		Department:       f.text("department"),
		Emails:           f.emails("emails"),
		Phones:           f.phones("phones"),
		OwnerID:          f.id("ownerId"),
		OwnerName:        f.text("ownerName"),
		LifecycleStage:   f.text("lifecycleStage"),
		Tags:             f.tags("tags"),
		Timezone:         f.text("timezone"),
		Language:         f.text("language"),
		LastActivityAt:   f.time("lastActivityAt"),
		AccountIDs:       f.ids("accountIds"),
		Address:          f.address("address"),
		Archived:         field[bool](f, "archived"),
		URL:              f.link("url"),
		Custom:           f.custom(),
	}
	return c, f.err
}

func contactIdentity(c *upstream.Contact) (id, tenant string) { return c.ID, c.TenantID }

// entry is one of several addresses or numbers: an object, or the value alone.
type entry struct {
	Value   string  `json:"value"`
	Raw     *string `json:"raw"`
	Type    *string `json:"type"`
	Primary bool    `json:"primary"`
}

func (e *entry) UnmarshalJSON(b []byte) error {
	if b[0] == '"' {
		return json.Unmarshal(b, &e.Value)
	}
	type plain entry // without this method
	return json.Unmarshal(b, (*plain)(e))
}

// entries reads a list of entries and leaves out those without a value.
func (f *fields) entries(name string) []entry {
	list := field[[]entry](f, name)
	if list == nil {
		return nil
	}
	kept := (*list)[:0]
	for _, e := range *list {
		if e.Value != "" {
			kept = append(kept, e)
		}
	}
	return kept
}

func (f *fields) emails(name string) []upstream.EmailAddress {
	var out []upstream.EmailAddress
	for _, e := range f.entries(name) {
		out = append(out, upstream.EmailAddress{Value: e.Value, Type: e.Type, Primary: e.Primary})
	}
	return out
}

func (f *fields) phones(name string) []upstream.PhoneNumber {
	var out []upstream.PhoneNumber
	for _, e := range f.entries(name) {
		if e.Raw == nil {
			e.Raw = &e.Value
		}
		out = append(out, upstream.PhoneNumber{Value: upstream.E164(e.Value), Raw: e.Raw, Type: e.Type, Primary: e.Primary})
	}
	return out
}
