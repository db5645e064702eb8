package cache

import (
	"context"
	"encoding/base64"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"
)

// realRedis is a redis-server of the test's own, on a socket.
type realRedis struct {
	t      testing.TB
	socket string
	proc   *os.Process
	admin  *redis.Client // patient, and not counted
}

func startRedis(t testing.TB) *realRedis {
	t.Helper()
	dir, err := os.MkdirTemp("", "weft") // t.TempDir can be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	r := &realRedis{t: t, socket: filepath.Join(dir, "redis.sock")}
	r.start()
	r.admin = redis.NewClient(&redis.Options{Network: "unix", Addr: r.socket})
	t.Cleanup(func() { r.admin.Close() })
	eventually(t, "redis-server to answer", func() bool { return r.admin.Ping(t.Context()).Err() == nil })
	return r
}

func (r *realRedis) start() {
	r.t.Helper()
	cmd := exec.Command("redis-server", "--port", "0", "--unixsocket", r.socket, "--save", "", "--appendonly", "no",
		"--dir", filepath.Dir(r.socket), "--daemonize", "no")
	if err := cmd.Start(); err != nil {
		r.t.Fatalf("these tests need redis-server: %v", err)
	}
	r.proc = cmd.Process
	r.t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGCONT)
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
}

func (r *realRedis) signal(s syscall.Signal) {
	r.t.Helper()
	if err := r.proc.Signal(s); err != nil {
		r.t.Fatal(err)
	}
}

func (r *realRedis) config(name, value string) {
	r.t.Helper()
	if err := r.admin.ConfigSet(r.t.Context(), name, value).Err(); err != nil {
		r.t.Fatal(err)
	}
}

// cache returns a cache on this Redis as the program makes one.
func (r *realRedis) cache() (*Cache, *wire) {
	r.t.Helper()
	w := &wire{}
	return r.cacheWith(Config{}, w), w
}

// cacheWith is cache with more in the configuration.
func (r *realRedis) cacheWith(cfg Config, hooks ...redis.Hook) *Cache {
	r.t.Helper()
	client, err := RedisClient("unix://"+r.socket, cfg.RedisDeadline)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { client.Close() })
	for _, h := range hooks {
		client.AddHook(h)
	}
	cfg.Redis = client
	c := newCache(r.t, cfg)
	listening(r.t, c)
	return c
}

// scan returns the keys whose name, value or members have one of the strings in
// them, in the clear or as ids in names are written.
func (r *realRedis) scan(canaries ...string) (found []string) {
	r.t.Helper()
	ctx := r.t.Context()
	for it := r.admin.Scan(ctx, 0, "*", 1000).Iterator(); it.Next(ctx); {
		dump := it.Val()
		for _, part := range strings.Split(it.Val(), ":") {
			if id, err := base64.RawURLEncoding.DecodeString(part); err == nil {
				dump += string(id)
			}
		}
		switch r.admin.Type(ctx, it.Val()).Val() {
		case "string":
			dump += r.admin.Get(ctx, it.Val()).Val()
		case "zset":
			dump += strings.Join(r.admin.ZRange(ctx, it.Val(), 0, -1).Val(), " ")
		case "hash":
			for k, v := range r.admin.HGetAll(ctx, it.Val()).Val() {
				dump += k + " " + v
			}
		}
		if slices.ContainsFunc(canaries, func(c string) bool { return strings.Contains(dump, c) }) {
			found = append(found, it.Val())
		}
	}
	return found
}

// listening waits until c hears what other replicas drop. What it learned
// before that is due at once.
func listening(t testing.TB, c *Cache) {
	t.Helper()
	eventually(t, "the subscription", func() bool { return c.gap.Load() > 0 })
}

// written waits until n writes have been confirmed.
func written(t *testing.T, c *Cache, n uint64) {
	t.Helper()
	eventually(t, "writes to reach Redis", func() bool { return c.Stats().Redis.Writes >= n })
}

// eventually waits for what happens in another process.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

func TestRedisRoundTrip(t *testing.T) {
	r := startRedis(t)
	one, _ := r.cache()
	newLoader(t, one, testPolicy).Put("t", "a", doc{"A"})
	written(t, one, 1)
	two, wire := r.cache()
	l := newLoader(t, two, testPolicy)
	for range 2 {
		got := see(l.Load(t.Context(), "t", []string{"a"}, Options{}, (&fakeSource{err: errDown}).load))
		if diff := cmp.Diff([]seen{{"A", Cached, nil}}, got); diff != "" {
			t.Errorf("results (-want +got):\n%s", diff)
		}
	}
	if n := wire.sent()["pipeline of getrange"]; n != 1 {
		t.Errorf("%d reads for two lookups, want 1", n)
	}
	l.Drop("t", "a")
	written(t, two, 1)
	if n := r.admin.DBSize(t.Context()).Val(); n != 0 {
		t.Errorf("%d keys left after the drop", n)
	}
}

// What is done to Redis, and what a caller sees of a record that another
// replica put there.
func TestRedisTrouble(t *testing.T) {
	key := Key{"t", "doc", "a"}.redisKey()
	tests := []struct {
		name    string
		do      func(r *realRedis) error
		want    State
		corrupt uint64
		gone    bool // whether the value is removed from Redis
	}{
		{"nothing", func(*realRedis) error { return nil }, Cached, 0, false},
		{"flushed", func(r *realRedis) error { return r.admin.FlushAll(r.t.Context()).Err() }, Failed, 0, true},
		{"another type", func(r *realRedis) error {
			r.admin.Del(r.t.Context(), key)
			return r.admin.LPush(r.t.Context(), key, "x").Err()
		}, Failed, 1, true},
		{"a bit flipped", func(r *realRedis) error { return r.admin.SetRange(r.t.Context(), key, 30, "\xff").Err() }, Failed, 1, true},
		{"cut", func(r *realRedis) error { return r.admin.Set(r.t.Context(), key, "wf", 0).Err() }, Failed, 1, true},
		{"10 MB", func(r *realRedis) error {
			return r.admin.Set(r.t.Context(), key, strings.Repeat("x", 10<<20), 0).Err()
		}, Failed, 1, true},
		{"another record's value", func(r *realRedis) error {
			b, err := seal(Key{"other", "doc", "a"}, entry{data: []byte(`{"name":"foreign"}`), storedAt: time.Now()})
			if err != nil {
				return err
			}
			return r.admin.Set(r.t.Context(), key, b, 0).Err()
		}, Failed, 1, true},
		{"a value of another shape", func(r *realRedis) error {
			b, err := seal(Key{"t", "doc", "a"}, entry{data: []byte(`["name"]`), storedAt: time.Now()})
			if err != nil {
				return err
			}
			return r.admin.Set(r.t.Context(), key, b, 0).Err()
		}, Failed, 1, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := startRedis(t)
			filler, _ := r.cache()
			newLoader(t, filler, testPolicy).Put("t", "a", doc{"A"})
			written(t, filler, 1)
			if err := tt.do(r); err != nil {
				t.Fatal(err)
			}
			c := r.cacheWith(Config{RedisDeadline: 3 * time.Second}) // however busy the machine
			l := newLoader(t, c, testPolicy)
			if got := l.Peek(t.Context(), "t", []string{"a"}, false)[0].State; got != tt.want {
				t.Errorf("state = %v, want %v", got, tt.want)
			}
			c.Close() // sends the removal
			if got := c.Stats().Redis; got.Corrupt != tt.corrupt || got.ReadErrors != 0 {
				t.Errorf("Corrupt = %d, ReadErrors = %d; want %d and 0", got.Corrupt, got.ReadErrors, tt.corrupt)
			}
			if n := r.admin.Exists(t.Context(), key).Val(); (n == 0) != tt.gone {
				t.Errorf("key exists: %v, want gone: %v", n == 1, tt.gone)
			}
		})
	}
}

// What is done to the server: callers get their records all the same, at most
// three reads reach it, and it is used again when it is well.
func TestRedisGoneAndBack(t *testing.T) {
	tests := []struct {
		name       string
		hurt, heal func(r *realRedis)
	}{
		{"killed", func(r *realRedis) { r.signal(syscall.SIGKILL); _, _ = r.proc.Wait() }, func(r *realRedis) { r.start() }},
		{"frozen", func(r *realRedis) { r.signal(syscall.SIGSTOP) }, func(r *realRedis) { r.signal(syscall.SIGCONT) }},
		{"password changed", func(r *realRedis) {
			r.config("requirepass", "secret")
			r.admin.Do(r.t.Context(), "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
		}, func(r *realRedis) { r.config("requirepass", "") }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := startRedis(t)
			c, wire := r.cache()
			l := newLoader(t, c, testPolicy)
			l.Put("t", "warm", doc{"A"})
			written(t, c, 1)
			tt.hurt(r)
			wire.sent()
			src := &fakeSource{docs: map[string]string{}}
			for i := range 10 {
				id := string(rune('a' + i))
				src.docs[id] = id
				got := see(l.Load(t.Context(), "t", []string{id}, Options{}, src.load))
				if diff := cmp.Diff([]seen{{id, Loaded, nil}}, got); diff != "" {
					t.Errorf("load %d (-want +got):\n%s", i, diff)
				}
			}
			if n := wire.sent()["pipeline of getrange"]; n > 3 {
				t.Errorf("%d reads were sent to a Redis that does not answer, want 3 at most", n)
			}
			if !c.remote.reads.Tripped() {
				t.Error("the breaker is closed")
			}
			tt.heal(r)
			eventually(t, "the breaker to close", func() bool { return !c.remote.reads.Tripped() })
			before := c.Stats().Redis.Writes
			eventually(t, "writes to be tried again", func() bool {
				l.Put("t", "new", doc{"B"})
				return c.Stats().Redis.Writes > before
			})
			c.memory.items.InvalidateAll()
			eventually(t, "the record to be read again", func() bool {
				return l.Peek(t.Context(), "t", []string{"new"}, false)[0].State == Cached
			})
		})
	}
}

// A Redis that refuses writes still answers reads.
func TestRedisReadOnly(t *testing.T) {
	tests := []struct {
		name string
		hurt func(r *realRedis)
	}{
		{"out of memory", func(r *realRedis) { r.config("maxmemory-policy", "noeviction"); r.config("maxmemory", "1") }},
		{"replica", func(r *realRedis) {
			r.config("replica-serve-stale-data", "yes")
			if err := r.admin.Do(r.t.Context(), "REPLICAOF", "127.0.0.1", "1").Err(); err != nil {
				r.t.Fatal(err)
			}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := startRedis(t)
			c, wire := r.cache()
			l := newLoader(t, c, testPolicy)
			l.Put("t", "a", doc{"A"})
			written(t, c, 1)
			tt.hurt(r)
			wire.sent()
			for i := range 10 {
				before := c.Stats().Redis
				l.Put("t", string(rune('b'+i)), doc{"B"})
				eventually(t, "the write to be refused or dropped", func() bool {
					now := c.Stats().Redis
					return now.WriteErrors+now.Dropped > before.WriteErrors+before.Dropped
				})
			}
			if n := wire.sent()["pipeline of set"]; n != 3 {
				t.Errorf("%d writes were tried, want 3", n)
			}
			c.memory.items.InvalidateAll()
			eventually(t, "the record to be read", func() bool { // a busy machine may take longer than the deadline
				got := l.Peek(t.Context(), "t", []string{"a"}, false)[0]
				return got.State == Cached && got.Value.Name == "A"
			})
			if c.remote.reads.Tripped() {
				t.Error("refused writes opened the breaker of reads")
			}
		})
	}
}

func TestLargeRecordStaysInMemory(t *testing.T) {
	r := startRedis(t)
	c, _ := r.cache()
	l := newLoader(t, c, testPolicy)
	l.Put("t", "a", doc{"small"})
	written(t, c, 1)
	l.Put("t", "a", doc{strings.Repeat("x", maxValue)})
	written(t, c, 2)
	if got := l.Peek(t.Context(), "t", []string{"a"}, false)[0].State; got != Cached {
		t.Errorf("state in memory = %v, want cached", got)
	}
	if n := r.admin.DBSize(t.Context()).Val(); n != 0 || c.Stats().Redis.TooLarge != 1 {
		t.Errorf("%d keys in Redis, TooLarge = %d; want 0 and 1", n, c.Stats().Redis.TooLarge)
	}
}

func TestNothingInRedisNamesTenants(t *testing.T) {
	r := startRedis(t)
	c := r.cacheWith(Config{RedisDeadline: patient})
	newLoader(t, c, testPolicy).Put("acme-tenant", "a", doc{"A"})
	must(t, c.Index().Add(t.Context(), "acme-tenant", []string{"a"}))
	must(t, c.SetCheckpoint(t.Context(), "backfill:acme-tenant", "at", time.Hour))
	if _, ok, err := c.Lease(t.Context(), "backfill:acme-tenant", time.Hour); err != nil || !ok {
		t.Fatal(ok, err)
	}
	newLimiter(t, c).Take(t.Context(), "acme-tenant", []Bucket{{"tenant", Rate{Count: 1, Per: time.Hour}}})
	written(t, c, 1)
	keys := r.admin.Keys(t.Context(), "*").Val()
	if len(keys) != 5 {
		t.Errorf("keys = %q, want 5", keys)
	}
	for _, k := range keys {
		if !strings.HasPrefix(k, keyPrefix) {
			t.Errorf("key %q", k)
		}
	}
	// A record in the clear says whose it is: that is what encryption is for.
	for _, k := range r.scan("acme") {
		if k != (Key{"acme-tenant", "doc", "a"}).redisKey() {
			t.Errorf("%s names the tenant", k)
		}
	}
}
