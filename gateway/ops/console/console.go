// Package console is the web page of the ops listener: what is broken, since
// when, whom it touches, and the means to do something about it.
//
// The page is plain HTML, CSS and ES modules that are served as they lie here;
// nothing is built. It asks the ops listener for all that it shows, by
// addresses relative to its own, so that it works below any prefix that a proxy
// puts before it, and it asks nobody else.
package console

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"html"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
)

//go:embed web
var web embed.FS

// policy lets the page load what lies beside it, and nothing else: no inline
// script or style, no other host, no frame.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// Console serves the page and what it loads.
type Console struct {
	root  string
	files map[string]file // path below root -> file
}

type file struct {
	mime, tag string
	body      []byte
}

// New returns the console of a program of that version, to be served at root,
// as "/console", and below it.
func New(root, version string) (*Console, error) {
	c := &Console{root: root, files: make(map[string]file)}
	err := fs.WalkDir(web, "web", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		body, err := web.ReadFile(name)
		if err == nil {
			c.add(strings.TrimPrefix(name, "web/"), body)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	page := render(c.files["index.html"].body, version)
	delete(c.files, "index.html")
	c.add("", page)
	return c, nil
}

// render fills in what the page shows before anything has been asked. It is no
// template, since one would make the program larger by half.
func render(source []byte, version string) []byte {
	return bytes.Replace(source, []byte("{{.Version}}"), []byte(html.EscapeString(version)), 1)
}

func (c *Console) add(name string, body []byte) {
	sum := sha256.Sum256(body)
	c.files[name] = file{mimeOf(name), `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`, body}
}

// mimeOf does not ask the machine, which may know other types or none.
func mimeOf(name string) string {
	switch path.Ext(name) {
	case "":
		return "text/html; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	}
	return mime.FormatMediaType("text/plain", map[string]string{"charset": "utf-8"})
}

// ServeHTTP implements [http.Handler]. The method is GET or HEAD.
func (c *Console) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", policy)
	if r.URL.Path == c.root { // relative, so that a prefix of a proxy stays before it
		h.Set("Location", path.Base(c.root)+"/")
		w.WriteHeader(http.StatusMovedPermanently)
		return
	}
	f, ok := c.files[strings.TrimPrefix(r.URL.Path, c.root+"/")]
	if !ok {
		http.Error(w, "There is nothing here", http.StatusNotFound)
		return
	}
	h.Set("Content-Type", f.mime)
	h.Set("Cache-Control", "no-cache")
	h.Set("ETag", f.tag)
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
	if r.Header.Get("If-None-Match") == f.tag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	_, _ = w.Write(f.body) // fails when the caller is gone
}
