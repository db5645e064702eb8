package cache

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// What belongs together is sent together, without waiting for long.
func TestGather(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sent []int
		q := newQueue(func(batch []write) { sent = append(sent, len(batch)) })
		defer q.close()
		put := func(id string) { q.add(write{key: Key{"t", "doc", id}}) }

		done := q.crowd.enter()
		put("a")
		time.Sleep(gatherAtMost / 2)
		put("b")
		synctest.Wait()
		if len(sent) > 0 {
			t.Errorf("sent %v before all was there", sent)
		}
		done()
		synctest.Wait()
		if !cmp.Equal(sent, []int{2}) {
			t.Errorf("sent %v, want both at once", sent)
		}

		done = q.crowd.enter() // and stays
		put("c")
		time.Sleep(gatherAtMost + time.Millisecond)
		q.add(write{key: Key{"t", "doc", "d"}, remove: true})
		synctest.Wait()
		if !cmp.Equal(sent, []int{2, 1, 1}) {
			t.Errorf("sent %v, want that a wait is bounded, and none for a removal", sent)
		}
		put("e")
		time.Sleep(gatherFor + time.Millisecond)
		synctest.Wait()
		if !cmp.Equal(sent, []int{2, 1, 1, 1}) {
			t.Errorf("sent %v, want nobody waited for twice", sent)
		}
		done()
	})
}
