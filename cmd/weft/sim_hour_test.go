package main

import (
	"flag"
	"fmt"
	"log/slog"
	"runtime"
	"runtime/debug"
	"testing"
	"time"

	"github.com/weft-gateway/weft/cache"
	"github.com/weft-gateway/weft/upstream/sandbox"
)

var simSeed = flag.Uint64("sim.seed", 0, "of the load of TestHour; 0: one of its own, which is printed")

// phase is a part of the hour.
type phase struct {
	name   string
	broken func(*sim)
	mended func(*sim)
}

func phases() []phase {
	crm := func(d sandbox.Dial) func(*sim) {
		return func(s *sim) { s.dial(s.box.CRM(), "", d) }
	}
	return []phase{
		{"CRM down", func(s *sim) { s.net.set("crm", wayRefused, true) }, func(s *sim) { s.net.set("crm", wayOpen, false) }},
		{"CRM slow", crm(sandbox.Dial{Latency: 30 * time.Second}), crm(sandbox.Dial{})},
		{"stores down", func(s *sim) { s.storesDown(true) }, func(s *sim) { s.storesDown(false) }},
		{"Redis dead", func(s *sim) { s.redis.kill() }, func(s *sim) { s.redis.revive() }},
		{"CRM 500 at 30 %", crm(sandbox.Dial{ErrorRate: .3, Status: 500}), crm(sandbox.Dial{})},
		{"Redis frozen", func(s *sim) { s.redis.freeze() }, func(s *sim) { s.redis.unfreeze() }},
	}
}

// An hour on two replicas, in which six things break, one after the other, for
// six minutes each, and are mended for four.
func TestHour(t *testing.T) {
	cache.LogRedis(slog.New(slog.DiscardHandler))
	seed := *simSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("-sim.seed %d", seed)
	rate := 4.0
	if raced() {
		rate = 1.5
	}
	page := newFaultPage(t, "hour")
	inSim(t, simOptions{replicas: 2, tenants: 2, docs: 15, extra: quick}, func(s *sim) {
		s.seed.Store(seed)
		s.warm()
		s.all(s.load(time.Minute, arrivals{rate: rate}))
		goroutines := runtime.NumGoroutine()
		began := time.Now()
		for i, p := range phases() {
			p.broken(s)
			fault := s.load(6*time.Minute, arrivals{rate: rate})
			p.mended(s)
			mended := time.Now()
			after := s.load(4*time.Minute, arrivals{rate: rate})
			s.honest(fault, after)
			s.want(fault.share() >= 99.95, "%s: %.3f %% answered: %v", p.name, fault.share(), fault)
			s.want(after.share() == 100, "after %s: %.3f %% answered: %v", p.name, after.share(), after)
			back := s.within(7*time.Second, after, mended)
			measured := fmt.Sprintf("%.2f %% of %d, %d parts with a fault; p99 %v, max %v; oldest contact %v; 0 untrue; fresh again %v after",
				fault.share(), fault.asked, fault.faults(), ms(fault.quantile(.99)), ms(fault.quantile(1)), fault.oldest["contact"].Round(time.Second), ms(back))
			t.Logf("%s: %s", p.name, measured)
			page.add(i, simFault{row: p.name, name: p.name, fault: "six minutes of an hour", pass: "at least 99.95 % answered, each part true; fresh again within 7 s"}, measured, !t.Failed())
		}
		if took := time.Since(began); took < time.Hour {
			t.Errorf("it took %v", took)
		}
		time.Sleep(2 * time.Minute) // idle connections are closed
		if now := runtime.NumGoroutine(); now > goroutines+10 {
			t.Errorf("%d goroutines, %d before", now, goroutines)
		}
	})
}

// raced reports whether the race detector is on, which makes everything slow.
func raced() bool {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return false
	}
	for _, s := range info.Settings {
		if s.Key == "-race" {
			return s.Value == "true"
		}
	}
	return false
}
