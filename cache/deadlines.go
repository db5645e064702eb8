package cache

import (
	"context"
	"sync"
	"time"
)

// deadlines hold the loads of a kind to their time. All have the same, so that
// which began first is the first to run out of it, and one timer does for all.
// It is not stopped when there is no load: it finds out when it is over.
type deadlines struct {
	kind *kind

	mu          sync.Mutex
	first, last *flight     // by when they end; guarded by mu
	timer       *time.Timer // nil until it is needed; guarded by mu
	running     bool        // the timer is; guarded by mu
	unhook      func() bool // from the end of the cache, while the timer is running; guarded by mu
}

// add begins the time of a load.
func (d *deadlines) add(f *flight) {
	d.mu.Lock()
	f.leash.end = time.Now().Add(d.kind.deadline)
	f.held, f.prev = true, d.last
	if d.last == nil {
		d.first = f
	} else {
		d.last.next = f
	}
	d.last = f
	if !d.running {
		d.run(d.kind.deadline)
		d.unhook = context.AfterFunc(d.kind.cache.closing, d.end)
	}
	d.mu.Unlock()
	if d.kind.cache.closing.Err() != nil { // end may have come by already
		f.leash.finish(context.Canceled)
	}
}

// remove forgets a load that is over.
func (d *deadlines) remove(f *flight) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.unlink(f)
}

// unlink is remove with mu held.
func (d *deadlines) unlink(f *flight) {
	if !f.held {
		return
	}
	if f.prev == nil {
		d.first = f.next
	} else {
		f.prev.next = f.next
	}
	if f.next == nil {
		d.last = f.prev
	} else {
		f.next.prev = f.prev
	}
	f.held, f.prev, f.next = false, nil, nil
}

// run starts the timer. mu is held.
func (d *deadlines) run(wait time.Duration) {
	d.running = true
	if d.timer == nil {
		d.timer = time.AfterFunc(wait, d.fire)
		return
	}
	d.timer.Reset(wait)
}

// fire ends the contexts of the loads whose time is up, and gives up those that
// have gone on for abandonAfter since.
func (d *deadlines) fire() {
	for _, f := range d.sweep(time.Now()) {
		d.kind.counts.abandoned.Add(1)
		d.kind.settle(f, f.load, loaded{}, errAbandoned)
	}
}

// sweep returns the loads to be given up, and sets the timer for the next.
func (d *deadlines) sweep(now time.Time) (overdue []*flight) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var next time.Time
	for f := d.first; f != nil; {
		following, end := f.next, f.leash.end
		if now.Before(end) {
			if next.IsZero() || end.Before(next) {
				next = end
			}
			break
		}
		f.leash.finish(context.DeadlineExceeded)
		switch last := end.Add(abandonAfter); {
		case !now.Before(last):
			d.unlink(f)
			overdue = append(overdue, f)
		case next.IsZero():
			next = last
		}
		f = following
	}
	if next.IsZero() {
		d.running = false
		d.unhook()
	} else {
		d.run(next.Sub(now))
	}
	return overdue
}

// end ends the contexts of all loads.
func (d *deadlines) end() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for f := d.first; f != nil; f = f.next {
		f.leash.finish(context.Canceled)
	}
}
