package main

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/weft-gateway/weft/upstream/sandbox"
)

// More is asked than can be done.
func loadFaults() []simFault {
	narrow := simOptions{source: ", in_flight: 8", docs: 5}
	crowd := narrow
	crowd.tenants = 4
	return []simFault{
		{
			"38", "busy tenant", "one tenant asks for twice what the CRM can do, for new records alone", "the small tenants' documents all whole, p99 at most 1.25 times what it is without the busy one", crowd,
			func(s *sim) string { return s.besideBusy() },
		},
		{
			"39", "id scan", "200 ids that do not exist, while others work", "all 404; the CRM is not called for them; the others notice nothing", simOptions{},
			func(s *sim) string {
				s.warm()
				scan := func(random *rand.Rand) query {
					return query{doc: simDoc{sandbox.Globex, fmt.Sprintf("%x", random.Uint64())}, replica: s.replicas[0]}
				}
				found, lost := make(chan *record), make(chan *record)
				go func() { found <- s.load(10*time.Second, arrivals{rate: 5}) }()
				go func() { lost <- s.load(10*time.Second, arrivals{rate: 20, pick: scan}) }()
				others, scanned := <-found, <-lost
				s.all(others)
				s.want(others.faults() == 0, "others: %v", others.parts)
				s.only(others, "contact", "cached")
				s.want(scanned.status[http.StatusNotFound] == scanned.asked, "answers %v", scanned.status)
				calls := s.sources.calls("crm")
				s.want(calls == 0, "%d calls of the CRM", calls)
				return fmt.Sprintf("%d answers of 404; %d calls of the CRM; %d other documents, none with a fault", scanned.asked, calls, others.asked)
			},
		},
		{
			"40", "overload", "three times what the store can do", "as many documents as at its capacity, less 10 %; the rest is refused; recovered within 10 s", simOptions{source: ", in_flight: 5", docs: 1, nativeOnly: true},
			func(s *sim) string { return s.overloaded() },
		},
	}
}

// besideBusy is the test of small tenants beside a busy one.
func (s *sim) besideBusy() string {
	s.sources.pace(func() time.Duration { return 50*time.Millisecond + rand.N(100*time.Millisecond) })
	small := func() arrivals {
		return arrivals{rate: 15, pick: func(random *rand.Rand) query {
			tenant := s.box.Tenants()[2+random.IntN(4)]
			id := s.addDoc(tenant, fmt.Sprintf("small-%d", s.made.Add(1)))
			return query{doc: simDoc{tenant.ID, id}, replica: s.replicas[0], suffix: "?include=contact"}
		}}
	}
	alone := s.load(8*time.Second, small())
	busy := make(chan *record)
	go func() {
		busy <- s.load(6*time.Second, arrivals{rate: 160, pick: contactOnly(s.cold())})
	}()
	time.Sleep(time.Second)
	beside := s.load(5*time.Second, small())
	hot := <-busy
	s.all(alone, beside)
	s.honest(hot)
	s.want(alone.faults() == 0 && beside.faults() == 0, "small tenants: alone %v, beside %v", alone.parts, beside.parts)
	s.want(beside.quantile(.99) <= alone.quantile(.99)*5/4, "p99 %v, alone %v", beside.quantile(.99), alone.quantile(.99))
	return fmt.Sprintf("small tenants: %d of %d whole, p99 %v, alone %v; busy: %d of %d whole", beside.status[200], beside.asked, ms(beside.quantile(.99)), ms(alone.quantile(.99)),
		hot.count("contact fresh"), hot.asked)
}

// overloaded is the test of a store that has too much to do.
func (s *sim) overloaded() string {
	s.sources.pace(func() time.Duration { return 100 * time.Millisecond })
	// Five calls at once, three for each document: 16 documents a second.
	const capacity = 16
	whole := func(rec *record) float64 { return float64(rec.count("conversation fresh")) }
	peak := whole(s.load(10*time.Second, arrivals{rate: capacity, pick: s.cold()})) / 10
	rec := s.load(15*time.Second, arrivals{rate: 3 * capacity, pick: s.cold()})
	goodput := whole(rec) / 15
	time.Sleep(10 * time.Second)
	after := s.load(10*time.Second, arrivals{rate: capacity / 2, pick: s.cold()})
	s.honest(rec, after)
	s.want(goodput >= .9*peak, "%.1f documents a second, %.1f at capacity", goodput, peak)
	s.want(after.status[200] == after.asked, "afterwards: %v", after)
	for code := range rec.codes {
		s.want(code == "store_unavailable" || code == "overloaded", "refused with %s", code)
	}
	return fmt.Sprintf("%.1f documents a second, %.1f at capacity; %d of %d refused; all of %d afterwards", goodput, peak, rec.asked-rec.status[200], rec.asked, after.asked)
}
