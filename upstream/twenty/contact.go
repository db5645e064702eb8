package twenty

import (
	"encoding/json"
	"errors"
	"strings"

	"github.com/weft-gateway/weft/upstream"
)

// contact reads a person, with the company if that came along.
func (c *CRM) contact(f upstream.Fields) (upstream.Contact, error) {
	id, idOK := f.ID("id")
	firm, firmOK := f.ID("companyId")
	switch {
	case !idOK || id == nil:
		return upstream.Contact{}, errors.New("a person without id")
	case !firmOK:
		return upstream.Contact{}, errors.New("field companyId is not what it should be")
	case f.Text("deletedAt") != nil:
		return upstream.Contact{}, upstream.NotFound
	}
	name := f.Object("name")
	t := upstream.Contact{
		ID: *id, TenantID: c.cfg.TenantID, AccountID: firm, ResolutionStatus: "crm_resolved", ExternalRef: c.reference(f),
		FirstName: name.Text("firstName"), LastName: name.Text("lastName"), Title: f.Text("jobTitle"),
		CreatedAt: f.Time("createdAt"), UpdatedAt: f.Time("updatedAt"),
		Emails: emails(f.Object("emails")), Phones: phones(f.Object("phones")),
		Address: upstream.Address{City: f.Text("city")}.OrNil(),
		URL:     c.link("person", *id), Custom: custom(c.people, f),
	}
	if len(t.Emails) > 0 {
		t.Email = &t.Emails[0].Value
	}
	if len(t.Phones) > 0 {
		t.Phone = &t.Phones[0].Value
	}
	c.company(&t, f.Object("company"))
	return t, nil
}

// company takes the person's company from what came along.
func (c *CRM) company(t *upstream.Contact, f upstream.Fields) {
	id, ok := f.ID("id")
	if !ok || id == nil || t.AccountID == nil || *id != *t.AccountID {
		return
	}
	if a, err := c.account(f); err == nil {
		t.Account, t.CompanyName = &a, a.Name
	}
}

// reference reads the field that holds a reference: a text, or a whole number
// with its digits.
func (c *CRM) reference(f upstream.Fields) *string {
	if c.cfg.ExternalRef == "" {
		return nil
	}
	way := strings.Split(c.cfg.ExternalRef, ".")
	for _, part := range way[:len(way)-1] {
		f = f.Object(part)
	}
	last := way[len(way)-1]
	if s := f.Text(last); s != nil {
		return s
	}
	if id, ok := f.ID(last); ok {
		return id
	}
	return nil
}

// emails reads the first address, and the others, of which the server once
// made one text.
func emails(f upstream.Fields) (out []upstream.EmailAddress) {
	if first := f.Text("primaryEmail"); first != nil {
		out = append(out, upstream.EmailAddress{Value: *first, Primary: true})
	}
	for _, raw := range several(f, "additionalEmails") {
		var s string
		if json.Unmarshal(raw, &s) == nil && s != "" {
			out = append(out, upstream.EmailAddress{Value: s})
		}
	}
	return out
}

func phones(f upstream.Fields) (out []upstream.PhoneNumber) {
	if n := number(f, "primaryPhoneNumber", "primaryPhoneCallingCode"); n != nil {
		n.Primary = true
		out = append(out, *n)
	}
	for _, raw := range several(f, "additionalPhones") {
		if n := number(upstream.ReadFields(raw), "number", "callingCode"); n != nil {
			out = append(out, *n)
		}
	}
	return out
}

// number reads a number and the code of its country, which are kept apart. One
// with a zero in front is as it is dialled at home, and stays so: whether the
// zero is part of it depends on the country.
func number(f upstream.Fields, name, codeName string) *upstream.PhoneNumber {
	raw, code := f.Text(name), f.Text(codeName)
	if raw == nil {
		return nil
	}
	value := upstream.E164(*raw)
	if code != nil && !strings.HasPrefix(*raw, "+") && !strings.HasPrefix(*raw, "0") {
		if whole := upstream.E164("+" + strings.TrimPrefix(*code, "+") + *raw); strings.Trim(whole, "+0123456789") == "" {
			value = whole
		}
	}
	return &upstream.PhoneNumber{Value: value, Raw: raw}
}

// several returns the elements of a list, which may be in a text.
func several(f upstream.Fields, name string) []json.RawMessage {
	text := f.Text(name)
	if text == nil {
		return f.List(name)
	}
	var list []json.RawMessage
	if upstream.Decode([]byte(*text), &list) != nil {
		return nil
	}
	return list
}

// link returns where people see a record.
func (c *CRM) link(object, id string) *string {
	if c.cfg.AppURL == "" {
		return nil
	}
	s := c.cfg.AppURL + "/object/" + object + "/" + id
	return &s
}
