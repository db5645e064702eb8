package client

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/weft-gateway/weft/upstream"
)

// places are the calls that a host takes at once, and who has them. A client
// has at most its share, so that one that is busy leaves room for the others;
// and while clients wait, a place that becomes free goes to them in turn, so
// that nobody waits behind another's queue.
type places struct {
	mu    sync.Mutex
	size  int     // guarded by mu
	free  int     // below zero while more are out than the size has become; guarded by mu
	turns []*line // those in which somebody waits, the next in turn first; guarded by mu
}

// line is where one client's calls wait.
type line struct {
	share   int             // places at once
	held    int             // guarded by places.mu
	waiting []chan struct{} // closed when a place is given; guarded by places.mu
}

// maxWaiting is how many calls wait in a line for each place of its share. A
// line that is longer would hardly be worked off while anybody has patience.
const maxWaiting = 16

// take takes a place, and waits for one until patience is over or ctx ends. It
// does not wait where too many do.
func (p *places) take(ctx context.Context, l *line, patience time.Duration) error {
	given, ok := p.ask(l)
	switch {
	case !ok:
		return upstream.Overloaded
	case given == nil:
		return nil
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	err := error(upstream.Overloaded)
	select {
	case <-given:
		return nil
	case <-timer.C:
	case <-ctx.Done():
		if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
			err = upstream.Canceled
		} // else its time went by in our queue
	}
	p.leave(l, given)
	return err
}

// ask takes a place if there is one, which is nil, or joins the line unless it
// is full. A place is free while others wait only if they have their share.
func (p *places) ask(l *line) (given chan struct{}, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.free > 0 && l.held < l.share {
		p.free--
		l.held++
		return nil, true
	}
	if len(l.waiting) >= maxWaiting*l.share {
		return nil, false
	}
	given = make(chan struct{})
	if len(l.waiting) == 0 {
		p.turns = append(p.turns, l)
	}
	l.waiting = append(l.waiting, given)
	return given, true
}

// leave stops waiting, and gives back what came too late.
func (p *places) leave(l *line, given chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := slices.Index(l.waiting, given)
	if i < 0 {
		p.put(l)
		return
	}
	l.waiting = slices.Delete(l.waiting, i, i+1)
	if len(l.waiting) == 0 {
		p.turns = slices.DeleteFunc(p.turns, func(o *line) bool { return o == l })
	}
}

// give gives a place back.
func (p *places) give(l *line) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.put(l)
}

// put frees a place. The caller holds mu.
func (p *places) put(l *line) {
	l.held--
	p.free++
	p.pass()
}

// pass hands a free place on to the first line in turn that may have one more,
// and reports whether it did. The caller holds mu.
func (p *places) pass() bool {
	if p.free <= 0 {
		return false
	}
	i := slices.IndexFunc(p.turns, func(l *line) bool { return l.held < l.share })
	if i < 0 {
		return false
	}
	next := p.turns[i]
	p.turns = slices.Delete(p.turns, i, i+1)
	close(next.waiting[0])
	next.waiting = next.waiting[1:]
	if len(next.waiting) > 0 {
		p.turns = append(p.turns, next)
	}
	p.free--
	next.held++
	return true
}

// resize changes how many places there are. Nobody loses one: what is too many
// is not given again.
func (p *places) resize(size int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.free += size - p.size
	p.size = size
	for p.pass() {
	}
}

// most returns how many places there are.
func (p *places) most() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.size
}

// taken returns how many places somebody has.
func (p *places) taken() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.size - p.free
}
