package rest

import (
	"slices"
	"testing"

	"github.com/weft-gateway/weft/upstream"
	"github.com/weft-gateway/weft/upstream/upstreamtest"
)

// reads is all that is read of the CRM's answers, where nothing is configured but
// two fields that pass.
func reads() []string {
	fields := slices.Concat(contactFields, accountFields, []string{"plan", "billing.tier"})
	slices.Sort(fields)
	var all []string
	for _, field := range slices.Compact(fields) {
		switch field {
		case "emails", "phones":
			for _, part := range []string{"value", "type", "primary"} {
				all = append(all, "data."+field+"."+part, field+"."+part)
			}
		case "annualRevenue":
			all = append(all, "data."+field+".amount", "data."+field+".currency", field+".amount", field+".currency")
		case "address":
		default:
			all = append(all, "data."+field, field)
		}
	}
	return append(all, "data.phones.raw", "phones.raw")
}

// TestReads: all that is not on the list makes no difference.
func TestReads(t *testing.T) {
	names := []string{
		"notes", "secret", "birthday", "iban", "vat_number", "account_id", "tenant_id", "first_name", "last_name", "billing2", "tier", "password",
		"street", "postal_code", "formatted", "lat", "verified", "label", "meta", "links", "total", "next",
	}
	upstreamtest.TestCRMReads(t, reads(), names, func(t testing.TB) upstreamtest.CRMCase {
		b := newBook()
		cfg := Config{ContactCustom: map[string]string{"plan": "plan"}, AccountCustom: map[string]string{"tier": "billing.tier"}}
		c, faults := open(t, b, cfg)
		return upstreamtest.CRMCase{
			CRM: c, Faults: faults, Contacts: b.contacts, Accounts: b.accounts,
			Lookups: []upstream.Lookup{upstream.ByExternalRef, upstream.ByEmail, upstream.ByPhone},
		}
	})
}
