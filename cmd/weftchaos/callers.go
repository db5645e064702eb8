package main

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// withTokens are the conversations, asked for by tokens in the place of keys.
func (t *trial) withTokens(of []target, kid string) []target {
	list := make([]target, 0, len(of))
	for n, one := range of {
		name := kid
		if name != "" {
			name = fmt.Sprint(kid, n)
		}
		token, err := t.issued.token(one.tenant, name)
		t.must(err)
		one.key = token
		list = append(list, one)
	}
	return list
}

// tokens has an issuer be asked for what it does not have, go away, and sign
// with another key.
func (t *trial) tokens() {
	t.warmUp(t.all)
	began := time.Now()
	span := t.span(2*time.Second, 20*time.Second)
	t.answered(t.drive(span, func(l *load) { l.targets, l.trespass = t.withTokens(t.all, ""), 0 }), nearlyAll)
	many := t.all
	for len(many) < 1000 {
		many = append(many, many...)
	}
	bad := t.withTokens(many, "no-such-key-")
	seen := t.drive(span, func(l *load) { l.targets, l.trespass, l.rate, l.even = bad, 0, 200, true })
	t.most("documents for unknown keys", seen.success(), 0)
	t.least("401", float64(seen.count("401")), 1)
	t.issued.down.Store(true)
	t.answered(t.drive(span, func(l *load) { l.targets, l.trespass = t.withTokens(t.all, ""), 0 }), nearlyAll)
	t.issued.down.Store(false)
	t.must(t.issued.rotate("second"))
	next := t.withTokens(t.all[:1], "")[0]
	took := t.until("the new key known", 70*time.Second, func() bool {
		got, _ := t.ask(t.replica(0), next, "")
		return got.outcome() == answered
	})
	t.within("a new key known after", took, 70*time.Second)
	t.most("fetches", float64(t.issued.asked.Load()), 2+time.Since(began).Seconds()/30)
}

// hotTenant drives one tenant far over its limit and the other within its own.
func (t *trial) hotTenant(span time.Duration, harm func()) {
	t.warmUp(t.all)
	t.sleep(time.Second) // the limits are whole again
	harm()
	hot := newRecorder()
	seen := t.drive(span, func(l *load) { l.targets, l.rate, l.trespass = t.globex(), 20, 0 }, func() {
		hot = t.drive(span, func(l *load) { l.targets, l.rate, l.trespass = t.acme(), 400, 0 })
	})
	t.answered(seen, nearlyAll)
	t.note("hot: %d of %d answered", hot.count(answered), hot.asked())
	t.share("refused of the hot one", float64(hot.count("429"))/float64(max(1, hot.asked())), .5)
}

// unknown makes up conversations.
func (t *trial) unknown(n int) []target {
	rng := rand.New(rand.NewPCG(t.seed, 3))
	list := make([]target, n)
	for i := range list {
		tenant := tenants()[i%2].ID
		list[i] = target{key: keyOf(tenant), tenant: tenant, id: fmt.Sprintf("%08x-0000-4000-8000-%012x", rng.Uint32(), rng.Uint64()>>16)}
	}
	return list
}

// goroutines of the first gateway, and the bytes of its heap.
func (t *trial) goroutines() (count, heap float64) {
	if t.over() {
		return 0, 0
	}
	count, heap, err := t.replica(0).footprint(t.ctx)
	t.must(err)
	return count, heap
}

// baseline waits until a figure is back where it was, but for so much.
func (t *trial) baseline(what string, before, slack float64, now func() float64) {
	last := 0.0
	t.until(what+" back", t.span(20*time.Second, 70*time.Second), func() bool { last = now(); return last <= before+slack })
	t.most(fmt.Sprintf("%s (before: %s)", what, number(before)), last, before+slack)
}

// callerFaults are those that callers make.
func callerFaults() []scenario {
	return slices.Concat(loads(), strangers())
}

// loads has callers who ask too often, or do not wait.
func loads() []scenario {
	return []scenario{
		{
			row: "34", name: "callers-hang-up", fault: "half of the callers hang up after 1 to 400 ms, while the CRM takes 250 ms",
			line:  "99.9 % of the others answered; no breaker counts a failure; goroutines back within 10, those of idle connections aside",
			setup: setup{config: patient + uncached},
			run: func(t *trial) {
				t.warmUp(t.all)
				before, _ := t.goroutines()
				t.turn(dial{"service": "crm", "latencyMs": 250})
				seen := t.drive(t.span(3*time.Second, 20*time.Second), func(l *load) { l.hangUps = .5 })
				t.answered(seen, nearlyAll)
				t.least("hung up", float64(seen.count(hungUp)), 1)
				t.most("failures counted", t.failures("rest-"), 0)
				t.mend()
				t.baseline("goroutines", before, 10, func() float64 { n, _ := t.goroutines(); return n })
			},
		},
		{
			row: "38", name: "hot-tenant", fault: "one tenant asks eight times as often as it may",
			line:  "99.9 % of the other's answered; the hot one is told 429",
			setup: setup{config: patient + due, tenant: "    limits: {requests: 50/s, burst: 50}\n"},
			run:   func(t *trial) { t.hotTenant(t.span(4*time.Second, 20*time.Second), func() {}) },
		},
		{
			row: "40", name: "overload", fault: "three times as many requests as the store can take (16 calls at once, 100 ms each, three for a document)",
			line: "some are refused; documents a second at least nine tenths of those at capacity; back to 99.9 % 10 s after",
			setup: setup{
				config: "deadlines: {request: 2s, store: 1s, redis: 500ms}\n" + `cache: {conversation: {fresh: 1ms, stale: 2ms}, contact: {fresh: 10m}, account: {fresh: 10m}}`,
				source: ", in_flight: 16", records: 1500,
			},
			run: func(t *trial) {
				all, err := t.everyGlobex(t.ctx) // so many that few callers meet in a load
				t.must(err)
				t.all = all
				t.warmUp(t.all)
				t.turn(dial{"service": "native", "latencyMs": 100})
				span := t.span(4*time.Second, 15*time.Second)
				goodput := func(rate float64) float64 {
					seen := t.drive(span, func(l *load) { l.rate, l.even, l.trespass = rate, true, 0 })
					t.note("at %.0f a second: %d of %d, p99 %s", rate, seen.count(answered), seen.asked(), seen.quantile(.99).Round(time.Millisecond))
					return float64(seen.count(answered)) / span.Seconds()
				}
				peak := goodput(50)
				refused := t.metric("weft_upstream_request_duration_seconds_count", `outcome="overloaded"`)
				t.least("documents a second under three times that", goodput(150), .9*peak)
				t.least("calls that were refused", t.metric("weft_upstream_request_duration_seconds_count", `outcome="overloaded"`)-refused, 1)
				t.sleep(10 * time.Second)
				t.answered(t.drive(span, func(l *load) { l.rate, l.trespass = 20, 0 }), nearlyAll)
			},
		},
	}
}

// strangers has callers who ask for what is not there, or with what nobody gave them.
func strangers() []scenario {
	return []scenario{
		{
			row: "39", name: "id-scan", fault: "somebody asks for ids that do not exist, 150 a second",
			line:  "the CRM is not called for them; the known ones are answered as ever",
			setup: setup{config: patient + settled},
			run: func(t *trial) {
				t.warmUp(t.all)
				calls := t.calls("crm", "")
				span := t.span(3*time.Second, 20*time.Second)
				scan := newRecorder()
				seen := t.drive(span, nil, func() {
					scan = t.drive(span, func(l *load) { l.targets, l.rate, l.trespass, l.even = t.unknown(5000), 150, 0, true })
				})
				t.answered(seen, nearlyAll)
				t.share("complete", 1-seen.degraded(), .99)
				t.most("documents for unknown ids", scan.success(), 0)
				t.most("calls of the CRM", float64(t.calls("crm", "")-calls), 0)
			},
		},
		{
			row: "45", name: "issuer-of-tokens", fault: "the issuer's keys are asked for by a thousand names that it does not have; it goes away; it signs with a new key",
			line:  "99.9 % of the good tokens answered, none of the others; a new key is known within 70 s (a name that was unknown is asked for again after a minute); one fetch in 30 s",
			setup: setup{config: patient + due, jwt: true},
			run:   (*trial).tokens,
		},
	}
}
