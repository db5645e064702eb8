package cache

import (
	"context"
	"sync"
)

// gate is what is waited for until it is opened. It has a channel only when
// somebody came before that.
type gate struct {
	mu   sync.Mutex
	ch   chan struct{} // guarded by mu
	past bool          // it is open; guarded by mu
}

// open lets all through, now and from now on. It may be called once.
func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.past = true
	if g.ch != nil {
		close(g.ch)
	}
}

// await reports whether the gate was opened before ctx ended; both is a yes.
func (g *gate) await(ctx context.Context) bool {
	ch := g.closed()
	if ch == nil {
		return true
	}
	select {
	case <-ch:
		return true
	case <-ctx.Done():
	}
	return g.closed() == nil
}

// closed returns what is closed when the gate is opened; nil: it is open.
func (g *gate) closed() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.past {
		return nil
	}
	if g.ch == nil {
		g.ch = make(chan struct{})
	}
	return g.ch
}
