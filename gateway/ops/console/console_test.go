package console

import (
	"io/fs"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
)

func newConsole(t *testing.T) *Console {
	t.Helper()
	c, err := New("/console", `v1 <"&>`)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func get(c *Console, path, tag string) *http.Response {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	if tag != "" {
		r.Header.Set("If-None-Match", tag)
	}
	w := httptest.NewRecorder()
	c.ServeHTTP(w, r)
	return w.Result()
}

func TestServes(t *testing.T) {
	c := newConsole(t)
	for _, tt := range []struct {
		path   string
		status int
		mime   string
	}{
		{"/console", 301, ""},
		{"/console/", 200, "text/html; charset=utf-8"},
		{"/console/main.js", 200, "text/javascript; charset=utf-8"},
		{"/console/views/overview.js", 200, "text/javascript; charset=utf-8"},
		{"/console/console.css", 200, "text/css; charset=utf-8"},
		{"/console/icons.svg", 200, "image/svg+xml"},
		{"/console/vendor/LICENSE.uPlot", 200, "text/plain; charset=utf-8"},
		{"/console/index.html", 404, "text/plain; charset=utf-8"}, // the source of the page
		{"/console/../web", 404, "text/plain; charset=utf-8"},
		{"/console/views/", 404, "text/plain; charset=utf-8"},
	} {
		got := get(c, tt.path, "")
		if got.StatusCode != tt.status || got.Header.Get("Content-Type") != tt.mime {
			t.Errorf("%s: %d %q; want %d %q", tt.path, got.StatusCode, got.Header.Get("Content-Type"), tt.status, tt.mime)
		}
		if p := got.Header.Get("Content-Security-Policy"); !strings.HasPrefix(p, "default-src 'none';") || strings.Contains(p, "unsafe") {
			t.Errorf("%s: policy %q", tt.path, p)
		}
		if tag := got.Header.Get("ETag"); tt.status == 200 && get(c, tt.path, tag).StatusCode != http.StatusNotModified {
			t.Errorf("%s: %s is not known again", tt.path, tag)
		}
	}
	if got := get(c, "/console", "").Header.Get("Location"); got != "console/" {
		t.Errorf("it leads to %q, which is not below the prefix of a proxy", got)
	}
}

// The page asks nobody else, by no address that a prefix would break, and runs
// nothing that its policy forbids.
func TestPage(t *testing.T) {
	c := newConsole(t)
	page := string(c.files[""].body)
	if !strings.Contains(page, "Weft v1 &lt;&#34;&amp;&gt; ·") {
		t.Error("the version is not on the page, or not as text")
	}
	for _, forbidden := range []string{` style=`, `<style`, ` on[a-z]+=`, `<script>`, `javascript:`} {
		if found := regexp.MustCompile(forbidden).FindString(page); found != "" {
			t.Errorf("the page holds %q", found)
		}
	}
	elsewhere := regexp.MustCompile(`(?:src|href|from|url\(|import\()\s*=?\s*["'(]*(https?:|//|/)`)
	err := fs.WalkDir(web, "web", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.Contains(name, "/vendor/") {
			return err
		}
		body, err := web.ReadFile(name)
		if found := elsewhere.Find(body); found != nil {
			t.Errorf("%s asks for something by %q", name, found)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
