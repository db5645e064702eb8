package gateway

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weft-gateway/weft/enrich"
)

func (h *harness) erase(id string, headers ...string) *answer {
	h.t.Helper()
	return h.do(http.MethodDelete, contactsPath+"/"+url.PathEscape(id)+"/cache", append([]string{"Authorization", "Bearer " + eraseKey}, headers...)...)
}

func TestErase(t *testing.T) {
	h := newHarness(t, nil)
	for _, id := range []string{"ct-1", "003Aa00000XyZ", "a/b", "ü b", "..", strings.Repeat("ö", 64)} {
		h.fake.erased = nil
		a := h.erase(id)
		if a.status != 204 || a.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%q: %d, Cache-Control %q", id, a.status, a.header.Get("Cache-Control"))
		}
		if diff := cmp.Diff([]string{"acme " + id}, h.fake.erased); diff != "" {
			t.Errorf("%q: erased (-want +got):\n%s", id, diff)
		}
	}
}

func TestEraseRefuses(t *testing.T) {
	h := newHarness(t, nil)
	for name, id := range map[string]string{"too long": strings.Repeat("x", 65), "a control character": "a\nb", "not UTF-8": "\xff"} {
		if a := h.erase(id); a.status != 400 || a.problem.Code != codeInvalidParameter || a.problem.Field != "id" {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	a := h.do(http.MethodDelete, contactsPath+"/ct-1/cache?force=1", "Authorization", "Bearer "+eraseKey)
	a.is(t, 400, codeInvalidParameter, "force")
	a = h.do(http.MethodDelete, contactsPath+"/ct-1/cache", "Authorization", "Bearer "+readKey)
	a.is(t, 403, codeInsufficientScope, "")
	if got := a.header.Get("WWW-Authenticate"); !strings.Contains(got, `scope="contacts:erase"`) {
		t.Errorf("WWW-Authenticate %q", got)
	}
	for _, method := range []string{"GET", "HEAD", "POST"} {
		a := h.do(method, contactsPath+"/ct-1/cache", "Authorization", "Bearer "+eraseKey)
		if got := a.header.Get("Allow"); a.status != 405 || got != "DELETE, OPTIONS" {
			t.Errorf("%s: %d, Allow %q", method, a.status, got)
		}
	}
	for _, path := range []string{"/ct-1", "/ct-1/cache/", "/cache", ""} {
		h.do(http.MethodDelete, contactsPath+path, "Authorization", "Bearer "+eraseKey).is(t, 404, codeNotFound, "")
	}
	if n := h.fake.calls(); n != 0 {
		t.Errorf("%d calls", n)
	}
}

func TestEraseThatRedisWasNotTold(t *testing.T) {
	h := newHarness(t, nil)
	h.fake.eraseErr = &enrich.UntoldError{RetryAfter: 2 * time.Second, Err: errors.New("redis: connection refused")}
	a := h.erase("ct-secret")
	a.is(t, 503, codeCacheUnavailable, "")
	if got := a.header.Get("Retry-After"); got != "2" {
		t.Errorf("Retry-After %q", got)
	}
	if log := h.logs.String(); strings.Contains(log, "ct-secret") || !strings.Contains(log, "connection refused") {
		t.Errorf("log: %s", log)
	}
}

func TestEraseIsLabelled(t *testing.T) {
	h := newHarness(t, nil)
	h.erase("ct-1")
	h.wantObserved(seen{contactsPath + "/{id}/cache", "DELETE", 204})
}
