package upstream

import (
	"bytes"
	"testing"
)

// No byte that means something in a string is passed over, wherever it is and
// whatever is beside it.
func TestPlainTo(t *testing.T) {
	means := func(c byte) bool { return c == '"' || c == '\\' || c < ' ' }
	for _, beside := range []byte{'a', ' ', '!', '#', '[', ']', 0x7f, 0x80, 0xa0, 0xa2, 0xdc, 0xff} {
		for c := range 256 {
			for at := range 20 {
				b := bytes.Repeat([]byte{beside}, 20)
				b[at] = byte(c)
				for from := range at + 1 {
					got := plainTo(b, from)
					switch {
					case means(byte(c)) && got > at:
						t.Fatalf("% x from %d: %d", b, from, got)
					case got != at && got+8 <= len(b):
						t.Fatalf("% x from %d: stopped at %d", b, from, got)
					}
				}
			}
		}
	}
}
