package main

import (
	"context"
	"runtime"
	"runtime/debug"
	gauges "runtime/metrics"
)

// By itself the runtime lets as much garbage gather as there is alive, so that
// what the memory tier holds would be resident twice. The pacer has it collect
// when there is as much garbage as a quarter of the tier's bound, within these, or as
// a quarter of what is alive; while the tier is not full, garbage may have its room, too.
// Unlike a memory limit, that cannot end in a process that does nothing but collect.
const (
	leastGarbage = 16 * mebibyte
	mostGarbage  = 64 * mebibyte

	mostPercent = 400 // of what is alive, for a process in which little is
)

// pacer sets the collector's pace anew after each collection.
type pacer struct {
	tier      uint64        // what records may take, in bytes
	garbage   uint64        // that may gather at least, in bytes
	collected chan struct{} // holds a token when there was a collection
	percent   int           // as it is set
	measure   func() heap
	apply     func(percent int) (before int)
}

// newPacer returns nil where the environment says how the collector goes about it.
func newPacer(tier byteSize, getenv func(string) string) *pacer {
	if getenv("GOGC") != "" || getenv("GOMEMLIMIT") != "" {
		return nil
	}
	return &pacer{
		tier: uint64(max(tier, 0)), garbage: uint64(min(max(tier/4, leastGarbage), mostGarbage)), collected: make(chan struct{}, 1),
		measure: measureHeap, apply: debug.SetGCPercent,
	}
}

// run goes on until ctx ends, and leaves the pace as it was before.
func (p *pacer) run(ctx context.Context) {
	p.percent = p.choose(p.measure())
	before := p.apply(p.percent)
	defer func() { p.apply(before) }()
	for {
		p.watch()
		select {
		case <-p.collected:
			p.set(p.choose(p.measure()))
		case <-ctx.Done():
			return
		}
	}
}

// sentinel is garbage at once, which the next collection finds. It is larger than
// what the runtime packs together with something else.
type sentinel [64]byte

// watch has the next collection put a token into collected.
func (p *pacer) watch() {
	runtime.AddCleanup(new(sentinel), func(collected chan<- struct{}) {
		select {
		case collected <- struct{}{}:
		default:
		}
	}, p.collected)
}

// heap is what the last collection found, in bytes.
type heap struct {
	live  uint64
	roots uint64 // stacks and globals, which count for the pace
}

func measureHeap() heap {
	samples := []gauges.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/gc/scan/stack:bytes"}, {Name: "/gc/scan/globals:bytes"}}
	gauges.Read(samples)
	var values [3]uint64
	for i, s := range samples {
		if s.Value.Kind() == gauges.KindUint64 { // else it is not of this runtime
			values[i] = s.Value.Uint64()
		}
	}
	return heap{live: values[0], roots: values[1] + values[2]}
}

// choose returns how much garbage may gather, in per cent of what is alive.
func (p *pacer) choose(h heap) int {
	alive := max(h.live+h.roots, 1)
	garbage := max(p.garbage, h.live/4)
	if h.live < p.tier {
		garbage = max(garbage, min(p.tier-h.live, uint64(mostGarbage)))
	}
	return int(min(100*garbage/alive, mostPercent))
}

// set spares the runtime, which has to stop for it, what makes no difference.
func (p *pacer) set(percent int) {
	if off := percent - p.percent; off*20 > p.percent || -off*20 > p.percent {
		p.apply(percent)
		p.percent = percent
	}
}
