package cache

import "sync"

// Gather says that records are being loaded which belong together, until done is
// called: they go to Redis together, if that does not take too long.
func (c *Cache) Gather() (done func()) {
	if c.remote == nil {
		return func() {}
	}
	return c.remote.queue.crowd.enter()
}

// crowd are those who have not all their records yet. Who comes after a lane
// has begun to wait for those that are there is not waited for, or the waiting
// would never end.
type crowd struct {
	mu  sync.Mutex
	now *party // nil: nobody has come since the last turn; guarded by mu
}

// party came between two turns.
type party struct {
	left int           // of the party; guarded by the crowd's mu
	over chan struct{} // closed when none is left; nil: nobody waits for that; likewise
}

func (c *crowd) enter() (leave func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.now == nil {
		c.now = new(party)
	}
	p := c.now
	p.left++
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if p.left--; p.left > 0 {
			return
		}
		if p.over != nil {
			close(p.over)
		}
		if c.now == p {
			c.now = nil
		}
	}
}

// turn returns what is closed when all have left that are there now; nil:
// nobody is there.
func (c *crowd) turn() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.now
	c.now = nil
	if p == nil {
		return nil
	}
	p.over = make(chan struct{}) // somebody is left, or it would not be there
	return p.over
}
