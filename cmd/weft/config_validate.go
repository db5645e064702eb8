package main

import (
	"fmt"
	"net"
	"slices"
	"time"

	"github.com/weft-gateway/weft/gateway/auth"
)

// minRequest is kept back from a request's deadline to write the answer.
const minRequest = 20 * time.Millisecond

// validate reports what is wrong between values that are each well-formed.
func (c *Config) validate(r *report) {
	if sameAddress(c.Listen, c.Ops.Listen) {
		r.fail("ops.listen", "must not be the public address; metrics and breakers are not for everyone")
	}
	c.Deadlines.validate(r)
	c.Cache.Contact.validate(r, "cache.contact")
	c.Cache.Account.validate(r, "cache.account")
	c.Cache.Conversation.validate(r, "cache.conversation")
	c.Cache.Link.validate(r, "cache.link")
	c.validatePrivacy(r)

	ids := make(map[string]string) // tenant id -> path of the tenant
	for i := range c.Tenants {
		path := index("tenants", i)
		r.unique(ids, c.Tenants[i].ID, join(path, "id"), "repeats the id of")
		c.Tenants[i].validate(r, path)
	}
	c.validateKeys(r)
	c.validateIssuers(r)
	c.validateSources(r)
	c.validateLimits(r)
}

// sameAddress reports whether two listeners would compete for a port. Port 0
// is a free port for each.
func sameAddress(a, b string) bool {
	hostA, portA, errA := net.SplitHostPort(a)
	hostB, portB, errB := net.SplitHostPort(b)
	if errA != nil || errB != nil || portA != portB || portA == "0" {
		return false
	}
	return hostA == hostB || anyHost(hostA) || anyHost(hostB)
}

func anyHost(host string) bool {
	ip := net.ParseIP(host)
	return host == "" || ip != nil && ip.IsUnspecified()
}

func (d Deadlines) validate(r *report) {
	if d.Request <= minRequest {
		r.fail("deadlines.request", "must be above %s, which is kept back to write the answer", minRequest)
	}
	if d.Store > d.Request {
		r.fail("deadlines.store", "must not be above deadlines.request, %s", brief(d.Request))
	}
	if d.CRM > d.Request {
		r.fail("deadlines.crm", "must not be above deadlines.request, %s", brief(d.Request))
	}
	if d.Redis >= d.Request {
		r.fail("deadlines.redis", "must be below deadlines.request, %s", brief(d.Request))
	}
}

func (p Policy) validate(r *report, path string) {
	if p.Fresh > p.Stale {
		r.fail(join(path, "fresh"), "must not be above %s.stale, %s", path, brief(p.Stale))
	}
}

// validateKeys checks that a key names one caller, over all tenants and the
// ops listener.
func (c *Config) validateKeys(r *report) {
	hashes := make(map[string]string) // SHA-256 -> path of the key
	unique := func(path string, keys []Key) {
		ids := make(map[string]string) // key id -> path of the key
		for i, k := range keys {
			r.unique(ids, k.ID, join(index(path, i), "id"), "repeats the id of")
			r.unique(hashes, k.SHA256, join(index(path, i), "sha256"), "is the key of")
			if len(k.Workspaces) > 0 && slices.Contains(k.Scopes, auth.ScopeErase) {
				r.fail(join(index(path, i), "workspaces"), "cannot go with %s: people are the tenant's, not a workspace's", auth.ScopeErase)
			}
		}
	}
	unique("ops.keys", c.Ops.Keys)
	for i, t := range c.Tenants {
		unique(join(index("tenants", i), "keys"), t.Keys)
	}
}

// unique reports a value that was seen before, with the place of the first.
func (r *report) unique(seen map[string]string, value, path, text string) {
	if value == "" {
		return // missing, which is reported
	}
	if first, ok := seen[value]; ok {
		r.fail(path, "%s %s on line %d", text, first, r.where(first).line)
		return
	}
	seen[value] = path
}

func index(path string, i int) string { return fmt.Sprintf("%s[%d]", path, i) }
