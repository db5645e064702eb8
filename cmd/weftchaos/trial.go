package main

import (
	"context"
	"fmt"
	"math"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"
)

// trial is one run of a scenario: its world, what was measured in it, and the
// first thing that went wrong. After that its methods do nothing, so that a
// scenario reads as what is done, one line after the other.
type trial struct {
	*world
	ctx  context.Context // of its whole run
	full bool            // at full length
	seed uint64
	all  []target
	warm []target // those that every gateway has shown

	mu     sync.Mutex
	err    error    // guarded by mu
	checks []check  // guarded by mu
	seen   []string // what the recorders saw, for whoever looks into a failure; guarded by mu
}

// check is a measured figure, held to its pass line.
type check struct {
	text string
	ok   bool
}

// span is how long something goes on: in the short form, and in the full one.
func (t *trial) span(short, full time.Duration) time.Duration {
	if t.full {
		return full
	}
	return short
}

// must keeps the first error.
func (t *trial) must(err error) {
	if err == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.err == nil {
		t.err = err
	}
}

// over reports whether something went wrong already.
func (t *trial) over() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.err != nil
}

func (t *trial) record(ok bool, format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.checks = append(t.checks, check{text: fmt.Sprintf(format, args...), ok: ok})
}

// note records a figure that is held to nothing.
func (t *trial) note(format string, args ...any) { t.record(true, format, args...) }

// holds records something that has to be so.
func (t *trial) holds(ok bool, format string, args ...any) { t.record(ok, format, args...) }

// most holds a figure to an upper bound.
func (t *trial) most(what string, got, bound float64) {
	t.record(got <= bound, "%s %s (at most %s)", what, number(got), number(bound))
}

// least holds a figure to a lower bound.
func (t *trial) least(what string, got, bound float64) {
	t.record(got >= bound, "%s %s (at least %s)", what, number(got), number(bound))
}

// within holds a time to an upper bound.
func (t *trial) within(what string, got, bound time.Duration) {
	t.record(got <= bound, "%s %s (at most %s)", what, got.Round(time.Millisecond), bound)
}

// share holds a share to a lower bound, in percent.
func (t *trial) share(what string, got, bound float64) {
	t.record(got >= bound, "%s %s %% (at least %s)", what, number(math.Floor(got*1e5)/1e3), number(bound*100))
}

func number(f float64) string {
	return strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%.3f", f), "0"), ".")
}

// answered holds the load to its share of documents, and says what it saw.
func (t *trial) answered(r *recorder, bound float64) {
	if t.over() {
		return
	}
	t.share("answered", r.success(), bound)
	t.note("of %d, degraded %s %%, p50 %s, p99 %s, max %s", r.asked(), number(math.Round(r.degraded()*1e4)/1e2),
		r.quantile(.5).Round(100*time.Microsecond), r.quantile(.99).Round(time.Millisecond), r.quantile(1).Round(time.Millisecond))
}

// The rest are the world's means, which keep the first error.

func (t *trial) turn(d dial) {
	if !t.over() {
		t.must(t.world.turn(t.ctx, d))
	}
}

func (t *trial) mend() {
	if !t.over() {
		t.must(t.world.mend(t.ctx))
	}
}

// calls are the calls of a service, of one operation or, with "", of all.
func (t *trial) calls(service, op string) int {
	if t.over() {
		return 0
	}
	all, err := t.counts(t.ctx)
	t.must(err)
	n := 0
	for name, calls := range all.Calls[service] {
		if op == "" || op == name {
			n += calls
		}
	}
	return n
}

// metric adds up a metric over the gateways that run.
func (t *trial) metric(name string, labels ...string) float64 {
	total := 0.0
	for _, r := range t.live() {
		if t.over() || !r.running() {
			continue
		}
		m, err := r.metrics(t.ctx)
		t.must(err)
		total += m.sum(name, labels...)
	}
	return total
}

// breaker is the state of a breaker of the first gateway.
func (t *trial) breaker(name string) string {
	if t.over() {
		return ""
	}
	states, err := t.replica(0).breakers(t.ctx)
	t.must(err)
	return states[name]
}

func (t *trial) redisDo(command ...any) {
	if !t.over() {
		t.must(t.redis.do(t.ctx, command...))
	}
}

func (t *trial) signal(p *process, s syscall.Signal) {
	if !t.over() {
		t.must(p.signal(s))
	}
}

// revive starts a gateway anew after it was killed or has ended.
func (t *trial) revive(number int) {
	if !t.over() {
		t.must(t.restart(t.ctx, number))
	}
}

// said reports whether a gateway's log has a line that matches.
func (t *trial) said(r *replica, pattern string) bool {
	return regexp.MustCompile(pattern).MatchString(r.said.text())
}
