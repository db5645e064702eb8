package main

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/weft-gateway/weft/upstream/breaker"
	"github.com/weft-gateway/weft/upstream/sandbox"
)

// The CRM is not to be reached, slow, failing, or refuses a tenant.
func crmFaults() []simFault {
	opt := simOptions{extra: quick}
	return []simFault{
		{
			"1", "CRM down", "connections to the CRM are refused for a minute", "100 % answered; p99 at most 10 ms above the healthy one; at most 3 connections tried per 4 s and breaker", opt,
			func(s *sim) string {
				s.warm()
				before := s.load(30*time.Second, arrivals{rate: 4})
				s.net.set("crm", wayRefused, true)
				dials := s.net.dials("crm")
				rec := s.load(time.Minute, arrivals{rate: 4})
				dials = s.net.dials("crm") - dials
				s.all(before, rec)
				s.only(rec, "contact", "cached", "stale/refused", "stale/upstream_error", "stale/breaker_open", "stale/revalidating")
				s.want(rec.quantile(.99) <= before.quantile(.99)+10*time.Millisecond, "p99 %v, before %v", rec.quantile(.99), before.quantile(.99))
				s.want(dials <= 3*(10+3*60/4), "%d connections tried", dials)
				s.want(s.opened("rest-contacts") > 0, "the breaker did not open")
				s.net.set("crm", wayOpen, false)
				back := s.recover(4)
				return fmt.Sprintf("%.2f %% of %d; p99 %v, healthy %v; %d connections tried; fresh again %v after", rec.share(), rec.asked, ms(rec.quantile(.99)), ms(before.quantile(.99)), dials, ms(back))
			},
		},
		{
			"2", "CRM black hole", "nothing answers a connection to the CRM", "100 % answered; nobody waits beyond the call's deadline of 1 s; the breaker opens", opt,
			func(s *sim) string {
				s.warm()
				s.net.set("crm", wayBlackHole, true)
				return s.stalled("timeout")
			},
		},
		{
			"3", "CRM slow 30 s", "the CRM takes 30 s to answer", "100 % answered; with a copy p99 at most 100 ms: stale while it is asked; without one nobody waits beyond the deadline of 1 s", opt,
			func(s *sim) string {
				s.warm()
				s.dial(s.box.CRM(), "", sandbox.Dial{Latency: 30 * time.Second})
				return s.stalled("timeout")
			},
		},
		{
			"4", "CRM nearly too slow", "the CRM takes 900 ms, of a deadline of 1 s", "the rule for slow calls opens the breaker within 30 s; 100 % answered", opt,
			func(s *sim) string {
				s.warm()
				s.dial(s.box.CRM(), "", sandbox.Dial{Latency: 880 * time.Millisecond})
				began := time.Now()
				rec := s.load(45*time.Second, arrivals{rate: 3}, arrivals{rate: 1, pick: s.cold()})
				s.all(rec)
				s.only(rec, "contact", "fresh", "cached", "stale/revalidating", "stale/breaker_open", "unavailable/breaker_open", "unavailable/timeout")
				opened := s.firstOpening("rest-contacts", began)
				s.want(opened > 0 && opened <= 30*time.Second, "opened after %v", opened)
				return fmt.Sprintf("opened after %v; %.2f %% of %d", ms(opened), rec.share(), rec.asked)
			},
		},
		{
			"5", "CRM 500 at 30 %", "30 % of the CRM's answers are 500", "contacts of which there is no copy fresh in at least 80 %: 84 % is the mean, with a retry for every fifth call; a fifth more calls than are needed at most, and ten to begin with; 100 % answered", simOptions{nativeOnly: true},
			func(s *sim) string {
				s.dial(s.box.CRM(), "", sandbox.Dial{ErrorRate: .3, Status: 500})
				rec := s.load(3*time.Minute, arrivals{rate: 3, pick: contactOnly(s.cold())})
				s.all(rec)
				fresh := 100 * float64(rec.count("contact fresh")) / float64(rec.asked)
				calls := s.sources.calls("crm")
				times := float64(calls) / float64(rec.asked)
				s.want(fresh >= 80, "%.1f %% of contacts fresh", fresh)
				s.want(calls <= rec.asked*6/5+10, "%d calls for %d contacts", calls, rec.asked)
				return fmt.Sprintf("%.1f %% fresh of %d; %.2f calls for each; breaker opened %d times", fresh, rec.asked, times, s.opened("rest-contacts"))
			},
		},
		{
			"6", "CRM 500", "all of the CRM's answers are 500", "100 % answered; at most 15 calls a minute of each operation once the breaker is open", opt,
			func(s *sim) string {
				s.warm()
				s.dial(s.box.CRM(), "", sandbox.Dial{ErrorRate: 1, Status: 500})
				first := s.load(30*time.Second, arrivals{rate: 4})
				s.sources.reset()
				rec := s.load(2*time.Minute, arrivals{rate: 2})
				s.all(first, rec)
				s.only(rec, "contact", "stale/upstream_error", "stale/breaker_open", "stale/revalidating")
				calls := float64(s.sources.calls("crm")) / 2
				s.want(calls <= 3*15, "%.1f calls a minute", calls)
				s.dial(s.box.CRM(), "", sandbox.Dial{})
				back := s.recover(4)
				return fmt.Sprintf("%.2f %% of %d; %.1f calls a minute of three operations; fresh again %v after", rec.share(), first.asked+rec.asked, calls, ms(back))
			},
		},
		{"7", "CRM 429", "the CRM answers one tenant 429, with Retry-After 7, a date, -1, 1e9 or HTML", "no call for that tenant before its time, which is within 1 s and 60 s whatever is asked; no breaker opens; the other tenant notices nothing", opt, limitedCRM},
		{
			"8", "CRM 401", "the CRM answers one tenant 401", "that tenant's copies stale, reason denied; all documents of the other complete; no breaker opens", simOptions{extra: quick, tenants: 1},
			func(s *sim) string {
				s.warm()
				s.dial(s.box.CRM(), "", sandbox.Dial{Deny: http.StatusUnauthorized, Tenant: sandbox.Globex})
				others := s.load(45*time.Second, arrivals{rate: 3, pick: s.zipf(s.of(sandbox.Acme))})
				denied := s.load(45*time.Second, arrivals{rate: 3, pick: s.zipf(s.of(sandbox.Globex))})
				fresh := s.load(5*time.Second, arrivals{rate: 4, pick: s.cold()})
				s.all(others, denied, fresh)
				s.only(denied, "contact", "cached", "stale/denied", "stale/revalidating")
				s.only(fresh, "contact", "forbidden/denied")
				s.want(denied.count("contact stale/denied") > 0, "nothing was denied")
				s.want(others.count("contact stale/denied", "contact unavailable") == 0, "others: %v", others)
				s.want(s.opened("rest") == 0, "a breaker opened")
				return fmt.Sprintf("%d of %d stale, denied; the other tenant: %d documents, none with a fault", denied.count("contact stale/denied"), denied.asked, others.asked)
			},
		},
		{
			"16", "CRM redirects", "the CRM redirects to another host", "the other host is never asked; 100 % answered", opt,
			func(s *sim) string {
				s.warm()
				s.dial(s.box.CRM(), "", sandbox.Dial{ErrorRate: 1, Status: 302})
				rec := s.load(45*time.Second, arrivals{rate: 5})
				s.all(rec)
				s.only(rec, "contact", "cached", "stale/bad_response", "stale/breaker_open", "stale/revalidating")
				s.want(rec.count("contact stale/bad_response", "contact stale/breaker_open") > 0, "the fault was not met: %v", rec.parts)
				strays := s.net.strays()
				s.want(strays == 0, "%d calls of another host", strays)
				return fmt.Sprintf("%.2f %% of %d; %d calls of the other host", rec.share(), rec.asked, strays)
			},
		},
	}
}

// contactOnly asks for the contact alone.
func contactOnly(pick func(*rand.Rand) query) func(*rand.Rand) query {
	return func(random *rand.Rand) query {
		q := pick(random)
		q.suffix = "?include=contact"
		return q
	}
}

// opened counts how often breakers with the prefix opened, on any replica.
func (s *sim) opened(prefix string) (n int) {
	for _, r := range s.replicas {
		for _, t := range r.transitions(prefix) {
			if t.To == breaker.Open {
				n++
			}
		}
	}
	return n
}

// firstOpening is how long after since a breaker of the first replica opened; 0: never.
func (s *sim) firstOpening(name string, since time.Time) time.Duration {
	for _, t := range s.replicas[0].transitions(name) {
		if t.To == breaker.Open && !t.At.Before(since.Truncate(time.Millisecond)) {
			return t.At.Sub(since)
		}
	}
	return 0
}

// stalled is the test of a CRM whose calls run into their deadline.
func (s *sim) stalled(reason string) string {
	cfg := s.cfg.Deadlines
	warm, cold := make(chan *record), make(chan *record)
	go func() { warm <- s.load(time.Minute, arrivals{rate: 4}) }()
	go func() { cold <- s.load(time.Minute, arrivals{rate: .5, pick: s.cold()}) }()
	with, without := <-warm, <-cold
	s.all(with, without)
	s.only(with, "contact", "cached", "stale/"+reason, "stale/breaker_open", "stale/revalidating")
	s.only(without, "contact", "unavailable/"+reason, "unavailable/refused", "unavailable/breaker_open")
	s.want(with.quantile(.99) <= 100*time.Millisecond, "with a copy: p99 %v", with.quantile(.99))
	s.want(without.quantile(1) <= cfg.CRM+100*time.Millisecond, "without a copy: %v", without.quantile(1))
	s.want(s.opened("rest-contacts") > 0, "the breaker did not open")
	calls := s.sources.calls("crm")
	return fmt.Sprintf("%.2f %% of %d; with a copy p99 %v, max %v; without max %v; %d calls of the CRM", with.share(), with.asked+without.asked,
		ms(with.quantile(.99)), ms(with.quantile(1)), ms(without.quantile(1)), calls)
}

// limitedCRM is the test of a tenant whose quota is used up.
func limitedCRM(s *sim) string {
	s.warm()
	forms := []struct {
		header string
		wait   time.Duration
	}{
		{"7", 7 * time.Second},
		{"", 7 * time.Second}, // a date
		{"-1", time.Second},
		{"1e9", time.Second},
		{"<html>", time.Second},
		{"9999", time.Minute},
	}
	shortest := time.Hour
	for _, f := range forms {
		if f.header == "" {
			f.header = time.Now().Add(f.wait + 5*time.Second).UTC().Format(http.TimeFormat)
		}
		s.dial(s.box.CRM(), "", sandbox.Dial{ErrorRate: 1, Status: 429, RetryAfter: f.header, Tenant: sandbox.Globex})
		s.sources.reset()
		rec := s.load(f.wait+20*time.Second, arrivals{rate: 2, pick: s.zipf(s.of(sandbox.Globex))}, arrivals{rate: 1, pick: s.zipf(s.of(sandbox.Acme))})
		s.all(rec)
		gap, calls := s.sources.gap("crm", s.tenant(sandbox.Globex).CRMToken)
		s.want(gap >= f.wait && gap <= 80*time.Second, "Retry-After %q: a call after %v, %d calls", f.header, gap, calls)
		shortest = min(shortest, gap)
		s.only(rec, "contact", "cached", "fresh", "stale/rate_limited", "stale/revalidating")
		s.dial(s.box.CRM(), "", sandbox.Dial{Tenant: sandbox.Globex})
		time.Sleep(time.Minute)
	}
	s.want(s.opened("rest") == 0, "a breaker opened")
	return fmt.Sprintf("shortest pause %v, for garbage; no breaker opened", ms(shortest))
}
