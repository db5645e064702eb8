package cache

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// goroutines counts those of this test's bubble.
func goroutines() int {
	buf := make([]byte, 1<<20)
	return strings.Count(string(buf[:runtime.Stack(buf, true)]), "synctest bubble")
}

// thinks returns what answers with a name after a time.
func thinks(took time.Duration, name string) One[doc] {
	return func(ctx context.Context) (doc, bool, error) {
		select {
		case <-time.After(took):
			return doc{name}, true, nil
		case <-ctx.Done():
			return doc{}, false, ctx.Err()
		}
	}
}

// What is begun goes on side by side, and each says when it was there.
func TestBegin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLoader(t, newCache(t, Config{}), testPolicy)
		l.Put("t", "known", doc{"K"})
		start := time.Now()
		begin := func(id string, load One[doc]) Pending[doc] { return l.Begin(t.Context(), "t", id, Options{}, load) }
		quick, slow, known := begin("quick", thinks(20*time.Millisecond, "Q")), begin("slow", thinks(50*time.Millisecond, "S")), begin("known", nil)
		none := begin("none", func(context.Context) (doc, bool, error) { return doc{}, false, nil })
		down := begin("down", func(context.Context) (doc, bool, error) { return doc{}, false, errDown })
		both := begin("both", func(context.Context) (doc, bool, error) { return doc{"B"}, true, errDown })
		joined := begin("slow", nil)
		for _, tt := range []struct {
			p    *Pending[doc]
			want seen
			at   time.Duration
		}{
			{&slow, seen{"S", Loaded, nil}, 50 * time.Millisecond},
			{&joined, seen{"S", Loaded, nil}, 50 * time.Millisecond},
			{&quick, seen{"Q", Loaded, nil}, 20 * time.Millisecond},
			{&known, seen{"K", Cached, nil}, 0},
			{&none, seen{"", Absent, nil}, 0},
			{&down, seen{"", Failed, errDown}, 0},
			{&both, seen{"B", Loaded, nil}, 0},
			{&slow, seen{"S", Loaded, nil}, 50 * time.Millisecond}, // asked again
		} {
			got := see([]Result[doc]{tt.p.Wait(t.Context())})
			if diff := cmp.Diff([]seen{tt.want}, got, cmpopts.EquateErrors()); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tt.p.key.ID, diff)
			}
			if at := tt.p.At().Sub(start); at != tt.at {
				t.Errorf("%s: there after %v, want %v", tt.p.key.ID, at, tt.at)
			}
		}
		if took := time.Since(start); took != 50*time.Millisecond {
			t.Errorf("all took %v", took)
		}
		stats := l.kind.cache.Stats().Kinds[0]
		if stats.Loads != 5 || stats.Coalesced != 1 {
			t.Errorf("%d loads and %d joined, want 5 and 1", stats.Loads, stats.Coalesced)
		}
	})
}

// A copy that is shown at once was there at once, however late it is looked at.
func TestBeginShowsStale(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLoader(t, newCache(t, Config{}), testPolicy)
		l.Put("t", "a", doc{"old"})
		time.Sleep(2 * time.Minute)
		start := time.Now()
		p := l.Begin(t.Context(), "t", "a", Options{StaleNow: true, StaleErr: errTripped}, thinks(20*time.Millisecond, "new"))
		time.Sleep(time.Second)
		got := see([]Result[doc]{p.Wait(t.Context())})
		if diff := cmp.Diff([]seen{{"old", Stale, errTripped}}, got, cmpopts.EquateErrors()); diff != "" || !p.At().Equal(start) {
			t.Errorf("after %v (-want +got):\n%s", p.At().Sub(start), diff)
		}
		got = see(l.Peek(t.Context(), "t", []string{"a"}, true))
		if diff := cmp.Diff([]seen{{"new", Cached, nil}}, got); diff != "" {
			t.Errorf("behind it (-want +got):\n%s", diff)
		}
	})
}

// Whoever hangs up is let go at once, and the load goes on for the others.
func TestBegunLoadOutlivesItsCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLoader(t, newCache(t, Config{}), testPolicy)
		ctx, hangUp := context.WithCancel(t.Context())
		start := time.Now()
		p := l.Begin(ctx, "t", "a", Options{}, thinks(200*time.Millisecond, "A"))
		q := l.Begin(t.Context(), "t", "a", Options{}, nil)
		time.AfterFunc(10*time.Millisecond, hangUp)
		if r := p.Wait(ctx); r.State != Failed || !errors.Is(r.Err, context.Canceled) || time.Since(start) != 10*time.Millisecond {
			t.Errorf("who hung up after 10 ms got %v, %v after %v", r.State, r.Err, time.Since(start))
		}
		if r := q.Wait(t.Context()); r.Value.Name != "A" || time.Since(start) != 200*time.Millisecond {
			t.Errorf("who stayed got %v after %v", r, time.Since(start))
		}
		gone := l.Begin(ctx, "t", "b", Options{}, nil)
		if r := gone.Wait(ctx); !errors.Is(r.Err, context.Canceled) {
			t.Errorf("who had gone got %v", r)
		}
	})
}

// One timer holds all loads of a kind to their time, whenever they began.
func TestLoadsEndInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, Config{})
		l := newLoader(t, c, testPolicy) // its deadline is a second
		start := time.Now()
		var mu sync.Mutex
		ended := map[string]time.Duration{}
		heeds := func(id string) One[doc] {
			return func(ctx context.Context) (doc, bool, error) {
				<-ctx.Done()
				mu.Lock()
				defer mu.Unlock()
				ended[id] = time.Since(start)
				return doc{}, false, ctx.Err()
			}
		}
		release := make(chan struct{})
		deaf := func(context.Context) (doc, bool, error) { <-release; return doc{"late"}, true, nil }
		all := map[string]*Pending[doc]{}
		begin := func(id string, load One[doc]) {
			p := l.Begin(t.Context(), "t", id, Options{}, load)
			all[id] = &p
		}
		begin("first", heeds("first"))
		begin("short", thinks(time.Millisecond, "S"))
		time.Sleep(50 * time.Millisecond)
		begin("deaf", deaf)
		time.Sleep(350 * time.Millisecond)
		begin("last", heeds("last"))
		got := map[string]time.Duration{}
		for id, p := range all {
			r := p.Wait(t.Context())
			if id != "short" && !errors.Is(r.Err, context.DeadlineExceeded) {
				t.Errorf("%s: %v, %v", id, r.State, r.Err)
			}
			got[id] = p.At().Sub(start)
		}
		want := map[string]time.Duration{
			"first": time.Second, "short": time.Millisecond, "last": 1400 * time.Millisecond,
			"deaf": 1050*time.Millisecond + abandonAfter,
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("answered after (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(map[string]time.Duration{"first": time.Second, "last": 1400 * time.Millisecond}, ended); diff != "" {
			t.Errorf("contexts ended after (-want +got):\n%s", diff)
		}
		if n := c.Stats().Kinds[0].Abandoned; n != 1 {
			t.Errorf("%d given up, want 1", n)
		}
		close(release)
		synctest.Wait()
		if r := l.Peek(t.Context(), "t", []string{"deaf"}, true)[0]; r.State != Failed {
			t.Errorf("what came too late was kept: %v", r)
		}
		time.Sleep(time.Hour) // the timer is at rest, and is set again
		start = time.Now()
		p := l.Begin(t.Context(), "t", "again", Options{}, heeds("again"))
		if r := p.Wait(t.Context()); !errors.Is(r.Err, context.DeadlineExceeded) || p.At().Sub(start) != time.Second {
			t.Errorf("%v after %v", r.Err, p.At().Sub(start))
		}
	})
}

// The end of the cache is that of its loads, also of one that begins afterwards.
func TestLoadsEndWithTheCache(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, Config{})
		l := newLoader(t, c, testPolicy)
		start := time.Now()
		before := l.Begin(t.Context(), "t", "before", Options{}, thinks(500*time.Millisecond, "A"))
		time.Sleep(10 * time.Millisecond)
		c.Close()
		synctest.Wait()
		after := l.Begin(t.Context(), "t", "after", Options{}, thinks(500*time.Millisecond, "B"))
		for name, p := range map[string]*Pending[doc]{"before": &before, "after": &after} {
			if r := p.Wait(t.Context()); !errors.Is(r.Err, context.Canceled) || time.Since(start) != 10*time.Millisecond {
				t.Errorf("%s: %v after %v", name, r.Err, time.Since(start))
			}
		}
	})
}

// Goroutines are used again, no more than maxIdle of them wait, and none is left behind by Close.
func TestCrew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		outside := goroutines()
		c := newCache(t, Config{})
		l := newLoader(t, c, testPolicy)
		var ids []string
		load := func(n int) {
			var pending []Pending[doc]
			for range n {
				ids = append(ids, strings.Repeat("x", len(ids)+1))
				pending = append(pending, l.Begin(t.Context(), "t", ids[len(ids)-1], Options{}, thinks(time.Millisecond, "A")))
			}
			for i := range pending {
				if r := pending[i].Wait(t.Context()); r.State != Loaded {
					t.Fatalf("%v: %v", r.State, r.Err)
				}
			}
			synctest.Wait()
		}
		synctest.Wait() // those of the cache itself have begun
		start := goroutines()
		for range 3 {
			load(5)
		}
		if n := goroutines() - start; n != 5 {
			t.Errorf("%d goroutines after 3 times 5 loads, want 5", n)
		}
		load(2 * maxIdle)
		if n := goroutines() - start; n != maxIdle {
			t.Errorf("%d goroutines wait, want %d", n, maxIdle)
		}
		p := l.Begin(t.Context(), "t", "exits", Options{}, func(context.Context) (doc, bool, error) { runtime.Goexit(); return doc{}, false, nil })
		if r := p.Wait(t.Context()); !errors.Is(r.Err, errAborted) {
			t.Errorf("a load that left: %v", r)
		}
		load(1)
		l.Begin(t.Context(), "t", "busy", Options{}, thinks(time.Minute, "A"))
		c.Close()
		synctest.Wait()
		if n := goroutines() - outside; n > 0 {
			t.Errorf("%d goroutines after Close", n)
		}
	})
}
