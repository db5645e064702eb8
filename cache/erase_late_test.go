package cache

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/go-redis/v9"
)

// TestEraseFollowsWhatComesLater: a note that was on its way when the person was
// erased is refused. Only then is it known that its page, which came before it
// or comes after it, is about that person, too.
func TestEraseFollowsWhatComesLater(t *testing.T) {
	for _, shared := range []bool{false, true} {
		t.Run(fmt.Sprintf("redis %t", shared), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var cfg Config
				keys := func() []string { return nil }
				if shared {
					m, client := simRedis(t)
					cfg.Redis, keys = client(), m.Keys
				}
				c := newCache(t, cfg)
				p := newPeople(t, c)
				slow := func(_ context.Context, ids []string) (map[string]note, error) {
					time.Sleep(2 * time.Second)
					return map[string]note{ids[0]: {[]string{"ann"}, "canary"}}, nil
				}
				p.pages.Put("t", "loaded", doc{"canary"})
				p.pages.Put("t", "put", doc{"canary"})
				go p.notes.Load(t.Context(), "t", []string{"loaded"}, Options{}, slow)
				time.Sleep(time.Second)
				if err := c.Erase(t.Context(), "t", []string{"person:ann"}, named); err != nil {
					t.Fatal(err)
				}
				p.pages.Put("t", "between", doc{"canary"})
				go p.notes.Load(t.Context(), "t", []string{"between"}, Options{}, slow)
				time.Sleep(5 * time.Second)
				p.notes.Put("t", "put", note{[]string{"ann"}, "canary"})
				p.pages.Put("t", "put", doc{"canary"})
				p.pages.Put("t", "loaded", doc{"canary"})
				gathered()
				wantKept(t, "the cache", c, nil)
				for _, key := range keys() {
					if strings.HasPrefix(key, keyPrefix+tenantDigest("t")) {
						t.Errorf("Redis has %s", key)
					}
				}
			})
		})
	}
}

// TestEraseSpreads: what only another replica knows to be about the person, it
// tells all others.
func TestEraseSpreads(t *testing.T) {
	r := startRedis(t)
	var w wire
	one, two, three := r.cacheWith(Config{RedisDeadline: patient}), r.cacheWith(Config{RedisDeadline: patient}, &w), r.cacheWith(Config{RedisDeadline: patient})
	newPeople(t, one)
	p2, p3 := newPeople(t, two), newPeople(t, three)
	p3.pages.Put("t", "n1", doc{"canary"})
	written(t, three, 1)
	w.cut(errors.New("down"))
	p2.notes.Put("t", "n1", note{[]string{"ann"}, "canary"})
	eventually(t, "the note to be lost to Redis", func() bool { return two.Stats().Redis.WriteErrors > 0 })
	w.cut(nil)
	if err := one.Erase(t.Context(), "t", []string{"person:ann"}, named); err != nil {
		t.Fatal(err)
	}
	eventually(t, "all to forget", func() bool {
		return len(two.remembers(t, "canary"))+len(three.remembers(t, "canary"))+len(r.scan("canary")) == 0
	})
}

// TestEraseAskedAgainKnowsAsMuch: what led from the person to a record was in
// memory alone, and went when Redis could not be told of that record. It may be
// another replica that is asked again.
func TestEraseAskedAgainKnowsAsMuch(t *testing.T) {
	for _, elsewhere := range []bool{false, true} {
		t.Run(fmt.Sprintf("elsewhere %t", elsewhere), func(t *testing.T) {
			r := startRedis(t)
			var w wire
			one, two := r.cacheWith(Config{RedisDeadline: patient}, &w), r.cacheWith(Config{RedisDeadline: patient})
			p := newPeople(t, one)
			newPeople(t, two)
			p.pages.Put("t", "n1", doc{"canary"})
			written(t, one, 1)
			w.cut(errors.New("down"))
			p.notes.Put("t", "n1", note{[]string{"ann"}, "canary"})
			erase := func(c *Cache) error { return c.Erase(t.Context(), "t", []string{"person:ann"}, named) }
			for range 3 {
				if _, ok := errors.AsType[*UntoldError](erase(one)); !ok {
					t.Fatal("Redis was told")
				}
			}
			wantKept(t, "one", one, nil)
			if len(r.scan("canary")) != 1 {
				t.Fatal("the page is not in Redis")
			}
			w.cut(nil)
			eventually(t, "the breakers to close", func() bool { return !one.remote.reads.Tripped() && !one.remote.writes.Tripped() })
			asked := one
			if elsewhere {
				asked = two
			}
			if err := erase(asked); err != nil {
				t.Fatal(err)
			}
			eventually(t, "the page to go", func() bool { return len(r.scan("canary")) == 0 })
		})
	}
}

// cut makes all commands fail, until it is called with nil.
func (w *wire) cut(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fail = err
}

// TestUntoldIsBounded: an erasure that is never told is not kept for ever.
func TestUntoldIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, _ := simRedis(t)
		client, wire := simClient(t, m.Dial)
		c := newCache(t, Config{Redis: client})
		newPeople(t, c)
		wire.cut(errors.New("down"))
		for i := range 10 {
			subjects := make([]string, maxUntold/4)
			for j := range subjects {
				subjects[j] = fmt.Sprintf("person:%d-%d", i, j)
			}
			if err := c.Erase(t.Context(), "t", subjects, named); err == nil {
				t.Fatal("Redis was told")
			}
		}
		if n := len(c.untold["t"].subjects); n != maxUntold {
			t.Errorf("%d subjects are kept, want %d", n, maxUntold)
		}
	})
}

// TestEraseFindsWhatOutlivesItsNote: a page that was kept later than the note it
// belongs to is found by that note, though the note has ended.
func TestEraseFindsWhatOutlivesItsNote(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, client := simRedis(t)
		first := newCache(t, Config{Redis: client()})
		p := newPeople(t, first)
		newLoader(t, first, Policy{Fresh: time.Hour, Stale: 24 * time.Hour}) // what is kept longest says how long sets live
		p.notes.Put("t", "n1", note{[]string{"ann"}, "canary"})
		time.Sleep(50 * time.Minute)
		p.pages.Put("t", "n1", doc{"canary"})
		time.Sleep(35 * time.Minute)
		for i := range 200 { // clears the set of what has ended
			p.notes.Put("t", fmt.Sprint(i), note{[]string{"ann"}, "canary"})
		}
		gathered()
		page := Key{"t", "page", "n1"}.redisKey()
		if !m.Exists(page) || m.Exists(Key{"t", "note", "n1"}.redisKey()) {
			t.Fatal("the page does not outlive its note")
		}
		c := newCache(t, Config{Redis: client()})
		newPeople(t, c)
		gathered()
		if err := c.Erase(t.Context(), "t", []string{"person:ann"}, named); err != nil {
			t.Fatal(err)
		}
		if m.Exists(page) {
			t.Error("Redis has the page")
		}
	})
}

// TestEraseReadsARecordOnce: to tell what a record is about can take long, and
// an erasure looks at all that memory has.
func TestEraseReadsARecordOnce(t *testing.T) {
	c := newCache(t, Config{})
	asked := 0
	notes, err := NewLoader(c, LoaderConfig[note]{
		Kind: "note", Policy: testPolicy, Deadline: time.Second,
		About: func(_, _ string, n note) []string { asked++; return n.For },
	})
	if err != nil {
		t.Fatal(err)
	}
	const records = 20
	for i := range records {
		notes.Put("t", fmt.Sprint(i), note{For: []string{"bob"}})
		notes.Put("other", fmt.Sprint(i), note{For: []string{"bob"}})
	}
	for range 5 {
		if err := c.Erase(t.Context(), "t", []string{"ann"}, func(string) []Key { return nil }); err != nil {
			t.Fatal(err)
		}
	}
	if asked != records {
		t.Errorf("%d records were read for %d of the tenant", asked, records)
	}
}

// TestLoadsEndBeforeBans: a load that could outlast a ban could bring back what
// was erased.
func TestLoadsEndBeforeBans(t *testing.T) {
	c := newCache(t, Config{})
	for deadline, ok := range map[time.Duration]bool{banFor: false, 31 * time.Second: true} {
		_, err := NewLoader(c, LoaderConfig[doc]{Kind: "k" + fmt.Sprint(int(deadline.Seconds())), Policy: testPolicy, Deadline: deadline})
		if (err == nil) != ok {
			t.Errorf("deadline %v: %v", deadline, err)
		}
	}
}

// TestEraseOfMuch: a subject that many records are about is read and erased by
// the piece, or no deadline would do.
func TestEraseOfMuch(t *testing.T) {
	r := startRedis(t)
	var w wire
	c := r.cacheWith(Config{RedisDeadline: patient}, &w)
	newPeople(t, c)
	const records = 10 * scanCount
	pipe := r.admin.Pipeline()
	for i := range records {
		key := Key{"t", "note", fmt.Sprint(i)}
		pipe.ZAdd(t.Context(), aboutKey(idOf("t", "person:ann")), redis.Z{Score: float64(i), Member: key.member()})
		pipe.Set(t.Context(), key.redisKey(), "canary", 0)
	}
	if _, err := pipe.Exec(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.sent()
	if err := c.Erase(t.Context(), "t", []string{"person:ann"}, named); err != nil {
		t.Fatal(err)
	}
	if sent := w.sent(); sent["pipeline of zscan"] < records/scanCount || sent["pipeline of unlink"] < records/eraseChunk {
		t.Errorf("sent %v", sent)
	}
	if keys := r.admin.Keys(t.Context(), "*").Val(); !slices.Equal(keys, []string{erasuresKey}) {
		t.Errorf("Redis has %d keys, %.5q", len(keys), keys)
	}
}
