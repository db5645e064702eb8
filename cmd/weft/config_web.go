package main

import (
	"errors"
	"net/netip"
	"net/url"
	"strings"

	"github.com/weft-gateway/weft/gateway/ops"
	"github.com/weft-gateway/weft/upstream/client"
)

// origin is where a web page comes from, written as browsers write it: exactly
// one, since whoever controls the page can read what its visitor's key shows.
func origin(dst *string) scalar {
	return func(s string) error {
		u, err := url.Parse(s)
		switch {
		case s == "":
			return errors.New("must not be empty")
		case strings.Contains(s, "*"):
			return errors.New("must be one origin: wildcards are not supported")
		case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || !validPort(u):
			return errors.New("want an origin such as https://inbox.example")
		case u.User != nil || u.RawQuery != "" || u.ForceQuery || strings.Contains(s, "#") || u.Path != "" && u.Path != "/":
			return errors.New("want an origin such as https://inbox.example, with nothing after the host and port")
		}
		u.Path = ""
		*dst = canonical(u)
		return nil
	}
}

// hostName is a name that browsers and scrapers know the ops listener by.
func hostName(dst *string) scalar {
	return func(s string) error {
		name, ok := ops.HostName(s)
		switch {
		case s == "":
			return errors.New("must not be empty")
		case strings.Contains(s, "*"):
			return errors.New("must be one name: wildcards are not supported")
		case !ok:
			return errors.New("want a host's name such as weft-ops.example, without a scheme or port")
		}
		*dst = name
		return nil
	}
}

// addressRange is a range of addresses that sources may have.
func addressRange(dst *netip.Prefix) scalar {
	return func(s string) error {
		p, err := netip.ParsePrefix(s)
		if err != nil || p != p.Masked() || p.Addr().Is4In6() {
			return errors.New("want a range of addresses such as 169.254.10.0/24")
		}
		*dst = p
		return nil
	}
}

// validateAddress refuses a source at an address that would be refused at each
// call. What a name is resolved to is not known before.
func (s *Source) validateAddress(r *report, path string, allow []netip.Prefix) {
	if !addressable(s.URL, allow) {
		r.fail(join(path, "url"), refusedAddress)
	}
}

const refusedAddress = "is at an address that is link-local, of a metadata service or multicast; allow_addresses can allow it"

// addressable reports whether a URL has a name, or an address that may be
// connected to.
func addressable(raw string, allow []netip.Prefix) bool {
	u, err := url.Parse(raw)
	if err != nil {
		return true // reported
	}
	ip, err := netip.ParseAddr(u.Hostname())
	return err != nil || client.Addressable(ip, allow)
}
