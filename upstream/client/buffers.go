package client

import (
	"bytes"
	"sync"
)

// maxKept is the largest buffer that is kept for the next answer, in bytes: a page
// of a list has room in it. One large answer must not make all buffers large.
const maxKept = 256 << 10

// buffers are what answers are read into. The zero value is ready.
type buffers struct{ pool sync.Pool }

// get returns an empty buffer, with room for what an answer claims to be.
func (b *buffers) get(length int64) *bytes.Buffer {
	buf, ok := b.pool.Get().(*bytes.Buffer)
	if !ok {
		buf = new(bytes.Buffer)
	}
	if length > 0 { // claimed, not yet proved
		buf.Grow(int(min(length, maxKept-bytes.MinRead)) + bytes.MinRead)
	}
	return buf
}

// put takes a buffer back, of which nobody may have kept anything.
func (b *buffers) put(buf *bytes.Buffer) {
	if buf.Cap() > maxKept {
		return
	}
	buf.Reset()
	b.pool.Put(buf)
}
