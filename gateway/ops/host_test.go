package ops

import (
	"bufio"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// known is a server that has names of its own.
func known(t *testing.T) *Server {
	t.Helper()
	s := newServer(t, fake(nil), false)
	s.cfg.Hosts = func() []string { return []string{"weft-ops.example", "a.svc.example"} }
	return s
}

// TestHosts: the listener is known by addresses, by names that no stranger can
// have, and by those that are configured.
func TestHosts(t *testing.T) {
	tests := []struct {
		host string
		good bool
	}{
		{"127.0.0.1", true},
		{"127.0.0.1:9090", true},
		{"10.1.2.3:", true},
		{"8.8.8.8.", true},
		{"[::1]", true},
		{"[::1]:9090", true},
		{"[fe80::1%25eth0]:9090", true},
		{"localhost", true},
		{"LocalHost.:9090", true},
		{"weft", true},
		{"weft_ops-1:9090", true},
		{"weft.internal", true},
		{"a.b.local", true},
		{"nas.LAN:80", true},
		{"weft.home.arpa", true},
		{"weft.ns.svc", true},
		{"weft.ns.svc.cluster.local.", true},
		{"dev.localhost:9090", true},
		{"weft-ops.example", true},
		{"WEFT-OPS.example.:443", true},
		{"a.svc.example", true},

		{"", false},
		{":9090", false},
		{".", false},
		{"evil.example", false},
		{"weft-ops.example.evil.example", false},
		{"x.weft-ops.example", false},
		{"weft-ops.example..", false},
		{"localhost.evil.example", false},
		{"weft.internal.evil.example", false},
		{"a.svc.cluster.local.evil.example", false},
		{"127.0.0.1.evil.example", false},
		{"10.0.0.1.nip.io", false},
		{"evilinternal.example", false},
		{"evil.example/.local", false},
		{"evil.example#.local", false},
		{"evil.example:80.local", false},
		{"evil.example:9090:9090", false},
		{"user@weft-ops.example", false},
		{".local", false},
		{"arpa.home", false},
		{"home.arpa", false},
		{"evil.arpa", false},
		{"::1", false},
		{"[127.0.0.1]", false},
		{"[::1", false},
		{"[::1]x", false},
		{"[::1]:9090.local", false},
		{"[evil.example]", false},
		{"wef\u212a.local", false}, // a sign that is k in lower case
		{"weft ops", false},
		{"evil.example:123456", false},
		{strings.Repeat("a", 64) + ".local", false},
		{strings.Repeat("a.", 130) + "local", false},
	}
	s := known(t)
	for _, tt := range tests {
		if got := s.answersFor(tt.host); got != tt.good {
			t.Errorf("%q: %v, want %v", tt.host, got, tt.good)
		}
	}
}

// TestUnknownHost: whatever there is to read is kept from a name that is not
// known, also by HEAD; probes are answered, and what needs a key needs a name too.
func TestUnknownHost(t *testing.T) {
	d := newDesk(t)
	as := func(method, path, host, body string) reply {
		r := httptest.NewRequest(method, path, strings.NewReader(body))
		r.Host = host
		r.Header.Set("Authorization", "Bearer "+opsKey)
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		d.server.ServeHTTP(w, r)
		got := reply{w.Code, w.Result().Header, w.Body.String()}
		if _, _, err := d.contract.router.FindRoute(r); err == nil {
			d.validate(r, body, got)
		}
		return got
	}
	const want = `{"error":"The ops listener is not known by this host; ops.hosts can name it","code":"unknown_host"}`
	for path, e := range d.server.routes {
		path = strings.ReplaceAll(path, "{name}", "rest-contacts")
		for _, method := range []string{"GET", "HEAD", "POST", "PUT"} {
			got := as(method, path, "rebound.example", "{}")
			switch {
			case isProbe(path):
				if (got.status == 200) != (e.of(method) != nil) {
					t.Errorf("%s %s: %d %s", method, path, got.status, got.body)
				}
			case got.status != http.StatusMisdirectedRequest || got.body != want:
				t.Errorf("%s %s: %d %s", method, path, got.status, got.body)
			}
		}
	}
	for _, path := range []string{"/nothing", "/livez/", "//livez", "/console/main.js", "/debug/pprof/heap"} {
		if got := as("GET", path, "rebound.example", ""); got.status != http.StatusMisdirectedRequest {
			t.Errorf("%s: %d", path, got.status)
		}
	}
	if got := as("POST", "/breakers/rest-contacts", "rebound.example", forced("force_open")); got.status != http.StatusMisdirectedRequest || len(d.set.Transitions()) > 0 {
		t.Errorf("an order: %d, %d changes", got.status, len(d.set.Transitions()))
	}
	if got := as("POST", "/breakers/rest-contacts", "localhost:9090", forced("force_open")); got.status != 200 {
		t.Errorf("an order to localhost: %d %s", got.status, got.body)
	}
}

// TestHostOverTheWire: the name counts as it was sent, also in the request line.
func TestHostOverTheWire(t *testing.T) {
	srv := httptest.NewServer(known(t))
	defer srv.Close()
	for request, want := range map[string]int{
		"GET /breakers HTTP/1.1\r\nHost: " + srv.Listener.Addr().String() + "\r\n": 200,
		"GET /breakers HTTP/1.1\r\nHost: weft-ops.example\r\n":                     200,
		"GET /breakers HTTP/1.1\r\nHost: rebound.example\r\n":                      421,
		"GET /readyz HTTP/1.1\r\nHost: rebound.example\r\n":                        200,
		"GET http://rebound.example/breakers HTTP/1.1\r\nHost: localhost\r\n":      421,
		"GET /breakers HTTP/1.1\r\nHost: rebound.example\r\n" +
			"X-Forwarded-Host: localhost\r\nForwarded: host=localhost\r\n": 421,
		"GET /breakers HTTP/1.0\r\n": 421,
		"GET /livez HTTP/1.0\r\n":    200,
	} {
		if got := statusOnWire(t, srv.Listener.Addr().String(), request+"Connection: close\r\n\r\n"); got != want {
			t.Errorf("%q: %d, want %d", request, got, want)
		}
	}
}

func statusOnWire(t *testing.T, addr, request string) int {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte(request)); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	return resp.StatusCode
}

// FuzzHost: what is let in is an address as Go's own parsers read it, or a name whose last
// labels say that it is nobody's, and neither a port nor case nor the last dot changes that.
func FuzzHost(f *testing.F) {
	for _, s := range []string{"localhost:9090", "[::1]:80", "10.0.0.1", "a.svc.cluster.local.", "evil.example:80", "[fe80::1%eth0]", "x@y.local", "a..local", ":1"} {
		f.Add(s)
	}
	s := &Server{cfg: Config{Hosts: func() []string { return []string{"weft-ops.example"} }}}
	f.Fuzz(func(t *testing.T, host string) {
		good := s.answersFor(host)
		if upper := s.answersFor(strings.ToUpper(host)); isASCII(host) && upper != good && !strings.Contains(host, "%") {
			t.Errorf("%q: %v, in capitals %v", host, good, upper)
		}
		if !good {
			return
		}
		if strings.ContainsFunc(host, func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune("/@?#\\", r) }) && host[0] != '[' {
			t.Errorf("%q is let in", host)
		}
		bare := host
		if h, _, err := net.SplitHostPort(host); err == nil {
			bare = h
		} else if !s.answersFor(host + ":9090") {
			t.Errorf("%q: not with a port", host)
		}
		bare = strings.ToLower(strings.TrimSuffix(strings.Trim(bare, "[]"), "."))
		ip, _, _ := strings.Cut(bare, "%")
		if net.ParseIP(ip) != nil || !strings.Contains(bare, ".") || bare == "weft-ops.example" {
			return
		}
		for _, zone := range zones() {
			if strings.HasSuffix(bare, zone) {
				return
			}
		}
		t.Errorf("%q is let in", host)
	})
}

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r >= 0x80 })
}
