package breaker

import (
	"context"
	"testing"
	"time"
)

// The caller's own context is used where it ends first.
func TestBound(t *testing.T) {
	now := time.Now()
	for after, same := range map[time.Duration]bool{-time.Second: true, 0: true, time.Second: false} {
		ctx, cancel := context.WithDeadline(t.Context(), now.Add(time.Minute+after))
		got, own := bound(ctx, now.Add(time.Minute))
		if (got == ctx) != same {
			t.Errorf("deadline %v after the breaker's: the same context: %t, want %t", after, got == ctx, same)
		}
		if end, _ := got.Deadline(); end.After(now.Add(time.Minute)) {
			t.Errorf("it ends at %v", end)
		}
		own.Release()
		cancel()
	}
}
