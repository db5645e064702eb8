package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"syscall"
	"time"
)

// disturbance is a fault of the soak, and how it is taken back.
type disturbance struct {
	name string
	harm func(*trial)
	mend func(*trial)
}

// disturbances are those that one world can have at any time, also two at once.
func disturbances() []disturbance {
	dials := func(name string, d dial) disturbance {
		return disturbance{name, func(t *trial) { t.turn(d) }, func(t *trial) { t.mend() }}
	}
	network := func(name, proxy string, toxics ...toxic) disturbance {
		return disturbance{
			name, func(t *trial) { t.must(t.proxies[proxy].infect(toxics...)) },
			func(t *trial) { t.must(t.proxies[proxy].infect()) },
		}
	}
	cut := func(name, proxy string) disturbance {
		return disturbance{name, func(t *trial) { t.proxies[proxy].cut() }, func(t *trial) { t.must(t.proxies[proxy].infect()) }}
	}
	return []disturbance{
		dials("CRM slow", dial{"service": "crm", "latencyMs": 30000}),
		dials("CRM just in time", dial{"service": "crm", "latencyMs": 900}),
		dials("CRM 500 at 30 %", dial{"service": "crm", "errorRate": .3, "status": 500}),
		dials("CRM 500", dial{"service": "crm", "errorRate": 1, "status": 500}),
		dials("CRM quota", dial{"service": "crm", "errorRate": 1, "status": 429, "retryAfter": "3"}),
		dials("CRM HTML", dial{"service": "crm", "body": "html"}),
		dials("CRM wrong records", dial{"service": "crm", "body": "wrong_record"}),
		dials("CRM huge", dial{"service": "crm", "body": "gzip_bomb"}),
		dials("store slow", dial{"service": "native", "latencyMs": 600}),
		dials("store 500 at 30 %", dial{"service": "native", "errorRate": .3, "status": 500}),
		dials("other store hangs", dial{"service": "autocalls", "hang": true}),
		cut("CRM gone", "crm"),
		cut("stores gone", "store"),
		cut("Redis unreachable", "redis"),
		network("CRM truncated", "crm", toxic{Type: "limit_data", Attributes: map[string]int64{"bytes": 351}}),
		network("CRM drips", "crm", toxic{Type: "slicer", Attributes: map[string]int64{"average_size": 1, "delay": 1e6}}),
		network("Redis slow", "redis", toxic{Type: "latency", Attributes: map[string]int64{"latency": 110, "jitter": 90}}),
		network("Redis silent", "redis", toxic{Type: "timeout", Attributes: map[string]int64{"timeout": 0}}),
		{"Redis frozen", func(t *trial) { t.signal(t.redis.process, syscall.SIGSTOP) }, func(t *trial) { t.signal(t.redis.process, syscall.SIGCONT) }},
		{"Redis killed", func(t *trial) { t.signal(t.redis.process, kill) }, func(t *trial) { t.must(t.redis.start(t.ctx)) }},
		{"Redis flushed", func(t *trial) { t.redisDo("FLUSHALL") }, func(*trial) {}},
		{"Redis full", func(t *trial) { t.redisDo("CONFIG", "SET", "maxmemory", "1") }, func(t *trial) { t.redisDo("CONFIG", "SET", "maxmemory", "0") }},
		{"reloads", func(t *trial) {
			for n := range 20 {
				t.reload(n)
				t.sleep(100 * time.Millisecond)
			}
		}, func(t *trial) { t.reload(0) }},
	}
}

// soak mixes faults at random, and then looks whether everything is where it
// was before.
func soak(ctx context.Context, builds *builder, o options, stdout io.Writer) error {
	weft, err := builds.program(ctx, false)
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "soak of %s, seed %d\n", o.soak, o.seed)
	s := scenario{
		row: "55", name: "soak", fault: fmt.Sprintf("faults at random for %s, some at the same time", o.soak),
		line:  "no answer with another tenant's; goroutines within 10, descriptors within 5, heap within a tenth and 2 MiB of the baseline",
		setup: setup{replicas: 2, proxied: []string{"redis", "crm", "store"}, config: due},
		run:   func(t *trial) { t.soak(o.soak, stdout) }, //nolint:contextcheck // a trial has its own
	}
	v := s.try(ctx, weft, true, o.seed)
	if !v.passed() {
		fmt.Fprintln(stdout, v.detail)
	}
	fmt.Fprintln(stdout, v.report())
	if !v.passed() {
		return fmt.Errorf("the soak failed; -seed %d repeats it", o.seed)
	}
	return ctx.Err()
}

func (t *trial) soak(span time.Duration, stdout io.Writer) {
	t.warmUp(t.all)
	t.drive(min(20*time.Second, span/4), nil)
	t.sleep(10 * time.Second) // idle connections end
	before := t.footprints()
	end := time.Now().Add(span)
	seen := t.drive(0, nil, func() {
		rng := rand.New(rand.NewPCG(t.seed, 4)) //nolint:gosec // to be repeated
		for time.Now().Before(end) && !t.over() {
			t.disturb(rng, stdout)
		}
	})
	t.answered(seen, .99) // two faults at once, and both cold and warm
	t.note("oldest part shown %d s", seen.oldest)
	t.drive(20*time.Second, nil) // all is well again
	t.sleep(10 * time.Second)
	for n, now := range t.settledFootprints(before) {
		was := before[n]
		t.most(fmt.Sprintf("goroutines of gateway %d (before: %s)", n, number(was.goroutines)), now.goroutines, was.goroutines+10)
		t.most(fmt.Sprintf("descriptors (before: %s)", number(was.descriptors)), now.descriptors, was.descriptors+5)
		t.most(fmt.Sprintf("KiB of heap (before: %s)", number(was.heap)), now.heap, was.heap*1.1+2048)
	}
}

// disturb has one or two faults at once for some seconds, and then none.
func (t *trial) disturb(rng *rand.Rand, stdout io.Writer) {
	all := disturbances()
	chosen := []disturbance{all[rng.IntN(len(all))]}
	if other := all[rng.IntN(len(all))]; rng.IntN(3) == 0 && subject(other.name) != subject(chosen[0].name) {
		chosen = append(chosen, other)
	}
	for _, d := range chosen {
		fmt.Fprintf(stdout, "%s %s\n", time.Now().UTC().Format(time.TimeOnly), d.name)
		d.harm(t)
	}
	t.sleep(time.Duration(2+rng.IntN(10)) * time.Second)
	for i := range chosen {
		chosen[len(chosen)-1-i].mend(t)
	}
	t.sleep(time.Duration(1+rng.IntN(6)) * time.Second)
}

// subject is what a disturbance happens to: the first word of its name.
func subject(name string) string {
	word, _, _ := strings.Cut(name, " ")
	return word
}

// footprint is what a gateway holds.
type footprint struct{ goroutines, descriptors, heap float64 }

func (t *trial) footprints() (list []footprint) {
	for _, r := range t.live() {
		if t.over() {
			return list
		}
		goroutines, heap, err := r.footprint(t.ctx)
		t.must(err)
		list = append(list, footprint{goroutines, float64(r.descriptors()), heap / 1024})
	}
	return list
}

// settledFootprints waits for what ends by itself, a minute at most.
func (t *trial) settledFootprints(before []footprint) (now []footprint) {
	for range 60 {
		now = t.footprints()
		settled := len(now) == len(before)
		for n := range now {
			settled = settled && now[n].goroutines <= before[n].goroutines+10 && now[n].descriptors <= before[n].descriptors+5 && now[n].heap <= before[n].heap*1.1+2048
		}
		if settled || t.over() {
			return now
		}
		t.sleep(time.Second)
	}
	return now
}
