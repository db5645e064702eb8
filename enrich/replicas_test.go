package enrich

import (
	"context"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"github.com/weft-gateway/weft/cache"
	"github.com/weft-gateway/weft/cache/cachetest"
	"github.com/weft-gateway/weft/upstream"
)

// on puts a replica of the world's enricher on a simulated Redis.
func (w *world) on(t *testing.T, m *miniredis.Miniredis) (*Enricher, *cache.Cache) {
	t.Helper()
	made, err := cache.RedisClient("redis://sim:6379?min_idle_conns=0", 0)
	if err != nil {
		t.Fatal(err)
	}
	o := made.(*redis.Client).Options()
	if err := made.Close(); err != nil {
		t.Fatal(err)
	}
	o.Dialer = func(context.Context, string, string) (net.Conn, error) {
		conn, err := m.Dial()
		if err != nil {
			return nil, err
		}
		return cachetest.Roomy(conn), nil
	}
	client := redis.NewClient(o)
	t.Cleanup(func() { client.Close() })
	cfg := w.e.cfg
	if cfg.Cache, err = cache.New(cache.Config{Redis: client}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cfg.Cache.Close)
	e, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return e, cfg.Cache
}

func simulated(t *testing.T) *miniredis.Miniredis {
	t.Helper()
	m := miniredis.NewMiniRedis()
	m.ClockTTL(true)
	t.Cleanup(m.Close)
	return m
}

// leases are the keys of Redis that stand for loads under way.
func leases(m *miniredis.Miniredis) (n int) {
	for _, key := range m.Keys() {
		if strings.Contains(key, ":turn:") {
			n++
		}
	}
	return n
}

// A cold document costs one visit of Redis before the store is asked, and one
// for contact and account; none of the leases outlives the request.
func TestColdDocumentAndRedis(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, m := newWorld(t, 1), simulated(t)
		e, c := w.on(t, m)
		synctest.Wait()
		var d *Document
		var wg sync.WaitGroup
		wg.Go(func() {
			var err error
			if d, err = e.Conversation(t.Context(), w.read, Request{ID: "conv-1", Include: everything}); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait() // the store is thinking
		if reads, n := c.Stats().Redis.Reads, leases(m); reads != 1 || n != 3 {
			t.Errorf("%d visits before the store, with %d leases; want 1 with 3", reads, n)
		}
		wg.Wait()
		if got := parse(t, d); !got.Enrichment.Complete {
			t.Errorf("states %v", got.states())
		}
		time.Sleep(10 * time.Millisecond) // what was loaded is written
		if reads := c.Stats().Redis.Reads; reads != 2 {
			t.Errorf("%d visits, want 2", reads)
		}
		if n := leases(m); n != 0 {
			t.Errorf("%d leases left", n)
		}
		// An id that nobody knows leaves none either.
		if _, err := e.Conversation(t.Context(), w.read, Request{ID: "conv-7", Include: everything}); upstream.KindOf(err) != upstream.NotFound {
			t.Errorf("error = %v", err)
		}
		time.Sleep(time.Second) // its messages and items have been answered, too
		if n := leases(m); n != 0 {
			t.Errorf("%d leases left of what is not there", n)
		}
	})
}

// Where memory knows, be it from long ago, whose contact and account a
// conversation has, Redis is asked for all that it may have in one visit.
func TestOneVisitWhereTheLinkIsKnown(t *testing.T) {
	for name, pick := range map[string]func(*world) *Tenant{
		"the store has the link": func(w *world) *Tenant { return w.read },
		"a rule finds it":        func(w *world) *Tenant { return w.row },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, m := newWorld(t, 1), simulated(t)
				tenant := pick(w)
				here, c := w.on(t, m)
				there, _ := w.on(t, m)
				ask := func(e *Enricher) *document {
					d, err := e.Conversation(t.Context(), tenant, Request{ID: "conv-1", Include: everything})
					if err != nil {
						t.Fatal(err)
					}
					time.Sleep(10 * time.Millisecond) // what was loaded is written
					return parse(t, d)
				}
				ask(here)
				for _, passed := range []time.Duration{time.Hour, 24 * time.Hour} {
					time.Sleep(passed) // all that is here is past its time
					ask(there)
					time.Sleep(time.Second)
					w.crm.reset()
					before := c.Stats().Redis
					got := ask(here)
					after := c.Stats().Redis
					if n := after.Reads - before.Reads; n != 1 {
						t.Errorf("%d visits after %v, want 1", n, passed)
					}
					want := []string{"cached", "cached"}
					if diff := cmp.Diff(want, got.states()[3:5]); diff != "" || len(w.crm.made) > 0 {
						t.Errorf("%d calls of the CRM after %v; contact and account (-want +got):\n%s", len(w.crm.made), passed, diff)
					}
				}
				if n := leases(m); n != 0 {
					t.Errorf("%d leases left", n)
				}
			})
		})
	}
}

// Requests for one cold conversation, of three replicas: one call of each kind.
func TestHerdOfReplicas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, m := newWorld(t, 1), simulated(t)
		for _, tenant := range []*Tenant{w.read, w.row} {
			w.reads.reset()
			w.rows.reset()
			w.crm.reset()
			var all []*Enricher
			for range 3 {
				e, _ := w.on(t, m)
				all = append(all, e)
			}
			synctest.Wait()
			var wg sync.WaitGroup
			for i := range 300 {
				wg.Go(func() {
					d, err := all[i%3].Conversation(t.Context(), tenant, Request{ID: "conv-1", Include: everything})
					if err != nil {
						t.Error(err)
					} else if got := parse(t, d); !got.Enrichment.Complete {
						t.Errorf("%s: %v", tenant.StoreName, got.states())
					}
				})
			}
			wg.Wait()
			for source, made := range map[string]map[upstream.Op]int{"reads": w.reads.made, "rows": w.rows.made, "crm": w.crm.made} {
				for op, n := range made {
					if op == upstream.OpList && n <= 2 { // by what the read shows, and the walk beside it
						continue
					}
					if n != 1 {
						t.Errorf("%s: %d calls of %s %s, want 1", tenant.StoreName, n, source, op)
					}
				}
			}
			time.Sleep(time.Second)
			if n := leases(m); n != 0 {
				t.Errorf("%s: %d leases left", tenant.StoreName, n)
			}
		}
	})
}
