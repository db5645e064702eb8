package cache

import "slices"

// reading is what a read of Redis came to. It is shared, and not changed.
type reading struct {
	got   []find
	index map[Key]int // where in got a key is; nil where they are few
	won   []*turn     // those that came with it
	drops uint64      // as of before Redis was asked

	trail []Key  // that was followed; nil: there is none
	led   []find // what it came to, beside what was asked for
}

// find is what a read came to for one key.
type find struct {
	key  Key
	item *item // within its policy; nil: there is none
	lost bool  // the turn is somebody else's
}

func newReading(asks []ask, drops uint64) reading {
	r := reading{got: make([]find, len(asks)), drops: drops}
	for i := range asks {
		r.got[i].key = asks[i].key
	}
	if len(asks) > fewKeys {
		r.index = make(map[Key]int, len(asks))
		for i := range asks {
			r.index[asks[i].key] = i
		}
	}
	return r
}

// of is what the read came to for key: nothing where that was not asked for.
func (r *reading) of(key Key) (none find) {
	i, ok := r.index[key]
	if r.index == nil {
		i = slices.IndexFunc(r.got, func(f find) bool { return f.key == key })
		ok = i >= 0
	}
	if ok {
		return r.got[i]
	}
	if i = slices.IndexFunc(r.led, func(f find) bool { return f.key == key }); i >= 0 {
		return r.led[i]
	}
	return none
}
