package ops

import (
	"net/netip"
	"slices"
	"strings"
)

// The bounds of a name in DNS, in bytes.
const (
	maxName  = 253
	maxLabel = 63
)

// zones are those in which nobody outside can have a name: they are in no
// public DNS.
func zones() []string {
	return []string{".internal", ".local", ".lan", ".home.arpa", ".svc", ".cluster.local", ".localhost"}
}

// answersFor reports whether the listener is known by what a request names as
// its host. Reading takes no key, so a page of a stranger's name that has come to
// point here (DNS rebinding) could read everything: to the browser, the page and
// the listener are of one origin. What such a page cannot do is send another
// name than its own. An address is no name, and a name of one label, or in one of the
// zones, is no stranger's.
func (s *Server) answersFor(host string) bool {
	name, isIP, ok := readHost(host)
	switch {
	case !ok:
		return false
	case isIP, !strings.Contains(name, "."):
		return true
	}
	below := func(zone string) bool { return strings.HasSuffix(name, zone) }
	return slices.ContainsFunc(zones(), below) || slices.Contains(s.cfg.Hosts(), name)
}

// readHost reads a Host header, with or without a port: an address, or a name as
// [HostName] writes it.
func readHost(host string) (name string, isIP, ok bool) {
	if rest, bracket := strings.CutPrefix(host, "["); bracket {
		text, behind, closed := strings.Cut(rest, "]")
		ip, err := netip.ParseAddr(text)
		port, colon := strings.CutPrefix(behind, ":")
		return "", true, closed && err == nil && ip.Is6() && (colon || behind == "") && isPort(port)
	}
	text, port, _ := strings.Cut(host, ":")
	if !isPort(port) {
		return "", false, false
	}
	if ip, err := netip.ParseAddr(strings.TrimSuffix(text, ".")); err == nil && ip.Is4() {
		return "", true, true
	}
	name, ok = HostName(text)
	return name, false, ok
}

// isPort reports whether s can be a port; a colon may stand without one.
func isPort(s string) bool { return len(s) <= 5 && strings.Trim(s, "0123456789") == "" }

// HostName returns a name of DNS as [Config.Hosts] has it: in lower case, without
// the dot at its end. It is false for anything else, as a name with a port.
func HostName(s string) (string, bool) {
	s = strings.TrimSuffix(s, ".")
	if len(s) > maxName {
		return "", false
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > maxLabel || strings.ContainsFunc(label, notInName) {
			return "", false
		}
	}
	return strings.ToLower(s), true
}

// notInName: other letters than these come as punycode. An underscore is in
// names of containers.
func notInName(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
}
