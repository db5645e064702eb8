package gateway

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/swaggest/swgui"
	"github.com/swaggest/swgui/v5emb"
)

const docsPath = "/docs"

// explorer is the API explorer: a page, and what it loads from below /docs/.
// All of it is in the binary, so that it works without the internet.
type explorer struct {
	page   *file
	assets map[string]*file // name -> file
}

// newExplorer takes page and assets from the library once, instead of calling
// its handler for each request, which has no idea of HEAD, quoted entity tags
// and JSON errors.
func newExplorer(version string) (explorer, error) {
	ui := v5emb.NewHandlerWithConfig(swgui.Config{
		Title:       strings.TrimSpace("Weft " + version),
		SwaggerJSON: "/openapi.yaml",
		BasePath:    docsPath,
		// Opened by a deep link, the explorer loses the names of shared parameters.
		SettingsUI: map[string]string{"validatorUrl": "null", "deepLinking": "false"},
	})
	page, err := capture(ui, docsPath)
	if err != nil {
		return explorer{}, err
	}
	e := explorer{page: newFile("text/html; charset=utf-8", page), assets: make(map[string]*file)}
	e.page.policy = policyOf(page)
	for name, mime := range map[string]string{
		"swagger-ui.css":                  "text/css; charset=utf-8",
		"swagger-ui-bundle.js":            "text/javascript; charset=utf-8",
		"swagger-ui-standalone-preset.js": "text/javascript; charset=utf-8",
		"favicon-16x16.png":               "image/png",
		"favicon-32x32.png":               "image/png",
	} {
		body, err := capture(ui, docsPath+"/"+name)
		if err != nil {
			return explorer{}, err
		}
		if strings.HasPrefix(mime, "text/") {
			e.assets[name] = newPackedFile(mime, body)
		} else {
			e.assets[name] = newFile(mime, body)
		}
	}
	return e, nil
}

// asset answers one of the files that the page loads.
func (e explorer) asset(x *exchange, r *http.Request) error {
	f := e.assets[strings.TrimPrefix(r.URL.Path, docsPath+"/")]
	if f == nil {
		return codeNotFound
	}
	return f.send(x, r)
}

// policyOf lets the page load what is ours and run the scripts that are in it
// now, and nothing else: no other host, no frame, no form.
func policyOf(page []byte) string {
	return "default-src 'none'; script-src 'self'" + hashes(page, "script") + "; style-src 'self'" + hashes(page, "style") +
		"; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}

// hashes lists the inline elements of that name by their hashes.
func hashes(page []byte, element string) string {
	var b strings.Builder
	inline := regexp.MustCompile(`(?s)<` + element + `>(.*?)</` + element + `>`)
	for _, m := range inline.FindAllSubmatch(page, -1) {
		d := sha256.Sum256(m[1])
		fmt.Fprintf(&b, " 'sha256-%s'", base64.StdEncoding.EncodeToString(d[:]))
	}
	return b.String()
}

// captured is an answer kept in memory.
type captured struct {
	bytes.Buffer
	header http.Header
	status int
}

func (c *captured) Header() http.Header    { return c.header }
func (c *captured) WriteHeader(status int) { c.status = status }

// capture returns what a handler answers, in gzip where it can.
func capture(h http.Handler, path string) ([]byte, error) {
	c := &captured{header: http.Header{}, status: http.StatusOK}
	h.ServeHTTP(c, &http.Request{
		Method: http.MethodGet, URL: &url.URL{Path: path}, Header: http.Header{"Accept-Encoding": {"gzip"}},
	})
	if c.status != http.StatusOK || c.Len() == 0 {
		return nil, fmt.Errorf("gateway: the explorer lacks %s", path)
	}
	return c.Bytes(), nil
}
