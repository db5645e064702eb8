package main

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/weft-gateway/weft/upstream/breaker"
	"github.com/weft-gateway/weft/upstream/sandbox"
)

// Issuers, panics, and breakers themselves.
func edgeFaults() []simFault {
	opt := simOptions{extra: quick}
	logs := &safeBuffer{}
	return []simFault{
		{"45", "JWKS", "an issuer is down for ten minutes; 200 tokens name unknown keys; its key is changed", "tokens it signed before are good throughout; at most 2 fetches a minute; the new key is good within 30 s", simOptions{docs: 2, extra: idp}, issuerDown},
		{
			"52", "panic in a load", "calls of the CRM for contacts panic", "100 % answered; the contact stale or unavailable alone; the breaker counts it; the stack is in the log; fresh again within 7 s", simOptions{extra: quick, logs: slog.NewJSONHandler(logs, nil)},
			func(s *sim) string {
				s.warm()
				s.replicas[0].panics.Store(true)
				rec := s.load(45*time.Second, arrivals{rate: 4}, arrivals{rate: .5, pick: s.cold()})
				s.replicas[0].panics.Store(false)
				s.all(rec)
				s.only(rec, "conversation", "fresh", "cached", "stale/revalidating")
				s.want(s.opened("rest-contacts") > 0, "the breaker did not open")
				stacks := strings.Count(logs.String(), `"stack":`)
				s.want(stacks > 0, "no stack in the log")
				back := s.recover(4)
				return fmt.Sprintf("%.2f %% of %d; %d stacks logged; fresh again %v after", rec.share(), rec.asked, stacks, ms(back))
			},
		},
		{
			"53", "probe hangs", "the CRM answers 500, then does not answer at all: the breaker's probe hangs", "half-open for no longer than the deadline of 1 s; fresh again within 7 s", opt,
			func(s *sim) string {
				s.warm()
				s.dial(s.box.CRM(), "", sandbox.Dial{ErrorRate: 1, Status: 500})
				s.load(30*time.Second, arrivals{rate: 4})
				s.want(s.opened("rest-contacts") > 0, "the breaker did not open")
				s.dial(s.box.CRM(), "", sandbox.Dial{Hang: true})
				rec := s.load(time.Minute, arrivals{rate: 3})
				s.all(rec)
				longest := s.replicas[0].longest("rest-contacts", breaker.HalfOpen)
				limit := s.cfg.Deadlines.CRM + 100*time.Millisecond
				s.want(longest > 0 && longest <= limit, "half-open for %v", longest)
				s.dial(s.box.CRM(), "", sandbox.Dial{})
				back := s.recover(5)
				return fmt.Sprintf("half-open for %v at most; fresh again %v after", ms(longest), ms(back))
			},
		},
		{
			"54", "breakers polled", "the breakers are read 100 times a second while the CRM is down", "an open breaker stays so for its whole time, 4 s at least; fresh again within 7 s", opt,
			func(s *sim) string {
				s.warm()
				s.net.set("crm", wayRefused, true)
				done := make(chan struct{})
				go func() {
					defer close(done)
					for range 60 * 100 {
						s.replicas[0].sys.breakers.Snapshots()
						time.Sleep(10 * time.Millisecond)
					}
				}()
				rec := s.load(time.Minute, arrivals{rate: 3})
				<-done
				s.all(rec)
				s.net.set("crm", wayOpen, false)
				back := s.recover(5)
				shortest := s.replicas[0].shortest("rest-contacts", breaker.Open)
				s.want(shortest >= 4*time.Second, "open for %v alone", shortest)
				return fmt.Sprintf("open for %v at least; fresh again %v after", ms(shortest), ms(back))
			},
		},
	}
}

// stays are how long a breaker of the replica was in a state, each time.
func (r *replica) stays(name string, in breaker.State) (list []time.Duration) {
	var since time.Time
	for _, t := range r.transitions(name) {
		if t.To == in {
			since = t.At
		} else if t.From == in {
			list = append(list, t.At.Sub(since))
		}
	}
	return list
}

func (r *replica) longest(name string, in breaker.State) (d time.Duration) {
	for _, stay := range r.stays(name, in) {
		d = max(d, stay)
	}
	return d
}

func (r *replica) shortest(name string, in breaker.State) time.Duration {
	d := time.Hour
	for _, stay := range r.stays(name, in) {
		d = min(d, stay)
	}
	return d
}

const idp = `issuers: [{issuer: "https://id.example", audience: weft, jwks_url: "http://127.0.0.1/keys", algorithms: [EdDSA], tenant_claim: tid}]`

func issuerDown(s *sim) string {
	issuer, other := newProvider(s.t), newProvider(s.t)
	var mu sync.Mutex
	fetches, keys := 0, issuer.jwks()
	s.net.serve(s.t, "127.0.0.1", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		fetches++
		fmt.Fprint(w, keys)
	}))
	tried := func() int { return s.net.dials("127.0.0.1") }
	time.Sleep(time.Minute)
	good := func(token string) int {
		return s.replicas[0].ask(s.t.Context(), token, "/api/conversations/"+s.of(sandbox.Globex)[0].id).Code
	}
	s.want(good(issuer.token(s.t, map[string]any{"tid": sandbox.Globex, "jti": rand.Uint64()})) == http.StatusOK, "a good token is refused")
	s.net.set("127.0.0.1", wayRefused, true)
	before, refused := tried(), 0
	for range 60 {
		if good(issuer.token(s.t, map[string]any{"tid": sandbox.Globex, "jti": rand.Uint64()})) != http.StatusOK {
			refused++
		}
		time.Sleep(10 * time.Second)
	}
	down := tried() - before
	s.want(refused == 0, "%d tokens refused with the issuer down", refused)
	s.want(down <= 20, "%d fetches in ten minutes", down)
	s.net.set("127.0.0.1", wayOpen, false)
	mu.Lock()
	keys, fetches = strings.Replace(other.jwks(), `"k1"`, `"k2"`, 1), 0
	mu.Unlock()
	renamed := other.tokenOf(s.t, "k2", map[string]any{"tid": sandbox.Globex})
	began := time.Now()
	for good(renamed) != http.StatusOK && time.Since(began) < 5*time.Minute {
		time.Sleep(time.Second)
	}
	took := time.Since(began)
	s.want(took <= 31*time.Second, "the new key is good after %v", took)
	for i := range 200 {
		good(other.tokenOf(s.t, fmt.Sprintf("unknown-%d", i), map[string]any{"tid": sandbox.Globex}))
		time.Sleep(300 * time.Millisecond)
	}
	mu.Lock()
	defer mu.Unlock()
	s.want(fetches <= 5, "%d fetches", fetches)
	return fmt.Sprintf("0 of 60 tokens refused with it down, %d fetches in ten minutes; new key good after %v; %d fetches for 200 unknown keys", down, took.Round(time.Second), fetches)
}
