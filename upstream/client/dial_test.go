package client

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/weft-gateway/weft/upstream"
)

func TestAddressable(t *testing.T) {
	tests := []struct {
		address string
		allow   string // a range; "": none
		want    bool
	}{
		{"93.184.216.34", "", true},
		{"2606:2800:220:1::1", "", true},
		{"127.0.0.1", "", true},
		{"::1", "", true},
		{"10.1.2.3", "", true},
		{"172.16.0.1", "", true},
		{"192.168.1.1", "", true},
		{"100.64.0.1", "", true},
		{"fd12:3456::1", "", true},

		{"169.254.169.254", "", false},
		{"169.254.0.1", "", false},
		{"::ffff:169.254.169.254", "", false},
		{"::169.254.169.254", "", false},
		{"64:ff9b::a9fe:a9fe", "", false},
		{"2002:a9fe:a9fe::1", "", false},
		{"fe80::1", "", false},
		{"fe80::1%eth0", "", false},
		{"fd00:ec2::254", "", false},
		{"fd20:ce::254", "", false},
		{"100.100.100.200", "", false},
		{"168.63.129.16", "", false},
		{"192.0.0.192", "", false},
		{"0.0.0.0", "", false},
		{"0.1.2.3", "", false},
		{"::", "", false},
		{"::ffff:0.0.0.0", "", false},
		{"224.0.0.1", "", false},
		{"239.255.255.250", "", false},
		{"ff02::1", "", false},
		{"255.255.255.255", "", false},

		{"169.254.10.7", "169.254.10.0/24", true},
		{"::ffff:169.254.10.7", "169.254.10.0/24", true},
		{"169.254.169.254", "169.254.10.0/24", false},
		{"fe80::1%eth0", "fe80::/10", true},
	}
	for _, tt := range tests {
		t.Run(tt.address+" "+tt.allow, func(t *testing.T) {
			var allow []netip.Prefix
			if tt.allow != "" {
				allow = []netip.Prefix{netip.MustParsePrefix(tt.allow)}
			}
			if got := Addressable(netip.MustParseAddr(tt.address), allow); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
	if Addressable(netip.Addr{}, nil) {
		t.Error("no address at all is one")
	}
}

// TestGuardIsAskedWithTheAddress: the check sees what a name was resolved to,
// at each connection anew.
func TestGuardIsAskedWithTheAddress(t *testing.T) {
	control := guarded(nil)
	for address, want := range map[string]bool{
		"127.0.0.1:80": true, "[::1]:443": true,
		"169.254.169.254:80": false, "[fe80::1%lo]:80": false, "crm.example:80": false, "": false,
	} {
		if err := control("tcp", address, nil); (err == nil) != want {
			t.Errorf("%q: %v", address, err)
		}
	}
}

// TestHostRefusesMetadata: nothing is sent, and the failure does not tell the address.
func TestHostRefusesMetadata(t *testing.T) {
	for _, url := range []string{"http://169.254.169.254/latest", "http://[::ffff:a9fe:a9fe]/", "http://0.0.0.0:1/", "http://[fe80::1]/"} {
		h, err := NewHost(HostConfig{Name: "crm", URL: url, Deadline: time.Second, Operations: []upstream.Op{upstream.OpContacts}})
		if err != nil {
			t.Fatal(err)
		}
		defer h.Close()
		err = h.Client("token").Get(t.Context(), Call{Op: upstream.OpContacts, Path: []string{"contacts"}})
		if upstream.KindOf(err) != upstream.Refused || !errors.Is(err, errAddress) || strings.Contains(err.Error(), "169.254") {
			t.Errorf("%s: %v", url, err)
		}
	}
}

// TestAllowedAddresses: what the configuration allows is connected to, and
// nothing else that is refused.
func TestAllowedAddresses(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	defer srv.Close()
	at := netip.MustParseAddrPort(srv.Listener.Addr().String())
	for _, allow := range [][]netip.Prefix{nil, {netip.MustParsePrefix("0.0.0.0/32")}} {
		tr := NewTransport(1, time.Second, allow)
		// The kernel takes 0.0.0.0 for this machine.
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+netip.AddrPortFrom(netip.IPv4Unspecified(), at.Port()).String(), nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := tr.RoundTrip(req)
		if err == nil {
			resp.Body.Close()
		}
		if (err == nil) != (allow != nil) {
			t.Errorf("allowed %v: %v", allow, err)
		}
		tr.CloseIdleConnections()
	}
}

// TestRebinding: a name that shows a harmless address first and another one
// later is refused at the later connection.
func TestRebinding(t *testing.T) {
	var dials []string
	d := net.Dialer{Control: guarded(nil)}
	for _, resolved := range []string{"127.0.0.1:1", "169.254.169.254:80"} {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		_, err := d.DialContext(ctx, "tcp", resolved)
		cancel()
		if errors.Is(err, errAddress) {
			dials = append(dials, resolved)
		}
	}
	if len(dials) != 1 || dials[0] != "169.254.169.254:80" {
		t.Errorf("refused: %v", dials)
	}
}
