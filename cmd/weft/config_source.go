package main

import "slices"

// minInFlight leaves room for the calls that a half-open breaker lets through.
const minInFlight = 5

// validate reports settings that the source's kind does not have.
func (s *Source) validate(r *report, path string) {
	has := func(key string, set bool, kind string) {
		if set && s.Kind != kind && s.Kind != "" {
			r.fail(join(path, key), "is only for kind %s", kind)
		}
	}
	if s.Share > s.InFlight {
		r.fail(join(path, "share"), "must not be above in_flight, %d", s.InFlight)
	}
	has("timezone", s.Timezone != "", kindAutocalls)
	has("paths", s.Paths != Paths{}, kindREST)
	has("params", s.Params != Params{}, kindREST)
	has("envelope", s.Envelope != "", kindREST)
	has("contact_fields", s.ContactFields != nil, kindREST)
	has("account_fields", s.AccountFields != nil, kindREST)

	names := []string{s.Params.IDs, s.Params.Phone, s.Params.Email, s.Params.ExternalRef}
	slices.Sort(names)
	if s.Kind == kindREST && len(slices.Compact(names)) < 4 {
		r.fail(join(path, "params"), "gives two lists one name")
	}
}

// validateSources checks what tenants share. Two tenants with one account of a
// store would see each other's conversations; two caps for one host would make
// one of them a lie, and so would two wishes about second tries.
func (c *Config) validateSources(r *report) {
	type account struct{ url, token string }
	type host struct{ kind, url string }
	type hostCap struct {
		path     string
		inFlight int
		retry    bool
	}
	accounts := make(map[account]string) // store -> path of the source
	hosts := make(map[host]hostCap)
	check := func(s *Source, path string) {
		if s.Kind == "" || s.URL == "" {
			return
		}
		s.validateAddress(r, path, c.AllowAddresses)
		h := host{s.Kind, s.URL}
		if first, ok := hosts[h]; !ok {
			hosts[h] = hostCap{path, s.InFlight, s.Retry}
		} else {
			same := func(key string, is bool) {
				if !is {
					r.fail(join(path, key), "differs from that of %s on line %d, which is the same host", first.path, r.where(first.path).line)
				}
			}
			same("in_flight", first.inFlight == s.InFlight)
			same("retry", first.retry == s.Retry)
		}
	}
	for i := range c.Tenants {
		t, path := &c.Tenants[i], index("tenants", i)
		check(&t.Store, join(path, "store"))
		if t.CRM != nil {
			check(t.CRM, join(path, "crm"))
		}
		if a := (account{t.Store.URL, t.Store.Token}); a.url != "" && a.token != "" {
			if first, ok := accounts[a]; ok {
				r.fail(join(path, "store"), "has the url and token of %s on line %d", first, r.where(first).line)
				continue
			}
			accounts[a] = join(path, "store")
		}
	}
}
