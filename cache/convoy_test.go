package cache

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"
)

// ferry is a Redis for convoys: each visit waits until it is let go.
type ferry struct {
	mu       sync.Mutex
	visits   [][]string // the ids of each, look by look; guarded by mu
	deserted int        // looks; guarded by mu
	hold     chan struct{}
	took     time.Duration
	bytes    int // of each key
}

func (f *ferry) visit(_ context.Context, looks []*look) (keys, bytes int) {
	asks := looks[0].asks
	if len(looks) > 1 {
		asks, _ = merged(looks)
	}
	var ids []string
	for _, a := range asks {
		ids = append(ids, a.key.ID)
	}
	f.mu.Lock()
	f.visits = append(f.visits, ids)
	f.mu.Unlock()
	if f.hold != nil {
		<-f.hold
	}
	time.Sleep(f.took)
	for _, l := range looks {
		l.replies = make([]reply, len(l.asks))
	}
	return len(asks), f.bytes * len(asks)
}

func (f *ferry) desert(*look) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.deserted++
}

// seen returns how many keys each visit was for.
func (f *ferry) seen() (sizes []int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, ids := range f.visits {
		sizes = append(sizes, len(ids))
	}
	return sizes
}

func asksFor(ids ...string) []ask {
	asks := make([]ask, len(ids))
	for i, id := range ids {
		asks[i].key = Key{"t", "doc", id}
	}
	return asks
}

// many are n ids that no other call has.
func many(from, n int) (ids []string) {
	for i := range n {
		ids = append(ids, strconv.Itoa(from+i))
	}
	return ids
}

func TestConvoysGather(t *testing.T) {
	tests := []struct {
		name  string
		looks [][]string // in turn, while the first visits hang
		want  []int      // keys of each visit
	}{
		{"the next takes all that wait", [][]string{{"a"}, {"b"}, {"c"}, {"d"}, {"e"}}, []int{1, 1, 3}},
		{"the same is asked once", [][]string{{"a"}, {"b"}, {"c", "x"}, {"d", "x"}, {"e", "x"}}, []int{1, 1, 4}},
		{"who asks the same waits with it", [][]string{{"a"}, {"b"}, {"a"}, {"b"}, {"c"}, {"c"}}, []int{1, 1, 1}},
		{"a page holds nobody up", [][]string{many(0, 100), many(100, 100), many(200, 100), {"a"}, {"b"}, {"c"}}, []int{100, 100, 100, 1, 1, 1}},
		{"what is full goes", [][]string{{"a"}, {"b"}, many(0, 32), many(32, 32), many(64, 32), many(96, 32), {"c"}}, []int{1, 1, 128, 1}},
	}
	for _, tt := range tests {
		synctest.Test(t, func(t *testing.T) {
			f := &ferry{hold: make(chan struct{})}
			v := newConvoys(time.Second, f.visit, f.desert)
			var wg sync.WaitGroup
			for _, ids := range tt.looks {
				wg.Go(func() {
					if l := v.ask(t.Context(), &look{asks: asksFor(ids...)}); l == nil || len(l.replies) != len(ids) {
						t.Errorf("%s: %v was not answered", tt.name, ids)
					}
				})
				synctest.Wait()
			}
			close(f.hold)
			wg.Wait()
			if diff := cmp.Diff(tt.want, f.seen()); diff != "" {
				t.Errorf("%s: keys of the visits (-want +got):\n%s", tt.name, diff)
			}
			if v.busy != 0 || v.next != nil || len(v.under) != 0 || f.deserted != 0 {
				t.Errorf("%s: left: %d busy, next %v, %d under way, %d deserted", tt.name, v.busy, v.next, len(v.under), f.deserted)
			}
		})
	}
}

// TestConvoyWithoutItsLeader: who hangs up takes nobody along, whether it
// waits for a place, leads, or has been answered by another.
func TestConvoyWithoutItsLeader(t *testing.T) {
	for leaves := range 5 { // of these the first two lead, and the third would
		synctest.Test(t, func(t *testing.T) {
			f := &ferry{hold: make(chan struct{})}
			v := newConvoys(time.Second, f.visit, f.desert)
			hangUp := make([]context.CancelFunc, 5)
			looks := make([]*look, 5)
			var wg sync.WaitGroup
			for i := range looks {
				ctx, cancel := context.WithCancel(t.Context())
				hangUp[i] = cancel
				wg.Go(func() { looks[i] = v.ask(ctx, &look{asks: asksFor(fmt.Sprint(i))}) })
				synctest.Wait()
			}
			hangUp[leaves]()
			synctest.Wait()
			f.hold <- struct{}{}
			synctest.Wait()
			close(f.hold)
			wg.Wait()
			for i, l := range looks {
				if l == nil && i != leaves {
					t.Errorf("%d hung up and %d was not answered", leaves, i)
				}
				hangUp[i]()
			}
			want := []int{1, 1, 3}
			if leaves >= 2 {
				want[2] = 2
			}
			if diff := cmp.Diff(want, f.seen()); diff != "" {
				t.Errorf("%d hung up: keys of the visits (-want +got):\n%s", leaves, diff)
			}
			if v.busy != 0 || v.next != nil {
				t.Errorf("%d hung up: left: %d busy, next %v", leaves, v.busy, v.next)
			}
		})
	}
}

// TestConvoyOfNobody: all who waited have gone, before and after the convoy was
// given its place.
func TestConvoyOfNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &ferry{hold: make(chan struct{})}
		v := newConvoys(time.Second, f.visit, f.desert)
		var wg sync.WaitGroup
		wg.Go(func() { v.ask(t.Context(), &look{asks: asksFor("a")}) })
		wg.Go(func() { v.ask(t.Context(), &look{asks: asksFor("b")}) })
		synctest.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		wg.Go(func() {
			if l := v.ask(ctx, &look{asks: asksFor("c")}); l != nil {
				t.Error("c was answered")
			}
		})
		synctest.Wait()
		cancel()
		close(f.hold)
		wg.Wait()
		l := &look{asks: asksFor("d"), callers: 1} // one that has gone when its convoy is called
		v.busy = convoysAtOnce
		cv, _ := v.join(l)
		v.busy--
		v.call()
		v.leave(cv, l)
		if v.busy != convoysAtOnce-1 || v.next != nil || len(f.seen()) != 2 {
			t.Errorf("%d busy, next %v, %d visits", v.busy, v.next, len(f.seen()))
		}
	})
}

// TestConvoyFullWhenCalled: one that fills up when it has just been given a place
// goes with that, whoever took it.
func TestConvoyFullWhenCalled(t *testing.T) {
	for _, taken := range []bool{false, true} {
		f := &ferry{}
		v := newConvoys(time.Second, f.visit, f.desert)
		v.busy = convoysAtOnce
		cv, _ := v.join(&look{asks: asksFor(many(0, lookKeys)...), callers: 1})
		v.busy--
		v.call()
		want := convoysAtOnce
		if taken {
			<-cv.place
			want++
		}
		leads := false
		for i := 1; !leads && i < convoyKeys; i++ {
			_, leads = v.join(&look{asks: asksFor(many(i*lookKeys, lookKeys)...), callers: 1})
		}
		if !leads || v.busy != want || v.next != nil {
			t.Errorf("taken %v: full %v, %d busy, want %d; next %v", taken, leads, v.busy, want, v.next)
		}
		if taken && v.takes(cv) {
			t.Error("it is led twice")
		}
		if v.busy != convoysAtOnce {
			t.Errorf("taken %v: %d busy, want %d", taken, v.busy, convoysAtOnce)
		}
	}
}

// TestConvoyInTime: who has less time than a visit may take leaves at its end, and
// what comes for it afterwards is looked after. Slow visits do not add up.
func TestConvoyInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const deadline = 50 * time.Millisecond
		f := &ferry{took: deadline - time.Millisecond}
		v := newConvoys(deadline, f.visit, f.desert)
		start := time.Now()
		var wg sync.WaitGroup
		for i := range 400 {
			wg.Go(func() {
				l := v.ask(t.Context(), &look{asks: asksFor(many(5*i, 5)...)})
				if took := time.Since(start); l == nil || took > 2*deadline {
					t.Errorf("%d: answered %v, after %v", i, l != nil, took)
				}
			})
		}
		wg.Wait()
		start = time.Now()
		for i := range 6 {
			wg.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
				defer cancel()
				if l := v.ask(ctx, &look{asks: asksFor(fmt.Sprint(i))}); l != nil || time.Since(start) != 10*time.Millisecond {
					t.Errorf("%d: answered %v, after %v", i, l != nil, time.Since(start))
				}
			})
		}
		wg.Wait()
		time.Sleep(time.Second)
		synctest.Wait()
		if f.deserted != convoysAtOnce || v.busy != 0 || v.next != nil {
			t.Errorf("%d deserted, %d busy, next %v", f.deserted, v.busy, v.next)
		}
	})
}

// TestConvoyOfLargeRecords: a convoy is full with fewer keys when they bring much.
func TestConvoyOfLargeRecords(t *testing.T) {
	for _, bytes := range []int{100, 100 << 10} {
		synctest.Test(t, func(t *testing.T) {
			f := &ferry{bytes: bytes}
			v := newConvoys(time.Second, f.visit, f.desert)
			for i := range 100 {
				v.ask(t.Context(), &look{asks: asksFor(fmt.Sprint(i))})
			}
			want := convoyKeys
			if bytes > convoyBytes/convoyLeast {
				want = convoyLeast
			}
			if got := v.most(); got != want {
				t.Errorf("%d bytes a key: full with %d, want %d", bytes, got, want)
			}
		})
	}
}

// TestLooksTravelTogether: while Redis hangs on the first, all others come to one
// pipeline more for each that is under way; each caller has its own.
func TestLooksTravelTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := sim(t)
		caches, loaders := replicas(t, 2, m, testPolicy)
		for i := range 16 {
			loaders[0].Put("t", fmt.Sprint(i), doc{fmt.Sprint(i)})
		}
		gathered()
		before := caches[1].Stats().Redis
		caches[1].remote.client.AddHook(slow(10 * time.Millisecond))
		var wg sync.WaitGroup
		for i := range 16 {
			wg.Go(func() {
				id := fmt.Sprint(i)
				if got := loaders[1].Peek(t.Context(), "t", []string{id}, false)[0]; got.Value.Name != id || got.State != Cached {
					t.Errorf("%s: %+v", id, got)
				}
			})
			synctest.Wait()
		}
		wg.Wait()
		after := caches[1].Stats().Redis
		if reads, shared := after.Reads-before.Reads, after.Shared-before.Shared; reads != 3 || shared != 13 {
			t.Errorf("%d pipelines, %d looks went along; want 3 and 13", reads, shared)
		}
	})
}

// slow makes each pipeline take so long.
type slow time.Duration

func (slow) DialHook(next redis.DialHook) redis.DialHook          { return next }
func (slow) ProcessHook(next redis.ProcessHook) redis.ProcessHook { return next }

func (s slow) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		time.Sleep(time.Duration(s))
		return next(ctx, cmds)
	}
}
