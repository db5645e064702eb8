package cache

import (
	"log/slog"
	"math"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// A memory tier makes way before the runtime's memory limit is reached: near
// it, the collector would take the time that requests need.
const (
	pressureEvery = time.Second
	pressureHigh  = 80 // per cent of the limit in use, above which the tier shrinks by a quarter
	pressureLow   = 65 // below which it grows back by an eighth

	tierShare = 4  // of the limit the tier has a quarter at most
	tierLeast = 16 // and it keeps a sixteenth of its full size
)

// footprint is how much memory the process needs, and how much it may have.
type footprint struct {
	limit uint64 // 0: any
	used  uint64 // what is alive, and what the runtime needs for itself
	cycle uint64 // of the garbage collector: used changes with it
}

// measure asks the runtime. Garbage that has not been collected yet counts for
// nothing: there is always about as much of it as the limit allows.
func measure() footprint {
	limit := debug.SetMemoryLimit(-1)
	if limit == math.MaxInt64 {
		return footprint{}
	}
	names := []string{
		"/gc/heap/live:bytes", "/gc/cycles/total:gc-cycles",
		"/memory/classes/heap/stacks:bytes", "/memory/classes/os-stacks:bytes", "/memory/classes/other:bytes",
		"/memory/classes/metadata/mcache/inuse:bytes", "/memory/classes/metadata/mspan/inuse:bytes", "/memory/classes/metadata/other:bytes",
	}
	samples := make([]metrics.Sample, len(names))
	for i, name := range names {
		samples[i].Name = name
	}
	metrics.Read(samples)
	f := footprint{limit: uint64(max(limit, 1))}
	for i, s := range samples {
		switch {
		case s.Value.Kind() != metrics.KindUint64: // not of this runtime
		case i == 1:
			f.cycle = s.Value.Uint64()
		default:
			f.used += s.Value.Uint64()
		}
	}
	return f
}

// governor keeps the memory tier's bound to what there is room for.
type governor struct {
	tier    *memory
	full    uint64 // the bound when there is room enough
	measure func() footprint
	log     *slog.Logger
	cycle   uint64 // at the last step
}

func newGovernor(tier *memory, full uint64, measure func() footprint, log *slog.Logger) *governor {
	g := &governor{tier: tier, full: full, measure: measure, log: log}
	if f := measure(); f.limit > 0 && f.limit/tierShare < full {
		g.full = max(f.limit/tierShare, 1)
		g.tier.items.SetMaximum(g.full)
		log.Warn("the memory tier is smaller than configured, because of the memory limit", "bytes", g.full, "configured", full)
	}
	return g
}

// run adjusts the bound until done is closed. A process without a limit when it
// starts has none.
func (g *governor) run(done <-chan struct{}) {
	tick := time.NewTicker(pressureEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			g.step()
		case <-done:
			return
		}
	}
}

// step changes the bound, at most once between two collections.
func (g *governor) step() {
	f := g.measure()
	if f.limit == 0 || f.cycle == g.cycle {
		return
	}
	old := g.tier.items.GetMaximum()
	next := old
	switch share := f.used * 100 / f.limit; {
	case share > pressureHigh:
		next = max(old-old/4, g.full/tierLeast)
	case share < pressureLow:
		next = min(old+max(old/8, 1), g.full)
	}
	if next == old {
		return
	}
	g.cycle = f.cycle
	g.tier.items.SetMaximum(next)
	switch {
	case next < old && old == g.full:
		g.log.Warn("the memory tier makes way: the memory limit is near", "bytes", next, "full", g.full)
	case next == g.full:
		g.log.Info("the memory tier has its full size again", "bytes", next)
	}
}
