package pipedrive

import (
	"encoding/json"
	"errors"

	"github.com/weft-gateway/weft/upstream"
)

// contact reads a person.
func (c *CRM) contact(f upstream.Fields) (upstream.Contact, error) {
	id, _ := f.ID("id") // looked at before
	org, ok := f.ID("org_id")
	if !ok {
		return upstream.Contact{}, errors.New("field org_id is not what it should be")
	}
	owner, _ := f.ID("owner_id")
	t := upstream.Contact{
		ID: *id, TenantID: c.tenant, AccountID: org, ResolutionStatus: "crm_resolved",
		ExternalRef: c.contacts.fields.reference(f),
		FirstName:   f.Text("first_name"), LastName: f.Text("last_name"), Name: f.Text("name"),
		Title:     f.Text("job_title"),
		CreatedAt: f.Time("add_time"), UpdatedAt: f.Time("update_time"),
		OwnerID: owner, Tags: labels(f), Address: address(f.Object("postal_address")),
		URL: c.link("person", *id), Custom: c.contacts.fields.read(f),
	}
	for _, e := range entries(f.List("emails")) {
		t.Emails = append(t.Emails, upstream.EmailAddress{Value: e.value, Type: e.label, Primary: e.primary})
		if t.Email == nil || e.primary {
			t.Email = &e.value
		}
	}
	for _, e := range entries(f.List("phones")) {
		number := upstream.E164(e.value)
		t.Phones = append(t.Phones, upstream.PhoneNumber{Value: number, Raw: &e.value, Type: e.label, Primary: e.primary})
		if t.Phone == nil || e.primary {
			t.Phone = &number
		}
	}
	return t, nil
}

// entry is one of several addresses or numbers.
type entry struct {
	value   string
	label   *string
	primary bool
}

// entries reads addresses or numbers. A person without any has one that is empty.
func entries(list []json.RawMessage) (out []entry) {
	for _, raw := range list {
		f := upstream.ReadFields(raw)
		if v := f.Text("value"); v != nil {
			primary := f.Flag("primary")
			out = append(out, entry{*v, f.Text("label"), primary != nil && *primary})
		}
	}
	return out
}

// link returns where people see a record.
func (c *CRM) link(kind, id string) *string {
	if c.app == "" {
		return nil
	}
	s := c.app + "/" + kind + "/" + id
	return &s
}
