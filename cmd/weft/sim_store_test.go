package main

import (
	"fmt"
	"net/http"
	"time"

	"github.com/weft-gateway/weft/upstream/sandbox"
)

// The stores, and one part alone.
func storeFaults() []simFault {
	opt := simOptions{extra: quick}
	return []simFault{
		{
			"17", "store down, warm", "connections to both stores are refused for a minute", "every conversation of which there is a copy is answered, stale; others 503 within 50 ms once the breaker is open; fresh again within 7 s", opt,
			func(s *sim) string {
				s.warm()
				s.storesDown(true)
				rec := s.load(45*time.Second, arrivals{rate: 4})
				s.all(rec)
				s.only(rec, "conversation", "cached", "stale/refused", "stale/upstream_error", "stale/breaker_open", "stale/revalidating")
				cold := s.load(15*time.Second, arrivals{rate: 3, pick: s.cold()}, arrivals{rate: 3})
				s.honest(cold)
				s.want(cold.codes["store_unavailable"]+cold.status[200] == cold.asked && cold.quantile(1) <= 50*time.Millisecond, "without a copy: %v", cold)
				s.storesDown(false)
				back := s.recover(5)
				return fmt.Sprintf("%.2f %% of %d; cold ids: max %v; fresh again %v after", rec.share(), rec.asked, ms(cold.quantile(1)), ms(back))
			},
		},
		{
			"18", "store down, cold", "connections to both stores are refused, and nothing is cached", "503 within 20 ms once the breaker is open; the CRM is not called", opt,
			func(s *sim) string {
				s.storesDown(true)
				s.load(10*time.Second, arrivals{rate: 5, pick: s.zipf(s.of(sandbox.Globex))})
				rec := s.load(30*time.Second, arrivals{rate: 5, pick: s.zipf(s.of(sandbox.Globex))})
				calls := s.sources.calls("crm")
				s.want(rec.status[http.StatusServiceUnavailable] == rec.asked, "answers %v", rec.status)
				s.want(rec.quantile(.99) <= 20*time.Millisecond, "p99 %v", rec.quantile(.99))
				s.want(calls == 0, "%d calls of the CRM", calls)
				return fmt.Sprintf("%d answers of 503; p99 %v; %d calls of the CRM", rec.asked, ms(rec.quantile(.99)), calls)
			},
		},
		{
			"19", "account fails", "the CRM answers 500 for accounts alone", "every contact as ever; accounts stale; 100 % answered", opt,
			func(s *sim) string {
				s.warm()
				s.dial(s.box.CRM(), "accounts", sandbox.Dial{ErrorRate: 1, Status: 500})
				rec := s.load(45*time.Second, arrivals{rate: 4}, arrivals{rate: .5, pick: s.cold()})
				s.all(rec)
				s.only(rec, "contact", "fresh", "cached", "stale/revalidating")
				s.only(rec, "account", "cached", "stale/upstream_error", "stale/breaker_open", "stale/revalidating", "unavailable/upstream_error", "unavailable/breaker_open")
				s.want(rec.count("account stale/upstream_error", "account stale/breaker_open") > 0, "the fault was not met: %v", rec.parts)
				s.want(s.opened("rest-contacts") == 0, "the breaker of contacts opened")
				return fmt.Sprintf("%.2f %% of %d; contacts with a fault: 0; accounts: %d", rec.share(), rec.asked, rec.count("account stale", "account unavailable")-rec.count("account stale/revalidating"))
			},
		},
	}
}

func (s *sim) storesDown(down bool) {
	for _, host := range []string{"native", "autocalls"} {
		if down {
			s.net.set(host, wayRefused, true)
		} else {
			s.net.set(host, wayOpen, false)
		}
	}
}
