package breaker

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestNewRefuses(t *testing.T) {
	tests := []struct {
		name   string
		change func(*Config)
		want   string // in the error; "" is none
	}{
		{"the defaults", func(*Config) {}, ""},
		{"no name", func(c *Config) { c.Name = "" }, "no name"},
		{"no classification", func(c *Config) { c.Classify = nil }, "classification"},
		{"no deadline", func(c *Config) { c.Deadline = 0 }, "deadline"},
		{"a deadline below zero", func(c *Config) { c.Deadline = -1 }, "deadline"},
		{"a window of two deadlines", func(c *Config) { c.Deadline = 15 * time.Second }, ""},
		{"a shorter window", func(c *Config) { c.Deadline = 15*time.Second + 1 }, "window"},
		{"a bucket of half a window", func(c *Config) { c.Bucket = 15 * time.Second }, ""},
		{"a longer bucket", func(c *Config) { c.Bucket = 16 * time.Second }, "bucket"},
		{"as many probes as places", func(c *Config) { c.Probes, c.InFlight = 4, 4 }, ""},
		{"more probes than places", func(c *Config) { c.Probes, c.InFlight = 5, 4 }, "5 probes"},
		{"a ratio above one", func(c *Config) { c.FailureRatio = 50 }, "ratio"},
		{"a ratio below zero", func(c *Config) { c.FailureRatio = -0.5 }, "ratio"},
		{"a count below zero", func(c *Config) { c.ConsecutiveFailures = -1 }, "count"},
		{"a time below zero", func(c *Config) { c.OpenFor = -1 }, "time"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := Config{Name: "x", Deadline: time.Second, Classify: classify}
			tt.change(&cfg)
			b, err := New(cfg)
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("err = %v, want one with %q", err, tt.want)
			}
			if (b == nil) != (err != nil) {
				t.Errorf("New = %v, %v", b, err)
			}
		})
	}
}

func TestOpenForIsJittered(t *testing.T) {
	seen := map[time.Duration]bool{}
	for range 100 {
		d := newBreaker(t, nil).openFor
		seen[d] = true
		if d < 4*time.Second || d > 5*time.Second {
			t.Fatalf("open for %v, want 5 s less up to 20 %%", d)
		}
	}
	if len(seen) < 50 {
		t.Errorf("%d different times in 100", len(seen))
	}
}

func TestSnapshotJSON(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t, func(c *Config) {
			c.Upstream, c.Operation = "http://crm.example", "contacts"
			c.Reason = func(error) string { return "refused" }
		})
		b.openFor = 5 * time.Second
		fresh, err := json.Marshal(b.Snapshot())
		if err != nil {
			t.Fatal(err)
		}
		for range 5 {
			_ = b.Do(t.Context(), answers(errDown))
		}
		tripped, err := json.Marshal(b.Snapshot())
		if err != nil {
			t.Fatal(err)
		}
		wantFresh := `{"name":"crm-contacts","upstream":"http://crm.example","operation":"contacts","state":"closed",` +
			`"since":"2000-01-01T00:00:00Z","reason":"","trouble":null,"lastError":null,"trip":null,"forced":null,"nextProbeAt":null,"halfOpen":null,` +
			`"counts":{"successes":0,"failures":0,"ignored":0,"consecutiveFailures":0},` +
			`"window":{"seconds":0,"successes":0,"failures":0,"ignored":0,"rejected":0,"callsPerSecond":0,"failureRatio":0},` +
			`"totals":{"successes":0,"failures":0,"ignored":0},"rejected":0,"openings":0,"inFlight":0}`
		wantTripped := `{"name":"crm-contacts","upstream":"http://crm.example","operation":"contacts","state":"open",` +
			`"since":"2000-01-01T00:00:00Z","reason":"5 failures in a row, last refused",` +
			`"trouble":{"since":"2000-01-01T00:00:00Z","cause":"5 failures in a row, last refused"},"lastError":{"kind":"refused","at":"2000-01-01T00:00:00Z"},` +
			`"trip":{"at":"2000-01-01T00:00:00Z","rule":"consecutive","successes":0,"failures":5,"consecutiveFailures":5,"kind":"refused"},` +
			`"forced":null,"nextProbeAt":"2000-01-01T00:00:05Z","halfOpen":null,` +
			`"counts":{"successes":0,"failures":0,"ignored":0,"consecutiveFailures":0},` +
			`"window":{"seconds":0,"successes":0,"failures":5,"ignored":0,"rejected":0,"callsPerSecond":0,"failureRatio":1},` +
			`"totals":{"successes":0,"failures":5,"ignored":0},"rejected":0,"openings":1,"inFlight":0}`
		if diff := cmp.Diff(wantFresh, string(fresh)); diff != "" {
			t.Errorf("closed (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(wantTripped, string(tripped)); diff != "" {
			t.Errorf("open (-want +got):\n%s", diff)
		}
	})
}

// The counts are those of the window even if nobody called for a while.
func TestCountsRollWhileIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t, nil)
		for _, err := range []error{nil, nil, errQuota, errDown, errDown} {
			_ = b.Do(t.Context(), answers(err))
		}
		want := Counts{Successes: 2, Failures: 2, Ignored: 1, ConsecutiveFailures: 2}
		if diff := cmp.Diff(want, b.Snapshot().Counts); diff != "" {
			t.Errorf("at once (-want +got):\n%s", diff)
		}
		time.Sleep(time.Hour)
		if diff := cmp.Diff(Counts{ConsecutiveFailures: 2}, b.Snapshot().Counts); diff != "" {
			t.Errorf("an hour later (-want +got):\n%s", diff)
		}
	})
}

func TestListenerMayUseTheBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got []State
		var b *Breaker
		nested := false
		b = newBreaker(t, func(c *Config) {
			c.OnTransition = func(tr Transition) {
				if nested {
					t.Errorf("told of %s while being told of another", tr.To)
				}
				nested = true
				defer func() { nested = false }()
				got = append(got, tr.To)
				_ = b.Snapshot()
				_ = b.Do(context.Background(), answers(errDown)) // half-open: fails, and opens it again
				if len(got) == 4 {
					panic("listeners must not break calls")
				}
			}
		})
		open(t, b)
		untilProbe(b)
		_ = b.Do(t.Context(), answers(nil))
		untilProbe(b)
		_ = b.Do(t.Context(), answers(nil))
		want := []State{Open, HalfOpen, Open, HalfOpen, Open}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("transitions (-want +got):\n%s", diff)
		}
	})
}

func TestTransitionsAreLogged(t *testing.T) {
	var out bytes.Buffer
	b := newBreaker(t, func(c *Config) { c.Logger = slog.New(slog.NewJSONHandler(&out, nil)) })
	open(t, b)
	var line map[string]any
	if err := json.Unmarshal(out.Bytes(), &line); err != nil {
		t.Fatalf("%v in %s", err, out.String())
	}
	delete(line, "time")
	want := map[string]any{
		"level": "WARN", "msg": "breaker changed state", "breaker": "crm-contacts",
		"from": "closed", "to": "open", "cause": "5 failures in a row, last upstream_error",
	}
	if diff := cmp.Diff(want, line); diff != "" {
		t.Errorf("log (-want +got):\n%s", diff)
	}
}

func TestSet(t *testing.T) {
	s := NewSet()
	defer s.Close()
	named := func(name string) *Breaker { return newBreaker(t, func(c *Config) { c.Name = name }) }
	b := named("b")
	for _, br := range []*Breaker{named("c"), b, named("a")} {
		if err := s.Add(br); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Add(named("b")); err == nil {
		t.Error("a second b was taken")
	}
	if err := NewSet().Add(b); err == nil {
		t.Error("a breaker was taken into a second set")
	}
	var names []string
	for _, snap := range s.Snapshots() {
		names = append(names, snap.Name)
	}
	if diff := cmp.Diff([]string{"a", "b", "c"}, names); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
}

func TestSetRemembersTransitions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewSet()
		b := newBreaker(t, nil)
		if err := s.Add(b); err != nil {
			t.Fatal(err)
		}
		open(t, b)
		ts := s.Transitions()
		want := []Transition{{
			ID: 1, Breaker: "crm-contacts", From: Closed, To: Open,
			At: stamp(time.Now()), Cause: "5 failures in a row, last upstream_error",
		}}
		if diff := cmp.Diff(want, ts); diff != "" {
			t.Fatalf("transitions (-want +got):\n%s", diff)
		}
		for range 300 { // open -> half-open -> open
			untilProbe(b)
			_ = b.Do(t.Context(), answers(errDown))
		}
		ts = s.Transitions()
		if len(ts) != 500 || ts[0].ID != 102 || ts[499].ID != 601 {
			t.Fatalf("%d transitions from %d, want the last 500 of 601", len(ts), ts[0].ID)
		}
		for i := range ts {
			if ts[i].ID != ts[0].ID+uint64(i) {
				t.Fatalf("transition %d has ID %d", i, ts[i].ID)
			}
		}
		if last := ts[499]; last.From != HalfOpen || last.Cause != "a probe failed: upstream_error" {
			t.Errorf("last = %+v, want a failed probe", last)
		}
	})
}

// Concurrent calls, watchers and an upstream that comes and goes: transitions
// form one chain, and in the end the breaker is closed and empty.
func TestManyAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var chain []Transition
		s := NewSet()
		b := newBreaker(t, func(c *Config) {
			c.OnTransition = func(tr Transition) { chain = append(chain, tr) }
		})
		if err := s.Add(b); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		outcomes := []func(context.Context) error{answers(errDown), heeds, hangs(3 * time.Second), answers(errQuota)}
		var wg sync.WaitGroup
		for w := range 30 {
			wg.Go(func() {
				for n := range 200 {
					fn := answers(nil)
					if time.Since(start) < 20*time.Second {
						fn = outcomes[(w+n)%len(outcomes)]
					}
					_ = b.Do(t.Context(), fn)
					b.Snapshot()
					s.Transitions()
					time.Sleep(time.Duration(100+w) * time.Millisecond)
				}
			})
		}
		wg.Wait()
		for _, tr := range chain[1:] {
			if tr.ID > 1 && tr.From != chain[tr.ID-2].To {
				t.Errorf("a break in the chain at %+v", tr)
			}
		}
		wantState(t, b, Closed)
		if got := b.Snapshot(); got.InFlight != 0 || got.Openings == 0 {
			t.Errorf("in the end %+v", got)
		}
		time.Sleep(time.Minute)
	})
}
