package main

import (
	"cmp"
	"time"
)

// defaultConfig is what an empty file would mean, had it a tenant.
func defaultConfig() Config {
	const day = 24 * time.Hour
	return Config{
		Listen:    "127.0.0.1:8080",
		Ops:       Ops{Listen: "127.0.0.1:9090"},
		Deadlines: Deadlines{Request: 3 * time.Second, Store: time.Second, CRM: time.Second, Redis: 50 * time.Millisecond},
		Cache: Cache{
			Memory:       32 * mebibyte,
			Contact:      Policy{Fresh: 5 * time.Minute, Stale: 7 * day, Missing: time.Minute, Revalidate: time.Hour},
			Account:      Policy{Fresh: 15 * time.Minute, Stale: 7 * day, Missing: time.Minute, Revalidate: 6 * time.Hour},
			Conversation: Policy{Fresh: 2 * time.Second, Stale: day},
			Link:         Policy{Fresh: 10 * time.Minute, Stale: 7 * day, Missing: time.Minute, Revalidate: time.Hour},
		},
		Limits: Limits{InFlight: 2048, Tenant: TenantLimits{InFlight: 256}},
		Log:    Log{Level: "info"},
		Reload: reloadWatch,
		Drain:  Drain{Delay: 5 * time.Second, Timeout: 7 * time.Second},
	}
}

// complete fills in the defaults that depend on what the file says.
func (c *Config) complete() {
	for i := range c.Tenants {
		t := &c.Tenants[i]
		if t.Name == "" {
			t.Name = t.ID
		}
		t.Store.complete()
		if t.CRM != nil {
			t.CRM.complete()
		}
	}
	for i := range c.Issuers {
		c.Issuers[i].complete()
	}
	c.completeLimits()
	c.completeShares()
}

// completeShares gives each tenant half of the calls at once of a source that
// it shares with others.
func (c *Config) completeShares() {
	type host struct{ kind, url string }
	tenants := make(map[host]int)
	for _, s := range c.sources() {
		tenants[host{s.Kind, s.URL}]++
	}
	for _, s := range c.sources() {
		switch {
		case s.Share > 0:
		case tenants[host{s.Kind, s.URL}] > 1:
			s.Share = max(s.InFlight/2, 1)
		default:
			s.Share = s.InFlight
		}
	}
}

func (c *Config) sources() []*Source {
	var all []*Source
	for i := range c.Tenants {
		all = append(all, &c.Tenants[i].Store)
		if c.Tenants[i].CRM != nil {
			all = append(all, c.Tenants[i].CRM)
		}
	}
	return all
}

// complete fills in the defaults of the source's kind.
func (s *Source) complete() {
	if s.InFlight == 0 {
		s.InFlight = 64
	}
	if s.Auth != nil {
		s.Auth.complete(s)
	}
	switch s.Kind {
	case kindAutocalls:
		s.Timezone = cmp.Or(s.Timezone, "UTC")
	case kindREST:
		s.Envelope = cmp.Or(s.Envelope, "data")
		s.Paths.Contacts = cmp.Or(s.Paths.Contacts, "contacts")
		s.Paths.Accounts = cmp.Or(s.Paths.Accounts, "accounts")
		s.Params.IDs = cmp.Or(s.Params.IDs, "ids")
		s.Params.Phone = cmp.Or(s.Params.Phone, "phone")
		s.Params.Email = cmp.Or(s.Params.Email, "email")
		s.Params.ExternalRef = cmp.Or(s.Params.ExternalRef, "externalRef")
	}
}
