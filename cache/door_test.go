package cache

import (
	"testing"
	"time"
)

func TestDoor(t *testing.T) {
	d, now := newDoor(1<<20), time.Now()
	a, b := Key{"t", "doc", "a"}, Key{"t", "doc", "b"}
	if !d.opens(a, now) || !d.opens(b, now) {
		t.Error("closed though nothing had to leave")
	}
	d.evicted.Store(now.UnixNano())
	if d.opens(a, now) || !d.opens(a, now) {
		t.Error("full: want it closed the first time, and open the second")
	}
	if !d.opens(b, now.Add(crowdedFor+time.Second)) {
		t.Error("still closed")
	}
}
