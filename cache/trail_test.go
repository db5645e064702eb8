package cache

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestTrailsAreBounded(t *testing.T) {
	const bytes, many = 64 << 10, 10_000
	trails := newTrails(bytes)
	key := func(n int) Key { return Key{"t", "doc", fmt.Sprintf("%06d", n)} }
	for n := range many {
		trails.mu.Lock()
		trails.put(key(n), newTrail([]Key{key(n + 1)}))
		trails.mu.Unlock()
		if n%10 == 0 {
			trails.get(key(0)) // in use
		}
	}
	if n := len(trails.young) + len(trails.old); n == 0 || n*trailOverhead > bytes {
		t.Errorf("%d trails, want some, of %d bytes at most", n, bytes)
	}
	for n, want := range map[int]bool{0: true, 1: false, many - 1: true} {
		to, ok := trails.get(key(n))
		if ok != want || ok && !cmp.Equal(to.keys("t"), []Key{key(n + 1)}) {
			t.Errorf("trail %d: %q, %t; want it there: %t", n, to, ok, want)
		}
	}
}

// A trail goes with what it is about.
func TestTrailsAreForgotten(t *testing.T) {
	from, to, other := Key{"t", "doc", "a"}, []Key{{"t", "person", "p"}, {"t", "firm", "f"}}, Key{"t", "doc", "b"}
	tests := []struct {
		name string
		do   func(*testing.T, *Cache, *Loader[doc])
		want bool
	}{
		{"nothing happens", func(*testing.T, *Cache, *Loader[doc]) {}, true},
		{"the record is dropped", func(_ *testing.T, _ *Cache, l *Loader[doc]) { l.Drop("t", "a") }, false},
		{"all is forgotten", func(_ *testing.T, c *Cache, _ *Loader[doc]) { c.clear() }, false},
		{"whom it leads to is erased", erasing("t", "person:p"), false},
		{"the record is erased", erasing("t", "doc:a"), false},
		{"somebody else is erased", erasing("t", "person:q"), true},
		{"somebody of another tenant is erased", erasing("u", "person:p"), true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, _ := simLine(t, sim(t))
				l := newOwned(t, c, "doc")
				newOwned(t, c, "person")
				c.SetTrail(from, to)
				c.SetTrail(other, nil)
				tt.do(t, c, l)
				if got, ok := c.Trail(from); ok != tt.want || ok && !cmp.Equal(got, to) {
					t.Errorf("the trail is %v, %t; want it there: %t", got, ok, tt.want)
				}
				if tt.want {
					return
				}
				if c.SetTrail(from, to); tt.name == "whom it leads to is erased" {
					if _, ok := c.Trail(from); ok {
						t.Error("a load that was under way brought it back")
					}
					time.Sleep(banFor + time.Second)
					if c.SetTrail(from, to); !hasTrail(c, from) {
						t.Error("it is not kept again later")
					}
				}
			})
		})
	}
}

func hasTrail(c *Cache, from Key) bool {
	_, ok := c.Trail(from)
	return ok
}

func erasing(tenant, subject string) func(*testing.T, *Cache, *Loader[doc]) {
	return func(t *testing.T, c *Cache, _ *Loader[doc]) {
		t.Helper()
		if err := c.Erase(t.Context(), tenant, []string{subject}, func(string) []Key { return nil }); err != nil {
			t.Fatal(err)
		}
	}
}

// newOwned returns a loader whose records are about what their ids name.
func newOwned(t *testing.T, c *Cache, kind string) *Loader[doc] {
	t.Helper()
	l, err := NewLoader(c, LoaderConfig[doc]{
		Kind: kind, Policy: testPolicy, Deadline: time.Second, Own: func(id string) string { return kind + ":" + id },
	})
	if err != nil {
		t.Fatal(err)
	}
	return l
}
