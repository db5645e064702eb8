package cache

import (
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weft-gateway/weft/upstream/breaker"
)

// patient is a deadline that a busy machine does not miss.
const patient = 3 * time.Second

// Two replicas and many callers get out of one Redis what the rate allows, to
// the last one.
func TestLimiterOnRedis(t *testing.T) {
	r := startRedis(t)
	wires := []*wire{{}, {}}
	limiters := make([]*Limiter, 2)
	for i := range limiters {
		client, err := RedisClient("unix://"+r.socket, patient)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { client.Close() })
		client.AddHook(wires[i])
		limiters[i] = newLimiter(t, newCache(t, Config{Redis: client, RedisDeadline: patient}))
	}
	tenant := Bucket{"tenant", Rate{Count: 1, Per: time.Hour, Burst: 60}}
	key := Bucket{"key", Rate{Count: 1, Per: time.Hour, Burst: 100}}
	var passed atomic.Int64
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			for range 10 {
				if _, ok := limiters[i%2].Take(t.Context(), "t", []Bucket{tenant, key}); ok {
					passed.Add(1)
				}
			}
		})
	}
	wg.Wait()
	if got := passed.Load(); got != 60 {
		t.Errorf("%d of 200 passed, want 60", got)
	}
	// Each caller may be the first to bring the script along, and so may the listener, its own.
	if sent := wires[0].sent(); sent["evalsha"] > 101 || sent["eval"] > 11 || sent["get"]+sent["set"] > 0 {
		t.Errorf("sent for 100 requests: %v; want a script for each, both limits in one", sent)
	}
	levels, _ := limiters[0].Take(t.Context(), "t", []Bucket{key})
	if got := levels[0].Left; got != 39 {
		t.Errorf("%d are left of the key's, want 39", got)
	}
	ttl, err := r.admin.PTTL(t.Context(), rateKey("t", "tenant")).Result()
	if err != nil || ttl < 59*time.Hour || ttl > 60*time.Hour {
		t.Errorf("TTL %v, %v; want the 60 h of a burst", ttl, err)
	}
}

// Whatever becomes of Redis, requests are counted, within its deadline; what is
// lost is that replicas count together.
func TestLimiterWithoutRedis(t *testing.T) {
	tests := []struct {
		name string
		harm func(*realRedis)
	}{
		{"killed", func(r *realRedis) { r.signal(syscall.SIGKILL); _, _ = r.proc.Wait() }},
		{"frozen", func(r *realRedis) { r.signal(syscall.SIGSTOP) }},
		{"full", func(r *realRedis) { r.config("maxmemory", "1") }},
		{"a replica that cannot be written", func(r *realRedis) { r.admin.Do(r.t.Context(), "REPLICAOF", "127.0.0.1", "1") }},
		{"password changed", func(r *realRedis) {
			r.config("requirepass", "other")
			r.admin.Do(r.t.Context(), "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := startRedis(t)
			c1, _ := r.cache()
			c2, _ := r.cache()
			first, second := newLimiter(t, c1), newLimiter(t, c2)
			bucket := Bucket{"a", Rate{Count: 1, Per: time.Hour, Burst: 20}}
			if n := passed(t, first, 5, bucket) + passed(t, second, 5, bucket); n != 10 {
				t.Fatalf("%d passed, want 10", n)
			}
			tt.harm(r)
			// The first last heard of 5, the second of 10, and from there each is on its own.
			if one, two := passed(t, first, 100, bucket), passed(t, second, 100, bucket); one != 15 || two != 10 {
				t.Errorf("%d and %d more passed, want 15 and 10", one, two)
			}
			if n := first.script.Snapshot().Totals; n.Failures > 3 {
				t.Errorf("%d visits of a Redis that fails, want at most 3", n.Failures)
			}
		})
	}
}

func TestLimiterComesBack(t *testing.T) {
	r := startRedis(t)
	c := r.cacheWith(Config{RedisDeadline: patient})
	set := breaker.NewSet()
	l, err := NewLimiter(c, set)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	bucket := Bucket{"a", Rate{Count: 1000, Per: time.Second, Burst: 1000}}
	r.config("maxmemory", "1")
	passed(t, l, 10, bucket)
	names := map[string]breaker.State{}
	for _, s := range set.Snapshots() {
		names[s.Name] = s.State
	}
	if diff := cmp.Diff(map[string]breaker.State{"redis-limits": breaker.Open}, names); diff != "" {
		t.Errorf("breakers (-want +got):\n%s", diff)
	}
	if c.remote.reads.Tripped() {
		t.Error("the breaker of reads is open: Redis answers those")
	}
	r.config("maxmemory", "0")
	eventually(t, "the probes to close the breaker", func() bool { return !l.script.Tripped() })
	eventually(t, "Redis to be asked again", func() bool {
		passed(t, l, 1, bucket)
		return r.admin.Exists(t.Context(), rateKey("t", "a")).Val() == 1
	})
}

func BenchmarkLimiter(b *testing.B) {
	l := newLimiter(b, newCache(b, Config{}))
	rate := Rate{Count: 10_000, Per: time.Second, Burst: 100_000}
	buckets := []Bucket{{"tenant", rate}, {"key:inbox", rate}}
	b.ReportAllocs()
	for b.Loop() {
		l.Take(b.Context(), "t", buckets)
	}
}
