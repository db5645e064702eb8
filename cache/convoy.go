package cache

import (
	"context"
	"slices"
	"sync"
	"time"
)

const (
	// convoysAtOnce is how many pipelines of reads a process has under way,
	// while those who wait for the next fit into one.
	convoysAtOnce = 2

	// A convoy that has so many keys sets out at once, as does one that is
	// likely to bring so many bytes: its answer has one deadline for all.
	convoyKeys  = 128
	convoyBytes = 512 << 10
	convoyLeast = 8 // keys that are never too many, whatever they bring

	// lookKeys is how many keys a look may have that goes along with others.
	// A page of a list has more, and would hold them up.
	lookKeys = 32
)

// convoys let those who look at Redis at once go there together, since what a
// look costs is the visit. Who finds a free place goes at once and alone. Who
// finds none waits for the next convoy, which sets out when a convoy that is
// under way comes back, or when it is full.
//
// Nobody waits for a place longer than a read may take: all that is under way
// when a convoy begins to form comes back within that, and the convoys that
// take no place are only those that were full. No goroutine is needed for it but
// for a caller whose time is too short to see it through.
type convoys struct {
	visit    visitor
	desert   func(*look)   // takes a look that was answered when nobody waited for it any more
	deadline time.Duration // of a visit

	mu    sync.Mutex
	busy  int       // under way, but for large looks; guarded by mu, as are the others
	under []*convoy // under way
	next  *convoy   // of those who wait for a place; nil: nobody does
	mean  int       // bytes that a key has brought of late
}

// convoy is what goes to Redis in one pipeline. Its fields are guarded by the
// mutex of the convoys, but for the channels.
type convoy struct {
	looks  []*look
	keys   int
	apart  bool          // it takes no place, being large
	called bool          // there is a place for it
	gone   bool          // it has set out
	over   bool          // it has come back
	place  chan struct{} // holds a token once it is called: who takes that leads
	done   chan struct{} // closed when it is over; nil: nobody has asked for that

	room [4]*look // for looks
}

// look is what is asked of Redis, by one caller or by several who ask the same.
type look struct {
	asks    []ask
	from    Key // whose trail is to be followed; zero: nobody's
	callers int // who wait for it; guarded by the mutex of the convoys

	// Filled in by the visit.
	replies []reply // for each of asks; none: Redis did not answer
	led     led
	began   time.Time
	drops   uint64 // as of before the visit

	once sync.Once // guards reading
	reading
}

// visitor asks Redis for what all of the looks want, and fills in what it said. The
// context has no end.
type visitor func(ctx context.Context, looks []*look) (keys, bytes int)

func newConvoys(deadline time.Duration, visit visitor, desert func(*look)) *convoys {
	return &convoys{visit: visit, desert: desert, deadline: deadline}
}

// ask returns l, or another look for the same, once it was answered, or nil when ctx ended before. Without
// an end of ctx it takes two deadlines at most.
func (v *convoys) ask(ctx context.Context, l *look) *look {
	v.mu.Lock()
	if cv, same := v.alike(l); same != nil {
		same.callers++
		done := cv.end()
		v.mu.Unlock()
		return v.wait(ctx, cv, same, done)
	}
	l.callers = 1
	cv, leads := v.join(l)
	if leads {
		v.mu.Unlock()
		return v.lead(ctx, cv, l)
	}
	done := cv.end()
	v.mu.Unlock()
	return v.wait(ctx, cv, l, done)
}

// alike finds a look for the same that has not come back.
func (v *convoys) alike(l *look) (*convoy, *look) {
	for _, cv := range v.under {
		if same := cv.alike(l); same != nil {
			return cv, same
		}
	}
	if v.next == nil {
		return nil, nil
	}
	return v.next, v.next.alike(l)
}

func (cv *convoy) alike(l *look) *look {
	for _, o := range cv.looks {
		if o.from == l.from && slices.Equal(o.asks, l.asks) {
			return o
		}
	}
	return nil
}

// end is what is closed when the convoy is over.
func (cv *convoy) end() <-chan struct{} {
	if cv.done == nil {
		cv.done = make(chan struct{})
	}
	return cv.done
}

// join finds a convoy for l, and reports whether who asks has to lead it now.
func (v *convoys) join(l *look) (cv *convoy, leads bool) {
	cv = v.next
	free := v.busy < convoysAtOnce
	switch {
	case len(l.asks) > lookKeys:
		cv = &convoy{looks: []*look{l}, keys: len(l.asks), apart: true}
		v.start(cv)
		return cv, true
	case cv == nil && free:
		cv = &convoy{keys: len(l.asks)}
		cv.looks = append(cv.room[:0], l)
		v.busy++
		v.start(cv)
		return cv, true
	case cv == nil:
		cv = &convoy{place: make(chan struct{}, 1)}
		cv.looks = cv.room[:0]
		v.next = cv
	}
	cv.looks, cv.keys = append(cv.looks, l), cv.keys+len(l.asks)
	if cv.keys < v.most() {
		return cv, false
	}
	select {
	case <-cv.place: // it has one, which nobody had taken
	default:
		v.busy++ // who has taken it gives it back
	}
	v.start(cv)
	return cv, true
}

// most is how many keys fill a convoy.
func (v *convoys) most() int {
	return min(max(convoyBytes/max(v.mean, 1), convoyLeast), convoyKeys)
}

func (v *convoys) start(cv *convoy) {
	cv.gone = true
	v.under = append(v.under, cv)
	if v.next == cv {
		v.next = nil
	}
}

// wait returns the look when it has been answered, and leads the convoy if it
// falls to this caller.
func (v *convoys) wait(ctx context.Context, cv *convoy, l *look, done <-chan struct{}) *look {
	leaving := v.leaving(ctx)
	for place := cv.place; ; {
		select {
		case <-done:
			return l
		case <-leaving:
			return v.leave(cv, l)
		case <-place:
			if v.takes(cv) {
				return v.lead(ctx, cv, l)
			}
			place = nil
		}
	}
}

// leaving tells when a caller waits no longer. One that has more time than a look
// takes, which is two deadlines, needs no timer for that.
func (v *convoys) leaving(ctx context.Context) <-chan struct{} {
	bounded, ok := ctx.(interface{ Caller() context.Context })
	if end, ends := ctx.Deadline(); ok && (!ends || time.Until(end) > v.deadline*5/2) {
		return bounded.Caller().Done()
	}
	return ctx.Done()
}

// takes takes the place that cv has. It reports false when cv has set out
// meanwhile, being full: then the place is free.
func (v *convoys) takes(cv *convoy) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if cv.gone {
		v.busy--
		v.call()
		return false
	}
	v.start(cv)
	return true
}

// leave is for who waits no longer. The convoy goes without a look that nobody
// waits for, if it has not set out.
func (v *convoys) leave(cv *convoy, l *look) *look {
	v.mu.Lock()
	defer v.mu.Unlock()
	if cv.over {
		return l
	}
	if l.callers--; l.callers > 0 || cv.gone {
		return nil
	}
	cv.looks, cv.keys = slices.DeleteFunc(cv.looks, func(o *look) bool { return o == l }), cv.keys-len(l.asks)
	if len(cv.looks) > 0 {
		return nil
	}
	v.next = nil
	if cv.called { // and all have left before one took the place
		v.busy--
	}
	return nil
}

// lead makes the visit and returns l. A caller whose time may end before has
// it made, and leaves when it does.
func (v *convoys) lead(ctx context.Context, cv *convoy, l *look) *look {
	if end, ok := ctx.Deadline(); !ok || time.Until(end) > v.deadline {
		v.run(ctx, cv)
		return l
	}
	v.mu.Lock()
	done := cv.end()
	v.mu.Unlock()
	go v.run(ctx, cv)
	return v.wait(ctx, cv, l, done)
}

// run makes the visit, whose trace is that of who leads.
func (v *convoys) run(ctx context.Context, cv *convoy) {
	var keys, bytes int
	defer func() { v.back(cv, keys, bytes) }() // others wait, whatever becomes of it
	keys, bytes = v.visit(context.WithoutCancel(ctx), cv.looks)
}

// back wakes who waits for cv, and lets the next go.
func (v *convoys) back(cv *convoy, keys, bytes int) {
	v.mu.Lock()
	cv.over = true
	if cv.done != nil {
		close(cv.done)
	}
	v.under = slices.DeleteFunc(v.under, func(o *convoy) bool { return o == cv })
	if !cv.apart {
		v.busy--
		v.call()
	}
	if keys > 0 && !cv.apart {
		v.mean += (bytes/keys - v.mean) / 8
	}
	v.mu.Unlock()
	for _, l := range cv.looks {
		if l.callers == 0 { // nobody can come any more
			v.desert(l)
		}
	}
}

// call lets those who wait have a free place.
func (v *convoys) call() {
	if v.next == nil || v.next.called || v.busy >= convoysAtOnce {
		return
	}
	v.busy++
	v.next.called = true
	v.next.place <- struct{}{}
}
