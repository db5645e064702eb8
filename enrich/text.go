package enrich

import (
	"strings"
	"sync/atomic"
)

// text is a record's JSON as memory has it: as it is sent, or packed, which takes less.
// Which of them it is may change while it is read. nil is null.
type text struct {
	form  atomic.Pointer[[]byte] // never changed, only replaced; see codec for what is packed
	reads atomic.Uint32          // since Rest; where it is not packed, up to enough
	solid atomic.Bool            // packed it would be no smaller
}

// enough reads are counted of what is not packed: a count that goes on would be written by all.
const enough = 64

// together gives texts a piece of memory of their own: pieces of answers, and of other
// records, would keep all of these alive.
func together(texts ...*string) {
	size := 0
	for _, t := range texts {
		size += len(*t)
	}
	var b strings.Builder
	b.Grow(size)
	for _, t := range texts {
		b.WriteString(*t)
	}
	all := b.String()
	for _, t := range texts {
		*t, all = all[:len(*t)], all[len(*t):]
	}
}

// with makes this the text of a record that nobody else knows yet.
func with[R interface{ set(json []byte) }](r R, json []byte) R {
	r.set(json)
	return r
}

func (t *text) set(json []byte) { t.form.Store(&json) }

// append writes the text.
func (t *text) append(b []byte) []byte {
	if t == nil {
		return append(b, "null"...)
	}
	form := *t.form.Load()
	small := packed(form)
	t.count(small)
	if small {
		return packing.unpack(b, form)
	}
	return appendRaw(b, form)
}

func (t *text) count(packed bool) {
	if packed {
		t.reads.Add(1)
	} else if n := t.reads.Load(); n < enough {
		t.reads.Store(n + 1) // one that is lost makes no difference
	}
}

// json returns the text, which is not to be changed.
func (t *text) json() []byte {
	if form := *t.form.Load(); !packed(form) {
		return form
	}
	return t.append(nil)
}

// size is how long the text is, in bytes.
func (t *text) size() int {
	if t == nil {
		return len("null")
	}
	form := *t.form.Load()
	if packed(form) {
		return unpackedSize(form)
	}
	return len(form)
}

// Reads implements [cache.Packer].
func (t *text) Reads() int {
	if t.solid.Load() {
		return 0 // however often: it cannot be made faster to read
	}
	return int(t.reads.Load())
}

// Rest implements [cache.Packer].
func (t *text) Rest() {
	if t.reads.Load() > 0 { // there may be a million, of which few were read
		t.reads.Store(0)
	}
}

// Small implements [cache.Packer].
func (t *text) Small() bool { return t.solid.Load() || packed(*t.form.Load()) }

// Pack implements [cache.Packer].
func (t *text) Pack() (bytes int, ok bool) {
	form := *t.form.Load()
	if packed(form) {
		return 0, false
	}
	return t.store(packing.pack(form))
}

// store takes what was packed; nil is what cannot be.
func (t *text) store(small []byte) (bytes int, ok bool) {
	if small == nil {
		t.solid.Store(true)
		return 0, false
	}
	t.form.Store(&small)
	return len(small), true
}

// Unpack implements [cache.Packer].
func (t *text) Unpack() (bytes int, ok bool) {
	form := *t.form.Load()
	if !packed(form) {
		return 0, false
	}
	form = packing.unpack(nil, form)
	t.form.Store(&form)
	return len(form), true
}
