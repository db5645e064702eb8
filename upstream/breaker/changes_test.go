package breaker

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// What has become of a breaker is counted by kind of change, and the time for
// which it kept calls back is counted while it still does.
func TestHistory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t, nil)
		open(t, b)
		opened := time.Now()
		untilProbe(b)
		_ = b.Do(t.Context(), answers(errDown)) // half open, and open again
		if got, want := b.Snapshot().KeptBack, time.Since(opened); got != want {
			t.Errorf("kept back for %v while open, want %v", got, want)
		}
		b.Reset("oncall", "it is well again")
		kept := time.Since(opened)
		time.Sleep(time.Hour) // closed
		if err := b.Force(ForcedClosed, ordered(time.Minute)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		force(t, b, ForcedOpen, time.Minute)
		time.Sleep(time.Hour)
		s := b.Snapshot()
		if want := kept + time.Minute; s.KeptBack != want {
			t.Errorf("kept back for %v, want %v", s.KeptBack, want)
		}
		want := map[Change]uint64{
			{Closed, Open, false}: 1, {Open, HalfOpen, false}: 1, {HalfOpen, Open, false}: 1, {Open, Closed, true}: 1,
			{Closed, ForcedClosed, true}: 1, {ForcedClosed, Closed, false}: 1, {Closed, ForcedOpen, true}: 1, {ForcedOpen, Closed, false}: 1,
		}
		if diff := cmp.Diff(want, s.Changes); diff != "" {
			t.Errorf("changes (-want +got):\n%s", diff)
		}
		s.Changes[Change{Closed, Open, false}] = 9
		if got := b.Snapshot().Changes[Change{Closed, Open, false}]; got != 1 {
			t.Errorf("what was handed out is what is kept: %d", got)
		}
	})
}
