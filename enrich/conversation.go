package enrich

import (
	"bytes"
	"sync/atomic"

	"github.com/weft-gateway/weft/upstream"
)

// conversation is one as memory has it: decoded, or packed, which takes a third.
type conversation struct {
	whole atomic.Pointer[upstream.Conversation] // shared, and never changed; nil: it is packed
	text                                        // what [encodeConversation] wrote, where it is packed
}

func keepConversation(c *upstream.Conversation) *conversation {
	if c == nil {
		return nil
	}
	k := new(conversation)
	k.whole.Store(c)
	return k
}

func encodeKept(c *conversation) ([]byte, error) { return encodeConversation(c.record()) }

func decodeKept(b []byte) (*conversation, error) {
	c, err := decodeConversation(b)
	return keepConversation(c), err
}

// record returns the conversation, which is not to be changed; nil of nil.
func (c *conversation) record() *upstream.Conversation {
	if c == nil {
		return nil
	}
	whole, form := c.forms()
	c.count(form != nil)
	if whole != nil {
		return whole
	}
	whole, err := decodeConversation(packing.unpack(nil, form))
	return must(whole, err)
}

// reading remembers what a conversation was read as: a request comes by it several
// times, and one that is packed is to be decoded once.
type reading struct {
	from   *conversation
	record *upstream.Conversation
}

func (r *reading) of(c *conversation) *upstream.Conversation {
	if r.from != c {
		r.from, r.record = c, c.record()
	}
	return r.record
}

// forms returns the one in which it is now.
func (c *conversation) forms() (whole *upstream.Conversation, packed []byte) {
	for {
		if whole = c.whole.Load(); whole != nil {
			return whole, nil
		}
		if form := c.form.Load(); form != nil { // else it was unpacked in between
			return nil, *form
		}
	}
}

// Small implements [cache.Packer].
func (c *conversation) Small() bool { return c.solid.Load() || c.whole.Load() == nil }

// Pack implements [cache.Packer].
func (c *conversation) Pack() (bytes int, ok bool) {
	whole := c.whole.Load()
	if whole == nil {
		return 0, false
	}
	if bytes, ok = c.store(packing.pack(readable(whole))); ok {
		c.whole.Store(nil)
	}
	return bytes, ok
}

// readable is what encodeConversation writes, if that will be read as the same record;
// nil: it will not. What others wrote to Redis may have times that we do not write,
// and what a store says may be nested deeper than we read, or have words that are not UTF-8.
func readable(c *upstream.Conversation) []byte {
	json, err := encodeConversation(c)
	if err != nil {
		return nil
	}
	read, err := decodeConversation(json)
	if err != nil || !bytes.Equal(appendConversation(make([]byte, 0, scratch), read), json) {
		return nil
	}
	return json
}

// Unpack implements [cache.Packer].
func (c *conversation) Unpack() (bytes int, ok bool) {
	_, form := c.forms()
	if form == nil {
		return 0, false
	}
	json := packing.unpack(nil, form)
	whole, err := decodeConversation(json)
	c.whole.Store(must(whole, err))
	c.form.Store(nil)
	return len(json), true
}

// fields writes what [head.fields] does of a conversation, whichever form it has.
func (c *conversation) fields(b []byte, h *head) []byte {
	whole, form := c.forms()
	c.count(form != nil)
	if whole != nil {
		return h.fields(b, whole)
	}
	room := packing.unpack(b, form) // behind what is written over it in the end
	out := h.splice(room, room[len(b):])
	return append(b, out[len(room):]...)
}

// splice writes what [head.fields] does, of what encodeConversation wrote. Where a field
// begins can be told by its name: within a string, quotes have backslashes. Only what is
// in variables could be taken for it, so fields behind them are looked for from the end.
func (h *head) splice(b, json []byte) []byte {
	cut := func(at int) (passed []byte) {
		passed, json = json[:at], json[at:] // panics where there is no such field: we wrote it ourselves
		return passed
	}
	before := func(name string) []byte { return cut(bytes.Index(json, []byte(name))) }
	beforeLast := func(name string) []byte { return cut(bytes.LastIndex(json, []byte(name))) }
	b = h.named(b)
	before(`,"summary":`)
	b = append(b, before(`,"messageCount":`)...)
	b = appendInt(append(b, `,"messageCount":`...), int(h.count))
	before(`,"lastMessageAt":`)
	b = append(b, before(`,"variables":`)...)
	if variables := beforeLast(`,"assistant":`); h.hide {
		b = append(b, `,"variables":null`...)
	} else {
		b = append(b, variables...)
	}
	b = append(b, beforeLast(`,"totalCost":`)...)
	if cost := cut(1 + bytes.IndexAny(json[1:], ",}")); h.costs && !bytes.HasSuffix(cost, []byte("null")) {
		b = append(b, cost...)
	}
	return b
}
