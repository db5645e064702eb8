package main

import (
	"bytes"
	"time"
)

// damage spoils every value in Redis, each in one of five ways.
func (t *trial) damage() {
	n := 0
	previous := "x"
	t.must(t.redis.each(t.ctx, func(key, value string) error {
		spoiled := []byte(value)
		switch n++; n % 5 {
		case 0:
			spoiled = spoiled[:len(spoiled)/2]
		case 1:
			spoiled[len(spoiled)/2] ^= 1
		case 2:
			spoiled = []byte(previous)
		case 3:
			spoiled = nil
		case 4:
			spoiled = bytes.Repeat(spoiled, 10<<20/max(1, len(spoiled)))
			if n > 20 {
				spoiled = []byte("{}") // some of ten megabytes are enough
			}
		}
		previous = value
		return t.redis.do(t.ctx, "SET", key, spoiled, "KEEPTTL")
	}))
	t.note("%d values damaged", n)
}

// storeFaults are those of the conversation stores.
func storeFaults() []scenario {
	return []scenario{
		{
			row: "17", name: "store-down-warm", fault: "both stores' ports are closed, the copies are there",
			line:  "99.9 % answered, from copies; an id that is not known: 503 with Retry-After",
			setup: setup{proxied: []string{"store"}, config: due},
			run: func(t *trial) {
				cold := len(t.globex()) - 1
				t.warmUp(append(t.acme(), t.globex()[:cold]...))
				t.proxies["store"].cut()
				seen := t.drive(t.span(4*time.Second, 20*time.Second), func(l *load) { l.trespass = 0 })
				t.answered(seen, nearlyAll)
				t.least("documents with a stale conversation", float64(seen.state("conversation stale")), 1)
				got, _ := t.ask(t.replica(0), t.globex()[cold], "")
				t.holds(got.status == 503 && got.retryAfter != "", "cold: %s, Retry-After %q", got.outcome(), got.retryAfter)
				t.within("cold after", got.took, 5*time.Second)
				t.must(t.proxies["store"].infect())
				t.recovered()
			},
		},
		{
			row: "18", name: "store-down-cold", fault: "both stores' ports are closed from the start",
			line:  "all are 503 with a code; the CRM is not called at all",
			setup: setup{proxied: []string{"store"}, config: due},
			run: func(t *trial) {
				t.proxies["store"].cut()
				seen := t.drive(t.span(2*time.Second, 15*time.Second), func(l *load) { l.trespass = 0 })
				t.most("documents", seen.success(), 0)
				t.most("answers that are no 503 of ours", float64(seen.asked()-seen.count("503 store_unavailable")-seen.count("503 conversation_unproven")), 0)
				t.most("calls of the CRM", float64(t.calls("crm", "")), 0)
				t.within("slowest", seen.quantile(1), 5*time.Second)
			},
		},
	}
}
