package cache

import "slices"

// reading is what a read of Redis came to. It is shared, and not changed.
type reading struct {
	got   []find
	index map[Key]int // where in got a key is; nil where they are few
	won   []*turn     // those that came with it
}

// find is what a read came to for one key.
type find struct {
	key  Key
	item *item // within its policy; nil: there is none
	lost bool  // the turn is somebody else's
}

func newReading(asks []ask) reading {
	r := reading{got: make([]find, len(asks))}
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
	if !ok {
		return none
	}
	return r.got[i]
}

// distinct leaves out what is asked for a second time.
func distinct(asks []ask) []ask {
	if len(asks) > fewKeys {
		seen := make(map[Key]bool, len(asks))
		return slices.DeleteFunc(asks, func(a ask) bool {
			again := seen[a.key]
			seen[a.key] = true
			return again
		})
	}
	kept := asks[:0]
	for _, a := range asks {
		if !slices.ContainsFunc(kept, func(b ask) bool { return a.key == b.key }) {
			kept = append(kept, a)
		}
	}
	return kept
}
