package client

import (
	"errors"
	"net/netip"
	"slices"
	"syscall"
)

// errAddress is a connection that is not made. Its text goes into logs, and
// does not tell the address.
var errAddress = errors.New("the address is link-local, of a metadata service or multicast, and not in allow_addresses")

// metadata are the places, beside those that are link-local, where clouds give
// a machine's credentials to whoever asks from it.
func metadata() []netip.Prefix {
	return []netip.Prefix{
		netip.MustParsePrefix("100.100.100.200/32"), // Alibaba
		netip.MustParsePrefix("168.63.129.16/32"),   // Azure
		netip.MustParsePrefix("192.0.0.192/32"),     // Oracle
		netip.MustParsePrefix("fd00:ec2::/32"),      // Amazon
		netip.MustParsePrefix("fd20:ce::/32"),       // Google
	}
}

// Addressable reports whether an address may be connected to: not one that is
// link-local, of a metadata service, multicast or no address at all, unless
// allow holds it. Loopback and private networks may: in-house services live
// there.
func Addressable(ip netip.Addr, allow []netip.Prefix) bool {
	ip = inner(ip)
	holds := func(p netip.Prefix) bool { return p.Contains(ip) }
	switch {
	case slices.ContainsFunc(allow, holds):
		return true
	case !ip.IsValid(), ip.IsLinkLocalUnicast(), ip.IsMulticast(), ip.IsUnspecified():
		return false
	case ip.Is4() && (ip.As4()[0] == 0 || ip == netip.AddrFrom4([4]byte{255, 255, 255, 255})):
		return false // "this network" and broadcast
	}
	return !slices.ContainsFunc(metadata(), holds)
}

// inner returns the address that is meant: without a zone, and the IPv4 address
// where an IPv6 address only wraps one.
func inner(ip netip.Addr) netip.Addr {
	ip = ip.Unmap().WithZone("")
	if !ip.Is6() {
		return ip
	}
	b := ip.As16()
	switch {
	case netip.MustParsePrefix("64:ff9b::/96").Contains(ip): // through a NAT64
		return netip.AddrFrom4([4]byte(b[12:16]))
	case netip.MustParsePrefix("2002::/16").Contains(ip): // 6to4
		return netip.AddrFrom4([4]byte(b[2:6]))
	case netip.MustParsePrefix("::/96").Contains(ip) && !ip.IsLoopback() && !ip.IsUnspecified():
		return netip.AddrFrom4([4]byte(b[12:16]))
	}
	return ip
}

// guarded checks each address when it is about to be connected to. A name has
// been resolved by then, so none can show one address to a check and another
// to the connection.
func guarded(allow []netip.Prefix) func(network, address string, _ syscall.RawConn) error {
	return func(_, address string, _ syscall.RawConn) error {
		at, err := netip.ParseAddrPort(address)
		if err != nil || !Addressable(at.Addr(), allow) {
			return errAddress
		}
		return nil
	}
}
