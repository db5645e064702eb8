package cache

import (
	"reflect"
	"testing"
	"time"
)

// Of two records that this process has asked for, the later is the newer one, however
// the clock on the wall was set in between. Of one that another replica may have asked for,
// the clock on the wall is all that there is, but for when it was here. An age is
// never less than either clock says.
func TestItemsKnowTheirOrder(t *testing.T) {
	now := time.Now()
	made := func(at, step time.Duration, shared bool) *item {
		it := newItem(nil, 0, now.Add(at), 0)
		it.stored += int64(step)
		it.shared = shared
		return it
	}
	tests := []struct {
		name       string
		old, later *item
		newer      bool
		age        time.Duration // of later, two seconds from now
	}{
		{"no step", made(0, 0, false), made(time.Second, 0, false), true, time.Second},
		{"at once", made(0, 0, false), made(0, 0, false), false, 2 * time.Second},
		{"a step back after the first", made(0, time.Hour, false), made(time.Second, 0, false), true, time.Second},
		{"a step back after both", made(0, time.Hour, false), made(time.Second, time.Hour, false), true, time.Second},
		{"a step ahead, or suspended, after both", made(0, -time.Hour, false), made(time.Second, -time.Hour, false), true, time.Hour + time.Second},
		{"of another replica", made(0, 0, false), made(time.Second, 0, true), true, time.Second},
		{"of another replica, which is behind", made(0, 0, false), made(time.Second, -time.Hour, true), false, time.Hour + time.Second},
		{"of another replica, which is ahead", made(0, 0, true), made(time.Second, time.Hour, true), true, time.Second},
		{"a step back after one of another replica", made(0, time.Hour, true), made(time.Second+time.Millisecond, 0, false), true, 999 * time.Millisecond},
		{"one of another replica at about that time", made(0, time.Hour, true), made(time.Second, 0, false), false, time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.later.newer(tt.old); got != tt.newer {
				t.Errorf("newer: got %v", got)
			}
			if tt.old.newer(tt.later) == tt.newer && tt.newer {
				t.Error("each is newer than the other")
			}
			if got := tt.later.age(now.Add(2 * time.Second)); got != tt.age {
				t.Errorf("age: got %v, want %v", got, tt.age)
			}
		})
	}
}

// There is an item for each record: its size is part of what an entry weighs.
func TestItemIsSmall(t *testing.T) {
	if got := reflect.TypeFor[item]().Size(); got > 80 {
		t.Errorf("an item takes %d bytes", got)
	}
	if got := reflect.TypeFor[tie]().Size(); got != tieWeight {
		t.Errorf("a tie takes %d bytes, and weighs %d", got, tieWeight)
	}
}
