package cache

import (
	"slices"
	"sync"
	"time"
)

const (
	// maxIdle is how many goroutines wait for another load. Each has a stack of
	// some 32 KiB.
	maxIdle = 64

	// idleFor is how often those go home that had nothing to do all the while.
	idleFor = time.Second
)

// crew are the goroutines on which loads run. One that is done waits for the
// next: a new one would have to grow its stack first, and copy what is on it.
type crew struct {
	mu     sync.Mutex
	idle   []chan *flight // the last is the one that was busy last; guarded by mu, as are the others
	spare  int            // the fewest that there have been of idle since the last look
	looks  *time.Timer    // at how many are to spare; nil: nobody is idle
	closed bool
}

// fly has a flight flown.
func (c *crew) fly(f *flight) {
	c.mu.Lock()
	n := len(c.idle) - 1
	if n < 0 {
		c.mu.Unlock()
		go c.work(f)
		return
	}
	hand := c.idle[n]
	c.idle, c.spare = c.idle[:n], min(n, c.spare)
	c.mu.Unlock()
	hand <- f
}

// work flies f, and then what it is handed. A load that leaves by
// runtime.Goexit takes the goroutine with it.
func (c *crew) work(f *flight) {
	hand := make(chan *flight, 1)
	for f != nil {
		deepen(len(f.keys))
		f.kind.fly(f)
		if f = nil; c.rest(hand) {
			f = <-hand
		}
	}
}

// rest puts a goroutine among those that wait, if there is room.
func (c *crew) rest(hand chan *flight) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || len(c.idle) >= maxIdle {
		return false
	}
	c.idle = append(c.idle, hand)
	if c.looks == nil {
		c.looks = time.AfterFunc(idleFor, c.thin)
	}
	return true
}

// thin sends those home that were to spare since the last time: a load more or
// less every so often needs none of them.
func (c *crew) thin() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	for _, hand := range c.idle[:c.spare] { // idle for longest
		close(hand)
	}
	c.idle = slices.Delete(c.idle, 0, c.spare)
	if c.spare = len(c.idle); c.spare == 0 {
		c.looks = nil
		return
	}
	c.looks.Reset(idleFor)
}

// close sends those home that wait, and those that are busy when they are done.
func (c *crew) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	if c.looks != nil {
		c.looks.Stop()
	}
	for _, hand := range c.idle {
		close(hand)
	}
	c.idle = nil
}

// deepen makes the stack of a new goroutine as large as a load needs it. By
// itself it would grow three times over, and copy what is on it each time.
//
//go:noinline
func deepen(n int) byte {
	var frame [12 << 10]byte
	frame[n%len(frame)] = 1
	return frame[(n+1)%len(frame)]
}
