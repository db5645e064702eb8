package main

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"sync"
	"time"

	"github.com/weft-gateway/weft/upstream/sandbox"
)

// What replicas share, and how they reach it.
func sharedFaults() []simFault {
	return []simFault{
		{"33", "DNS", "the CRM's name is unknown, then nobody answers for it", "connections that there are go on; then nobody waits beyond the deadline of 1 s; 100 % answered", simOptions{extra: quick}, noNames},
		{"34", "callers hang up", "half of the callers hang up after 1 to 400 ms, the sources taking 100 to 300 ms", "all others answered; no breaker counts a failure; who hung up is answered when asking again", simOptions{extra: quick}, hangUp},
		{"35", "herd", "1000 requests at once for one conversation that nobody has asked for, on three replicas", "one call of a source for each record; all within 300 ms, at 100 ms a call", simOptions{replicas: 3, docs: 2, extra: roomy}, herd(300*time.Millisecond, 1000, 1)},
		{"35", "herd without Redis", "as before, without a Redis", "at most one call for each record and replica", simOptions{replicas: 3, docs: 2, extra: roomy, noRedis: true}, herd(300*time.Millisecond, 1000, 3)},
		{"36", "holder crashes", "the replica that loads records is killed while it does", "what there is a copy of is shown at once; the rest within the request's deadline, and the next request finds it; at most one call for each replica", simOptions{replicas: 2, extra: quick, docs: 5}, holderCrashes},
		{"37", "mass expiry", "80 contacts were cached within a few seconds, for a minute", "in no five seconds more than a third of them are asked for again: twice the mean of their half of a minute; nobody waits", simOptions{extra: minute, docs: 80, nativeOnly: true}, massExpiry},
		{"46", "invalidation lost", "a replica does not hear for five seconds, in which a contact is erased", "it shows the contact for 30 s at most", simOptions{replicas: 2, docs: 5, nativeOnly: true}, notHeard},
		{"47", "key rotated", "cached values are encrypted with a key that is the second now, or is not configured", "with it: read, no call of the CRM; without it: a miss; 100 % answered", simOptions{extra: "cache: {encryption: [" + key1 + "]}", docs: 10}, rotated},
	}
}

// roomy lets one tenant ask as much at once as all.
const roomy = "limits: {tenant: {in_flight: 1024}}"

// minute are times of the cache under which contacts alone are ever due.
const minute = "cache: {contact: {fresh: 60s, stale: 168h}, conversation: {fresh: 1h, stale: 24h}}"

const (
	key1 = "{id: k1, key: AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=}"
	key2 = "{id: k2, key: AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=}"
)

func noNames(s *sim) string {
	s.warm()
	s.net.set("crm", wayNoName, false)
	kept := s.load(30*time.Second, arrivals{rate: 3})
	s.all(kept)
	s.only(kept, "contact", "cached", "fresh", "stale/revalidating", "stale/refused") // a call may have needed one more connection
	s.want(kept.faults() <= kept.asked/20, "with the connections there are: %v", kept.parts)
	s.net.set("crm", wayNoName, true)
	unknown := s.load(30*time.Second, arrivals{rate: 3}, arrivals{rate: .5, pick: s.cold()})
	s.all(unknown)
	s.only(unknown, "contact", "cached", "stale/refused", "stale/upstream_error", "stale/breaker_open", "stale/revalidating", "unavailable/refused", "unavailable/breaker_open")
	s.net.set("crm", wayNoDNS, true)
	return s.stalled("timeout")
}

func hangUp(s *sim) string {
	s.warm()
	s.sources.pace(func() time.Duration { return 100*time.Millisecond + rand.N(200*time.Millisecond) })
	cold := s.cold()
	var asked []simDoc
	rec := s.load(40*time.Second, arrivals{rate: 5, pick: func(random *rand.Rand) query {
		q := cold(random)
		if random.IntN(2) == 0 {
			q.patience = time.Millisecond + rand.N(400*time.Millisecond)
			asked = append(asked, q.doc)
		}
		return q
	}}, arrivals{rate: 2})
	s.all(rec)
	s.want(rec.faults() == 0, "parts with a fault: %v", rec.parts)
	s.want(s.opened("") == 0, "a breaker opened")
	for _, b := range s.replicas[0].sys.breakers.Snapshots() {
		s.want(b.LastError == nil, "%s counted a failure: %+v", b.Name, b.LastError)
	}
	time.Sleep(time.Second)
	s.sources.reset()
	again := newRecord(s)
	for _, d := range asked {
		s.send(query{doc: d, replica: s.replicas[0], suffix: "?include=contact"}, again)
	}
	s.all(again)
	return fmt.Sprintf("%d hung up; %.2f %% of %d others; no failure counted", rec.gone, rec.share(), rec.asked-rec.gone)
}

func herd(limit time.Duration, n, most int) func(*sim) string {
	return func(s *sim) string {
		s.sources.pace(func() time.Duration { return 100 * time.Millisecond })
		tenant := s.tenant(sandbox.Globex)
		id := s.addDoc(tenant, "herd")
		s.sources.reset()
		rec := newRecord(s)
		var wg sync.WaitGroup
		for i := range n {
			wg.Go(func() { s.send(query{doc: simDoc{tenant.ID, id}, replica: s.replicas[i%3]}, rec) })
		}
		wg.Wait()
		s.all(rec)
		s.want(rec.degraded == 0, "%d documents not complete", rec.degraded)
		calls := max(s.sources.most("crm", "herd"), s.sources.most("native", "herd"))
		s.want(calls <= most, "%d calls for one record", calls)
		s.want(rec.quantile(1) <= limit, "max %v", rec.quantile(1))
		return fmt.Sprintf("%d documents; at most %d calls for a record; max %v", rec.asked, calls, ms(rec.quantile(1)))
	}
}

func holderCrashes(s *sim) string {
	s.warm()
	time.Sleep(20 * time.Second) // contacts are due
	s.sources.pace(func() time.Duration { return 600 * time.Millisecond })
	tenant := s.tenant(sandbox.Globex)
	q := query{doc: simDoc{tenant.ID, s.addDoc(tenant, "crash")}, replica: s.replicas[1]}
	known := query{doc: s.of(tenant.ID)[0], replica: s.replicas[1], suffix: "?include=contact"}
	var lost, wg sync.WaitGroup
	for _, d := range []simDoc{q.doc, known.doc} {
		lost.Go(func() { s.replicas[0].ask(s.t.Context(), d.tenant, "/api/conversations/"+d.id) })
	}
	time.Sleep(200 * time.Millisecond)
	first, warm, next := newRecord(s), newRecord(s), newRecord(s)
	wg.Go(func() { s.send(q, first) })
	time.Sleep(100 * time.Millisecond)
	s.replicas[0].crash()
	s.send(known, warm)
	wg.Wait()
	time.Sleep(5 * time.Second)
	s.send(q, next)
	lost.Wait()
	s.honest(first, warm, next)
	s.want(first.quantile(1) <= s.cfg.Deadlines.Request, "it took %v", first.quantile(1))
	s.all(warm, next)
	s.only(warm, "contact", "stale/revalidating")
	s.want(warm.quantile(1) < 700*time.Millisecond, "with a copy it took %v", warm.quantile(1)) // of which the conversation had 600
	s.want(next.faults() == 0, "the next request: %v", next.parts)
	most := s.sources.most("crm", "crash")
	s.want(most <= 2, "%d calls for one record", most)
	return fmt.Sprintf("with a copy %v, without %v; the next request whole; at most %d calls for a record", ms(warm.quantile(1)), ms(first.quantile(1)), most)
}

func massExpiry(s *sim) string {
	s.warm()
	all := s.of(sandbox.Globex)
	i := 0
	rec := s.load(time.Minute, arrivals{rate: 30, pick: func(*rand.Rand) query {
		i++
		return query{doc: all[i%len(all)], replica: s.replicas[0], suffix: "?include=contact"}
	}})
	s.all(rec)
	s.only(rec, "contact", "cached", "fresh")
	calls, peak := s.sources.calls("crm"), s.sources.peak("crm", 5)
	s.want(calls >= len(all), "%d calls for %d contacts", calls, len(all))
	s.want(peak <= len(all)/3, "%d calls in five seconds", peak)
	return fmt.Sprintf("at most %d of %d in five seconds; p99 %v", peak, len(all), ms(rec.quantile(.99)))
}

func notHeard(s *sim) string {
	s.warm()
	doc := s.of(sandbox.Globex)[0]
	contact := "con-" + s.tenant(sandbox.Globex).Name + "-0"
	one, two := s.replicas[0], s.replicas[1]
	s.redis.set(func(r *simRedis) { r.deaf = true })
	s.box.DeleteContact(doc.tenant, contact)
	req := httptest.NewRequest(http.MethodDelete, "/api/contacts/"+contact+"/cache", nil)
	req.Header.Set("Authorization", "Bearer "+doc.tenant)
	answer := httptest.NewRecorder()
	one.sys.public.Handler.ServeHTTP(answer, req)
	s.want(answer.Code < 300, "erasing: %d %s", answer.Code, answer.Body)
	erased, shown := time.Now(), time.Duration(0)
	for range 120 {
		if time.Since(erased) > 5*time.Second {
			s.redis.set(func(r *simRedis) { r.deaf = false })
		}
		rec := newRecord(s)
		s.send(query{doc: doc, replica: two}, rec)
		s.all(rec)
		if rec.count("contact cached", "contact stale", "contact fresh") > 0 {
			shown = time.Since(erased)
		}
		time.Sleep(500 * time.Millisecond)
	}
	s.want(shown <= 30*time.Second, "shown for %v", shown)
	return fmt.Sprintf("shown for %v", ms(shown))
}

func rotated(s *sim) string {
	s.warm()
	s.sources.reset()
	s.configure(simOptions{extra: "cache: {encryption: [" + key2 + ", " + key1 + "]}"})
	second := s.add(simOptions{})
	s.configure(simOptions{extra: "cache: {encryption: [" + key2 + "]}"})
	third := s.add(simOptions{})
	ask := func(r *replica) (calls int) {
		before, rec := s.sources.calls("crm"), newRecord(s)
		for _, d := range s.docs {
			s.send(query{doc: d, replica: r}, rec)
		}
		s.all(rec)
		return s.sources.calls("crm") - before
	}
	reads, misses := ask(second), ask(third)
	s.want(reads == 0, "%d calls of the CRM with both keys", reads)
	s.want(misses > 0, "what cannot be decrypted was used")
	return fmt.Sprintf("with both keys %d calls of the CRM, with the new one alone %d", reads, misses)
}
