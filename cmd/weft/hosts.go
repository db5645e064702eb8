package main

import (
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/weft-gateway/weft/upstream"
	"github.com/weft-gateway/weft/upstream/autocalls"
	"github.com/weft-gateway/weft/upstream/chatwoot"
	"github.com/weft-gateway/weft/upstream/client"
	"github.com/weft-gateway/weft/upstream/hubspot"
	"github.com/weft-gateway/weft/upstream/intercom"
	"github.com/weft-gateway/weft/upstream/native"
	"github.com/weft-gateway/weft/upstream/oauth"
	"github.com/weft-gateway/weft/upstream/pipedrive"
	"github.com/weft-gateway/weft/upstream/rest"
	"github.com/weft-gateway/weft/upstream/salesforce"
	"github.com/weft-gateway/weft/upstream/twenty"
)

// host is a service, with what it is to be tuned to.
type host struct {
	*client.Host
	name     string
	deadline time.Duration // of a call
	inFlight int
	retry    bool
	allow    []netip.Prefix
	tuning   *client.Tuning // what has changed since it was made or tuned last; nil: nothing
}

// host returns the host of a source: the one there was, to be tuned to what has
// changed, else a new one, whose breakers are in no set yet.
func (m *sourceMaker) host(src Source, role string) (*host, error) {
	key := hostKey{src.Kind, src.URL}
	if h := m.made.hosts[key]; h != nil {
		return h, nil
	}
	deadline := m.deadline(src.Kind, role)
	h := &host{deadline: deadline, inFlight: src.InFlight, retry: src.Retry, allow: m.cfg.AllowAddresses}
	if old := m.before.hosts[key]; old != nil {
		h.Host, h.name = old.Host, old.name
		h.tuning = m.tuning(old, h)
		m.made.hosts[key] = h
		return h, nil
	}
	var err error
	if h.name, err = m.name(key); err != nil {
		return nil, err
	}
	h.Host, err = client.NewHost(client.HostConfig{
		Name: h.name, URL: src.URL, Deadline: deadline, InFlight: src.InFlight, NoRetry: !src.Retry,
		Transport: m.s.outside.transport(src.InFlight, deadline, m.cfg.AllowAddresses),
		Trace:     m.s.outside.traces.Calls(h.name, serverOf(src.URL)), Propagate: m.s.outside.traces.Propagate(),
		Operations: operations(src.Kind), Manners: manners(src.Kind), Observe: m.s.metrics.upstream(h.name),
		UserAgent: "weft", Logger: m.s.log,
	})
	if err != nil {
		return nil, err
	}
	m.made.hosts[key] = h
	return h, nil
}

// serverOf is the name or address of the machine that a source is on.
func serverOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

// tuning is what makes old what h is to be.
func (m *sourceMaker) tuning(old, h *host) *client.Tuning {
	if old.deadline == h.deadline && old.inFlight == h.inFlight && old.retry == h.retry && sameAddresses(old.allow, h.allow) {
		return nil
	}
	return &client.Tuning{
		Deadline: h.deadline, InFlight: h.inFlight, NoRetry: !h.retry,
		Transport: m.s.outside.transport(h.inFlight, h.deadline, h.allow),
	}
}

func sameAddresses(a, b []netip.Prefix) bool { return slices.Equal(a, b) }

// name names a new host. The first URL of a kind has the plain name of the
// kind, unless another host has it, of which the configuration still speaks.
func (m *sourceMaker) name(key hostKey) (string, error) {
	u, err := url.Parse(key.url)
	if err != nil {
		return "", err
	}
	full := key.kind + "@" + u.Host + u.Path
	taken := make(map[string]bool)
	for _, h := range m.made.hosts {
		taken[h.name] = true
	}
	for k, h := range m.before.hosts {
		taken[h.name] = taken[h.name] || m.speaksOf(k)
	}
	for _, name := range []string{key.kind, full, u.Scheme + "+" + full} {
		if !taken[name] {
			return name, nil
		}
	}
	return "", fmt.Errorf("no name is left for %s", full)
}

func (m *sourceMaker) speaksOf(key hostKey) bool {
	return slices.ContainsFunc(m.cfg.sources(), func(s *Source) bool {
		login, ok := s.login()
		return hostKey{s.Kind, s.URL} == key || ok && hostKey{login.Kind, login.URL} == key
	})
}

// loginDeadline is how long a token may take. Nobody waits for it as long; who
// comes later has it.
const loginDeadline = 5 * time.Second

// deadline is that of a call of a source.
func (m *sourceMaker) deadline(kind, role string) time.Duration {
	switch {
	case strings.HasSuffix(kind, loginSuffix):
		return max(loginDeadline, m.cfg.Deadlines.CRM)
	case role == roleCRM:
		return m.cfg.Deadlines.CRM
	}
	return m.cfg.Deadlines.Store
}

// operations are what the sources of a kind can be asked for.
func operations(kind string) []upstream.Op {
	if strings.HasSuffix(kind, loginSuffix) {
		return oauth.Operations()
	}
	switch kind {
	case chatwoot.Kind:
		return chatwoot.Operations()
	case intercom.Kind:
		return intercom.Operations()
	case hubspot.Kind:
		return hubspot.Operations()
	case salesforce.Kind:
		return salesforce.Operations()
	case pipedrive.Kind:
		return pipedrive.Operations()
	case twenty.Kind:
		return twenty.Operations()
	case autocalls.Kind:
		return autocalls.Operations()
	case native.Kind:
		return native.Operations()
	case rest.Kind:
		return rest.Operations()
	}
	return nil
}

// manners are how the services of a kind speak of quotas and refusals.
func manners(kind string) client.Manners {
	switch kind {
	case intercom.Kind:
		return intercom.Manners()
	case hubspot.Kind:
		return hubspot.Manners()
	case salesforce.Kind:
		return salesforce.Manners()
	case pipedrive.Kind:
		return pipedrive.Manners()
	case twenty.Kind:
		return twenty.Manners()
	}
	return client.Manners{}
}
