package cache

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// bounded is a context with an end that says whose it is, and whether anybody wanted to
// be told of the end.
type bounded struct {
	context.Context
	end   time.Time
	asked *bool
}

func (b bounded) Caller() context.Context     { return b.Context }
func (b bounded) Deadline() (time.Time, bool) { return b.end, true }

func (b bounded) Done() <-chan struct{} {
	*b.asked = true
	done := make(chan struct{})
	time.AfterFunc(time.Until(b.end), func() { close(done) })
	return done
}

// Who waits for a convoy leaves when the caller hangs up, and is held to the end of its
// time if a look could take longer than that.
func TestConvoyLeaving(t *testing.T) {
	const deadline = 50 * time.Millisecond
	for _, tt := range []struct {
		name   string
		time   time.Duration
		hangUp bool
		asked  bool
		nobody bool // it leaves without an answer
	}{
		{"ample time", time.Minute, false, false, false},
		{"hangs up", time.Minute, true, false, true},
		{"little time", 2 * deadline, false, true, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &ferry{hold: make(chan struct{})}
				v := newConvoys(deadline, f.visit, f.desert)
				for i := range convoysAtOnce {
					go v.ask(t.Context(), &look{asks: asksFor(fmt.Sprint("first", i))})
				}
				synctest.Wait()
				caller, hangUp := context.WithCancel(t.Context())
				defer hangUp()
				asked, got := false, make(chan *look, 1)
				go func() {
					got <- v.ask(bounded{caller, time.Now().Add(tt.time), &asked}, &look{asks: asksFor("last")})
				}()
				synctest.Wait()
				if tt.hangUp {
					hangUp()
				}
				time.Sleep(3 * deadline)
				close(f.hold)
				if l := <-got; (l == nil) != tt.nobody {
					t.Errorf("the look is %v", l)
				}
				if asked != tt.asked {
					t.Errorf("asked to be told of the end: %t", asked)
				}
			})
		})
	}
}

// What several looks ask for is merged alike, be they few or many.
func TestMergedManyAndFew(t *testing.T) {
	for _, n := range []int{2, fewMerged, 3 * fewMerged} {
		one, two := &look{asks: asksFor(many(0, n)...)}, &look{asks: asksFor(many(n-1, n)...)}
		two.asks[0].turn = time.Second
		asks, at := merged([]*look{one, two})
		if len(asks) != 2*n-1 || asks[n-1].turn != time.Second {
			t.Errorf("%d: %d keys, of which the one that both ask for has a turn of %v", n, len(asks), asks[n-1].turn)
		}
		for i, a := range slices.Concat(one.asks, two.asks) {
			if asks[at[i]].key != a.key {
				t.Errorf("%d: %v is said to be %v", n, a.key, asks[at[i]].key)
			}
		}
	}
}

func TestTrailLeadsTo(t *testing.T) {
	keys := []Key{{"t", "link", "a"}, {"t", "contact", "b"}}
	to := newTrail(keys)
	for name, other := range map[string][]Key{
		"none": nil, "a part": keys[:1], "more": append(slices.Clone(keys), Key{"t", "account", "c"}),
		"another id": {keys[0], {"t", "contact", "bb"}}, "a shorter id": {keys[0], {"t", "contact", ""}},
		"another kind": {keys[0], {"t", "account", "b"}}, "another order": {keys[1], keys[0]},
	} {
		if to.leadsTo(other) {
			t.Errorf("%s: it leads there", name)
		}
	}
	if !to.leadsTo(keys) || !trail("").leadsTo(nil) {
		t.Error("it does not lead to its own")
	}
}
