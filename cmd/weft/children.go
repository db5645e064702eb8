package main

import (
	"maps"
	"sync"
	"sync/atomic"
)

// children finds the series of a metric by its labels without hashing them as
// the client does: finding one that is there takes no lock and no memory. The
// labels are of closed sets, so that there are few.
type children[K comparable, V any] struct {
	known atomic.Pointer[map[K]V] // never changed, but replaced
	mu    sync.Mutex              // held to replace it
	make  func(K) V
}

func newChildren[K comparable, V any](of func(K) V) *children[K, V] {
	c := &children[K, V]{make: of}
	c.known.Store(&map[K]V{})
	return c
}

// of returns the series of these labels.
func (c *children[K, V]) of(labels K) V {
	if v, ok := (*c.known.Load())[labels]; ok {
		return v
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	known := maps.Clone(*c.known.Load())
	known[labels] = c.make(labels)
	c.known.Store(&known)
	return known[labels]
}
