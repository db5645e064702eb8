package main

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"reflect"
	"slices"
	"time"

	"github.com/weft-gateway/weft/enrich"
	"github.com/weft-gateway/weft/upstream"
	"github.com/weft-gateway/weft/upstream/autocalls"
	"github.com/weft-gateway/weft/upstream/breaker"
	"github.com/weft-gateway/weft/upstream/chatwoot"
	"github.com/weft-gateway/weft/upstream/client"
	"github.com/weft-gateway/weft/upstream/hubspot"
	"github.com/weft-gateway/weft/upstream/intercom"
	"github.com/weft-gateway/weft/upstream/native"
	"github.com/weft-gateway/weft/upstream/pipedrive"
	"github.com/weft-gateway/weft/upstream/rest"
	"github.com/weft-gateway/weft/upstream/salesforce"
	"github.com/weft-gateway/weft/upstream/twenty"
)

// upstreams are the connectors of all tenants, and the hosts that they call.
type upstreams struct {
	connectors map[connectorKey]*connector
	hosts      map[hostKey]*host // shared by tenants with the same service
}

type (
	connectorKey struct{ tenant, role string }
	hostKey      struct{ kind, url string }
)

// The roles of a tenant's sources.
const (
	roleStore = "store"
	roleCRM   = "crm"
)

// connector is a tenant's access to a source.
type connector struct {
	source Source // what it was made of
	client *client.Client
	login  *client.Client // by which its tokens are asked for; nil: they do not end
	value  any            // an upstream.Store or an upstream.CRM
}

// sourceMaker makes the sources of one generation.
type sourceMaker struct {
	s      *system
	cfg    Config
	before upstreams
	made   upstreams
}

// buildTenants makes each tenant's connectors, on hosts that tenants with the
// same service share.
func (g *generation) buildTenants(s *system, before *generation) error {
	m := &sourceMaker{s: s, cfg: g.cfg, before: before.upstreams, made: upstreams{
		connectors: make(map[connectorKey]*connector), hosts: make(map[hostKey]*host),
	}}
	g.upstreams = m.made
	for _, tc := range g.cfg.Tenants {
		t := &enrich.Tenant{
			ID: tc.ID, Name: tc.Name, StoreName: tc.Store.Kind,
			Region: tc.PhoneRegion, Hide: tc.Hide, Places: placesOf(tc),
		}
		for _, l := range tc.Link {
			t.Rules = append(t.Rules, enrich.Rule{Field: l.Field, By: upstream.Lookup(l.Lookup)})
		}
		var err error
		if t.Store, err = connect[upstream.Store](m, tc, roleStore, tc.Store); err != nil {
			return err
		}
		if tc.CRM != nil {
			t.CRMName = tc.CRM.Kind
			if t.CRM, err = connect[upstream.CRM](m, tc, roleCRM, *tc.CRM); err != nil {
				return err
			}
		}
		g.tenants = append(g.tenants, t)
	}
	return nil
}

// connect returns the tenant's connector: the one there was if nothing about it
// has changed, so that the tenant's quota is not forgotten.
func connect[C any](m *sourceMaker, tc Tenant, role string, src Source) (c C, err error) {
	h, err := m.host(src, role)
	if err != nil {
		return c, fmt.Errorf("tenant %s: %s: %w", tc.ID, role, err)
	}
	var login *host
	if l, ok := src.login(); ok {
		if login, err = m.host(l, role); err != nil {
			return c, fmt.Errorf("tenant %s: %s: %w", tc.ID, role, err)
		}
	}
	key := connectorKey{tc.ID, role}
	have := m.before.connectors[key]
	if have == nil || !reflect.DeepEqual(have.source, src) {
		have = &connector{source: src}
		var let client.Access
		if let, have.login, err = m.access(src, login); err != nil {
			return c, fmt.Errorf("tenant %s: %s: %w", tc.ID, role, err)
		}
		have.client = h.ClientWith(let, src.Share)
		m.made.connectors[key] = have
		if have.value, err = m.connector(tc, src, have.client); err != nil {
			return c, fmt.Errorf("tenant %s: %s: %w", tc.ID, role, err)
		}
	}
	m.made.connectors[key] = have
	return have.value.(C), nil
}

// connector makes the connector of a source's kind.
func (m *sourceMaker) connector(tc Tenant, src Source, c *client.Client) (any, error) {
	foreign := m.s.metrics.foreign(src.Kind)
	switch src.Kind {
	case autocalls.Kind:
		zone, err := time.LoadLocation(src.Timezone)
		if err != nil {
			return nil, err
		}
		return autocalls.New(c, autocalls.Config{TenantID: tc.ID, Timezone: zone})
	case native.Kind:
		return native.New(c, native.Config{TenantID: tc.ID, Foreign: foreign})
	case chatwoot.Kind:
		return chatwoot.New(c, chatwoot.Config{TenantID: tc.ID, Account: src.Account, Variables: src.Variables, Unreadable: m.s.metrics.unreadable(src.Kind)})
	case intercom.Kind:
		return intercom.New(c, intercom.Config{TenantID: tc.ID, Variables: src.Variables, Unreadable: m.s.metrics.unreadable(src.Kind)})
	case hubspot.Kind:
		return hubspot.New(c, hubspot.Config{
			TenantID: tc.ID, AppURL: src.AppURL, ExternalRef: src.ExternalRef,
			ContactCustom: src.ContactCustom, AccountCustom: src.AccountCustom,
		})
	case pipedrive.Kind:
		return pipedrive.New(c, pipedrive.Config{
			TenantID: tc.ID, AppURL: appURL(src, "api.pipedrive.com"), ExternalRef: src.ExternalRef,
			ContactCustom: src.ContactCustom, AccountCustom: src.AccountCustom,
		})
	case twenty.Kind:
		return twenty.New(c, twenty.Config{
			TenantID: tc.ID, AppURL: appURL(src, "api.twenty.com"), ExternalRef: src.ExternalRef,
			ContactCustom: src.ContactCustom, AccountCustom: src.AccountCustom,
		})
	case salesforce.Kind:
		return salesforce.New(c, salesforce.Config{
			TenantID: tc.ID, AppURL: cmp.Or(src.AppURL, src.URL), ExternalRef: src.ExternalRef,
			ContactCustom: src.ContactCustom, AccountCustom: src.AccountCustom,
		})
	case rest.Kind:
		return rest.New(c, rest.Config{
			TenantID: tc.ID, Foreign: foreign,
			Paths: rest.Paths(src.Paths), Params: rest.Params(src.Params), Envelope: src.Envelope,
			ContactFields: src.ContactFields, AccountFields: src.AccountFields,
			ContactCustom: src.ContactCustom, AccountCustom: src.AccountCustom,
		})
	}
	return nil, fmt.Errorf("unknown kind %q", src.Kind)
}

// appURL is where people see a source's records: where its interface is, unless
// that is a host of the interface alone.
func appURL(src Source, shared string) string {
	u, err := url.Parse(src.URL)
	if src.AppURL != "" || err != nil || u.Hostname() == shared {
		return src.AppURL
	}
	return u.Scheme + "://" + u.Host
}

// settle makes the sources those in use: hosts are tuned, and the set has the
// breakers of those that there are, and no others.
func (o upstreams) settle(set *breaker.Set, before *generation) error {
	var old map[hostKey]*host
	if before != nil {
		old = before.upstreams.hosts
	}
	for key, h := range old {
		if o.hosts[key] == nil {
			h.Leave(set)
		}
	}
	var err error
	for key, h := range o.hosts {
		if old[key] == nil {
			err = errors.Join(err, h.Join(set))
		}
		if h.tuning != nil {
			err = errors.Join(err, h.Tune(*h.tuning))
			h.tuning = nil
		}
	}
	return err
}

// release closes what other does not have, and returns the names of hosts that
// are gone with it.
func (o upstreams) release(other upstreams) (names []string) {
	for key, c := range o.connectors {
		if have := other.connectors[key]; have != c {
			c.client.Close()
			if c.login != nil {
				c.login.Close()
			}
		}
	}
	kept := make(map[string]bool)
	for _, h := range other.hosts {
		kept[h.name] = true
	}
	for key, h := range o.hosts {
		if have := other.hosts[key]; have != nil && have.Host == h.Host {
			continue
		}
		h.Close()
		if !kept[h.name] {
			names = append(names, h.name)
		}
	}
	return names
}

// sorted returns the hosts in the order of their names.
func (o upstreams) sorted() []*host {
	all := make([]*host, 0, len(o.hosts))
	for _, h := range o.hosts {
		all = append(all, h)
	}
	slices.SortFunc(all, func(a, b *host) int { return cmp.Compare(a.name, b.name) })
	return all
}

// placesOf spreads the configured lists into one row per value.
func placesOf(tc Tenant) enrich.Places {
	p := enrich.Places{Workspace: tc.Workspace}
	for _, w := range tc.Workspaces {
		for _, i := range w.Inboxes {
			p.Workspaces = append(p.Workspaces, enrich.Place{ID: w.ID, Inbox: i})
		}
		for _, a := range w.Assistants {
			p.Workspaces = append(p.Workspaces, enrich.Place{ID: w.ID, Assistant: a})
		}
		for _, n := range w.Senders {
			p.Workspaces = append(p.Workspaces, enrich.Place{ID: w.ID, Sender: n})
		}
		for _, k := range w.Types {
			p.Workspaces = append(p.Workspaces, enrich.Place{ID: w.ID, Type: k})
		}
	}
	for _, c := range tc.Channels {
		p.Channels = append(p.Channels, enrich.Place{ID: c.ID, Assistant: c.Assistant, Sender: c.Sender, Type: c.Type})
	}
	return p
}
