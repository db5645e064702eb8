package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weft-gateway/weft/upstream/sandbox"
)

// Two faults at once.
func pairFaults() []simFault {
	opt := simOptions{extra: quick, replicas: 2}
	crowd := simOptions{source: ", in_flight: 8", docs: 5, tenants: 4}
	return []simFault{
		{
			"3+20", "CRM slow, Redis killed", "the CRM takes 30 s, and Redis is killed", "as 3", opt,
			func(s *sim) string {
				s.warm()
				s.redis.kill()
				s.dial(s.box.CRM(), "", sandbox.Dial{Latency: 30 * time.Second})
				return s.stalled("timeout")
			},
		},
		{
			"17+21", "store down, Redis frozen", "both stores are down, and Redis is frozen", "every conversation of which memory has a copy is answered; fresh again within 7 s", opt,
			func(s *sim) string {
				s.warm()
				s.redis.freeze()
				s.storesDown(true)
				rec := s.load(45*time.Second, arrivals{rate: 4})
				s.all(rec)
				s.storesDown(false)
				s.redis.unfreeze()
				back := s.recover(5)
				return fmt.Sprintf("%.2f %% of %d; max %v; fresh again %v after", rec.share(), rec.asked, ms(rec.quantile(1)), ms(back))
			},
		},
		{
			"35+20", "herd, Redis killed", "1000 requests at once for one new conversation on three replicas, right after Redis was killed", "at most one call for each record and replica; all answered within 500 ms", simOptions{replicas: 3, docs: 2, extra: roomy},
			func(s *sim) string {
				s.warm()
				s.redis.kill()
				return herd(500*time.Millisecond, 1000, 3)(s)
			},
		},
		{
			"38+3", "busy tenant, CRM slow", "one tenant asks for twice what the CRM can do, and the CRM takes 30 s", "all requests of the small tenants answered, within 2.2 s", crowd,
			func(s *sim) string {
				s.warm()
				s.dial(s.box.CRM(), "", sandbox.Dial{Latency: 30 * time.Second})
				busy := make(chan *record)
				go func() {
					busy <- s.load(6*time.Second, arrivals{rate: 80, pick: contactOnly(s.cold())})
				}()
				var small []simDoc
				for _, t := range s.box.Tenants()[2:] {
					small = append(small, s.of(t.ID)...)
				}
				rec := s.load(6*time.Second, arrivals{rate: 10, pick: s.zipf(small)})
				hot := <-busy
				s.all(rec)
				s.honest(hot)
				s.want(rec.quantile(1) <= 2200*time.Millisecond, "max %v", rec.quantile(1))
				return fmt.Sprintf("small tenants: %.2f %% of %d, p99 %v; busy: %d of %d answered", rec.share(), rec.asked, ms(rec.quantile(.99)), hot.status[200], hot.asked)
			},
		},
		{"41+3", "stopped, CRM slow", "a replica is stopped under load, while the CRM takes 30 s", "every request that it took is answered; it is gone within 15 s", simOptions{extra: quick, docs: 5}, stoppedAtLoad},
	}
}

// stoppedAtLoad stops the replica while callers ask it over connections.
func stoppedAtLoad(s *sim) string {
	s.warm()
	s.dial(s.box.CRM(), "", sandbox.Dial{Latency: 30 * time.Second})
	r := s.replicas[0]
	transport := &http.Transport{DialContext: func(ctx context.Context, _, address string) (net.Conn, error) { return s.net.dial(ctx, r, address) }}
	defer transport.CloseIdleConnections()
	var answered, failed, refused atomic.Int64
	cold := s.cold()
	get := func(doc simDoc) {
		req, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, "http://"+r.name+"/api/conversations/"+doc.id, nil)
		if err != nil {
			s.t.Error(err)
			return
		}
		req.Header.Set("Authorization", "Bearer "+doc.tenant)
		resp, err := transport.RoundTrip(req)
		if err != nil {
			if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
				refused.Add(1)
			} else {
				failed.Add(1)
			}
			return
		}
		defer resp.Body.Close()
		if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != http.StatusOK {
			failed.Add(1)
			return
		}
		answered.Add(1)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for range 60 {
			doc := cold(rand.New(rand.NewPCG(1, 1))).doc
			wg.Go(func() { get(doc) })
			time.Sleep(50 * time.Millisecond)
		}
	})
	time.Sleep(time.Second)
	began := time.Now()
	r.stop()
	took := time.Since(began)
	wg.Wait()
	s.want(failed.Load() == 0 && answered.Load() > 0, "%d failed, %d answered, %d found nobody listening", failed.Load(), answered.Load(), refused.Load())
	s.want(took <= 15*time.Second, "it took %v to stop", took)
	return fmt.Sprintf("%d answered, 0 failed, %d came when it no longer listened; stopped after %v", answered.Load(), refused.Load(), ms(took))
}
