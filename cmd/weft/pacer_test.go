package main

import (
	"context"
	"runtime"
	"slices"
	"testing"
)

func TestPacerChooses(t *testing.T) {
	tests := []struct {
		name string
		tier byteSize
		heap heap
		want int
	}{
		{"little is alive", 32 * mebibyte, heap{live: 1 << 20}, mostPercent},
		{"nothing is known", 32 * mebibyte, heap{}, mostPercent},
		{"a tier that is nearly full", 32 * mebibyte, heap{live: 30 << 20, roots: 2 << 20}, 50},
		{"a tier that is half full", 32 * mebibyte, heap{live: 16 << 20}, 100},
		{"a small tier", 1 * mebibyte, heap{live: 8 << 20}, 200},
		{"a small tier, and much else", 1 * mebibyte, heap{live: 32 << 20}, 50},
		{"a large tier", 128 * mebibyte, heap{live: 128 << 20}, 25},
		{"a huge tier that is not full", 4096 * mebibyte, heap{live: 128 << 20}, 50},
		{"a huge tier", 4096 * mebibyte, heap{live: 4 << 30}, 25},
		{"more than the tier", 32 * mebibyte, heap{live: 1 << 30}, 25},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := newPacer(tt.tier, func(string) string { return "" })
			if got := p.choose(tt.heap); got != tt.want {
				t.Errorf("got %d %%, want %d", got, tt.want)
			}
		})
	}
}

func TestPacerGivesWay(t *testing.T) {
	for _, name := range []string{"GOGC", "GOMEMLIMIT"} {
		if newPacer(32*mebibyte, func(n string) string { return map[string]string{name: "200"}[n] }) != nil {
			t.Errorf("%s is set, and the pacer sets the pace", name)
		}
	}
}

// Each collection has the pace set anew where that makes a difference, and the
// end leaves it as it was.
func TestPacerRuns(t *testing.T) {
	const before = 77
	live := []uint64{16 << 20, 20 << 20, 20<<20 + 1<<10, 64 << 20}
	set, measured := make(chan int, 8), make(chan struct{}, len(live))
	p := newPacer(32*mebibyte, func(string) string { return "" })
	p.measure = func() heap {
		measured <- struct{}{}
		h := heap{live: live[0]}
		live = live[min(1, len(live)-1):]
		return h
	}
	p.apply = func(percent int) int { set <- percent; return before }
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); p.run(ctx) }()
	for range cap(measured) {
		for waiting := true; waiting; {
			runtime.GC() // cleanups run some time after it
			select {
			case <-measured:
				waiting = false
			default:
			}
		}
	}
	got := []int{<-set, <-set, <-set}
	cancel()
	<-done
	if want := []int{100, 80, 25}; !slices.Equal(got, want) {
		t.Errorf("set to %v, want %v", got, want)
	}
	last := before
	for len(set) > 0 { // a collection at the very end may come before it
		last = <-set
	}
	if last != before {
		t.Errorf("left at %d %%", last)
	}
}
