package client

import (
	"bufio"
	"compress/gzip"
	"net/http"
)

// zip is what decompressing an answer needs of memory. The gzip.Reader never
// forgets what it reads from, so that is a buffer, which does.
type zip struct {
	gzip.Reader
	from *bufio.Reader
}

// unzipped is the body of an answer that was compressed for the way.
type unzipped struct {
	*body
	z   *zip // nil: before the first read, and after the last
	err error
}

// unzip makes resp the answer that was compressed.
func (t *Transport) unzip(resp *http.Response, b *body) {
	resp.Header.Del("Content-Encoding")
	resp.Header.Del("Content-Length")
	resp.ContentLength, resp.Uncompressed = -1, true
	resp.Body = &unzipped{body: b}
}

// Read implements [io.Reader].
func (u *unzipped) Read(p []byte) (n int, err error) {
	if u.err != nil {
		return 0, u.err
	}
	if u.z == nil {
		u.err = u.begin()
	}
	if u.err == nil {
		n, u.err = u.z.Read(p)
	}
	if u.err != nil {
		u.finish()
	}
	return n, u.err
}

func (u *unzipped) begin() error {
	var ok bool
	if u.z, ok = u.t.zips.Get().(*zip); !ok {
		u.z = &zip{from: bufio.NewReader(nil)}
	}
	u.z.from.Reset(u.body)
	return u.z.Reset(u.z.from)
}

// finish gives the zip back, which must not know the body any longer.
func (u *unzipped) finish() {
	u.z.from.Reset(nil)
	u.t.zips.Put(u.z)
	u.z = nil
}
