package hubspot

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/weft-gateway/weft/upstream"
)

const merged = "hs_merged_object_ids"

func (c *CRM) contactObject() object[upstream.Contact] {
	properties := []string{
		"firstname", "lastname", "email", "hs_additional_emails", "phone", "mobilephone", "company", "jobtitle",
		"associatedcompanyid", "hubspot_owner_id", "lifecyclestage", "hs_language", "hs_timezone", "notes_last_updated",
		"address", "city", "state", "zip", "country", merged,
	}
	if c.cfg.ExternalRef != "" {
		properties = append(properties, c.cfg.ExternalRef)
	}
	return object[upstream.Contact]{
		op: upstream.OpContacts, name: "contacts", convert: c.contact,
		properties: distinct(properties, c.cfg.ContactCustom),
	}
}

// distinct adds the custom properties, each once.
func distinct(properties []string, custom map[string]string) []string {
	all := slices.Concat(properties, slices.Collect(maps.Values(custom)))
	slices.Sort(all)
	return slices.Compact(all)
}

// Contacts implements [upstream.CRM]. An id is a number; what cannot be one is
// not asked for and has no contact. An archived contact is not there.
func (c *CRM) Contacts(ctx context.Context, ids []string) (map[string]upstream.Contact, error) {
	got, err := byID(ctx, c, &c.contacts, ids)
	list := slices.Collect(maps.Values(got))
	list, assocErr := c.associate(ctx, list)
	whole := make(map[string]upstream.Contact, len(list))
	for _, t := range list {
		whole[t.ID] = t
	}
	for id, t := range got {
		if t, ok := whole[t.ID]; ok {
			got[id] = t
		} else {
			delete(got, id)
		}
	}
	return got, cmp.Or(err, assocErr)
}

var errCompany = errors.New("the company of a contact cannot be read")

// contact reads a contact. Its company is that of the primary association.
func (c *CRM) contact(r record) (upstream.Contact, error) {
	p := r.props
	company, ok := p.ID("associatedcompanyid")
	if !ok {
		return upstream.Contact{}, errCompany
	}
	t := upstream.Contact{
		ID: r.id, TenantID: c.cfg.TenantID, ResolutionStatus: "crm_resolved",
		AccountID: company, FirstName: p.Text("firstname"), LastName: p.Text("lastname"),
		Email: p.Text("email"), CompanyName: p.Text("company"),
		CreatedAt: r.top.Time("createdAt"), UpdatedAt: r.top.Time("updatedAt"),
		Title: p.Text("jobtitle"), OwnerID: p.Text("hubspot_owner_id"), LifecycleStage: p.Text("lifecyclestage"),
		Language: p.Text("hs_language"), Timezone: p.Text("hs_timezone"), LastActivityAt: p.Time("notes_last_updated"),
		Address: address(p), URL: c.link("0-1", r.id),
		Custom: upstream.ReadCustom(c.cfg.ContactCustom, p.Raw),
	}
	if c.cfg.ExternalRef != "" {
		t.ExternalRef = p.Text(c.cfg.ExternalRef)
	}
	t.Emails = emails(t.Email, p.Text("hs_additional_emails"))
	t.Phones = phones(p)
	if len(t.Phones) > 0 {
		t.Phone = &t.Phones[0].Value
	}
	return t, nil
}

// emails lists the primary address and the others, which have semicolons
// between them.
func emails(primary, others *string) (out []upstream.EmailAddress) {
	if primary != nil {
		out = append(out, upstream.EmailAddress{Value: *primary, Primary: true})
	}
	if others == nil {
		return out
	}
	for other := range strings.SplitSeq(*others, ";") {
		if other = strings.TrimSpace(other); other != "" {
			out = append(out, upstream.EmailAddress{Value: other})
		}
	}
	return out
}

// phones lists the numbers, the first as the primary one.
func phones(p upstream.Fields) (out []upstream.PhoneNumber) {
	add := func(name string, kind *string) {
		if raw := p.Text(name); raw != nil {
			out = append(out, upstream.PhoneNumber{Value: upstream.E164(*raw), Raw: raw, Type: kind, Primary: len(out) == 0})
		}
	}
	mobile := "mobile"
	add("phone", nil)
	add("mobilephone", &mobile)
	return out
}

func address(p upstream.Fields) *upstream.Address {
	street := p.Text("address")
	if more := p.Text("address2"); street != nil && more != nil {
		both := *street + "\n" + *more
		street = &both
	}
	return upstream.Address{
		Street: street, City: p.Text("city"), State: p.Text("state"), PostalCode: p.Text("zip"), Country: p.Text("country"),
	}.OrNil()
}

// link is where people look at a record of a type.
func (c *CRM) link(kind, id string) *string {
	if c.cfg.AppURL == "" {
		return nil
	}
	u := strings.TrimSuffix(c.cfg.AppURL, "/") + "/record/" + kind + "/" + id
	return &u
}
