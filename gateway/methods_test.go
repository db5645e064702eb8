package gateway

import (
	"bytes"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func wantSame(t *testing.T, want, got *answer) {
	t.Helper()
	if got.status != want.status || !bytes.Equal(got.body, want.body) {
		t.Errorf("got %d %s, want %d %s", got.status, got.body, want.status, want.body)
	}
	if diff := cmp.Diff(want.header, got.header); diff != "" {
		t.Errorf("headers (-want +got):\n%s", diff)
	}
}

// paths has one path of each route that answers 200.
var paths = [...]string{conversationTarget, listTarget, "/openapi.yaml", "/docs", "/docs/swagger-ui.css", "/docs/favicon-16x16.png", "/livez", "/readyz"}

func TestHeadIsGetWithoutBody(t *testing.T) {
	h := newHarness(t, nil)
	for _, path := range append(paths[:], conversationsPath+"/"+unknownID, "/nowhere", listTarget+"?x=1") {
		t.Run(path, func(t *testing.T) {
			get := h.get(path, "X-Request-Id", "request-1")
			head := h.do(http.MethodHead, path, "Authorization", "Bearer "+readKey, "X-Request-Id", "request-1")
			get.body = nil
			wantSame(t, get, head)
			if get.header.Get("Content-Length") == "" {
				t.Error("no Content-Length")
			}
		})
	}
}

// TestHeadLength: with compression GET would be shorter, so HEAD says no length.
func TestHeadLength(t *testing.T) {
	h := newHarness(t, nil)
	a := h.do(http.MethodHead, conversationTarget, "Authorization", "Bearer "+readKey, "Accept-Encoding", "gzip")
	if v := a.header.Values("Content-Length"); a.status != 200 || len(v) > 0 {
		t.Errorf("%d with Content-Length %q, want 200 without", a.status, v)
	}
	if got := a.header.Get("Vary"); got != "Authorization, Origin, Accept-Encoding" {
		t.Errorf("Vary %q", got)
	}
}

func TestOptions(t *testing.T) {
	h := newHarness(t, nil)
	for _, path := range append(paths[:], conversationsPath+"/"+unknownID, conversationsPath+"/..") {
		a := h.do(http.MethodOptions, path)
		if got := a.header.Get("Allow"); a.status != 204 || got != "GET, HEAD, OPTIONS" {
			t.Errorf("OPTIONS %s: %d, Allow %q", path, a.status, got)
		}
		if n := h.fake.calls(); n != 0 {
			t.Errorf("OPTIONS %s: %d calls", path, n)
		}
	}
	h.do(http.MethodOptions, "/nowhere").is(t, 404, codeNotFound, "")
}

func TestOtherMethods(t *testing.T) {
	for _, method := range []string{"POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND", "get"} {
		h := newHarness(t, nil)
		for _, path := range paths {
			a := h.do(method, path, "Authorization", "Bearer "+readKey)
			a.is(t, 405, codeMethodNotAllowed, "")
			if got := a.header.Get("Allow"); got != "GET, HEAD, OPTIONS" {
				t.Errorf("%s %s: Allow %q", method, path, got)
			}
		}
		label := "OTHER"
		if method == http.MethodDelete { // is one of ours elsewhere
			label = method
		}
		for _, s := range h.observed {
			if s != (seen{"", label, 405}) {
				t.Errorf("observed %v", s)
			}
		}
	}
}

func TestUnknownPaths(t *testing.T) {
	h := newHarness(t, nil)
	for _, path := range []string{
		"/", "/api", "/api/", "/api/conversation", "/api/conversations2", "//api/conversations", "/api//conversations",
		"/api/../api/conversations", "/API/conversations", "/openapi.yaml/", "/openapi.json", "/docs/", "/docs/x.js",
		"/docs/swagger-ui-bundle.js.gz", "/docs/..%2fopenapi.yaml", "/docs/a/b", "/livez/", "/readyz/", "/metrics",
		"/breakers", "/healthz", "/debug/pprof/", "/favicon.ico", "/%00", "/%ff",
	} {
		t.Run(path, func(t *testing.T) {
			a := h.get("http://weft.test" + path)
			a.is(t, 404, codeNotFound, "")
			if loc := a.header.Get("Location"); loc != "" {
				t.Errorf("redirected to %q", loc)
			}
		})
	}
}

func TestTrailingSlashOfTheList(t *testing.T) {
	newHarness(t, nil).get(listTarget+"/").is(t, 404, codeConversationNotFound, "")
}

func TestEscapedIDIsTheID(t *testing.T) {
	h := newHarness(t, nil)
	escaped := strings.Replace(knownID, "9", "%39", 1)
	if a := h.get(conversationsPath + "/" + escaped); a.status != 200 || h.fake.reads[0].ID != knownID {
		t.Errorf("%d, asked %+v", a.status, h.fake.reads)
	}
}
