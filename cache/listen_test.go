package cache

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/google/go-cmp/cmp"
)

// line is a connection to a simulated Redis that can be cut.
type line struct {
	m     *miniredis.Miniredis
	mu    sync.Mutex
	down  bool       // guarded by mu
	conns []net.Conn // guarded by mu
}

func (l *line) dial() (net.Conn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.down {
		return nil, errors.New("no route")
	}
	c, err := l.m.Dial()
	if err == nil {
		l.conns = append(l.conns, c)
	}
	return c, err
}

func (l *line) cut(down bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.down = down
	if down {
		for _, c := range l.conns {
			c.Close()
		}
		l.conns = nil
	}
}

// simLine returns a cache behind a line.
func simLine(t *testing.T, m *miniredis.Miniredis) (*Cache, *line) {
	t.Helper()
	l := &line{m: m}
	t.Cleanup(func() { time.Sleep(2 * time.Second) }) // go-redis notices within one that the client was closed
	client, _ := simClient(t, l.dial)
	return newCache(t, Config{Redis: client}), l
}

func sim(t *testing.T) *miniredis.Miniredis {
	t.Helper()
	m := miniredis.NewMiniRedis()
	m.ClockTTL(true)
	t.Cleanup(m.Close)
	return m
}

func TestDropIsHeard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := sim(t)
		one, _ := simLine(t, m)
		two, _ := simLine(t, m)
		l1, l2 := newLoader(t, one, testPolicy), newLoader(t, two, testPolicy)
		gathered()
		l1.Put("t", "a", doc{"A"})
		l1.Put("t", "b", doc{"B"})
		gathered()
		l2.Peek(t.Context(), "t", []string{"a", "b"}, false)
		l1.Drop("t", "a")
		gathered()
		for name, l := range map[string]*Loader[doc]{"one": l1, "two": l2} {
			got := see(l.Peek(t.Context(), "t", []string{"a", "b"}, false))
			if diff := cmp.Diff([]seen{{"", Failed, ErrMiss}, {"B", Cached, nil}}, got, cmp.Comparer(func(a, b error) bool { return errors.Is(a, b) })); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
		}
	})
}

// TestDropThatIsPutAtOnce: the record that takes the place of a dropped one is
// told of, too.
func TestDropThatIsPutAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := sim(t)
		one, _ := simLine(t, m)
		two, _ := simLine(t, m)
		l1, l2 := newLoader(t, one, testPolicy), newLoader(t, two, testPolicy)
		gathered()
		l1.Put("t", "a", doc{"old"})
		gathered()
		l2.Peek(t.Context(), "t", []string{"a"}, false)
		l1.Drop("t", "a")
		l1.Put("t", "a", doc{"new"})
		gathered()
		if got := l2.Peek(t.Context(), "t", []string{"a"}, false)[0].Value.Name; got != "new" {
			t.Errorf("two has %q", got)
		}
	})
}

// TestReadThatBeganBeforeADrop does not bring the record back into memory.
func TestReadThatBeganBeforeADrop(t *testing.T) {
	c := newCache(t, Config{})
	l := newLoader(t, c, testPolicy)
	key, drops := Key{"t", "doc", "a"}, c.dropped()
	it := l.kind.newItem(doc{"A"}, []byte("1"), time.Now())
	l.Drop("t", "a")
	if c.adopt(l.kind, key, it, drops) || c.memory.get(key) != nil {
		t.Error("it does")
	}
	if !c.adopt(l.kind, key, it, c.dropped()) {
		t.Error("a later read does not")
	}
}

// TestUnheardDrop: a replica that does not hear of a drop shows its copy for
// half a minute at most, or asks Redis as soon as it hears again; the copy
// still stands in while the source is down.
func TestUnheardDrop(t *testing.T) {
	tests := []struct {
		name  string
		deaf  time.Duration // how long nothing is heard
		after time.Duration // when it is asked, from when the line is mended
		want  State
	}{
		{"hears again", time.Second, 6 * time.Second, Stale},
		{"is asked late", 0, recheckAfter, Stale},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := sim(t)
				c, line := simLine(t, m)
				l := newLoader(t, c, testPolicy)
				gathered()
				l.Put("t", "a", doc{"A"})
				l.Put("t", "kept", doc{"K"})
				gathered()
				if tt.deaf > 0 {
					line.cut(true)
				}
				m.Del(Key{"t", "doc", "a"}.redisKey()) // as if dropped by another
				time.Sleep(tt.deaf)
				line.cut(false)
				time.Sleep(tt.after)
				down := &fakeSource{err: errDown}
				got := see(l.Load(t.Context(), "t", []string{"a", "kept"}, Options{}, down.load))
				if diff := cmp.Diff([]seen{{"A", tt.want, errDown}, {"K", Cached, nil}}, got, cmp.Comparer(func(a, b error) bool { return errors.Is(a, b) })); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
				if diff := cmp.Diff([][]string{{"a"}}, down.asked()); diff != "" {
					t.Errorf("the source was asked for (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// TestDueOnceIn30Seconds: to be sure costs a read of Redis every half minute,
// and no load.
func TestDueOnceIn30Seconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := simLine(t, sim(t))
		l := newLoader(t, c, Policy{Fresh: 10 * time.Minute, Stale: time.Hour})
		gathered()
		l.Put("t", "a", doc{"A"})
		gathered()
		src := &fakeSource{}
		for range 300 {
			if got := l.Load(t.Context(), "t", []string{"a"}, Options{}, src.load)[0].State; got != Cached {
				t.Fatalf("state %v", got)
			}
			time.Sleep(time.Second)
		}
		if reads := c.Stats().Redis.Reads; reads < 9 || reads > 10 || len(src.asked()) != 0 {
			t.Errorf("%d reads and %d loads in five minutes, want 10 and none", reads, len(src.asked()))
		}
	})
}

// TestAwayRedisMakesNothingDue: memory is believed as long as ever, or the
// source would have to make up for Redis.
func TestAwayRedisMakesNothingDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, line := simLine(t, sim(t))
		l := newLoader(t, c, Policy{Fresh: 10 * time.Minute, Stale: time.Hour})
		gathered()
		l.Put("t", "a", doc{"A"})
		gathered()
		line.cut(true)
		for range redisTrip {
			l.Peek(t.Context(), "t", []string{"none"}, false)
		}
		time.Sleep(5 * time.Minute)
		src := &fakeSource{}
		if got := l.Load(t.Context(), "t", []string{"a"}, Options{}, src.load)[0].State; got != Cached || len(src.asked()) != 0 {
			t.Errorf("%v after %d loads", got, len(src.asked()))
		}
	})
}

// TestDeafReplicaCatchesUp: a replica that was cut off while a person was
// erased learns of it from the log, also if the copies were its fallback.
func TestDeafReplicaCatchesUp(t *testing.T) {
	for _, deaf := range []time.Duration{time.Minute, 23 * time.Hour, 25 * time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			m := sim(t)
			one, _ := simLine(t, m)
			two, line := simLine(t, m)
			long := Policy{Fresh: time.Minute, Stale: 30 * 24 * time.Hour} // or the copies would end by themselves
			p1, p2 := newPeopleFor(t, one, long), newPeopleFor(t, two, long)
			gathered()
			p1.fill()
			gathered()
			p2.notes.Peek(t.Context(), "t", []string{"n1", "n2", "n3"}, false)
			line.cut(true)
			time.Sleep(time.Second)
			p2.notes.Put("t", "n5", note{[]string{"ann"}, "canary that is written by a deaf replica"})
			if err := one.Erase(t.Context(), "t", []string{"person:ann"}, named); err != nil {
				t.Fatal(err)
			}
			gathered()
			if len(two.remembers(t, "canary")) == 0 {
				t.Fatal("two has heard of it")
			}
			time.Sleep(deaf)
			line.cut(false)
			time.Sleep(2 * listenLate)
			if found := two.remembers(t, "canary"); len(found) > 0 {
				t.Errorf("deaf for %v: two has %q", deaf, found)
			}
			want := []string{"note n3"}
			if deaf > erasuresKept {
				want = nil
			}
			wantKept(t, "two", two, want)
			if s := two.Stats().Redis; s.Gaps == 0 {
				t.Error("the gap was not counted")
			}
		})
	}
}

// TestFrozenRedisIsNoticed: a connection that is silent is tried, and given up.
func TestFrozenRedisIsNoticed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, _ := simClient(t, func() (net.Conn, error) {
			near, far := net.Pipe()
			context.AfterFunc(t.Context(), func() { far.Close() })
			return near, nil
		})
		c := newCache(t, Config{Redis: client})
		time.Sleep(time.Minute)
		if c.Stats().Redis.Gaps < 2 || c.gap.Load() != 0 {
			t.Errorf("%d gaps, heard since %v", c.Stats().Redis.Gaps, c.gap.Load())
		}
	})
}

func TestStrangeNotices(t *testing.T) {
	r := startRedis(t)
	c := r.cacheWith(Config{RedisDeadline: patient})
	l := newLoader(t, c, testPolicy)
	l.Put("t", "a", doc{"A"})
	for _, payload := range []string{"", "{}", "nonsense", `{"drop":{"Tenant":"t","Kind":"unknown","ID":"a"}}`, `{"erase":["short"]}`} {
		r.admin.Publish(t.Context(), noticeChannel, payload)
	}
	r.admin.Publish(t.Context(), noticeChannel, notice{Drop: &Key{"t", "doc", "a"}}.encode())
	eventually(t, "the good one to be heard", func() bool { return c.memory.get(Key{"t", "doc", "a"}) == nil })
	if n := c.Stats().Redis.Heard; n != 2 {
		t.Errorf("%d heard, want 2", n)
	}
}

func FuzzParseNotice(f *testing.F) {
	f.Add(notice{Drop: &Key{"t", "doc", "a"}}.encode())
	f.Add(notice{From: "x", Erase: []subjectID{idOf("t", "person:ann")}}.encode())
	f.Fuzz(func(t *testing.T, payload string) {
		n, err := parseNotice(payload)
		if err != nil {
			return
		}
		again, err := parseNotice(n.encode())
		if diff := cmp.Diff(n, again); err != nil || diff != "" {
			t.Errorf("read again, %v (-first +second):\n%s", err, diff)
		}
	})
}

func FuzzParseMember(f *testing.F) {
	f.Add("doc:YQ")
	f.Add("0:\n")
	f.Fuzz(func(t *testing.T, member string) {
		if key, ok := parseMember("t", member); ok && key.member() != member {
			t.Errorf("%q became %v and %q", member, key, key.member())
		}
	})
}

// TestDueSincePrefetch: a copy that Prefetch found to be sure, and that is so no
// longer when it is loaded a moment later, costs a read of Redis and no load.
func TestDueSincePrefetch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := simLine(t, sim(t))
		l := newLoader(t, c, testPolicy)
		gathered()
		l.Put("t", "a", doc{"A"})
		gathered()
		time.Sleep(recheckAfter - time.Millisecond)
		defer prefetch(t.Context(), c, []Key{{"t", "doc", "a"}})()
		time.Sleep(2 * time.Millisecond)
		src := &fakeSource{docs: map[string]string{"a": "again"}}
		got := see(l.Load(t.Context(), "t", []string{"a"}, Options{SkipRedis: true}, src.load))
		if diff := cmp.Diff([]seen{{"A", Cached, nil}}, got); diff != "" || len(src.asked()) != 0 {
			t.Errorf("%d loads (-want +got):\n%s", len(src.asked()), diff)
		}
	})
}
