package gateway

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// file is an answer that never changes while the process lives.
type file struct {
	mime   string
	tag    string
	policy string // Content-Security-Policy; "": none
	body   []byte // as it is; nil where there is only the packed form
	packed []byte // gzip; nil: the compressor packs it
}

func newFile(mime string, body []byte) *file {
	return &file{mime: mime, body: body, tag: tagOf(body)}
}

func newPackedFile(mime string, packed []byte) *file {
	return &file{mime: mime, packed: packed, tag: tagOf(packed)}
}

func tagOf(b []byte) string {
	d := sha256.Sum256(b)
	return weakTag(hex.EncodeToString(d[:8]))
}

// send answers the file to anyone.
func (f *file) send(x *exchange, r *http.Request) error {
	h := x.Header()
	h.Set("ETag", f.tag)
	h.Set("Cache-Control", "no-cache")
	if f.policy != "" {
		h.Set("Content-Security-Policy", f.policy)
	}
	if anyMatches(r.Header["If-None-Match"], f.tag) {
		x.WriteHeader(http.StatusNotModified)
		return nil
	}
	h.Set("Content-Type", f.mime)
	if f.packed != nil && takesGzip(r.Header.Get("Accept-Encoding")) {
		h.Set("Content-Encoding", "gzip")
		h.Set("Content-Length", strconv.Itoa(len(f.packed)))
		x.WriteHeader(http.StatusOK)
		if r.Method != http.MethodHead {
			_, _ = x.Write(f.packed)
		}
		return nil
	}
	body, err := f.plain()
	if err != nil {
		return err
	}
	send(x, r, http.StatusOK, body)
	return nil
}

func (f *file) plain() ([]byte, error) {
	if f.packed == nil {
		return f.body, nil
	}
	z, err := gzip.NewReader(bytes.NewReader(f.packed))
	if err != nil {
		return nil, fmt.Errorf("gateway: unpack: %w", err)
	}
	return io.ReadAll(z) // our own file: no bomb
}

// takesGzip reports whether an Accept-Encoding header names gzip and does not
// weigh it with 0.
func takesGzip(accept string) bool {
	for coding := range strings.SplitSeq(accept, ",") {
		name, weight, _ := strings.Cut(coding, ";")
		if !strings.EqualFold(strings.TrimSpace(name), "gzip") {
			continue
		}
		_, q, _ := strings.Cut(weight, "=")
		return strings.Trim(q, " 0.") != "" || q == ""
	}
	return false
}
