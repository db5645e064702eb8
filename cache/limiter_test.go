package cache

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func newLimiter(t testing.TB, c *Cache) *Limiter {
	t.Helper()
	l, err := NewLimiter(c, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return l
}

// passed counts how many of n that come at once pass.
func passed(t testing.TB, l *Limiter, n int, buckets ...Bucket) int {
	t.Helper()
	count := 0
	for range n {
		if _, ok := l.Take(t.Context(), "t", buckets); ok {
			count++
		}
	}
	return count
}

// tiers runs a test on a limiter of the process's own and on one in Redis.
func tiers(t *testing.T, f func(*testing.T, *Limiter)) {
	t.Run("memory", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) { f(t, newLimiter(t, newCache(t, Config{}))) })
	})
	t.Run("redis", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			_, client := simRedis(t)
			f(t, newLimiter(t, newCache(t, Config{Redis: client()})))
		})
	})
}

func TestLimiterLevels(t *testing.T) {
	const ms = time.Millisecond
	tiers(t, func(t *testing.T, l *Limiter) {
		bucket := []Bucket{{"a", Rate{Count: 10, Per: time.Second, Burst: 3}}}
		steps := []struct {
			after time.Duration
			want  Level
			ok    bool
		}{
			{0, Level{2, 100 * ms, 0}, true},
			{0, Level{1, 200 * ms, 0}, true},
			{0, Level{0, 300 * ms, 100 * ms}, true},
			{0, Level{0, 300 * ms, 100 * ms}, false},
			{60 * ms, Level{0, 240 * ms, 40 * ms}, false},
			{40 * ms, Level{0, 300 * ms, 100 * ms}, true},
			{250 * ms, Level{1, 150 * ms, 0}, true},
			{time.Hour, Level{2, 100 * ms, 0}, true},
		}
		for i, s := range steps {
			time.Sleep(s.after)
			levels, ok := l.Take(t.Context(), "t", bucket)
			if diff := cmp.Diff([]Level{s.want}, levels); diff != "" || ok != s.ok {
				t.Errorf("step %d: passed %t, want %t (-want +got):\n%s", i, ok, s.ok, diff)
			}
		}
	})
}

// What one bucket refuses is taken from none.
func TestLimiterTakesFromAllOrNone(t *testing.T) {
	tiers(t, func(t *testing.T, l *Limiter) {
		tenant := Bucket{"tenant", Rate{Count: 1, Per: time.Minute, Burst: 10}}
		key := Bucket{"key", Rate{Count: 1, Per: time.Minute, Burst: 4}}
		if n := passed(t, l, 20, tenant, key); n != 4 {
			t.Errorf("%d passed both, want 4", n)
		}
		levels, ok := l.Take(t.Context(), "t", []Bucket{tenant, key})
		if ok || levels[0].Wait != 0 || levels[1].Wait == 0 {
			t.Errorf("passed %t, levels %+v; want that the key alone has to wait", ok, levels)
		}
		if n := passed(t, l, 20, tenant); n != 6 {
			t.Errorf("%d more passed the tenant's, want 6", n)
		}
		if levels, ok = l.Take(t.Context(), "u", []Bucket{tenant, key}); !ok {
			t.Errorf("another tenant was refused: %+v", levels)
		}
		if levels, ok = l.Take(t.Context(), "t", nil); !ok || levels != nil {
			t.Errorf("without limits: %t, %+v", ok, levels)
		}
	})
}

func TestLimiterRates(t *testing.T) {
	tests := []struct {
		rate Rate
		want int // of those that come every 4 ms for 20 s
	}{
		{Rate{Count: 200, Per: time.Second, Burst: 400}, 400 + 4000},
		{Rate{Count: 1, Per: time.Second, Burst: 1}, 20},
		{Rate{Count: 90, Per: time.Minute}, 30},
		{Rate{Count: 1, Per: time.Hour, Burst: 5}, 5},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt.rate), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLimiter(t, newCache(t, Config{}))
				got := 0
				for range 5000 {
					if _, ok := l.Take(t.Context(), "t", []Bucket{{"a", tt.rate}}); ok {
						got++
					}
					time.Sleep(4 * time.Millisecond)
				}
				if got < tt.want-1 || got > tt.want+1 {
					t.Errorf("%d passed, want %d", got, tt.want)
				}
			})
		})
	}
}

func TestUnlimited(t *testing.T) {
	tests := []struct {
		rate Rate
		want bool
	}{
		{Rate{}, true},
		{Rate{Per: time.Second}, true},
		{Rate{Count: 5}, true},
		{Rate{Count: 1, Per: time.Hour}, false},
	}
	for _, tt := range tests {
		if got := tt.rate.Unlimited(); got != tt.want || got != (tt.rate.Window() == 0) {
			t.Errorf("%+v: unlimited %t, window %v; want %t", tt.rate, got, tt.rate.Window(), tt.want)
		}
	}
}

// Replicas share a bucket, and one that is known to be empty costs no visit.
func TestLimiterIsShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, _ := simRedis(t)
		one, wire := simClient(t, m.Dial)
		two, _ := simClient(t, m.Dial)
		first, second := newLimiter(t, newCache(t, Config{Redis: one})), newLimiter(t, newCache(t, Config{Redis: two}))
		bucket := Bucket{"a", Rate{Count: 1, Per: time.Second, Burst: 10}}
		if n := passed(t, second, 6, bucket); n != 6 {
			t.Errorf("%d passed the second, want 6", n)
		}
		if n := passed(t, first, 6, bucket); n != 4 {
			t.Errorf("%d passed the first, want the 4 that were left", n)
		}
		wire.sent()
		if n := passed(t, first, 1000, bucket); n != 0 {
			t.Errorf("%d passed an empty bucket", n)
		}
		if sent := wire.sent(); sent != nil {
			t.Errorf("refusals were asked for: %v", sent)
		}
		key := rateKey("t", "a")
		if got := m.TTL(key); got <= 9*time.Second || got > 10*time.Second {
			t.Errorf("TTL of a full burst = %v, want the 10 s that it takes to come back", got)
		}
		time.Sleep(11 * time.Second)
		if n := passed(t, first, 20, bucket); n != 10 {
			t.Errorf("%d passed a full bucket, want 10", n)
		}
	})
}

// A bucket that somebody else wrote to, or whose rate was lowered since, is at
// most empty.
func TestLimiterSurvivesOddBuckets(t *testing.T) {
	tests := []struct{ name, value string }{
		{"no number", "x"},
		{"nothing", ""},
		{"not a number", "nan"},
		{"of the past", "1"},
		{"of the far future", "99999999999999999"},
		{"negative", "-5"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m, client := simRedis(t)
				l := newLimiter(t, newCache(t, Config{Redis: client()}))
				if err := m.Set(rateKey("t", "a"), tt.value); err != nil {
					t.Fatal(err)
				}
				bucket := Bucket{"a", Rate{Count: 1, Per: time.Second, Burst: 3}}
				passed(t, l, 1, bucket)
				time.Sleep(3 * time.Second)
				if n := passed(t, l, 5, bucket); n != 3 {
					t.Errorf("%d passed after the window, want 3", n)
				}
			})
		})
	}
}

// What is full again is forgotten, and there are never more than so many.
func TestLocalRatesAreBounded(t *testing.T) {
	now := time.Now()
	l := newLocalRates()
	rate := []Bucket{{"a", Rate{Count: 1, Per: time.Second, Burst: 1}}}
	for i := range 10 * sweepRates {
		l.take(now.Add(time.Duration(i)*10*time.Millisecond), []string{fmt.Sprint(i)}, rate) // 100 at a time are not full
	}
	if n := len(l.full); n > sweepRates {
		t.Errorf("%d buckets are kept, want those that are not full", n)
	}
	for i := range maxRates + 5000 {
		l.take(now, []string{fmt.Sprint("x", i)}, rate)
	}
	if n := len(l.full); n > maxRates || n < maxRates/2 {
		t.Errorf("%d buckets are kept, want at most %d and not few", n, maxRates)
	}
}

// A sweep goes through all buckets, so that it must not be due again at once.
func TestSweepsAreRare(t *testing.T) {
	now := time.Now()
	l := newLocalRates()
	rate := []Bucket{{"a", Rate{Count: 1, Per: time.Hour, Burst: 1}}}
	for i := range maxRates {
		at := now.Add(time.Hour)
		if i < 100 { // are full again in the end
			at = now
		}
		l.take(at, []string{fmt.Sprint(i)}, rate)
	}
	l.take(now.Add(time.Hour), []string{"one more"}, rate)
	if n := len(l.full); l.sweep-n < maxRates/4 || n < maxRates/2 {
		t.Errorf("%d buckets are kept, and swept again at %d", n, l.sweep)
	}
}

func TestRateKeys(t *testing.T) {
	keys := []string{rateKey("t", "tenant"), rateKey("t", "key:tenant"), rateKey("u", "tenant"), rateKey("", "probe")}
	slices.Sort(keys)
	if n := len(slices.Compact(keys)); n != 4 {
		t.Errorf("%d keys for 4 buckets", n)
	}
}
