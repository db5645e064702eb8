package cache

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestTrailThatCameLate: a replica that hears of an erasure removes from Redis what it
// wrote after the other had removed it, also if it has none of the records any more.
func TestTrailThatCameLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := sim(t)
		c, _ := simWalker(t, m)
		c.SetTrail(trodden.from, trodden.to)
		gathered()
		name := trailKey(trodden.from).redisKey()
		if !m.Exists(name) {
			t.Fatal("there is no trail")
		}
		if err := c.eraseHeard(t.Context(), []subjectID{idOf("t", "person:p")}); err != nil {
			t.Fatal(err)
		}
		gathered()
		if m.Exists(name) {
			t.Error("it is still there, and nobody will find it any more")
		}
	})
}

// TestPurgedTrails go also if nobody has the record any more at which they begin.
func TestPurgedTrails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := sim(t)
		one, _ := simWalker(t, m)
		two, _ := simWalker(t, m)
		other := Key{"u", "doc", "a"}
		one.SetTrail(trodden.from, trodden.to)
		one.SetTrail(other, nil)
		one.SetTrail(Key{"t", "firm", "f"}, trodden.to)
		gathered()
		follow(t, two)
		n, err := one.Purge(t.Context(), "t", []string{"doc"})
		if err != nil || n != 0 {
			t.Errorf("%d records, %v", n, err)
		}
		gathered()
		time.Sleep(time.Second)
		if m.Exists(trailKey(trodden.from).redisKey()) {
			t.Error("it is in Redis")
		}
		if !m.Exists(trailKey(Key{"t", "firm", "f"}).redisKey()) {
			t.Error("that from another kind has gone too")
		}
		for _, c := range []*Cache{one, two} {
			if _, ok := c.Trail(trodden.from); ok {
				t.Errorf("it is remembered; by who purged: %v", c == one)
			}
		}
		if _, ok := one.Trail(other); !ok {
			t.Error("that of another tenant has gone too")
		}
	})
}

// TestDropBehindWhatIsOver: a record that took the place of a removal in the queue, and whose
// time is over when it is sent, is removed, and the others are told.
func TestDropBehindWhatIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := sim(t)
		c, _ := simWalker(t, m)
		key := trodden.from
		if err := m.Set(key.redisKey(), "what was dropped"); err != nil {
			t.Fatal(err)
		}
		told := c.Stats().Redis.Told
		c.remote.enqueue(write{key: key, remove: true, tell: true})
		c.remote.put(write{key: key, entry: entry{absent: true, storedAt: time.Now().Add(-time.Minute)}, keep: time.Second})
		gathered()
		if m.Exists(key.redisKey()) || c.Stats().Redis.Told != told+1 {
			t.Errorf("it is there: %v; %d told", m.Exists(key.redisKey()), c.Stats().Redis.Told-told)
		}
	})
}
