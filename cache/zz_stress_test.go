package cache

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"
)

func TestZZStress(t *testing.T) {
	r := startRedis(t)
	keys := []EncryptionKey{{"k1", secretOf(1)}}
	cs := []*Cache{r.cacheWith(Config{Encryption: keys, RedisDeadline: patient}), r.cacheWith(Config{Encryption: keys, RedisDeadline: patient}), r.cacheWith(Config{Encryption: keys, RedisDeadline: patient, MemoryBytes: 64 << 10})}
	var ps []people
	for _, c := range cs {
		ps = append(ps, newPeople(t, c))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
	defer cancel()
	var wg sync.WaitGroup
	var erased sync.Mutex
	gone := map[string]bool{}
	_ = gone
	isGone := func(id string) bool { erased.Lock(); defer erased.Unlock(); return gone[id] }
	n := 0
	for g := range 12 {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(g), 9))
			for ctx.Err() == nil {
				p, c := ps[g%3], cs[g%3]
				who := fmt.Sprint("p", rng.IntN(200))
				id := fmt.Sprint(who, "-", rng.IntN(3))
				switch rng.IntN(12) {
				case 0:
					if rng.IntN(4) > 0 {
						continue
					}
					erased.Lock() // the sources forget first
					gone[who] = true
					n++
					erased.Unlock()
					if err := c.Erase(t.Context(), "t", []string{"person:" + who}, named); err != nil && ctx.Err() == nil {
						if _, ok := errors.AsType[*UntoldError](err); !ok {
							t.Error(err)
						}
						t.Log(err)
					}
				case 1:
					p.notes.Drop("t", id)
				case 2:
					p.pages.Peek(ctx, "t", []string{id}, false)
				default:
					load := func(_ context.Context, ids []string) (map[string]note, error) {
						out := map[string]note{}
						for _, id := range ids {
							if !isGone(who) {
								out[id] = note{[]string{who}, "canary " + who}
							}
						}
						time.Sleep(time.Duration(rand.IntN(20)) * time.Millisecond)
						return out, nil
					}
					loadPage := func(_ context.Context, ids []string) (map[string]doc, error) {
						out := map[string]doc{}
						for _, id := range ids {
							if !isGone(who) {
								out[id] = doc{"canary " + who}
							}
						}
						time.Sleep(time.Duration(rand.IntN(20)) * time.Millisecond)
						return out, nil
					}
					var w2 sync.WaitGroup
					w2.Go(func() { p.notes.Load(ctx, "t", []string{id}, Options{}, load) })
					w2.Go(func() { p.pages.Load(ctx, "t", []string{id}, Options{}, loadPage) })
					w2.Wait()
				}
			}
		})
	}
	wg.Wait()
	time.Sleep(2 * time.Second)
	fmt.Println("erasures", n, "persons", len(gone))
	left := 0
	for who := range gone {
		for i := range 3 {
			id := fmt.Sprint(who, "-", i)
			for _, k := range []string{"note", "page"} {
				key := Key{"t", k, id}
				for ci, c := range cs {
					if it := c.memory.get(key); it != nil && !it.absent {
						left++
						t.Errorf("memory %d %v", ci, key)
					}
				}
				if b, err := r.admin.Get(t.Context(), key.redisKey()).Bytes(); err == nil {
					if e, err := cs[0].ring.open(key, b, time.Now()); err != nil || !e.absent {
						t.Errorf("redis %v %v", key, err)
					}
				}
			}
		}
	}
}
