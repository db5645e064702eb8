package client

import (
	"bytes"
	"io"
	"sync"
)

// maxKept is the largest buffer that is kept for the next answer, in bytes: a page
// of a list has room in it. One large answer must not make all buffers large.
const maxKept = 256 << 10

// buffers are what answers are read into. The zero value is ready.
type buffers struct{ pool sync.Pool }

// buffer is what one answer is read into.
type buffer struct {
	bytes.Buffer
	bounded io.LimitedReader // what it is read from
}

// get returns an empty buffer, with room for what an answer claims to be.
func (b *buffers) get(length int64) *buffer {
	buf, ok := b.pool.Get().(*buffer)
	if !ok {
		buf = new(buffer)
	}
	if length > 0 { // claimed, not yet proved
		buf.Grow(int(min(length, maxKept-bytes.MinRead)) + bytes.MinRead)
	}
	return buf
}

// put takes a buffer back, of which nobody may have kept anything.
func (b *buffers) put(buf *buffer) {
	if buf.Cap() > maxKept {
		return
	}
	buf.Reset()
	buf.bounded.R = nil
	b.pool.Put(buf)
}
