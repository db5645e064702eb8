package salesforce

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/weft-gateway/weft/upstream"
)

// timeLayout is a time as Salesforce writes it, which is not RFC 3339.
const timeLayout = "2006-01-02T15:04:05.999-0700"

func (c *CRM) contactObject() object[upstream.Contact] {
	fields := []string{
		"Id", "AccountId", "FirstName", "LastName", "Name", "Title", "Department", "Email",
		"Phone", "MobilePhone", "HomePhone", "OtherPhone", "AssistantPhone", "Fax", "OwnerId", "Owner.Name",
		"MailingStreet", "MailingCity", "MailingState", "MailingPostalCode", "MailingCountry",
		"LastActivityDate", "CreatedDate", "LastModifiedDate",
	}
	for _, name := range c.accountFields() {
		fields = append(fields, "Account."+name)
	}
	if c.cfg.ExternalRef != "" {
		fields = append(fields, c.cfg.ExternalRef)
	}
	return object[upstream.Contact]{
		op: upstream.OpContacts, name: "Contact", prefix: "003", fields: distinct(fields, c.cfg.ContactCustom), convert: c.contact,
	}
}

// distinct adds the custom fields, each once: one that is there twice, in
// whatever case, is an error to Salesforce.
func distinct(fields []string, custom map[string]string) []string {
	all := slices.Concat(fields, slices.Sorted(maps.Values(custom)))
	slices.SortStableFunc(all, func(a, b string) int { return strings.Compare(strings.ToLower(a), strings.ToLower(b)) })
	return slices.CompactFunc(all, strings.EqualFold)
}

// named returns a record whose field has the name in the case in which it is
// configured: Salesforce takes any, and answers in its own.
func named(f upstream.Fields, name string) upstream.Fields {
	if _, ok := f[name]; ok {
		return f
	}
	for theirs, raw := range f {
		if strings.EqualFold(theirs, name) {
			return upstream.Fields{name: raw}
		}
	}
	return nil
}

// custom reads the fields that pass.
func custom(names map[string]string, f upstream.Fields) upstream.Custom {
	return upstream.ReadCustom(names, func(name string) json.RawMessage { return named(f, name).Raw(name) })
}

// Contacts implements [upstream.CRM], for ids of 15 and of 18 characters. What
// cannot be the id of a contact is not asked for and has none. Each brings its
// account along.
func (c *CRM) Contacts(ctx context.Context, ids []string) (map[string]upstream.Contact, error) {
	return byID(ctx, c, &c.contacts, ids)
}

// contact reads a contact.
func (c *CRM) contact(id string, f upstream.Fields) (upstream.Contact, error) {
	account, err := reference(f, "AccountId", c.accounts.prefix)
	if err != nil {
		return upstream.Contact{}, err
	}
	t := upstream.Contact{
		ID: id, TenantID: c.cfg.TenantID, ResolutionStatus: "crm_resolved", AccountID: account,
		FirstName: f.Text("FirstName"), LastName: f.Text("LastName"), Name: f.Text("Name"),
		Email: f.Text("Email"), CompanyName: f.Object("Account").Text("Name"),
		Title: f.Text("Title"), Department: f.Text("Department"),
		OwnerID: f.Text("OwnerId"), OwnerName: f.Object("Owner").Text("Name"),
		LastActivityAt: f.Time("LastActivityDate", time.DateOnly),
		CreatedAt:      f.Time("CreatedDate", timeLayout), UpdatedAt: f.Time("LastModifiedDate", timeLayout),
		Address: address(f, "Mailing"), URL: c.link("Contact", id),
		Custom: custom(c.cfg.ContactCustom, f),
	}
	if c.cfg.ExternalRef != "" {
		t.ExternalRef = named(f, c.cfg.ExternalRef).Text(c.cfg.ExternalRef)
	}
	if t.Email != nil {
		t.Emails = []upstream.EmailAddress{{Value: *t.Email, Primary: true}}
	}
	if t.Phones = phones(f); len(t.Phones) > 0 {
		t.Phone = &t.Phones[0].Value
	}
	t.Account = c.parent(f, account)
	return t, nil
}

// parent reads the account that a contact brings along; nil if it does not, as
// where the account is not to be seen.
func (c *CRM) parent(f upstream.Fields, id *string) *upstream.Account {
	if id == nil {
		return nil
	}
	got, err := c.accounts.read(f["Account"])
	if err != nil || got.id != *id {
		return nil
	}
	return &got.value
}

// reference reads the id of another record.
func reference(f upstream.Fields, name, prefix string) (*string, error) {
	raw := f.Raw(name)
	if raw == nil {
		return nil, nil
	}
	if id := f.Text(name); id != nil {
		if long, ok := canonical(*id, prefix); ok {
			return &long, nil
		}
	}
	return nil, errors.New("field " + name + " is no id")
}

// phones lists the numbers, the first as the primary one.
func phones(f upstream.Fields) (out []upstream.PhoneNumber) {
	for _, n := range []struct{ field, kind string }{{"Phone", "work"}, {"MobilePhone", "mobile"}, {"HomePhone", "home"}, {"OtherPhone", "other"}} {
		if raw := f.Text(n.field); raw != nil {
			out = append(out, upstream.PhoneNumber{Value: upstream.E164(*raw), Raw: raw, Type: &n.kind, Primary: len(out) == 0})
		}
	}
	return out
}

// address reads the fields of an address, which begin alike.
func address(f upstream.Fields, kind string) *upstream.Address {
	return upstream.Address{
		Street: f.Text(kind + "Street"), City: f.Text(kind + "City"), State: f.Text(kind + "State"),
		PostalCode: f.Text(kind + "PostalCode"), Country: f.Text(kind + "Country"),
	}.OrNil()
}

// link is where people look at a record.
func (c *CRM) link(object, id string) *string {
	if c.cfg.AppURL == "" {
		return nil
	}
	u := c.cfg.AppURL + "/lightning/r/" + object + "/" + id + "/view"
	return &u
}
