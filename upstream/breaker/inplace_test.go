package breaker

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// A call in place comes to what it would come to in a goroutine of its own.
func TestInPlaceIsTheSame(t *testing.T) {
	tests := []struct {
		name  string
		calls int // that all fail
		fn    func(context.Context) error
	}{
		{"an answer", 6, answers(nil)},
		{"a failure", 6, answers(errDown)},
		{"a quota", 6, answers(errQuota)},
		{"no such record", 6, answers(errNone)},
		{"no answer", 6, heeds},
		{"a panic", 6, func(context.Context) error { panic("x") }},
		{"slow", 6, hangs(800 * time.Millisecond)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				slow := func(c *Config) { c.SlowAfter = 700 * time.Millisecond }
				apart, inPlace := newBreaker(t, slow), newBreaker(t, slow)
				for range tt.calls {
					begun := time.Now()
					want := apart.Do(t.Context(), tt.fn)
					took := time.Since(begun)
					begun = time.Now()
					got := inPlace.DoInPlace(t.Context(), tt.fn)
					if after := time.Since(begun); after != took {
						t.Errorf("took %v, want %v", after, took)
					}
					if (got == nil) != (want == nil) || got != nil && texts(got) != texts(want) {
						t.Errorf("DoInPlace = %v, Do = %v", got, want)
					}
				}
				a, b := apart.Snapshot(), inPlace.Snapshot()
				if a.State != b.State || a.Counts != b.Counts || b.InFlight != 0 {
					t.Errorf("in place %s %+v, apart %s %+v", b.State, b.Counts, a.State, a.Counts)
				}
			})
		})
	}
}

// texts tells the kinds of error apart: those of the breaker have times in their text.
func texts(err error) string {
	if _, ok := errors.AsType[*OpenError](err); ok {
		return "open"
	}
	return err.Error()
}

// Callers who leave are no evidence in place either.
func TestInPlaceCallerIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t, nil)
		for range 20 {
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			if err := b.DoInPlace(ctx, heeds); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("error = %v", err)
			}
			cancel()
		}
		wantState(t, b, Closed)
		if c := b.Snapshot().Counts; c.Failures != 0 || c.Successes != 0 {
			t.Errorf("counted: %+v", c)
		}
	})
}
