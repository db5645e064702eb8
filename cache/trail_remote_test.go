package cache

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"
)

// trodden is a record of each of three kinds, and the trail from the first to
// the others.
var trodden = struct {
	from Key
	to   []Key
}{Key{"t", "doc", "a"}, []Key{{"t", "person", "p"}, {"t", "firm", "f"}}}

// walker is a replica with loaders of those kinds.
func walker(t *testing.T, cfg Config) *Cache {
	t.Helper()
	c := newCache(t, cfg)
	for _, kind := range []string{"doc", "person", "firm"} {
		newOwned(t, c, kind)
	}
	return c
}

func simWalker(t *testing.T, m *miniredis.Miniredis) (*Cache, *wire) {
	t.Helper()
	t.Cleanup(func() { time.Sleep(2 * time.Second) }) // go-redis notices within one that the client was closed
	client, w := simClient(t, m.Dial)
	return walker(t, Config{Redis: client}), w
}

// leave makes c have the records and the trail in Redis.
func leave(t *testing.T, c *Cache) {
	t.Helper()
	c.remote.client.ScriptFlush(t.Context())
	if err := followScript.Load(t.Context(), c.remote.client).Err(); err != nil {
		t.Fatal(err)
	}
	for _, key := range append([]Key{trodden.from}, trodden.to...) {
		k := c.kind(key.Kind)
		data := []byte(`{"name":"` + key.ID + `"}`)
		value, err := k.decode(data)
		if err != nil {
			t.Fatal(err)
		}
		k.store(key, k.newItem(value, data, time.Now()), data, nil)
	}
	c.SetTrail(trodden.from, trodden.to)
}

// names are the records that a process gets by following the trail.
func names(t *testing.T, c *Cache, along context.Context) (found []string) {
	t.Helper()
	for _, key := range append([]Key{trodden.from}, trodden.to...) {
		if it := c.kind(key.Kind).recall(along, key); it != nil {
			v, _ := it.value.(doc)
			found = append(found, v.Name)
		}
	}
	return found
}

func follow(t *testing.T, c *Cache) (trail []Key, found []string) {
	t.Helper()
	along, release, trail := c.Follow(t.Context(), trodden.from, []Key{trodden.from})
	defer release()
	return trail, names(t, c, along)
}

// TestFollow: a process that knows nothing gets all in one visit. One that meets a
// Redis without the script gets it there, for the next.
func TestFollow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := sim(t)
		one, _ := simWalker(t, m)
		leave(t, one)
		gathered()
		for _, name := range []string{"", "again, since Redis has lost the script", "and then"} {
			two, w := simWalker(t, m)
			gathered()
			w.sent()
			if strings.HasPrefix(name, "again") {
				one.remote.client.ScriptFlush(t.Context())
				if trail, found := follow(t, two); trail != nil || !cmp.Equal(found, []string{"a"}) {
					t.Errorf("%s: %v, %v", name, trail, found)
				}
				continue
			}
			trail, found := follow(t, two)
			if !cmp.Equal(trail, trodden.to) || !cmp.Equal(found, []string{"a", "p", "f"}) {
				t.Errorf("%s: it led to %v, and brought %v", name, trail, found)
			}
			if diff := cmp.Diff(map[string]int{"pipeline of getrange": 1}, w.sent()); diff != "" {
				t.Errorf("%s: sent (-want +got):\n%s", name, diff)
			}
			if got, ok := two.Trail(trodden.from); !ok || !cmp.Equal(got, trodden.to) {
				t.Errorf("%s: remembered: %v", name, got)
			}
			gathered() // the turn is given back
			w.sent()
			two.SetTrail(trodden.from, trodden.to)
			gathered()
			if sent := w.sent(); len(sent) > 0 {
				t.Errorf("%s: told Redis what it knows: %v", name, sent)
			}
		}
	})
}

// TestTrailIsOneWrite: it goes along with what was loaded, is told again after a
// while, and is gone before the records are.
func TestTrailIsOneWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := sim(t)
		c, w := simWalker(t, m)
		done := c.Gather()
		leave(t, c)
		w.sent()
		done()
		gathered()
		if diff := cmp.Diff(1, w.sent()["pipeline of set"]); diff != "" {
			t.Errorf("writes (-want +got):\n%s", diff)
		}
		ttl, least := m.TTL(trailKey(trodden.from).redisKey()), time.Hour
		for _, key := range append([]Key{trodden.from}, trodden.to...) {
			least = min(least, m.TTL(key.redisKey()))
		}
		if ttl <= 0 || ttl > least {
			t.Errorf("it is kept for %v, and the records for %v", ttl, least)
		}
		for _, tt := range []struct {
			after time.Duration
			told  bool
		}{{0, false}, {time.Minute, false}, {15 * time.Minute, true}} {
			time.Sleep(tt.after)
			before := m.TTL(trailKey(trodden.from).redisKey())
			c.SetTrail(trodden.from, trodden.to)
			gathered()
			if told := m.TTL(trailKey(trodden.from).redisKey()) > before; told != tt.told {
				t.Errorf("after %v more it was told again: %v, want %v", tt.after, told, tt.told)
			}
		}
	})
}

// TestForgedTrails: what somebody else has put into Redis leads to records of the
// tenant, which are what they are, or to nothing.
func TestForgedTrails(t *testing.T) {
	at := trailKey(trodden.from)
	sealed := func(key Key, names string) string {
		b, err := seal(key, entry{data: []byte(names), storedAt: time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)}) // when bubbles begin
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	firm := trodden.to[1].member()
	tests := []struct {
		name  string
		value string
		trail []Key
		found []string
	}{
		{"a good one", sealed(at, firm), trodden.to[1:], []string{"a", "f"}},
		{"nothing of ours", "person:cA firm:Zg", nil, []string{"a"}},
		{"of another tenant", sealed(Key{"u", trailKind, at.ID}, firm), nil, []string{"a"}},
		{"of another record", sealed(trailKey(Key{"t", "doc", "b"}), firm), nil, []string{"a"}},
		{"no kind of ours", sealed(at, "secret:Zg"), nil, []string{"a"}},
		{"a name of another form", sealed(at, firm+" ../u:Zg"), nil, []string{"a"}},
		{"another tenant's record", sealed(at, tenantDigest("u")+":firm:Zg"), nil, []string{"a"}},
		{"an id that is none", sealed(at, "firm:Zh"), nil, []string{"a"}},
		{"too many", sealed(at, strings.TrimSpace(strings.Repeat(firm+" ", maxTrailNames+1))), nil, []string{"a"}},
		{"too long", sealed(at, "firm:"+strings.Repeat("A", maxTrail)), nil, []string{"a"}},
		{"lengths that are none", "wf" + strings.Repeat("\xff", 40), nil, []string{"a"}},
		{"cut short", sealed(at, firm)[:21], nil, []string{"a"}},
		{"what holds another's record", sealed(at, Key{"t", "firm", "x"}.member()), []Key{{"t", "firm", "x"}}, []string{"a"}},
	}
	for _, tt := range tests {
		synctest.Test(t, func(t *testing.T) {
			m := sim(t)
			one, _ := simWalker(t, m)
			leave(t, one)
			gathered()
			set := func(name, value string) {
				if err := m.Set(name, value); err != nil {
					t.Fatal(err)
				}
			}
			other := Key{"u", "firm", "f"}
			foreign, err := seal(other, entry{data: []byte(`{"name":"u"}`), storedAt: time.Now()})
			if err != nil {
				t.Fatal(err)
			}
			set(other.redisKey(), string(foreign))
			set(Key{"t", "firm", "x"}.redisKey(), string(foreign))
			set(at.redisKey(), tt.value)
			two, _ := simWalker(t, m)
			trail, found := follow(t, two)
			if !cmp.Equal(trail, tt.trail) || !cmp.Equal(found, tt.found) {
				t.Errorf("%s: it led to %v, and brought %v; want %v and %v", tt.name, trail, found, tt.trail, tt.found)
			}
			if it := two.kind("firm").recall(t.Context(), other); it != nil {
				t.Errorf("%s: it brought another tenant's", tt.name)
			}
		})
	}
	synctest.Test(t, func(t *testing.T) { // keys that hold no string
		m := sim(t)
		one, _ := simWalker(t, m)
		leave(t, one)
		gathered()
		m.Del(trodden.to[1].redisKey())
		_, _ = m.Push(trodden.to[1].redisKey(), "x")
		two, _ := simWalker(t, m)
		if trail, found := follow(t, two); len(trail) != 2 || !cmp.Equal(found, []string{"a", "p"}) {
			t.Errorf("to a list: %v, %v", trail, found)
		}
		m.Del(at.redisKey())
		_, _ = m.Push(at.redisKey(), "x")
		three, _ := simWalker(t, m)
		if trail, found := follow(t, three); trail != nil || !cmp.Equal(found, []string{"a"}) {
			t.Errorf("a list: %v, %v", trail, found)
		}
	})
}

// TestTrailsGoFromRedis with what they are about.
func TestTrailsGoFromRedis(t *testing.T) {
	erase := func(subject string, keys ...Key) func(*testing.T, *Cache) {
		return func(t *testing.T, c *Cache) {
			t.Helper()
			if err := c.Erase(t.Context(), "t", []string{subject}, func(string) []Key { return keys }); err != nil {
				t.Fatal(err)
			}
		}
	}
	tests := []struct {
		name string
		do   func(*testing.T, *Cache)
		gone bool
	}{
		{"nothing happens", func(*testing.T, *Cache) {}, false},
		{"whom it leads to is erased", erase("person:p"), true},
		{"the record is erased", erase("doc:a", trodden.from), true},
		{"somebody else is erased", erase("person:q"), false},
		{"the record is dropped", func(_ *testing.T, c *Cache) {
			k := c.kind("doc")
			k.forget(trodden.from)
			c.remote.enqueue(write{key: trodden.from, remove: true, tell: true})
		}, true},
		{"records of its kind are purged", func(t *testing.T, c *Cache) {
			if _, err := c.Purge(t.Context(), "t", []string{"doc"}); err != nil {
				t.Fatal(err)
			}
		}, true},
		{"the record is purged", func(t *testing.T, c *Cache) {
			if _, err := c.PurgeRecords(t.Context(), []Key{trodden.from}); err != nil {
				t.Fatal(err)
			}
		}, true},
	}
	for _, elsewhere := range []bool{false, true} {
		for _, tt := range tests {
			synctest.Test(t, func(t *testing.T) {
				m := sim(t)
				one, _ := simWalker(t, m)
				two, _ := simWalker(t, m)
				leave(t, one)
				if !elsewhere {
					two = one // while it may be in the queue
				} else {
					gathered()
				}
				tt.do(t, two)
				gathered()
				time.Sleep(time.Second)
				if gone := !m.Exists(trailKey(trodden.from).redisKey()); gone != tt.gone {
					t.Errorf("%s, elsewhere %v: gone: %v, want %v", tt.name, elsewhere, gone, tt.gone)
				}
				one.SetTrail(trodden.from, trodden.to)
				gathered()
				if strings.Contains(tt.name, "is erased") && tt.gone && m.Exists(trailKey(trodden.from).redisKey()) {
					t.Errorf("%s, elsewhere %v: it came back", tt.name, elsewhere)
				}
			})
		}
	}
}

// noScripts is a Redis that refuses them.
type noScripts struct{ asked int }

func (*noScripts) DialHook(next redis.DialHook) redis.DialHook          { return next }
func (*noScripts) ProcessHook(next redis.ProcessHook) redis.ProcessHook { return next }

func (n *noScripts) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		var kept []redis.Cmder
		for _, cmd := range cmds {
			if cmd.Name() != "evalsha" {
				kept = append(kept, cmd)
				continue
			}
			n.asked++
			cmd.SetErr(denied("NOPERM this user has no permissions to run the 'evalsha' command"))
		}
		return errors.Join(next(ctx, kept), cmds[len(cmds)-1].Err())
	}
}

type denied string

func (d denied) Error() string { return string(d) }
func (denied) RedisError()     {}

// TestRefusedTrails: a Redis that does not run scripts is read all the same, and
// is asked to now and then.
func TestRefusedTrails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := sim(t)
		one, _ := simWalker(t, m)
		leave(t, one)
		gathered()
		two, _ := simWalker(t, m)
		refused := &noScripts{}
		two.remote.client.AddHook(refused)
		for _, want := range []int{1, 1, 2} {
			two.clear()
			if trail, found := follow(t, two); trail != nil || !cmp.Equal(found, []string{"a"}) {
				t.Errorf("%v, %v", trail, found)
			}
			if refused.asked != want {
				t.Errorf("asked %d times, want %d", refused.asked, want)
			}
			time.Sleep(trailsOffFor / 2)
		}
		if s := two.Stats().Redis; s.ReadErrors > 0 || two.remote.reads.Tripped() {
			t.Errorf("%d reads failed", s.ReadErrors)
		}
	})
}

// TestNoTrailInTheOpen: where records are encrypted there are no trails.
func TestNoTrailInTheOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := sim(t)
		client, w := simClient(t, m.Dial)
		c := walker(t, Config{Redis: client, Encryption: []EncryptionKey{{ID: "k", Secret: make([]byte, secretSize)}}})
		leave(t, c)
		gathered()
		if m.Exists(trailKey(trodden.from).redisKey()) {
			t.Error("there is a trail")
		}
		c.clear()
		w.sent()
		if trail, found := follow(t, c); trail != nil || !cmp.Equal(found, []string{"a"}) {
			t.Errorf("%v, %v", trail, found)
		}
		time.Sleep(2 * time.Second)
	})
}

// TestFollowReal: the script, as Redis itself reads it.
func TestFollowReal(t *testing.T) {
	r := startRedis(t)
	one, two := walker(t, Config{Redis: r.admin}), walker(t, Config{Redis: r.admin})
	leave(t, one)
	eventually(t, "the trail to be written", func() bool {
		n, err := r.admin.Exists(t.Context(), trailKey(trodden.from).redisKey(), trodden.to[1].redisKey()).Result()
		return err == nil && n == 2
	})
	if trail, found := follow(t, two); !cmp.Equal(trail, trodden.to) || !cmp.Equal(found, []string{"a", "p", "f"}) {
		t.Errorf("it led to %v, and brought %v", trail, found)
	}
}

func FuzzParseTrail(f *testing.F) {
	c := &Cache{kinds: map[string]*kind{"person": {}, "firm": {}}}
	f.Add("person:cA firm:Zg")
	f.Add("person:cA person:cA person:cA person:cA person:cA")
	f.Add(" person:")
	f.Add("person:0AA") // a zero byte in an id
	f.Fuzz(func(t *testing.T, names string) {
		to, ok := c.parseTrail("t", names)
		if !ok {
			return
		}
		if got := newTrail(to).names("t"); got != names {
			t.Errorf("%q was read as %q", names, got)
		}
		for _, key := range to {
			if key.Tenant != "t" || c.kind(key.Kind) == nil {
				t.Errorf("%q leads to %v", names, key)
			}
		}
	})
}

// TestTrailTooLate: what was read before something was dropped or erased is not
// taken over after that.
func TestTrailTooLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := simWalker(t, sim(t))
		learn := func(drops uint64) bool {
			return c.learnTrail(trodden.from, trodden.to, time.Now(), drops)
		}
		before := c.dropped()
		c.kind("doc").forget(trodden.from)
		if _, ok := c.Trail(trodden.from); learn(before) || ok {
			t.Error("learned what was dropped meanwhile")
		}
		if err := c.Erase(t.Context(), "t", []string{"person:p"}, func(string) []Key { return nil }); err != nil {
			t.Fatal(err)
		}
		if learn(c.dropped()) {
			t.Error("learned what leads to whom was erased")
		}
		time.Sleep(banFor + time.Second)
		if _, ok := c.Trail(trodden.from); !learn(c.dropped()) || ok {
			t.Error("learned nothing afterwards")
		}
	})
}
