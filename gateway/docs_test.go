package gateway

import (
	"bytes"
	"regexp"
	"strings"
	"testing"

	"github.com/weft-gateway/weft"
)

// TestDocsWorkOffline: all that the page loads comes from here, and the policy
// keeps it from anything else.
func TestDocsWorkOffline(t *testing.T) {
	h := newHarness(t, nil)
	page := h.do("GET", "/docs")
	if got := page.header.Get("Content-Type"); got != "text/html; charset=utf-8" {
		t.Errorf("Content-Type %q", got)
	}
	refs := regexp.MustCompile(`(?:src|href)="([^"]*)"`).FindAllSubmatch(page.body, -1)
	if len(refs) < 5 {
		t.Fatalf("%d references in the page, want its style, two icons and two scripts", len(refs))
	}
	for _, ref := range refs {
		path := string(ref[1])
		if !strings.HasPrefix(path, "/docs/") {
			t.Errorf("the page loads %s", path)
			continue
		}
		a := h.do("GET", path)
		if a.status != 200 || len(a.body) == 0 {
			t.Errorf("%s: %d with %d bytes", path, a.status, len(a.body))
		}
		if strings.HasSuffix(path, ".css") {
			for _, u := range regexp.MustCompile(`url\(([^)]{0,5})|@import`).FindAllSubmatch(a.body, -1) {
				if string(u[1]) != "data:" && string(u[1]) != `"data` {
					t.Errorf("%s loads something: %s", path, u[0])
				}
			}
		}
	}
	if !bytes.Contains(page.body, []byte(`url: window.location.origin + "/openapi.yaml"`)) {
		t.Error("the page does not load /openapi.yaml")
	}
	if got := h.do("GET", "/openapi.yaml").body; !bytes.Equal(got, weft.OpenAPI()) {
		t.Error("/openapi.yaml is not the contract")
	}
}

func TestDocsPolicy(t *testing.T) {
	page := newHarness(t, nil).do("GET", "/docs")
	policy := page.header.Get("Content-Security-Policy")
	for directive := range strings.SplitSeq(policy, "; ") {
		_, sources, _ := strings.Cut(directive, " ")
		for source := range strings.FieldsSeq(sources) {
			if source != "'none'" && source != "'self'" && source != "data:" && !strings.HasPrefix(source, "'sha256-") {
				t.Errorf("the policy allows %s in %q", source, directive)
			}
		}
	}
	if !strings.HasPrefix(policy, "default-src 'none'; ") || strings.Contains(policy, "unsafe") {
		t.Errorf("policy %q", policy)
	}
	scripts := regexp.MustCompile(`<script>`).FindAllIndex(page.body, -1)
	styles := regexp.MustCompile(`<style>`).FindAllIndex(page.body, -1)
	if got, want := strings.Count(policy, "'sha256-"), len(scripts)+len(styles); got != want || len(scripts) == 0 {
		t.Errorf("%d hashes for %d inline elements", got, want)
	}
	// Neither could be allowed without allowing all of them.
	if m := regexp.MustCompile(`<[^>]*\s(?:on\w+|style)=`).Find(page.body); m != nil {
		t.Errorf("the page has an inline handler or style: %s", m)
	}
}

func TestFilesAreRevalidated(t *testing.T) {
	h := newHarness(t, nil)
	for _, path := range []string{"/openapi.yaml", "/docs", "/docs/swagger-ui.css", "/docs/favicon-16x16.png"} {
		tag := h.do("GET", path, "Accept-Encoding", "gzip").header.Get("ETag")
		for _, method := range []string{"GET", "HEAD"} {
			a := h.do(method, path, "If-None-Match", tag)
			if a.status != 304 || a.header.Get("ETag") != tag {
				t.Errorf("%s %s: %d, ETag %q, want 304 and %q", method, path, a.status, a.header.Get("ETag"), tag)
			}
			if a := h.do(method, path, "If-None-Match", `W/"0"`); a.status != 200 {
				t.Errorf("%s %s: %d for an old copy", method, path, a.status)
			}
		}
	}
}

func TestTakesGzip(t *testing.T) {
	for accept, want := range map[string]bool{
		"": false, "gzip": true, "GZIP": true, "br, gzip": true, "gzip;q=1": true, "gzip; q=0.5": true, "gzip;q=0.001": true,
		"gzip;q=0": false, "gzip;q=0.000": false, "gzip; q=0": false, "x-gzip": false, "br": false, "*": false,
	} {
		if got := takesGzip(accept); got != want {
			t.Errorf("takesGzip(%q) = %v, want %v", accept, got, want)
		}
	}
}

// The version is on the page as text, whatever is in it.
func TestDocsTitle(t *testing.T) {
	for version, want := range map[string]string{
		"": "<title>Weft - Swagger UI</title>", "v1 </title><script>": "<title>Weft v1 &lt;/title&gt;&lt;script&gt; - Swagger UI</title>",
	} {
		e, err := newExplorer(version)
		if err != nil {
			t.Fatal(err)
		}
		if page := e.page.body; !bytes.Contains(page, []byte(want)) || bytes.Contains(page, []byte("{{")) {
			t.Errorf("version %q: %s", version, page)
		}
	}
}
