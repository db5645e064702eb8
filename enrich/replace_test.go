package enrich

import (
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"github.com/weft-gateway/weft/upstream"
)

// replace has another Enricher take the place of the world's.
func (w *world) replace(t *testing.T) {
	t.Helper()
	cfg := w.e.cfg
	cfg.Replaces = w.e
	var err error
	if w.e, err = New(cfg); err != nil {
		t.Fatal(err)
	}
}

// However often the configuration changes, walks keep their distance.
func TestWalksAreSpacedOverReplacements(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 600)
		for i := range 30 {
			w.outcome(t, fmt.Sprintf("conv-%d", 1_000_000+i))
			w.replace(t)
		}
		took := time.Since(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)) // when the bubble began
		walks := int(took/walkSpacing) + 1
		if got := w.rows.count(upstream.OpList); got > walks*walkPages+30 {
			t.Errorf("%d list calls for 30 unknown ids in %v", got, took)
		}
	})
}

// Enrichers do not keep those alive whose place they have taken.
func TestReplacedEnricherIsForgotten(t *testing.T) {
	w := newWorld(t, 1)
	w.ask(t, w.row, "conv-1")
	seen := weak.Make(w.e)
	w.replace(t)
	w.ask(t, w.row, "conv-1")
	for range 100 {
		runtime.GC()
		if seen.Value() == nil {
			return
		}
		time.Sleep(10 * time.Millisecond) // until what it has begun is done
	}
	t.Error("an Enricher that was replaced is still there")
}
