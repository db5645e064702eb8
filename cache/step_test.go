package cache

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestSetBack: the clock on the wall is set after a record was stored. Its
// age is what it is, and what was made of it and tells ages by that clock is made anew.
func TestSetBack(t *testing.T) {
	for _, step := range []time.Duration{0, -time.Hour / 2, time.Hour / 2} {
		synctest.Test(t, func(t *testing.T) {
			c := newCache(t, Config{})
			l := newLoader(t, c, testPolicy)
			l.Put("t", "a", doc{"A"})
			_, marks, _ := Held(t.Context(), l, "t", "a", nil)
			key := Key{"t", "made", "a"}
			c.Keep(key, "of a", 10, marks)
			time.Sleep(10 * time.Second)
			for _, k := range []Key{{"t", "doc", "a"}, key} {
				c.memory.get(k).stored -= int64(step) // as if the clock had made the step since
			}
			r := l.Peek(t.Context(), "t", []string{"a"}, true)[0]
			want, state := 10*time.Second+max(0, step), Cached
			if step > 0 {
				state = Stale // or the machine was suspended: that cannot be told
			}
			if got := r.Age(time.Now()); got != want || r.State != state {
				t.Errorf("a step of %v: %v of age %v, want %v of %v", step, r.State, got, state, want)
			}
			if kept := c.Kept(key) != nil; kept != (step == 0) {
				t.Errorf("a step of %v: kept: %v", step, kept)
			}
		})
	}
}
