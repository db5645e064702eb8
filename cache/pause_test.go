package cache

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// TestBackOff: a source that fails is not asked per request, whoever asks gets
// the copy with its error at once, and what it has is shown soon after it is
// well again.
func TestBackOff(t *testing.T) {
	errShut := errors.New("shut")
	tests := []struct {
		name   string
		policy Policy
		err    error
		most   int           // loads in a minute
		within time.Duration // of the recovery
	}{
		{"who asks waits", testPolicy, errDown, 18, 5200 * time.Millisecond},
		{"revalidated", swift, errDown, 18, 5400 * time.Millisecond},
		{"the source was not asked", testPolicy, errShut, 240, 500 * time.Millisecond},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCache(t, Config{})
				l, err := NewLoader(c, LoaderConfig[doc]{
					Kind: "doc", Policy: tt.policy, Deadline: time.Second,
					Unasked: func(err error) bool { return errors.Is(err, errShut) },
				})
				if err != nil {
					t.Fatal(err)
				}
				l.Put("t", "a", doc{"old"})
				time.Sleep(2 * time.Minute)
				src := &fakeSource{err: tt.err, took: 100 * time.Millisecond}
				begun := time.Now()
				for asked := 0; time.Since(begun) < time.Minute; asked++ {
					before := time.Now()
					got := see(l.Load(t.Context(), "t", []string{"a"}, Options{}, src.load))[0]
					if got.State != Stale || !errors.Is(got.Err, tt.err) && !errors.Is(got.Err, ErrRevalidating) {
						t.Fatalf("%v after %v", got, time.Since(begun))
					}
					if errors.Is(got.Err, ErrRevalidating) && time.Since(before) > 0 {
						t.Fatal("waited for what is behind")
					}
					time.Sleep(10 * time.Millisecond)
				}
				if n := len(src.asked()); n < 10 || n > tt.most {
					t.Errorf("%d loads in a minute, want 10 to %d", n, tt.most)
				}
				if c.Stats().Kinds[0].BackedOff == 0 {
					t.Error("none was counted")
				}
				src.set(map[string]string{"a": "new"}, nil)
				begun = time.Now()
				for l.Load(t.Context(), "t", []string{"a"}, Options{}, src.load)[0].Value.Name != "new" {
					time.Sleep(10 * time.Millisecond)
				}
				if took := time.Since(begun); took > tt.within {
					t.Errorf("shown %v after the recovery, want within %v", took, tt.within)
				}
			})
		})
	}
}

// TestNoBackOffWithoutACopy: with nothing to show, the breaker decides.
func TestNoBackOffWithoutACopy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLoader(t, newCache(t, Config{}), testPolicy)
		src := &fakeSource{err: errDown}
		for range 10 {
			if got := l.Load(t.Context(), "t", []string{"a"}, Options{}, src.load)[0]; !errors.Is(got.Err, errDown) {
				t.Errorf("error = %v", got.Err)
			}
		}
		if n := len(src.asked()); n != 10 {
			t.Errorf("%d loads for 10 callers, want 10", n)
		}
	})
}

// TestBackOffEndsWithANewerCopy: another replica's is used at once.
func TestBackOffEndsWithANewerCopy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := sim(t)
		one, _ := simLine(t, m)
		two, _ := simLine(t, m)
		l1, l2 := newLoader(t, one, testPolicy), newLoader(t, two, testPolicy)
		l1.Put("t", "a", doc{"old"})
		time.Sleep(2 * time.Minute)
		down := &fakeSource{err: errDown}
		for range 2 {
			if got := l1.Load(t.Context(), "t", []string{"a"}, Options{}, down.load)[0]; !errors.Is(got.Err, errDown) {
				t.Errorf("error = %v", got.Err)
			}
		}
		if n := len(down.asked()); n != 1 {
			t.Errorf("%d loads, want 1", n)
		}
		l2.Put("t", "a", doc{"new"})
		gathered()
		prefetch(t.Context(), one, []Key{{"t", "doc", "a"}})()
		if got := l1.Load(t.Context(), "t", []string{"a"}, Options{}, down.load)[0]; got.Value.Name != "new" || got.State != Cached {
			t.Errorf("%q as %v", got.Value.Name, got.State)
		}
	})
}

// TestReadOfTheSameCopyKeepsItsPause: Redis having the same is no news.
func TestReadOfTheSameCopyKeepsItsPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := simLine(t, sim(t))
		l := newLoader(t, c, testPolicy)
		l.Put("t", "a", doc{"old"})
		time.Sleep(2 * time.Minute)
		down := &fakeSource{err: errDown}
		for range 5 {
			prefetch(t.Context(), c, []Key{{"t", "doc", "a"}})()
			if got := l.Load(t.Context(), "t", []string{"a"}, Options{SkipRedis: true}, down.load)[0]; !errors.Is(got.Err, errDown) {
				t.Errorf("error = %v", got.Err)
			}
		}
		if n := len(down.asked()); n != 1 {
			t.Errorf("%d loads, want 1", n)
		}
	})
}

func TestBackOffTimes(t *testing.T) {
	for failures, most := range map[int]time.Duration{1: time.Second, 2: 2 * time.Second, 3: 4 * time.Second, 4: 5 * time.Second, 100: 5 * time.Second} {
		t.Run(fmt.Sprint(failures), func(t *testing.T) {
			for range 100 {
				if got := backOff(failures); got > most || got < most*4/5 {
					t.Fatalf("%v after %d failures, want %v to %v", got, failures, most*4/5, most)
				}
			}
		})
	}
}
