package gateway

import (
	"crypto/sha256"
	_ "embed" // the page
	"encoding/base64"
	"fmt"
	"html"
	"io/fs"
	"net/http"
	"regexp"
	"strings"
	"sync"

	"github.com/swaggest/swgui/v5/static"
)

const docsPath = "/docs"

//go:embed docs.html
var docsPage string

// explorer is the API explorer: a page, and what it loads from below /docs/.
// All of it is in the binary, so that it works without the internet.
type explorer struct {
	page   *file
	assets map[string]func() (*file, error) // by name
}

// newExplorer fills in the page's title by itself: a template of the standard
// library would make the program larger by half.
func newExplorer(version string) (explorer, error) {
	title := strings.TrimSpace("Weft " + version)
	page := []byte(strings.Replace(docsPage, "{{.Title}}", html.EscapeString(title), 1))
	e := explorer{page: newFile("text/html; charset=utf-8", page), assets: make(map[string]func() (*file, error))}
	e.page.policy = policyOf(page)
	for name, mime := range map[string]string{
		"swagger-ui.css":                  "text/css; charset=utf-8",
		"swagger-ui-bundle.js":            "text/javascript; charset=utf-8",
		"swagger-ui-standalone-preset.js": "text/javascript; charset=utf-8",
		"favicon-16x16.png":               "image/png",
		"favicon-32x32.png":               "image/png",
	} {
		if err := e.add(name, mime); err != nil {
			return explorer{}, err
		}
	}
	return e, nil
}

// add takes a file of the library's. It is read when it is first asked for:
// until then half a megabyte need not be in memory.
func (e explorer) add(name, mime string) error {
	stored, keep := name, newFile
	if strings.HasPrefix(mime, "text/") {
		stored, keep = name+".gz", newPackedFile
	}
	if _, err := fs.Stat(static.FS, stored); err != nil {
		return fmt.Errorf("gateway: the explorer: %w", err)
	}
	e.assets[name] = sync.OnceValues(func() (*file, error) {
		body, err := static.FS.ReadFile(stored)
		return keep(mime, body), err
	})
	return nil
}

// asset answers one of the files that the page loads.
func (e explorer) asset(x *exchange, r *http.Request) error {
	load := e.assets[strings.TrimPrefix(r.URL.Path, docsPath+"/")]
	if load == nil {
		return codeNotFound
	}
	f, err := load()
	if err != nil {
		return err
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
