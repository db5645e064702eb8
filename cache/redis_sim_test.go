package cache

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/redis/go-redis/v9"

	"github.com/weft-gateway/weft/cache/cachetest"
	"github.com/weft-gateway/weft/upstream/breaker"
)

// wire counts what is sent to Redis, and can be told to lose it all.
type wire struct {
	mu       sync.Mutex
	commands map[string]int // name, or "pipeline" for a batch of several; guarded by mu
	fail     error          // guarded by mu
}

func (w *wire) DialHook(next redis.DialHook) redis.DialHook { return next }

func (w *wire) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if err := w.count(cmd.Name()); err != nil {
			cmd.SetErr(err)
			return err
		}
		return next(ctx, cmd)
	}
}

func (w *wire) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		name := "pipeline of " + cmds[0].Name()
		if name == "pipeline of hello" || name == "pipeline of client" {
			return next(ctx, cmds)
		}
		if err := w.count(name); err != nil {
			for _, cmd := range cmds {
				cmd.SetErr(err)
			}
			return err
		}
		return next(ctx, cmds)
	}
}

func (w *wire) count(name string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.commands == nil {
		w.commands = map[string]int{}
	}
	w.commands[name]++
	return w.fail
}

// sent returns the counts since the last call.
func (w *wire) sent() map[string]int {
	w.mu.Lock()
	defer w.mu.Unlock()
	sent := w.commands
	w.commands = nil
	return sent
}

// simClient returns a client of a simulated Redis, for use in a bubble.
func simClient(t *testing.T, dial func() (net.Conn, error)) (*redis.Client, *wire) {
	t.Helper()
	client, err := RedisClient("redis://sim:6379?min_idle_conns=0", 0)
	if err != nil {
		t.Fatal(err)
	}
	o := client.(*redis.Client).Options()
	client.Close()
	o.Dialer = func(context.Context, string, string) (net.Conn, error) { return dial() }
	c := redis.NewClient(o)
	w := &wire{}
	c.AddHook(w)
	t.Cleanup(func() { c.Close() })
	return c, w
}

// simRedis is a simulated Redis on the bubble's clock.
func simRedis(t *testing.T) (*miniredis.Miniredis, func() *redis.Client) {
	t.Helper()
	m := miniredis.NewMiniRedis()
	m.ClockTTL(true)
	t.Cleanup(m.Close)
	return m, func() *redis.Client {
		c, _ := simClient(t, func() (net.Conn, error) {
			conn, err := m.Dial()
			if err != nil {
				return nil, err
			}
			return cachetest.Roomy(conn), nil
		})
		return c
	}
}

func TestReplicasShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, client := simRedis(t)
		one := newLoader(t, newCache(t, Config{Redis: client()}), testPolicy)
		two := newLoader(t, newCache(t, Config{Redis: client()}), testPolicy)
		src := &fakeSource{docs: map[string]string{"a": "A"}}
		load := func(l *Loader[doc]) []seen {
			defer gathered() // the writes have reached Redis
			return see(l.Load(t.Context(), "t", []string{"a", "gone"}, Options{}, src.load))
		}
		steps := []struct {
			name   string
			after  time.Duration
			loader *Loader[doc]
			want   []seen
			calls  int
		}{
			{"one loads", 0, one, []seen{{"A", Loaded, nil}, {"", Absent, nil}}, 1},
			{"two finds it in Redis", 0, two, []seen{{"A", Cached, nil}, {"", Absent, nil}}, 1},
			{"two loads again", time.Minute, two, []seen{{"A", Loaded, nil}, {"", Absent, nil}}, 2},
			{"one sees what two loaded", 0, one, []seen{{"A", Cached, nil}, {"", Absent, nil}}, 2},
		}
		for _, s := range steps {
			time.Sleep(s.after)
			if diff := cmp.Diff(s.want, load(s.loader)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", s.name, diff)
			}
			if n := len(src.asked()); n != s.calls {
				t.Errorf("%s: %d loads so far, want %d", s.name, n, s.calls)
			}
		}
		src.set(nil, nil)
		time.Sleep(time.Minute)
		load(one)
		if got := two.Peek(t.Context(), "t", []string{"a"}, false)[0].State; got != Absent {
			t.Errorf("after the record was removed two has it as %v", got)
		}
	})
}

func TestRedisLifetimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, client := simRedis(t)
		l := newLoader(t, newCache(t, Config{Redis: client()}), testPolicy)
		l.Put("t", "a", doc{"A"})
		l.PutAbsent("t", "gone")
		gathered()
		for id, want := range map[string]time.Duration{"a": testPolicy.Stale, "gone": testPolicy.Missing} {
			got := m.TTL(Key{"t", "doc", id}.redisKey())
			if got < want*9/10 || got > want*11/10 {
				t.Errorf("TTL of %s = %v, want %v within a tenth", id, got, want)
			}
		}
	})
}

func TestClockAhead(t *testing.T) {
	tests := []struct {
		name  string
		ahead time.Duration
		want  State
	}{
		{"a little", 5 * time.Minute, Cached},
		{"too much", 11 * time.Minute, Failed},
	}
	for _, tt := range tests {
		synctest.Test(t, func(t *testing.T) {
			m, client := simRedis(t)
			c := newCache(t, Config{Redis: client()})
			l := newLoader(t, c, testPolicy)
			key := Key{"t", "doc", "a"}
			value, err := seal(key, entry{data: []byte(`{"name":"ahead"}`), storedAt: time.Now().Add(tt.ahead)})
			if err != nil {
				t.Fatal(err)
			}
			if err := m.Set(key.redisKey(), string(value)); err != nil {
				t.Fatal(err)
			}
			if got := l.Peek(t.Context(), "t", []string{"a"}, false)[0].State; got != tt.want {
				t.Errorf("%s: state = %v, want %v", tt.name, got, tt.want)
			}
			// What is loaded afterwards must win, not what claims to be of the future.
			l.Put("t", "a", doc{"now"})
			if got := l.Peek(t.Context(), "t", []string{"a"}, true)[0]; got.Value.Name != "now" {
				t.Errorf("%s: the record of the future won over that of now", tt.name)
			}
		})
	}
}

func TestFrozenRedisCostsThreeWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, wire := simClient(t, func() (net.Conn, error) {
			near, far := net.Pipe() // nobody reads what is sent
			context.AfterFunc(t.Context(), func() { far.Close() })
			return near, nil
		})
		set := breaker.NewSet()
		c := newCache(t, Config{Redis: client, Breakers: set})
		l := newLoader(t, c, Policy{Stale: time.Hour})
		src := &fakeSource{docs: map[string]string{"a": "A"}}
		waits := make([]time.Duration, 6)
		for i := range waits {
			begun := time.Now()
			got := see(l.Load(t.Context(), "t", []string{"a"}, Options{}, src.load))
			waits[i] = time.Since(begun)
			if diff := cmp.Diff([]seen{{"A", Loaded, nil}}, got); diff != "" {
				t.Errorf("load %d (-want +got):\n%s", i, diff)
			}
		}
		const d = defaultRedisDeadline
		if diff := cmp.Diff([]time.Duration{d, d, d, 0, 0, 0}, waits); diff != "" {
			t.Errorf("waits for Redis (-want +got):\n%s", diff)
		}
		stats := c.Stats().Redis
		if stats.Reads != 3 || stats.ReadErrors != 3 || stats.Bypassed != 3 {
			t.Errorf("reads %d, errors %d, bypassed %d; want 3 of each", stats.Reads, stats.ReadErrors, stats.Bypassed)
		}
		if k := c.Stats().Kinds[0]; k.RedisErrors != 3 || k.RedisBypassed != 3 || k.InRedis != (TierStats{}) {
			t.Errorf("keys: %d without an answer, %d bypassed, others %+v; want 3, 3 and none", k.RedisErrors, k.RedisBypassed, k.InRedis)
		}
		time.Sleep(500 * time.Millisecond) // writes that were under way when it opened have ended
		wire.sent()
		l.Load(t.Context(), "t", []string{"a"}, Options{}, src.load)
		if diff := cmp.Diff(map[string]int(nil), wire.sent()); diff != "" {
			t.Errorf("sent while open (-want +got):\n%s", diff)
		}
		time.Sleep(3 * time.Second)
		for name := range wire.sent() {
			if name != "ping" && name != "hello" { // hello greets on behalf of ping
				t.Errorf("probed with %s", name)
			}
		}
		if got := set.Snapshots()[0]; got.Name != "redis" || got.State == "closed" {
			t.Errorf("breaker %s is %s", got.Name, got.State)
		}
	})
}

func TestBreakerClosesByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := miniredis.NewMiniRedis()
		t.Cleanup(m.Close)
		client, wire := simClient(t, m.Dial)
		c := newCache(t, Config{Redis: client})
		l := newLoader(t, c, testPolicy)
		l.Put("t", "a", doc{"A"})
		gathered()
		wire.fail = errors.New("connection refused")
		for range 5 {
			l.Peek(t.Context(), "t", []string{"b"}, false)
		}
		if !c.remote.reads.Tripped() {
			t.Fatal("breaker is closed after 5 failures")
		}
		wire.mu.Lock()
		wire.fail = nil
		wire.mu.Unlock()
		time.Sleep(2 * readsOpenFor)
		if c.remote.reads.Tripped() {
			t.Fatal("breaker is open although Redis answers again")
		}
		c.memory.items.InvalidateAll()
		if got := l.Peek(t.Context(), "t", []string{"a"}, false)[0].State; got != Cached {
			t.Errorf("state after recovery = %v, want cached", got)
		}
	})
}

func TestPrefetchIsOnePipeline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := miniredis.NewMiniRedis()
		m.ClockTTL(true)
		t.Cleanup(m.Close)
		other, _ := simClient(t, m.Dial)
		filler := newLoader(t, newCache(t, Config{Redis: other}), testPolicy)
		for _, id := range []string{"a", "b", "c"} {
			filler.Put("t", id, doc{strings.ToUpper(id)})
		}
		gathered()

		client, wire := simClient(t, m.Dial)
		c := newCache(t, Config{Redis: client})
		l := newLoader(t, c, testPolicy)
		l.Put("t", "c", doc{"mine"})
		gathered()
		wire.sent()
		prefetch(t.Context(), c, []Key{
			{"t", "doc", "a"}, {"t", "doc", "b"}, {"t", "doc", "a"}, {"t", "doc", "c"}, {"t", "doc", "none"}, {"t", "nobody's", "x"},
		})
		if diff := cmp.Diff(map[string]int{"pipeline of getrange": 1}, wire.sent()); diff != "" {
			t.Errorf("sent by Prefetch (-want +got):\n%s", diff)
		}
		if k := c.Stats().Kinds[0]; k.RedisHits != 2 || k.RedisMisses != 1 {
			t.Errorf("hits %d, misses %d; want 2 and 1", k.RedisHits, k.RedisMisses)
		}
		src := &fakeSource{docs: map[string]string{"none": "N"}}
		got := see(l.Load(t.Context(), "t", []string{"a", "b", "c", "none"}, Options{SkipRedis: true}, src.load))
		want := []seen{{"A", Cached, nil}, {"B", Cached, nil}, {"mine", Cached, nil}, {"N", Loaded, nil}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("loads after it (-want +got):\n%s", diff)
		}
		gathered()
		if got := wire.sent(); got["pipeline of getrange"] != 0 {
			t.Errorf("Redis was asked again: %v", got)
		}
	})
}

func TestManyCallersShareOneRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, client := simRedis(t)
		c := newCache(t, Config{Redis: client()})
		l := newLoader(t, c, testPolicy)
		src := &fakeSource{docs: map[string]string{"a": "A"}, took: time.Millisecond}
		var wg sync.WaitGroup
		for range 300 {
			wg.Go(func() { l.Load(t.Context(), "t", []string{"a"}, Options{}, src.load) })
		}
		wg.Wait()
		if n := c.Stats().Redis.Reads; n != 1 || len(src.asked()) != 1 {
			t.Errorf("%d reads of Redis and %d loads, want 1 of each", n, len(src.asked()))
		}
	})
}

func TestReadWithPartOfTheAnswers(t *testing.T) {
	refused := errors.New("node down")
	tests := []struct {
		name string
		errs []error
		want []reply
		err  error
	}{
		{"all", []error{nil, redis.Nil}, []reply{{answered: true}, {answered: true}}, nil},
		{"one node of a cluster down", []error{nil, refused}, []reply{{answered: true}, {}}, nil},
		{"none", []error{refused, refused}, []reply{{}, {}}, refused},
	}
	for _, tt := range tests {
		cmds := make([]*redis.StringCmd, len(tt.errs))
		for i, err := range tt.errs {
			cmds[i] = redis.NewStringCmd(t.Context())
			cmds[i].SetErr(err)
		}
		got, err := sift(t.Context(), cmds)
		if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(reply{}), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
		if !errors.Is(err, tt.err) {
			t.Errorf("%s: error = %v, want %v", tt.name, err, tt.err)
		}
	}
}
