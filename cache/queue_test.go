package cache

import (
	"fmt"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// recorder is what a queue sends to. While gate is not nil, each batch waits
// for a token.
type recorder struct {
	gate chan struct{}
	mu   sync.Mutex
	sent []string // guarded by mu
}

func (r *recorder) send(batch []write) {
	if r.gate != nil {
		<-r.gate
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, w := range batch {
		s := w.key.ID + "=" + string(w.entry.data)
		if w.remove {
			s = w.key.ID + " removed"
		}
		r.sent = append(r.sent, s)
	}
}

func put(id, data string, at time.Duration) write {
	return write{key: Key{ID: id}, entry: entry{data: []byte(data), storedAt: time.Time{}.Add(at)}}
}

func TestQueueKeepsTheMostRecent(t *testing.T) {
	remove := write{key: Key{ID: "a"}, remove: true}
	discard := write{key: Key{ID: "a"}, remove: true, yield: true}
	tests := []struct {
		name string
		add  []write
		want []string
	}{
		{"newer replaces", []write{put("a", "1", 1), put("a", "2", 2)}, []string{"a=2"}},
		{"older does not", []write{put("a", "2", 2), put("a", "1", 1)}, []string{"a=2"}},
		{"removal replaces", []write{put("a", "1", 1), remove}, []string{"a removed"}},
		{"record replaces removal", []write{remove, put("a", "1", 1)}, []string{"a=1"}},
		{"discarding gives way", []write{put("a", "1", 1), discard}, []string{"a=1"}},
		{"discarding alone", []write{discard}, []string{"a removed"}},
	}
	for _, tt := range tests {
		synctest.Test(t, func(t *testing.T) {
			r := &recorder{gate: make(chan struct{})}
			q := newQueue(r.send)
			q.add(put("a", "0", 0))
			gathered() // the lane is busy with that, so that what follows has to wait
			for _, w := range tt.add {
				if !q.add(w) {
					t.Errorf("%s: not taken", tt.name)
				}
			}
			close(r.gate)
			q.close()
			if diff := cmp.Diff(tt.want, r.sent[1:]); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tt.name, diff)
			}
		})
	}
}

func TestQueueKeepsTheOrderOfAKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		last := map[string]time.Time{}
		q := newQueue(func(batch []write) {
			time.Sleep(time.Duration(len(batch)) * time.Millisecond)
			mu.Lock()
			defer mu.Unlock()
			for _, w := range batch {
				if w.entry.storedAt.Before(last[w.key.ID]) {
					t.Errorf("%s: %v was sent after %v", w.key.ID, w.entry.storedAt, last[w.key.ID])
				}
				last[w.key.ID] = w.entry.storedAt
			}
		})
		for i := range 2000 {
			q.add(put(strconv.Itoa(i%7), "", time.Duration(i)))
			if i%5 == 0 {
				time.Sleep(time.Millisecond)
			}
		}
		q.close()
		if len(last) != 7 {
			t.Errorf("%d keys were sent, want 7", len(last))
		}
	})
}

func TestQueueIsBounded(t *testing.T) {
	big := string(make([]byte, 1<<20))
	tests := []struct {
		name string
		data string
		most int
	}{
		{"keys", "", queueLanes * (laneKeys + batchKeys)},
		{"bytes", big, queueLanes * (laneBytes + batchBytes + len(big)) / len(big)},
	}
	for _, tt := range tests {
		synctest.Test(t, func(t *testing.T) {
			r := &recorder{gate: make(chan struct{})}
			q := newQueue(r.send)
			taken := 0
			for i := range tt.most + 100 {
				if q.add(put(fmt.Sprint(i), tt.data, 0)) {
					taken++
				}
			}
			if taken == 0 || taken > tt.most {
				t.Errorf("%s: took %d, want some and at most %d", tt.name, taken, tt.most)
			}
			close(r.gate)
			q.close()
			if len(r.sent) != taken {
				t.Errorf("%s: sent %d of %d", tt.name, len(r.sent), taken)
			}
		})
	}
}

func TestQueueCloseIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sent := 0
		var mu sync.Mutex
		q := newQueue(func(batch []write) {
			time.Sleep(200 * time.Millisecond)
			mu.Lock()
			defer mu.Unlock()
			sent += len(batch)
		})
		for i := range 4000 {
			q.add(put(strconv.Itoa(i), "", 0))
		}
		begun := time.Now()
		q.close()
		if took := time.Since(begun); took > flushBound+400*time.Millisecond {
			t.Errorf("closing took %v", took)
		}
		if sent == 0 || sent == 4000 {
			t.Errorf("sent %d records, want some but not all", sent)
		}
		if q.add(put("late", "", 0)) {
			t.Error("a closed queue took a record")
		}
	})
}

// TestQueueWithdraw: what matches is never sent, and what is being sent has
// been when it returns.
func TestQueueWithdraw(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{gate: make(chan struct{})}
		q := newQueue(r.send)
		for i := range 20 {
			q.add(put("busy"+strconv.Itoa(i), "1", 0)) // the lane is
		}
		gathered()
		for i := range 20 {
			q.add(put("a"+strconv.Itoa(i), "1", 0))
			q.add(put("b"+strconv.Itoa(i), "1", 0))
		}
		var keys []Key
		done := make(chan struct{})
		go func() {
			defer close(done)
			keys = q.withdraw(func(w write) bool { return w.key.ID[0] == 'a' })
		}()
		gathered()
		select {
		case <-done:
			t.Error("returned while a batch is being sent")
		default:
		}
		close(r.gate)
		<-done
		q.close()
		if len(keys) != 20 || len(r.sent) != 40 {
			t.Errorf("%d withdrawn, %d sent; want 20 and 40", len(keys), len(r.sent))
		}
		for _, s := range r.sent {
			if s[0] == 'a' {
				t.Errorf("sent %s", s)
			}
		}
	})
}
