package cache

import (
	"hash/maphash"
	"slices"
	"sync"
	"time"
)

const (
	queueLanes = 1        // workers; a key is always the same one's
	laneKeys   = 8192     // keys that may wait in a lane
	laneBytes  = 16 << 20 // bytes that may wait in a lane
	batchKeys  = 64       // keys in one pipeline
	batchBytes = 512 << 10

	// gatherFor is how long a lane waits after the first of a batch for the
	// others, where nobody says how long they take to come.
	gatherFor = 2 * time.Millisecond

	// gatherAtMost is how long it waits for the rest of what is being put together,
	// see [Cache.Gather]: other replicas may be waiting for what is there.
	gatherAtMost = 100 * time.Millisecond

	// flushBound is how long Close goes on sending what is queued.
	flushBound = time.Second
)

// write is a record, or a removal, on its way to Redis.
type write struct {
	key    Key
	entry  entry
	keep   time.Duration // how long after entry.storedAt the record may be used
	remove bool
	yield  bool // a removal that gives way to anything queued for the key
	tell   bool // other replicas are to drop their copies once this is in Redis
	about  []subjectID

	turn time.Time // until when we have the turn that is given back with it; zero: none
	bare bool      // nothing but that
}

func (w write) size() int { return len(w.key.ID) + len(w.entry.data) }

// queue holds what is to be written to Redis, and drops what is too much. For
// each key it holds one write, the most recent: a key is always in the same
// lane and a lane sends one batch at a time, so that in one process an older
// record never overwrites a newer one.
type queue struct {
	seed    maphash.Seed
	crowd   crowd
	lanes   [queueLanes]lane
	workers sync.WaitGroup
}

// lane is the part of a queue that one worker empties.
type lane struct {
	send  func([]write)
	crowd *crowd
	wake  chan struct{} // holds a token while there may be something to send
	hurry chan struct{} // holds a token when that must not wait for more
	busy  chan struct{} // holds a token from when a batch is taken until it has been sent

	mu      sync.Mutex
	pending map[Key]write // guarded by mu, as are the others
	order   []Key         // the keys of pending, first come first
	bytes   int           // size of pending
	urgent  bool          // something of it is not to wait for more
	closed  bool
}

func newQueue(send func([]write)) *queue {
	q := &queue{seed: maphash.MakeSeed()}
	for i := range q.lanes {
		l := &q.lanes[i]
		l.send, l.wake, l.busy, l.pending = send, make(chan struct{}, 1), make(chan struct{}, 1), map[Key]write{}
		l.crowd, l.hurry = &q.crowd, make(chan struct{}, 1)
		q.workers.Go(l.work)
	}
	return q
}

// add queues w and reports whether it, or a more recent one, is queued.
func (q *queue) add(w write) bool {
	if w.tell { // a trail that began there must not come after it
		trail := trailKey(w.key)
		q.lane(trail).discard(trail)
	}
	return q.lane(w.key).add(w)
}

func (q *queue) lane(key Key) *lane {
	return &q.lanes[maphash.Comparable(q.seed, key)%queueLanes]
}

// close sends what is queued, for at most flushBound and a batch, and stops
// the workers. What is added later is dropped.
func (q *queue) close() {
	for i := range q.lanes {
		q.lanes[i].close()
	}
	q.workers.Wait()
}

func (l *lane) add(w write) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	old, queued := l.pending[w.key]
	if queued && !old.bare && (w.yield || w.bare || old.newer(w)) {
		if w.turn.After(old.turn) {
			old.turn = w.turn
			l.pending[w.key] = old
		}
		return true
	}
	w.tell = w.tell || old.tell
	if old.turn.After(w.turn) {
		w.turn = old.turn
	}
	bytes := l.bytes - old.size() + w.size()
	if l.closed || bytes > laneBytes || !queued && len(l.pending) >= laneKeys {
		return false
	}
	l.pending[w.key], l.bytes = w, bytes
	l.urgent = l.urgent || w.remove
	if !queued {
		l.order = append(l.order, w.key)
	}
	if l.full() {
		signal(l.hurry)
	}
	signal(l.wake)
	return true
}

// newer reports whether w, which is queued, has to stay in spite of next. A
// removal is as of when it is queued, so that it stays for no record.
func (w write) newer(next write) bool {
	return !w.remove && !next.remove && w.entry.storedAt.After(next.entry.storedAt)
}

// full reports whether what is pending is not to wait for more. It is called with
// the lock held.
func (l *lane) full() bool {
	return l.closed || l.urgent || len(l.order) >= batchKeys || l.bytes >= batchBytes
}

func signal(token chan struct{}) {
	select {
	case token <- struct{}{}:
	default:
	}
}

// work sends batches until the lane is closed and empty, or out of time.
func (l *lane) work() {
	var deadline time.Time // of the flush; zero until the lane is closed
	for range l.wake {
		for {
			l.gather()
			sent, closed := l.sendNext(&deadline)
			if closed && !sent {
				return
			}
			if !sent {
				break
			}
		}
	}
}

// gather lets more come, unless that is not worth waiting for. What is removed
// is gone at once.
func (l *lane) gather() {
	l.mu.Lock()
	ready := l.full() || len(l.order) == 0
	select {
	case <-l.hurry: // it was for what is full now, or has been sent
	default:
	}
	l.mu.Unlock()
	if ready {
		return
	}
	wait, all := gatherFor, l.crowd.turn()
	if all != nil {
		wait = gatherAtMost
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-all:
	case <-l.hurry:
	case <-timer.C:
	}
}

// sendNext sends one batch and reports whether it did. The deadline of a lane
// that is closed begins with the first batch.
func (l *lane) sendNext(deadline *time.Time) (sent, closed bool) {
	l.busy <- struct{}{}
	defer func() { <-l.busy }()
	batch, closed := l.take()
	if closed && deadline.IsZero() {
		*deadline = time.Now().Add(flushBound)
	}
	if len(batch) == 0 || closed && time.Now().After(*deadline) {
		return false, closed
	}
	l.send(batch)
	return true, closed
}

// withdraw takes what matches out of the queue, and returns when nothing of
// it is on its way to Redis any more.
func (q *queue) withdraw(match func(write) bool) (keys []Key) {
	for i := range q.lanes {
		keys = append(keys, q.lanes[i].withdraw(match)...)
	}
	for i := range q.lanes {
		q.lanes[i].busy <- struct{}{} // a batch that was taken before has been sent
		<-q.lanes[i].busy
	}
	return keys
}

func (l *lane) withdraw(match func(write) bool) (keys []Key) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for key, w := range l.pending {
		if match(w) {
			keys = append(keys, key)
			delete(l.pending, key)
			l.bytes -= w.size()
		}
	}
	if len(keys) > 0 {
		l.order = slices.DeleteFunc(l.order, func(key Key) bool { _, ok := l.pending[key]; return !ok })
	}
	return keys
}

// discard takes one key out of the lane.
func (l *lane) discard(key Key) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if w, queued := l.pending[key]; queued {
		delete(l.pending, key)
		l.bytes -= w.size()
		l.order = slices.DeleteFunc(l.order, func(k Key) bool { return k == key })
	}
}

// take removes the next batch from the lane.
func (l *lane) take() (batch []write, closed bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	size := 0
	batch = make([]write, 0, min(len(l.order), batchKeys))
	for _, key := range l.order {
		if len(batch) == batchKeys || size >= batchBytes {
			break
		}
		w := l.pending[key]
		delete(l.pending, key)
		batch = append(batch, w)
		size += w.size()
	}
	l.order = slices.Delete(l.order, 0, len(batch)) // its room is used again
	l.bytes -= size
	l.urgent = l.urgent && len(l.order) > 0
	return batch, l.closed
}

func (l *lane) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	signal(l.hurry)
	signal(l.wake)
}
