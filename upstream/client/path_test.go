package client

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/weft-gateway/weft/upstream"
)

// arrivesAs sends an id and returns what a server makes of the request line.
func arrivesAs(t *testing.T, prefix, id string) (*url.URL, bool) {
	t.Helper()
	var line string
	h := newHost(t, "http://crm.test"+prefix, func(c *HostConfig) {
		c.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
			line = r.URL.RequestURI()
			return answer(r, 200, "{}"), nil
		})
	})
	err := get(t.Context(), h, Call{Op: upstream.OpContacts, Path: []string{"contacts", id, "notes"}})
	if err != nil {
		wantKind(t, err, upstream.NotFound)
		return nil, false
	}
	seen, err := url.ParseRequestURI(line)
	if err != nil {
		t.Fatalf("id %q makes the request %q: %v", id, line, err)
	}
	return seen, true
}

func TestPath(t *testing.T) {
	tests := []struct{ id, want string }{
		{"c1", "/contacts/c1/notes"},
		{"a/b", "/contacts/a%2Fb/notes"},
		{"../accounts/9", "/contacts/..%2Faccounts%2F9/notes"},
		{"..%2faccounts%2f9", "/contacts/..%252faccounts%252f9/notes"},
		{"%2e%2e", "/contacts/%252e%252e/notes"},
		{"a?admin=1", "/contacts/a%3Fadmin=1/notes"},
		{"a#b", "/contacts/a%23b/notes"},
		{"a;b", "/contacts/a%3Bb/notes"},
		{"a b\r\nX: y", "/contacts/a%20b%0D%0AX:%20y/notes"},
		{"\x00\xff", "/contacts/%00%FF/notes"},
		{"//evil.test", "/contacts/%2F%2Fevil.test/notes"},
		{`a\b`, "/contacts/a%5Cb/notes"},
		{"...", "/contacts/.../notes"},
	}
	for _, prefix := range []string{"", "/", "/crm/v1", "/crm/a%2Fb/"} {
		for _, tt := range tests {
			seen, ok := arrivesAs(t, prefix, tt.id)
			if !ok {
				t.Errorf("id %q was refused", tt.id)
				continue
			}
			if want := strings.TrimRight(prefix, "/") + tt.want; seen.EscapedPath() != want || seen.RawQuery != "" {
				t.Errorf("id %q under %q arrives as %s, want %s", tt.id, prefix, seen, want)
			}
		}
	}
}

// Whatever an id holds, it arrives whole and as one segment, or not at all.
func FuzzPath(f *testing.F) {
	for _, id := range []string{"c1", "..", ".", "", "a/b", "%2f", "%2e%2e", "?x=1", "#x", "\x00", "\xff", "a;b", "é", "%"} {
		f.Add(id)
	}
	f.Fuzz(func(t *testing.T, id string) {
		seen, ok := arrivesAs(t, "/crm", id)
		if !ok {
			if id != "" && id != "." && id != ".." {
				t.Errorf("id %q was refused", id)
			}
			return
		}
		parts := strings.Split(seen.EscapedPath(), "/")
		if len(parts) != 5 || parts[1] != "crm" || parts[2] != "contacts" || parts[4] != "notes" || seen.RawQuery != "" || seen.Host != "" {
			t.Fatalf("id %q arrives as %s", id, seen)
		}
		if got, err := url.PathUnescape(parts[3]); err != nil || got != id {
			t.Errorf("id %q arrives as %q, %v", id, got, err)
		}
	})
}
