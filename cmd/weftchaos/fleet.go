package main

import (
	"os"
	"syscall"
	"time"
)

const term = syscall.SIGTERM

// drained is long enough for a load balancer that asks every 100 ms.
const drained = "drain: {delay: 1s}\n"

// stopped ends the second of two gateways under load.
func (t *trial) stopped(harm func()) {
	last := t.replica(1)
	seen := t.drive(t.span(time.Second, 10*time.Second), nil, func() {
		t.sleep(500 * time.Millisecond)
		harm()
		t.signal(last.process, term)
		t.exits(last)
	})
	t.answered(seen, 1)
	t.most("failed", float64(seen.failed()), 0)
}

// exits waits for the end of a gateway, which has to be a good one.
func (t *trial) exits(r *replica) {
	if t.over() {
		return
	}
	began := time.Now()
	code, err := r.ended(t.ctx)
	t.must(err)
	t.holds(code == 0, "%s ended with code %d", r.name, code)
	t.within("ended after", time.Since(began), 15*time.Second)
}

// reload writes another configuration in the place of the last, and says so.
func (t *trial) reload(n int) {
	if t.over() {
		return
	}
	text := t.configuration(0)
	switch {
	case n%5 == 4:
		text += "nonsense: true\n"
	case n%2 == 1:
		text = "limits: {tenant: {in_flight: 300}}\n" + text
	}
	file := t.file(0)
	t.must(os.WriteFile(file+".new", []byte(text), 0o600))
	t.must(os.Rename(file+".new", file))
	t.signal(t.replica(0).process, syscall.SIGHUP)
}

// fleetFaults are the ends and beginnings of gateways.
func fleetFaults() []scenario {
	return []scenario{
		{
			row: "41", name: "sigterm", fault: "one of two gateways gets SIGTERM under load, while the CRM takes 300 ms", ci: true,
			line:  "no request fails; the exit code is 0, within 15 s",
			setup: setup{replicas: 2, config: patient + drained + uncached},
			run: func(t *trial) {
				t.warmUp(t.all)
				t.turn(dial{"service": "crm", "latencyMs": 300})
				t.stopped(func() {})
			},
		},
		{
			row: "43", name: "rolling-restart", fault: "three gateways are restarted one after the other under load", ci: true,
			line:  "no request fails; every exit code is 0",
			setup: setup{replicas: 3, config: patient + drained + due},
			run: func(t *trial) {
				t.warmUp(t.all)
				seen := t.drive(t.span(time.Second, 20*time.Second), nil, func() {
					for n := range t.live() {
						t.signal(t.replica(n).process, term)
						t.exits(t.replica(n))
						t.revive(n)
						t.until("ready", 30*time.Second, func() bool { return t.over() || t.replica(n).ready.Load() })
						t.sleep(t.span(0, 2*time.Second))
					}
				})
				t.answered(seen, 1)
				t.most("failed", float64(seen.failed()), 0)
			},
		},
		{
			row: "44", name: "reload", fault: "the configuration changes and SIGHUP comes ten times a second under load; every fifth is invalid", ci: true,
			line:  "no request fails; invalid ones are refused and counted; goroutines back within 10; at full length no data race",
			setup: setup{config: patient + due, race: true},
			run: func(t *trial) {
				t.warmUp(t.all)
				before, _ := t.goroutines()
				seen := t.drive(t.span(3*time.Second, 20*time.Second), nil, func() {
					for n := range int(t.span(3*time.Second, 20*time.Second) / (100 * time.Millisecond)) {
						t.reload(n)
						t.sleep(100 * time.Millisecond)
					}
				})
				t.answered(seen, 1)
				t.most("failed", float64(seen.failed()), 0)
				t.least("reloads that were refused", t.metric("weft_config_reloads_total", `outcome="refused"`), 1)
				t.least("reloads that were taken", t.metric("weft_config_reloads_total", `outcome="success"`), 1)
				t.baseline("goroutines", before, 10, func() float64 { n, _ := t.goroutines(); return n })
			},
		},
	}
}
