package sandbox

import (
	"fmt"
	"strings"
)

// detail fills in what a CRM knows beside the least. It follows from the
// number alone, so that it takes no luck from the rest of the record.
func (c *contact) detail(i int) {
	c.Name = ptr(*c.FirstName + " " + *c.LastName)
	c.Department = ptr(nth(i, "Purchasing", "Sales", "Engineering", "Management"))
	if c.Email != nil {
		c.Emails = []entry{
			{*c.Email, ptr("work"), true},
			{strings.ToLower(*c.FirstName) + fmt.Sprintf("%d@home.example", i), ptr("home"), false},
		}
	}
	if c.Phone != nil {
		c.Phones = []entry{{*c.Phone, ptr(nth(i, "mobile", "work")), true}}
	}
	c.OwnerID = ptr(nth(i, "u-1", "u-2"))
	c.LifecycleStage = ptr(nth(i, "lead", "opportunity", "customer"))
	c.Timezone, c.Language = ptr(nth(i, "Europe/Berlin", "Europe/Madrid", "America/New_York")), ptr(nth(i, "de", "es", "en"))
	c.LastActivityAt = ptr(c.UpdatedAt)
	c.Address = addressOf(i)
	c.Archived = ptr(false)
	c.Custom = map[string]any{"plan": nth(i, "free", "pro", "enterprise"), "score": i % 100, "nationalId": fmt.Sprintf("ID-%06d", i)}
}

// detail is the same for an account.
func (a *account) detail(i int) {
	a.Domain = a.EmailDomain
	a.Description = ptr("A company of the sandbox.")
	a.Industry = ptr(nth(i, "Machinery", "Software", "Food", "Logistics"))
	a.AnnualRevenue = &money{float64(100_000 * (1 + i%90)), nth(i, "EUR", "USD")}
	a.OwnerID, a.OwnerName = ptr(nth(i, "u-1", "u-2")), ptr(nth(i, "Sam Seller", "Kim Keeper"))
	a.LifecycleStage = ptr(nth(i, "prospect", "customer"))
	a.LastActivityAt = ptr(a.UpdatedAt)
	a.Address = addressOf(i)
	a.Custom = map[string]any{"tier": nth(i, "gold", "silver"), "creditLimit": 1000 * (i % 50)}
}

func addressOf(i int) *address {
	a := &address{Street: fmt.Sprintf("%s %d", nth(i, "Lindenweg", "Calle Mayor", "Main Street"), 1+i%200)}
	a.City, a.Country = nth(i, "Leipzig", "Valencia", "Springfield"), nth(i, "DE", "ES", "US")
	a.PostalCode, a.State = fmt.Sprintf("%05d", 4000+i%9000), nth(i, "", "", "IL")
	return a
}

// nth goes through some values in turn.
func nth[T any](i int, of ...T) T { return of[i%len(of)] }
