package main

import (
	"fmt"
	"net/http"
	"time"

	"github.com/weft-gateway/weft/cache"
)

// Redis is gone, slow, full, or has wrong things in it.
func redisFaults() []simFault {
	opt := simOptions{extra: quick, replicas: 2}
	return []simFault{
		{
			"20", "Redis killed", "Redis is killed, and comes back empty after a minute", "100 % answered, no part with a fault; p99 at most 5 ms above the healthy one; at most 10 tries to connect, and 3 a second, of each replica", opt,
			func(s *sim) string {
				s.warm()
				before := s.load(20*time.Second, arrivals{rate: 5})
				s.redis.kill()
				dials := s.redis.dialled()
				rec := s.load(time.Minute, arrivals{rate: 3})
				dials = s.redis.dialled() - dials
				s.redis.revive()
				after := s.load(10*time.Second, arrivals{rate: 5})
				s.all(before, rec, after)
				s.want(rec.faults() == 0, "parts with a fault: %v", rec.parts)
				s.want(rec.quantile(.99) <= before.quantile(.99)+5*time.Millisecond, "p99 %v, before %v", rec.quantile(.99), before.quantile(.99))
				s.want(dials <= len(s.replicas)*(10+3*60), "%d connections tried", dials)
				s.want(s.redisBack(), "not in use again")
				return fmt.Sprintf("%.2f %% of %d; p99 %v, healthy %v; %.1f tries a second of a replica", rec.share(), rec.asked, ms(rec.quantile(.99)), ms(before.quantile(.99)), float64(dials)/60/2)
			},
		},
		{
			"21", "Redis frozen", "Redis stops answering for ten minutes", "100 % answered; nobody waits more than 150 ms for it; in use again within 1.5 s", opt,
			func(s *sim) string {
				s.warm()
				before := s.load(20*time.Second, arrivals{rate: 5})
				s.redis.freeze()
				rec := s.load(30*time.Second, arrivals{rate: 5})
				time.Sleep(9 * time.Minute)
				late := s.load(30*time.Second, arrivals{rate: 5})
				s.redis.unfreeze()
				time.Sleep(1500 * time.Millisecond)
				back := s.redisBack()
				s.all(before, rec, late)
				s.want(rec.quantile(1) <= before.quantile(1)+150*time.Millisecond, "max %v, before %v", rec.quantile(1), before.quantile(1))
				s.want(late.quantile(1) <= before.quantile(1)+150*time.Millisecond, "max %v, before %v", late.quantile(1), before.quantile(1))
				s.want(back, "not in use again after 1.5 s")
				return fmt.Sprintf("%.2f %% of %d; max %v, healthy %v", rec.share(), rec.asked+late.asked, ms(rec.quantile(1)), ms(before.quantile(1)))
			},
		},
		{
			"22", "Redis slow", "Redis takes 20 ms, then 100 ms, then 200 ms to answer", "100 % answered; p99 at most 75 ms above the healthy one once it is noticed, and nobody waits more than 150 ms for it before: three reads, each 50 ms", opt,
			func(s *sim) string {
				s.warm()
				before := s.load(20*time.Second, arrivals{rate: 5})
				worst := time.Duration(0)
				for _, d := range []time.Duration{20, 100, 200} {
					s.redis.set(func(r *simRedis) { r.slow = d * time.Millisecond })
					first := s.load(3*time.Second, arrivals{rate: 5})
					rec := s.load(20*time.Second, arrivals{rate: 5})
					s.all(first, rec)
					s.want(first.quantile(1) <= before.quantile(1)+150*time.Millisecond, "max %v at first, before %v", first.quantile(1), before.quantile(1))
					worst = max(worst, rec.quantile(.99))
				}
				s.want(worst <= before.quantile(.99)+75*time.Millisecond, "p99 %v, before %v", worst, before.quantile(.99))
				return fmt.Sprintf("p99 %v, healthy %v", ms(worst), ms(before.quantile(.99)))
			},
		},
		{
			"23", "Redis half-open", "all connections to Redis are lost without a word", "100 % answered; at most one failed read for each connection, 50 at most; in use again within 2 s", opt,
			func(s *sim) string {
				s.warm()
				before := s.redisStats()
				s.redis.forget()
				rec := s.load(2*time.Second, arrivals{rate: 20})
				s.all(rec)
				failed := s.redisStats().ReadErrors - before.ReadErrors
				s.want(failed <= 50*uint64(len(s.replicas)), "%d reads failed", failed)
				s.want(s.redisBack(), "not in use again after 2 s")
				return fmt.Sprintf("%.2f %% of %d; %d reads failed", rec.share(), rec.asked, failed)
			},
		},
		{
			"24", "Redis flushed", "FLUSHALL at load, three replicas", "100 % answered; at most one call of a source for each record and replica in the 15 s after; p99 at most twice the healthy one", simOptions{replicas: 3, extra: quick},
			func(s *sim) string {
				s.warm()
				before := s.load(15*time.Second, arrivals{rate: 10})
				s.redis.mini.FlushAll()
				s.sources.reset()
				rec := s.load(15*time.Second, arrivals{rate: 10})
				s.all(before, rec)
				most := s.sources.most("crm", "")
				s.want(most <= 3, "%d calls for one record", most)
				s.want(rec.quantile(.99) <= 2*before.quantile(.99), "p99 %v, before %v", rec.quantile(.99), before.quantile(.99))
				return fmt.Sprintf("%.2f %% of %d; at most %d calls of the CRM for a record; p99 %v, healthy %v", rec.share(), rec.asked, most, ms(rec.quantile(.99)), ms(before.quantile(.99)))
			},
		},
		{"26", "Redis full", "Redis refuses every write: OOM", "100 % answered; reads go on: a new replica asks the CRM for nothing", opt, refusesWrites("OOM command not allowed when used memory > 'maxmemory'.")},
		{"27", "Redis read-only", "Redis refuses every write: READONLY", "as 26", opt, refusesWrites("READONLY You can't write against a read only replica.")},
		{
			"31", "Redis corrupted", "all values in Redis are damaged, cut, empty, of another key or 10 MB long", "100 % answered, nothing of it shown; what is damaged is counted and removed", opt,
			func(s *sim) string {
				s.warm()
				n := s.corrupt()
				fresh := s.add(simOptions{})
				rec := s.load(20*time.Second, arrivals{rate: 5}, arrivals{rate: 5, pick: s.zipfOn(s.docs, fresh)})
				s.all(rec)
				found := s.redisStats().Corrupt
				s.want(found > 0, "nothing was found damaged")
				return fmt.Sprintf("%.2f %% of %d; %d values damaged, %d met", rec.share(), rec.asked, n, found)
			},
		},
	}
}

// redisStats are those of all replicas.
func (s *sim) redisStats() (sum cache.RedisStats) {
	for _, r := range s.replicas {
		st := r.sys.cache.Stats().Redis
		sum.Reads += st.Reads
		sum.ReadErrors += st.ReadErrors
		sum.Corrupt += st.Corrupt
	}
	return sum
}

// redisBack reports whether all replicas use Redis.
func (s *sim) redisBack() bool {
	for _, r := range s.replicas {
		if r.state("redis") != "closed" {
			return false
		}
	}
	return true
}

func refusesWrites(text string) func(*sim) string {
	return func(s *sim) string {
		s.warm()
		s.redis.set(func(r *simRedis) { r.refusal = text })
		s.sources.reset()
		fresh := s.add(simOptions{})
		for _, d := range s.docs {
			if a := fresh.ask(s.t.Context(), d.tenant, "/api/conversations/"+d.id); a.Code != http.StatusOK {
				s.t.Errorf("%s: %d", d.id, a.Code)
			}
		}
		calls := s.sources.calls("crm")
		s.want(calls == 0, "%d calls of the CRM", calls)
		rec := s.load(time.Minute, arrivals{rate: 3})
		s.all(rec)
		s.want(s.redisBack(), "nothing is read")
		s.redis.set(func(r *simRedis) { r.refusal = "" })
		stored := s.redis.sent("SET")
		time.Sleep(6 * time.Second)
		s.all(s.load(10*time.Second, arrivals{rate: 5}))
		s.want(s.redis.sent("SET") > stored, "nothing is written again")
		return fmt.Sprintf("%.2f %% of %d; %d calls of the CRM for %d documents of a new replica", rec.share(), rec.asked, calls, len(s.docs))
	}
}

// corrupt spoils what is in Redis, each value in one of five ways.
func (s *sim) corrupt() (n int) {
	keys := s.redis.mini.Keys()
	var previous string
	for i, key := range keys {
		v, err := s.redis.mini.Get(key)
		if err != nil || len(v) < 8 {
			continue // no record
		}
		spoilt := []byte(v)
		switch i % 5 {
		case 0:
			spoilt[len(spoilt)/2] ^= 1
		case 1:
			spoilt = spoilt[:len(spoilt)-3]
		case 2:
			spoilt = nil
		case 3:
			spoilt = []byte(previous)
		case 4:
			if n < 15 {
				spoilt = make([]byte, 10<<20)
			} else {
				spoilt[0]++
			}
		}
		previous = v
		if err := s.redis.mini.Set(key, string(spoilt)); err != nil {
			s.t.Fatal(err)
		}
		n++
	}
	return n
}
