package client

import (
	"net/http"
	"testing"

	"github.com/weft-gateway/weft/upstream"
)

// A 404 is the service's own word if its body has the member that the service's
// errors have, and no other.
func TestErrIf(t *testing.T) {
	for _, tt := range []struct {
		name   string
		status int
		body   string
		want   upstream.Kind
	}{
		{"good", 200, `{}`, ""},
		{"its own", 404, `{"type":"error.list","errors":[]}`, upstream.NotFound},
		{"gone", 410, `{"errors":null}`, upstream.NotFound},
		{"another's", 404, `{"error":"no such path"}`, upstream.BadResponse},
		{"a page", 404, `<html>`, upstream.BadResponse},
		{"another status", 422, `{"errors":[]}`, upstream.UpstreamError},
	} {
		if got := upstream.KindOf(Reply{Status: tt.status, Body: []byte(tt.body)}.ErrIf("errors")); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

// What a vendor wants with every call goes with every call, and takes no place
// of ours.
func TestMannersHeader(t *testing.T) {
	var seen []http.Header
	h := faked(t, func(r *http.Request) (*http.Response, error) {
		seen = append(seen, r.Header)
		return answer(r, 200, `{}`), nil
	}, func(c *HostConfig) {
		c.Manners.Header = http.Header{"Api-Version": {"2.15"}, "Authorization": {"nobody"}}
	})
	for range 2 {
		wantKind(t, get(t.Context(), h, contact), "")
	}
	for _, header := range seen {
		if header.Get("Api-Version") != "2.15" || header.Get("Authorization") != "Bearer "+token {
			t.Errorf("header %v", header)
		}
	}
	if len(seen) != 2 {
		t.Errorf("%d calls", len(seen))
	}
}
