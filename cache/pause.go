package cache

import (
	"math/rand/v2"
	"time"
)

const (
	// A source that failed to load a record of which there is a copy is left
	// alone by that record: at first, doubled up to the longest, jittered.
	backOffFirst = time.Second
	backOffLast  = 5 * time.Second

	// beatFor is how long a record is left alone that could not be loaded for
	// a reason that costs nothing to find out, or that somebody else loads.
	beatFor = 250 * time.Millisecond
)

// pause is a time in which a copy is not loaded again: it answers at once.
type pause struct {
	until    time.Time
	failures int   // loads that failed in a row
	err      error // why the copy is no better
}

// over reports whether the copy may be loaded again; a nil pause is over.
func (p *pause) over(now time.Time) bool { return p == nil || !now.Before(p.until) }

// paused reports whether a stale copy is to be left alone, and says why in a.
func (k *kind) paused(a *answer, now time.Time, opt *Options) bool {
	p := a.item.pause.Load()
	if p.over(now) {
		return false
	}
	a.err = p.err
	if opt.StaleNow {
		a.err = opt.StaleErr
	}
	k.counts.backedOff.Add(1)
	return true
}

// backOff is the time after so many failures in a row.
func backOff(failures int) time.Duration {
	d := backOffFirst
	for range failures - 1 {
		d = min(2*d, backOffLast)
	}
	return d - rand.N(d/5)
}

// failed leaves the record alone for a while after a load that failed, if
// there is a copy of it.
func (k *kind) failed(f *flight, key Key, err error) {
	it := k.cache.memory.get(key)
	if it == nil || it.absent {
		return
	}
	if f.ahead { // the copy is fresh: there is no hurry
		k.later(it, backOffLast-rand.N(backOffLast/5))
		return
	}
	p := &pause{err: err}
	if old := it.pause.Load(); old != nil {
		p.failures = old.failures
	}
	wait := beatFor
	if !k.unasked(err) {
		p.failures++
		wait = backOff(p.failures)
	}
	p.until = time.Now().Add(wait)
	it.pause.Store(p)
}

// beat leaves the record alone for a moment: another load of it is under way
// elsewhere, or there is no place for one.
func (k *kind) beat(f *flight, key Key, err error) {
	it := k.cache.memory.get(key)
	if it == nil || it.absent {
		return
	}
	wait := beatFor/2 + rand.N(beatFor)
	if f.ahead {
		k.later(it, 4*wait)
		return
	}
	p := &pause{until: time.Now().Add(wait), err: err}
	if old := it.pause.Load(); old != nil {
		p.failures = old.failures
	}
	it.pause.Store(p)
}

// later puts the next load ahead of its time off, after one that came to
// nothing. A record that was replaced meanwhile has a time of its own.
func (k *kind) later(it *item, wait time.Duration) {
	it.ahead.CompareAndSwap(aheadBusy, int64(it.age(time.Now())+wait))
}
