package main

import (
	"maps"
	"slices"
	"strings"
)

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
	s.validateAuth(r, path)
	s.validateNames(r, path)
	s.validateStore(r, path)
	has("timezone", s.Timezone != "", kindAutocalls)
	has("paths", s.Paths != Paths{}, kindREST)
	has("params", s.Params != Params{}, kindREST)
	has("envelope", s.Envelope != "", kindREST)
	has("contact_fields", s.ContactFields != nil, kindREST)
	has("account_fields", s.AccountFields != nil, kindREST)
	for key, value := range map[string]string{"app_url": s.AppURL, "external_ref": s.ExternalRef} {
		if value != "" && slices.Contains(append(storeKinds(), kindREST), s.Kind) {
			r.fail(join(path, key), "is not for kind %s", s.Kind)
		}
	}
	for key, set := range map[string]bool{"contact_custom": s.ContactCustom != nil, "account_custom": s.AccountCustom != nil} {
		if set && s.Kind != "" && !slices.Contains(crmKinds(), s.Kind) {
			r.fail(join(path, key), "is only for a CRM")
		}
	}

	names := []string{s.Params.IDs, s.Params.Phone, s.Params.Email, s.Params.ExternalRef}
	slices.Sort(names)
	if s.Kind == kindREST && len(slices.Compact(names)) < 4 {
		r.fail(join(path, "params"), "gives two lists one name")
	}
}

// groups are what the variables of a store's kind can be of; nil: it has none to
// choose from.
func (s *Source) groups() []string {
	switch s.Kind {
	case kindChatwoot:
		return []string{"contact.", "conversation."}
	case kindIntercom:
		return []string{"conversation.", "company."}
	}
	return nil
}

// validateStore checks what the vendors' stores have beside the usual.
func (s *Source) validateStore(r *report, path string) {
	switch {
	case s.Kind == kindChatwoot && s.Account == "":
		r.fail(join(path, "account"), "is missing")
	case s.Kind != kindChatwoot && s.Kind != "" && s.Account != "":
		r.fail(join(path, "account"), "is only for kind %s", kindChatwoot)
	}
	groups := s.groups()
	if groups == nil && s.Kind != "" && s.Variables != nil {
		r.fail(join(path, "variables"), "is only for %s, %s", kindChatwoot, kindIntercom)
		return
	}
	for _, name := range slices.Sorted(maps.Keys(s.Variables)) {
		way := s.Variables[name]
		if way != "" && groups != nil && !slices.ContainsFunc(groups, func(g string) bool { return strings.HasPrefix(way, g) }) {
			r.fail(join(path, "variables."+name), "want %sKEY or %sKEY", groups[0], groups[1])
		}
	}
}

// nameForm is what names of fields look like that are written into the queries
// of a vendor's CRM, and says so; nil: they are not.
func (s *Source) nameForm() (ok func(string) bool, want string) {
	switch s.Kind {
	case kindHubSpot, kindSalesforce: // of the record itself
		return func(name string) bool { return isFieldName(name) && isLetter(rune(name[0])) }, "the name of a field: letters, digits and _, a letter first"
	case kindPipedrive: // the way below a key is not sent
		return func(name string) bool { key, _, _ := strings.Cut(name, "."); return isIdentifier(key) }, "the key of a custom field, with dots into its value"
	case kindTwenty:
		part := func(name string) bool { return isIdentifier(name) && isFieldName(name) }
		return func(name string) bool {
			return !slices.ContainsFunc(strings.Split(name, "."), func(p string) bool { return !part(p) })
		}, "the name of a field: letters, digits and _, with dots into it"
	}
	return nil, ""
}

// validateNames checks the names of fields that are written into queries.
func (s *Source) validateNames(r *report, path string) {
	ok, want := s.nameForm()
	if ok == nil {
		return
	}
	check := func(at, name string) {
		if name != "" && !ok(name) {
			r.fail(at, "want %s", want)
		}
	}
	check(join(path, "external_ref"), s.ExternalRef)
	for name, theirs := range s.ContactCustom {
		check(join(join(path, "contact_custom"), name), theirs)
	}
	for name, theirs := range s.AccountCustom {
		check(join(join(path, "account_custom"), name), theirs)
	}
}

// validateAuth checks that there is one way to be let in.
func (s *Source) validateAuth(r *report, path string) {
	switch {
	case s.Auth == nil && s.Token == "" && s.Kind+s.URL == "": // all of it is missing, which is reported
	case s.Auth == nil && s.Token == "":
		r.fail(join(path, "token"), "is missing")
	case s.Auth == nil:
	case !s.hasLogin():
		r.fail(join(path, "auth"), "is only for %s", strings.Join(loginKinds(), ", "))
	case s.Token != "":
		r.fail(join(path, "token"), "cannot go with auth")
	default:
		s.Auth.validate(r, join(path, "auth"))
	}
}

// loginKinds are the kinds whose services give tokens that end.
func loginKinds() []string { return []string{kindHubSpot, kindSalesforce, kindPipedrive} }

func (s *Source) hasLogin() bool { return s.Kind == "" || slices.Contains(loginKinds(), s.Kind) }

// validateSources checks what tenants share. Two tenants with one account of a
// store would see each other's conversations; two caps for one host would make
// one of them a lie, and so would two wishes about second tries.
func (c *Config) validateSources(r *report) {
	type account struct{ url, token, number string }
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
		if login, ok := s.login(); ok {
			login.validateAddress(r, join(path, "auth"), c.AllowAddresses)
		}
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
		if a := (account{t.Store.URL, t.Store.Token, t.Store.Account}); a.url != "" && a.token != "" {
			if first, ok := accounts[a]; ok {
				r.fail(join(path, "store"), "has the url and token of %s on line %d", first, r.where(first).line)
				continue
			}
			accounts[a] = join(path, "store")
		}
	}
}
