package cache

import (
	"runtime"
	"testing"
	"testing/synctest"
	"time"
)

// Goroutines that loads ran on wait for the next load, and go home when there is
// none for them.
func TestCrewGoesHome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, Config{})
		source := &fakeSource{docs: map[string]string{}, took: time.Millisecond}
		l := newLoader(t, c, Policy{Fresh: time.Minute, Stale: time.Hour})
		synctest.Wait()
		before := runtime.NumGoroutine()
		ids := []string{"1", "2", "3", "4", "5", "6", "7", "8"}
		for _, id := range ids {
			go l.Load(t.Context(), "t", []string{id}, Options{}, source.load)
		}
		time.Sleep(10 * time.Millisecond)
		synctest.Wait()
		if got := idle(c); got != len(ids) {
			t.Errorf("%d goroutines wait for a load, want %d", got, len(ids))
		}
		time.Sleep(3 * idleFor)
		synctest.Wait()
		if got := idle(c); got != 0 {
			t.Errorf("%d goroutines wait for a load after %v without one, want none", got, 3*idleFor)
		}
		if got := runtime.NumGoroutine(); got > before {
			t.Errorf("%d goroutines, want the %d from before", got, before)
		}
	})
}

func idle(c *Cache) int {
	c.crew.mu.Lock()
	defer c.crew.mu.Unlock()
	return len(c.crew.idle)
}
