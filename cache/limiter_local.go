package cache

import (
	"sync"
	"time"
)

// The number of buckets at which those that are full are cleared away, and the
// number that there are at most. If that frees less than a quarter of them, half
// are forgotten, or each new one would have all of them looked through.
const (
	sweepRates = 1 << 10
	maxRates   = 1 << 16
)

// localRates are the buckets as this process knows them.
type localRates struct {
	mu    sync.Mutex
	full  map[string]time.Time // key of the bucket -> when it is full again; guarded by mu
	sweep int                  // size of the map at which to clear it; guarded by mu
}

func newLocalRates() *localRates {
	return &localRates{full: map[string]time.Time{}, sweep: sweepRates}
}

// look returns how long each bucket takes to be full again, and whether
// something can be taken from all of them.
func (l *localRates) look(now time.Time, keys []string, buckets []Bucket) (full []time.Duration, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.looked(now, keys, buckets)
}

func (l *localRates) looked(now time.Time, keys []string, buckets []Bucket) (full []time.Duration, ok bool) {
	full, ok = make([]time.Duration, len(keys)), true
	for i, key := range keys {
		rate := buckets[i].Rate
		full[i] = min(max(l.full[key].Sub(now), 0), rate.Window())
		ok = ok && full[i]+rate.gap() <= rate.Window()
	}
	return full, ok
}

// take is look, and takes if it can.
func (l *localRates) take(now time.Time, keys []string, buckets []Bucket) (full []time.Duration, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if full, ok = l.looked(now, keys, buckets); !ok {
		return full, false
	}
	for i, key := range keys {
		full[i] += buckets[i].Rate.gap()
		l.set(now, key, now.Add(full[i]))
	}
	return full, true
}

// note keeps what Redis said of the buckets. Of two answers that crossed, the
// emptier bucket is the later one.
func (l *localRates) note(now time.Time, keys []string, full []time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, key := range keys {
		if at := now.Add(full[i]); at.After(l.full[key]) {
			l.set(now, key, at)
		}
	}
}

func (l *localRates) set(now time.Time, key string, at time.Time) {
	if _, known := l.full[key]; !known && len(l.full) >= l.sweep {
		l.clear(now)
	}
	l.full[key] = at
}

// clear forgets the buckets that are full: they are as if they had never been.
func (l *localRates) clear(now time.Time) {
	for key, at := range l.full {
		if !at.After(now) {
			delete(l.full, key)
		}
	}
	if len(l.full) > maxRates*3/4 {
		for key := range l.full {
			if len(l.full) <= maxRates/2 {
				break
			}
			delete(l.full, key)
		}
	}
	l.sweep = min(max(2*len(l.full), sweepRates), maxRates)
}
