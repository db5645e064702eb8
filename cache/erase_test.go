package cache

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// A small world of records about persons: a card is a person's own, a note is
// about the persons that it names in "For", and a page belongs to a note.

type note struct {
	For  []string `json:"for"`
	Text string   `json:"text"`
}

type people struct {
	cards *Loader[doc]
	notes *Loader[note]
	pages *Loader[doc]
}

func newPeople(t testing.TB, c *Cache) people {
	t.Helper()
	return newPeopleFor(t, c, testPolicy)
}

func newPeopleFor(t testing.TB, c *Cache, policy Policy) people {
	t.Helper()
	var p people
	var errs [3]error
	p.cards, errs[0] = NewLoader(c, LoaderConfig[doc]{
		Kind: "card", Policy: policy, Deadline: 5 * time.Second, Own: func(id string) string { return "person:" + id },
	})
	p.notes, errs[1] = NewLoader(c, LoaderConfig[note]{
		Kind: "note", Policy: policy, Deadline: 5 * time.Second,
		Own: func(id string) string { return "note:" + id },
		About: func(_, _ string, n note) (about []string) {
			for _, id := range n.For {
				about = append(about, "person:"+id)
			}
			return about
		},
	})
	p.pages, errs[2] = NewLoader(c, LoaderConfig[doc]{
		Kind: "page", Policy: policy, Deadline: 5 * time.Second, Own: func(id string) string { return "note:" + id },
	})
	if err := errors.Join(errs[:]...); err != nil {
		t.Fatal(err)
	}
	return p
}

// named returns the records whose ids name the subject.
func named(subject string) []Key {
	if id, ok := strings.CutPrefix(subject, "person:"); ok {
		return []Key{{"t", "card", id}}
	}
	id := strings.TrimPrefix(subject, "note:")
	return []Key{{"t", "note", id}, {"t", "page", id}}
}

// fill has two persons. Every record that has to go with ann holds "canary".
func (p people) fill() {
	p.cards.Put("t", "ann", doc{"canary card"})
	p.cards.Put("t", "bob", doc{"bob"})
	p.cards.Put("other", "ann", doc{"another ann"})
	p.notes.Put("t", "n1", note{[]string{"ann"}, "canary note"})
	p.notes.Put("t", "n2", note{[]string{"bob", "ann"}, "canary note of two"})
	p.notes.Put("t", "n3", note{[]string{"bob"}, "bob's"})
	p.pages.Put("t", "n1", doc{"canary page"})
	p.pages.Put("t", "n3", doc{"bob's page"})
}

const filled = 8 // records

// remembers returns the keys of what memory has with the string in it.
func (c *Cache) remembers(t testing.TB, canary string) (found []string) {
	t.Helper()
	for key, it := range c.memory.items.All() {
		b, err := json.Marshal(it.value)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(key.ID+string(b), canary) {
			found = append(found, key.Kind+" "+key.ID)
		}
	}
	return found
}

func kept(t testing.TB, c *Cache) []string {
	t.Helper()
	return c.remembers(t, "")
}

var others = []string{"card ann", "card bob", "note n3", "page n3"} // card ann is the other tenant's

func wantKept(t testing.TB, who string, c *Cache, want []string) {
	t.Helper()
	if diff := cmp.Diff(want, kept(t, c), cmpopts.SortSlices(func(a, b string) bool { return a < b })); diff != "" {
		t.Errorf("%s remembers (-want +got):\n%s", who, diff)
	}
}

func TestEraseInMemory(t *testing.T) {
	c := newCache(t, Config{})
	newPeople(t, c).fill()
	for range 2 { // it can be repeated
		if err := c.Erase(t.Context(), "t", []string{"person:ann"}, named); err != nil {
			t.Fatal(err)
		}
		wantKept(t, "the cache", c, others)
	}
}

// TestEraseEverywhere: the memory of two replicas, Redis, its index of who is in
// what, and the log of what was erased hold nothing of the person. What one of
// the replicas never heard of goes, too.
func TestEraseEverywhere(t *testing.T) {
	for name, keys := range map[string][]EncryptionKey{"in the clear": nil, "encrypted": {{"k1", secretOf(1)}}} {
		t.Run(name, func(t *testing.T) {
			r := startRedis(t)
			one, two := r.cacheWith(Config{Encryption: keys, RedisDeadline: patient}), r.cacheWith(Config{Encryption: keys, RedisDeadline: patient})
			newPeople(t, one).fill()
			written(t, one, filled)
			p := newPeople(t, two)
			eventually(t, "the records to be shared", func() bool {
				p.notes.Peek(t.Context(), "t", []string{"n1", "n2", "n3"}, false)
				p.pages.Peek(t.Context(), "t", []string{"n1"}, false)
				return len(kept(t, two)) == 4
			})
			p.notes.Put("t", "n4", note{[]string{"ann"}, "canary that only two knows"})
			written(t, two, 1)
			if n := len(r.scan("canary")); keys == nil && n != 5 || keys != nil && n != 0 {
				t.Fatalf("%d records to be seen in Redis", n)
			}
			if err := one.Erase(t.Context(), "t", []string{"person:ann"}, named); err != nil {
				t.Fatal(err)
			}
			wantKept(t, "one", one, others)
			if found := r.scan("canary", "person:ann"); len(found) > 0 {
				t.Errorf("Redis has %q", found)
			}
			for _, key := range []Key{{"t", "card", "ann"}, {"t", "note", "n1"}, {"t", "note", "n2"}, {"t", "note", "n4"}, {"t", "page", "n1"}} {
				if r.admin.Exists(t.Context(), key.redisKey(), aboutKey(idOf("t", "person:ann"))).Val() != 0 {
					t.Errorf("Redis has %v, or who is in it", key)
				}
			}
			for _, key := range []Key{{"t", "card", "bob"}, {"t", "note", "n3"}, {"t", "page", "n3"}, {"other", "card", "ann"}} {
				if r.admin.Exists(t.Context(), key.redisKey()).Val() != 1 {
					t.Errorf("Redis lost %v", key)
				}
			}
			eventually(t, "two to forget", func() bool { return len(two.remembers(t, "canary")) == 0 })
			wantKept(t, "two", two, []string{"note n3"})
		})
	}
}

// TestEraseFindsWhatNobodyHasInMemory: the index in Redis leads there.
func TestEraseFindsWhatNobodyHasInMemory(t *testing.T) {
	r := startRedis(t)
	filler := r.cacheWith(Config{RedisDeadline: patient})
	newPeople(t, filler).fill()
	written(t, filler, filled)
	filler.Close()
	c := r.cacheWith(Config{RedisDeadline: patient})
	newPeople(t, c)
	if err := c.Erase(t.Context(), "t", []string{"person:ann"}, named); err != nil {
		t.Fatal(err)
	}
	if found := r.scan("canary"); len(found) > 0 {
		t.Errorf("Redis has %q", found)
	}
}

// TestLoadUnderWayBringsNothingBack: neither into memory nor to Redis, in the
// process that erases or in another; not a load, nor a record that was obtained
// otherwise, nor what waits to be written.
func TestLoadUnderWayBringsNothingBack(t *testing.T) {
	r := startRedis(t)
	one, two := r.cacheWith(Config{RedisDeadline: patient}), r.cacheWith(Config{RedisDeadline: patient})
	p1, p2 := newPeople(t, one), newPeople(t, two)
	eventually(t, "both to listen", func() bool {
		n, err := r.admin.PubSubNumSub(t.Context(), noticeChannel).Result()
		return err == nil && n[noticeChannel] == 2
	})
	begun, release := make(chan struct{}, 4), make(chan struct{})
	slow := func(_ context.Context, ids []string) (map[string]note, error) {
		begun <- struct{}{}
		<-release
		return map[string]note{ids[0]: {[]string{"ann"}, "canary"}}, nil
	}
	card := func(_ context.Context, ids []string) (map[string]doc, error) {
		begun <- struct{}{}
		<-release
		return map[string]doc{ids[0]: {"canary"}}, nil
	}
	var wg sync.WaitGroup
	for i, p := range []people{p1, p2} {
		wg.Go(func() {
			id := fmt.Sprintf("n%d", i)
			if got := p.notes.Load(t.Context(), "t", []string{id}, Options{}, slow)[0]; got.State != Loaded {
				t.Errorf("who waits is answered %v", got.State)
			}
			p.notes.Put("t", id+"-otherwise", note{[]string{"ann"}, "canary"})
		})
		wg.Go(func() { p.cards.Load(t.Context(), "t", []string{fmt.Sprintf("ann%d", i)}, Options{}, card) })
	}
	for range 4 {
		<-begun
	}
	p2.notes.Put("t", "queued", note{[]string{"ann"}, "canary"}) // is on its way when two hears of it
	if err := one.Erase(t.Context(), "t", []string{"person:ann", "person:ann0", "person:ann1"}, named); err != nil {
		t.Fatal(err)
	}
	eventually(t, "two to hear of it", func() bool {
		two.fence.RLock()
		defer two.fence.RUnlock()
		return len(two.banned.until) >= 3
	})
	close(release)
	wg.Wait()
	for who, c := range map[string]*Cache{"one": one, "two": two} {
		eventually(t, who+" to have followed", func() bool { return len(kept(t, c)) == 0 })
	}
	one.Close() // what is queued is written
	two.Close()
	for _, key := range r.admin.Keys(t.Context(), "*").Val() {
		if strings.HasPrefix(key, keyPrefix+tenantDigest("t")) || strings.HasPrefix(key, keyPrefix+"about:") {
			t.Errorf("Redis has %s", key)
		}
	}
}

// TestBanEnds: a while after an erasure the person is like any other.
func TestBanEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, Config{})
		p := newPeople(t, c)
		if err := c.Erase(t.Context(), "t", []string{"person:ann"}, named); err != nil {
			t.Fatal(err)
		}
		for _, want := range []State{Failed, Cached} {
			p.notes.Put("t", "later", note{[]string{"ann"}, "canary"})
			if got := p.notes.Peek(t.Context(), "t", []string{"later"}, true)[0].State; got != want {
				t.Errorf("%v, want %v", got, want)
			}
			time.Sleep(banFor)
		}
	})
}

// TestReadUnderWayBringsNothingBack: what was read from Redis before the
// erasure reaches memory no more.
func TestReadUnderWayBringsNothingBack(t *testing.T) {
	c := newCache(t, Config{})
	p := newPeople(t, c)
	k := p.notes.kind
	drops := c.dropped()
	it := k.newItem(note{[]string{"ann"}, "canary"}, []byte("1"), time.Now())
	if err := c.Erase(t.Context(), "t", []string{"person:ann"}, named); err != nil {
		t.Fatal(err)
	}
	if c.adopt(k, Key{"t", "note", "n1"}, it, drops) || c.adopt(k, Key{"t", "note", "n1"}, it, c.dropped()) {
		t.Error("it was put into memory")
	}
	other := k.newItem(note{[]string{"bob"}, "bob's"}, []byte("1"), time.Now())
	if !c.adopt(k, Key{"t", "note", "n3"}, other, c.dropped()) {
		t.Error("another's was not")
	}
}

// TestEraseWithoutRedis: this process forgets, and says that the others could
// not be told. Asked again, it does all of it.
func TestEraseWithoutRedis(t *testing.T) {
	r := startRedis(t)
	one, _ := r.cache()
	two, _ := r.cache()
	newPeople(t, one).fill()
	written(t, one, filled)
	p := newPeople(t, two)
	eventually(t, "the records to be shared", func() bool {
		p.notes.Peek(t.Context(), "t", []string{"n1", "n2"}, false)
		return len(kept(t, two)) == 2
	})
	r.signal(syscall.SIGSTOP)
	err := one.Erase(t.Context(), "t", []string{"person:ann"}, named)
	if _, ok := errors.AsType[*UntoldError](err); !ok {
		t.Errorf("error %v", err)
	}
	if strings.Contains(fmt.Sprint(err), "ann") {
		t.Errorf("the error names the person: %v", err)
	}
	wantKept(t, "one", one, others)
	r.signal(syscall.SIGCONT)
	eventually(t, "the erasure to be done", func() bool {
		return one.Erase(t.Context(), "t", []string{"person:ann"}, named) == nil
	})
	if found := r.scan("canary"); len(found) > 0 {
		t.Errorf("Redis has %q", found)
	}
	eventually(t, "two to forget", func() bool { return len(two.remembers(t, "canary")) == 0 })
}

func TestOnlyOneErasesAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, Config{})
		newPeople(t, c)
		c.erasures <- struct{}{}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := c.Erase(ctx, "t", []string{"person:ann"}, named); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v", err)
		}
		<-c.erasures
		if err := c.Erase(t.Context(), "t", []string{"person:ann"}, named); err != nil {
			t.Error(err)
		}
	})
}

// TestIndexEndsWithItsRecords: the sets lose the members that have ended.
func TestIndexEndsWithItsRecords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, client := simRedis(t)
		p := newPeople(t, newCache(t, Config{Redis: client()}))
		index := aboutKey(idOf("t", "person:ann"))
		for i := range 400 {
			p.notes.Put("t", fmt.Sprint(i), note{For: []string{"ann"}})
			time.Sleep(time.Minute)
		}
		gathered()
		members, err := m.ZMembers(index)
		// A note lives for an hour, up to a tenth more, and what belongs to it for an
		// hour more; and clocks may differ.
		if live := 60 + 6 + 60 + 10; err != nil || len(members) < 60 || len(members) > live+80 {
			t.Errorf("%d members, %v; want about %d", len(members), err, live)
		}
		if ttl := m.TTL(index); ttl < testPolicy.Stale || ttl > 2*testPolicy.Stale {
			t.Errorf("the index lives for %v", ttl)
		}
		time.Sleep(2 * testPolicy.Stale)
		if m.Exists(index) {
			t.Error("the index outlives its records")
		}
	})
}
