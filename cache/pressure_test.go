package cache

import (
	"log/slog"
	"math"
	"runtime"
	"runtime/debug"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMemoryMakesWay(t *testing.T) {
	const full = 16 << 20
	tier, err := newMemory(full)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tier.close)
	now := footprint{limit: 1000 << 20, used: 500 << 20, cycle: 1}
	g := newGovernor(tier, full, func() footprint { return now }, slog.New(slog.DiscardHandler))
	steps := []struct {
		name  string
		used  uint64 // per cent of the limit
		cycle uint64
		times int
		want  uint64 // sixteenths of the full size
	}{
		{"room enough", 79, 2, 3, 16},
		{"too much", 81, 3, 3, 12}, // one step a collection
		{"still", 81, 4, 1, 9},
		{"neither", 70, 5, 1, 9},
		{"gone", 50, 6, 1, 10},
		{"much too much", 200, 7, 1, 7},
	}
	for _, s := range steps {
		now.used, now.cycle = s.used*now.limit/100, s.cycle
		for range s.times {
			g.step()
		}
		if got := tier.items.GetMaximum() * 16 / full; got != s.want {
			t.Errorf("%s: %d sixteenths, want %d", s.name, got, s.want)
		}
	}
	for now.cycle = 10; now.cycle < 30; now.cycle++ {
		g.step()
	}
	if got := tier.items.GetMaximum(); got != full/tierLeast {
		t.Errorf("at last %d, want %d", got, full/tierLeast)
	}
	for now.used = 0; now.cycle < 100; now.cycle++ {
		g.step()
	}
	if got := tier.items.GetMaximum(); got != full {
		t.Errorf("with room again %d, want %d", got, full)
	}
}

func TestMemoryUnderASmallLimit(t *testing.T) {
	for limit, want := range map[uint64]uint64{0: 32 << 20, 256 << 20: 32 << 20, 64 << 20: 16 << 20} {
		tier, err := newMemory(32 << 20)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(tier.close)
		newGovernor(tier, 32<<20, func() footprint { return footprint{limit: limit} }, slog.New(slog.DiscardHandler))
		if got := tier.items.GetMaximum(); got != want {
			t.Errorf("limit %d: %d, want %d", limit, got, want)
		}
	}
}

// TestMeasure is of the process that it runs in.
func TestMeasure(t *testing.T) {
	old := debug.SetMemoryLimit(-1)
	t.Cleanup(func() { debug.SetMemoryLimit(old) })
	debug.SetMemoryLimit(math.MaxInt64)
	if diff := cmp.Diff(footprint{}, measure(), cmp.AllowUnexported(footprint{})); diff != "" {
		t.Errorf("without a limit (-want +got):\n%s", diff)
	}
	debug.SetMemoryLimit(8 << 30)
	held := make([]byte, 64<<20)
	debug.FreeOSMemory()
	f := measure()
	runtime.KeepAlive(held)
	if f.limit != 8<<30 || f.used < uint64(len(held)) || f.used > 2<<30 || f.cycle == 0 {
		t.Errorf("with a limit of 8 GiB: %+v", f)
	}
	c := newCache(t, Config{MemoryBytes: 1 << 20})
	if got := c.Stats().Memory.Maximum; got != 1<<20 {
		t.Errorf("maximum %d, want %d", got, 1<<20)
	}
}
