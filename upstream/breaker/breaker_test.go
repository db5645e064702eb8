package breaker

import (
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	errDown  = errors.New("down")
	errQuota = errors.New("quota")
	errNone  = errors.New("no such record")
)

func classify(err error) Outcome {
	switch {
	case errors.Is(err, errQuota):
		return Ignored
	case errors.Is(err, errNone):
		return Success
	}
	return Failure
}

// newBreaker returns a breaker with a deadline of 1 s and the defaults, but
// for what change does.
func newBreaker(t *testing.T, change func(*Config)) *Breaker {
	t.Helper()
	cfg := Config{Name: "crm-contacts", Deadline: time.Second, Classify: classify}
	if change != nil {
		change(&cfg)
	}
	b, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b
}

func answers(err error) func(context.Context) error {
	return func(context.Context) error { return err }
}

// hangs ignores its context.
func hangs(d time.Duration) func(context.Context) error {
	return func(context.Context) error { time.Sleep(d); return nil }
}

func heeds(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }

// open trips b and returns with it open.
func open(t *testing.T, b *Breaker) {
	t.Helper()
	for range b.cfg.ConsecutiveFailures {
		_ = b.Do(t.Context(), answers(errDown))
	}
	wantState(t, b, Open)
}

// untilProbe sleeps until the next call is a probe.
func untilProbe(b *Breaker) {
	time.Sleep(time.Until(*b.Snapshot().NextProbeAt) + 2*time.Millisecond)
}

func wantState(t *testing.T, b *Breaker, want State) {
	t.Helper()
	if got := b.Snapshot().State; got != want {
		t.Fatalf("state = %s, want %s", got, want)
	}
	if got := b.Tripped(); got != (want != Closed) {
		t.Fatalf("Tripped() = %t in state %s", got, want)
	}
}

func TestOpens(t *testing.T) {
	const f, s, i = 'f', 's', 'i'
	seq := func(parts ...string) (all string) {
		for _, p := range parts {
			all += p
		}
		return all
	}
	times := func(n int, p string) (all string) {
		for range n {
			all += p
		}
		return all
	}
	tests := []struct {
		name  string
		calls string
		want  State
	}{
		{"four in a row", "ffff", Closed},
		{"exactly five in a row", "fffff", Open},
		{"a success between", "ffffsffff", Closed},
		{"ignored outcomes do not end the row", "ff" + times(50, "i") + "fff", Open},
		{"ignored outcomes are no failures", times(500, "i"), Closed},
		{"half of nineteen", seq("f", times(9, "sf")), Closed},
		{"half of twenty", times(10, "sf"), Open},
		{"less than half of twenty", seq("ss", times(9, "sf")), Closed},
		{"ignored outcomes are no calls", seq(times(3, "ffffs"), times(5, "i"), "f"), Closed},
		{"ignored outcomes do not dilute", seq(times(20, "i"), times(10, "sf")), Open},
		{"one in three of ninety", times(30, "ssf"), Closed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBreaker(t, nil)
				for n, c := range tt.calls {
					if b.Tripped() {
						t.Fatalf("open before call %d of %d", n+1, len(tt.calls))
					}
					err := map[rune]error{f: errDown, s: nil, i: errQuota}[c]
					if got := b.Do(t.Context(), answers(err)); !errors.Is(got, err) {
						t.Fatalf("Do = %v, want the call's own %v", got, err)
					}
				}
				wantState(t, b, tt.want)
			})
		})
	}
}

// A rolling window forgets failures that are far apart; the row must not.
func TestFailuresInARowDoNotDecay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t, nil)
		for range 4 {
			_ = b.Do(t.Context(), answers(errDown))
			time.Sleep(19 * time.Second)
		}
		wantState(t, b, Closed)
		_ = b.Do(t.Context(), answers(errDown))
		wantState(t, b, Open)
		if got, want := b.Snapshot().Reason, "5 failures in a row, last upstream_error"; got != want {
			t.Errorf("reason = %q, want %q", got, want)
		}
	})
}

// gobreaker drops the results of calls that outlast its window, so that with
// an upstream that hangs it would never open.
func TestOpensThoughCallsOutlastTheWindow(t *testing.T) {
	tests := []struct {
		name string
		fn   func(context.Context) error
	}{
		{"context ignored", hangs(30 * time.Second)},
		{"context heeded", heeds},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBreaker(t, func(c *Config) {
					c.Window, c.Deadline, c.ConsecutiveFailures = 10*time.Second, 5*time.Second, 1000
				})
				start := time.Now()
				for range 25 {
					go func() { _ = b.Do(context.Background(), tt.fn) }()
				}
				time.Sleep(5*time.Second + time.Millisecond)
				wantState(t, b, Open)
				if got := b.Snapshot().LastError; got == nil || got.Kind != "timeout" || got.At.Before(start) {
					t.Errorf("last error = %+v, want a timeout", got)
				}
				time.Sleep(time.Minute)
			})
		})
	}
}

func TestDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t, nil)
		start := time.Now()
		err := b.Do(t.Context(), hangs(time.Hour))
		if took := time.Since(start); took != time.Second {
			t.Errorf("took %v, want the deadline", took)
		}
		if _, ok := errors.AsType[*DeadlineError](err); !ok || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("err = %v, want a DeadlineError", err)
		}
		if got := b.Snapshot().Totals.Failures; got != 1 {
			t.Errorf("failures = %d, want 1", got)
		}
		time.Sleep(2 * time.Hour)
		if got := b.Snapshot().Totals; got != (Totals{Failures: 1}) {
			t.Errorf("the late result was counted: %+v", got)
		}
	})
}

// What the call makes of the end of its context does not matter, but an
// answer that came with it does.
func TestResultAtTheDeadline(t *testing.T) {
	tests := []struct {
		name   string
		caller bool // the caller's deadline has passed too
		err    error
		want   verdict
	}{
		{"its own word for it", false, io.ErrUnexpectedEOF, verdict{outcome: Failure, err: context.DeadlineExceeded}},
		{"an error to ignore", false, errQuota, verdict{outcome: Failure, err: context.DeadlineExceeded}},
		{"an answer", false, errNone, verdict{outcome: Success, err: errNone}},
		{"its own word, no caller", true, io.ErrUnexpectedEOF, verdict{outcome: Failure, err: context.DeadlineExceeded}},
		{"an answer, no caller", true, errNone, verdict{outcome: Ignored, err: errNone}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ended, cancel := context.WithTimeout(t.Context(), -1)
			defer cancel()
			a := attempt{caller: t.Context(), bounded: ended, ample: true, returned: true, err: tt.err}
			if tt.caller {
				a.caller = ended
			}
			got := newBreaker(t, nil).judge(a)
			if got.outcome != tt.want.outcome || !errors.Is(got.err, tt.want.err) {
				t.Errorf("judge = %+v, want %+v", got, tt.want)
			}
		})
	}
}

func TestCallerIsGone(t *testing.T) {
	hungUp := errors.New("hung up")
	tests := []struct {
		name string
		ctx  func(context.Context) (context.Context, func())
		want error
		out  Totals
	}{
		{"cancelled", func(p context.Context) (context.Context, func()) {
			ctx, cancel := context.WithCancel(p)
			time.AfterFunc(time.Millisecond, cancel)
			return ctx, cancel
		}, context.Canceled, Totals{Ignored: 1}},
		{"cancelled with a cause", func(p context.Context) (context.Context, func()) {
			ctx, cancel := context.WithCancelCause(p)
			time.AfterFunc(time.Millisecond, func() { cancel(hungUp) })
			return ctx, func() { cancel(nil) }
		}, context.Canceled, Totals{Ignored: 1}},
		{"came with little time", func(p context.Context) (context.Context, func()) {
			return context.WithTimeout(p, 100*time.Millisecond)
		}, context.DeadlineExceeded, Totals{Ignored: 1}},
		{"came with the same deadline", func(p context.Context) (context.Context, func()) {
			return context.WithTimeout(p, time.Second-time.Microsecond)
		}, context.DeadlineExceeded, Totals{Failures: 1}},
		{"was gone before", func(p context.Context) (context.Context, func()) {
			ctx, cancel := context.WithCancel(p)
			cancel()
			return ctx, cancel
		}, context.Canceled, Totals{}},
	}
	calls := map[string]func(context.Context) error{
		"call heeds it":     heeds,
		"call ignores it":   hangs(time.Hour),
		"call renames it":   func(ctx context.Context) error { <-ctx.Done(); return context.Cause(ctx) },
		"call disguises it": func(ctx context.Context) error { <-ctx.Done(); return errors.Join(errDown, ctx.Err()) },
	}
	for _, tt := range tests {
		for name, fn := range calls {
			t.Run(tt.name+", "+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					b := newBreaker(t, nil)
					ctx, cancel := tt.ctx(t.Context())
					defer cancel()
					err := b.Do(ctx, fn)
					if !errors.Is(err, tt.want) && !errors.Is(err, hungUp) {
						t.Errorf("err = %v, want %v", err, tt.want)
					}
					if got := b.Snapshot().Totals; got != tt.out {
						t.Errorf("totals = %+v, want %+v", got, tt.out)
					}
					time.Sleep(2 * time.Hour)
				})
			})
		}
	}
}

func TestSlowCallsOpen(t *testing.T) {
	tests := []struct {
		name string
		err  error
	}{
		{"success", nil},
		{"no such record", errNone},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBreaker(t, func(c *Config) { c.SlowAfter = 600 * time.Millisecond })
				takes := func(d time.Duration) {
					err := b.Do(t.Context(), func(context.Context) error { time.Sleep(d); return tt.err })
					if !errors.Is(err, tt.err) {
						t.Fatalf("err = %v, want the call's own", err)
					}
				}
				for range 10 {
					takes(600 * time.Millisecond)
				}
				wantState(t, b, Closed)
				for range 5 {
					takes(700 * time.Millisecond)
				}
				wantState(t, b, Open)
			})
		})
	}
}

func TestRefusal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t, nil)
		open(t, b)
		called := false
		err := b.Do(t.Context(), func(context.Context) error { called = true; return nil })
		refusal, ok := errors.AsType[*OpenError](err)
		if !ok || called {
			t.Fatalf("err = %v, called %t; want a refusal", err, called)
		}
		if refusal.Name != "crm-contacts" || refusal.RetryAfter < 4*time.Second || refusal.RetryAfter > 5*time.Second {
			t.Errorf("refusal = %+v, want 5 s less up to 20 %%", refusal)
		}
		if got := b.RetryAfter(); got != refusal.RetryAfter {
			t.Errorf("RetryAfter = %v, want the refusal's %v", got, refusal.RetryAfter)
		}
		if got := b.Snapshot().Rejected; got != 1 {
			t.Errorf("rejected = %d, want 1", got)
		}
		untilProbe(b)
		if got := b.RetryAfter(); got != 0 {
			t.Errorf("RetryAfter = %v, want 0: a probe is due", got)
		}
		for range 2 {
			_ = b.Do(t.Context(), answers(nil))
			wantState(t, b, HalfOpen)
		}
		_ = b.Do(t.Context(), answers(nil))
		wantState(t, b, Closed)
	})
}

func TestRefusalIsCheap(t *testing.T) {
	b := newBreaker(t, func(c *Config) { c.OpenFor = time.Hour })
	open(t, b)
	ctx, fn := t.Context(), answers(nil)
	if got := testing.AllocsPerRun(100, func() { _ = b.Do(ctx, fn) }); got > 2 {
		t.Errorf("a refusal allocates %v times, want at most 2", got)
	}
}

func BenchmarkDo(b *testing.B) {
	br, err := New(Config{Name: "x", Deadline: time.Second, Classify: classify})
	if err != nil {
		b.Fatal(err)
	}
	ctx, fn := b.Context(), answers(nil)
	b.ReportAllocs()
	for b.Loop() {
		_ = br.Do(ctx, fn)
	}
}
