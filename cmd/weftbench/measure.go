package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// settle is how long a program may go on with what a run left behind, such as
// writes to Redis, which belong to its cost.
const settle = 100 * time.Millisecond

// contender is a program under load.
type contender struct {
	*process
	name string
	next func(round int) load // what it is asked in a round
}

// measurement is a round of one contender.
type measurement struct {
	loadResult
	cpu     time.Duration // per request
	mallocs float64       // per request
}

// measure asks a contender for as long as its load says.
func (w *world) measure(ctx context.Context, c contender, round int) (m measurement, err error) {
	before, err := c.sample(ctx)
	if err != nil {
		return m, err
	}
	if m.loadResult, err = c.next(round).run(ctx, w.script, c.public, gatewayKey); err != nil {
		return m, fmt.Errorf("%s: %w", c.name, err)
	}
	time.Sleep(settle)
	after, err := c.sample(ctx)
	if err != nil {
		return m, err
	}
	if m.errors > 0 {
		return m, fmt.Errorf("%s: %d of %d requests failed", c.name, m.errors, m.requests)
	}
	n := float64(m.requests)
	m.cpu = time.Duration(float64(after.cpu-before.cpu) / n)
	m.mallocs = (after.mallocs - before.mallocs) / n
	return m, nil
}

// sample is what a process has used so far.
type sample struct {
	cpu     time.Duration
	mallocs float64
}

func (p *process) sample(ctx context.Context) (s sample, err error) {
	if s.mallocs, err = p.metric(ctx, "go_memstats_mallocs_total"); err != nil {
		return s, err
	}
	s.cpu, err = p.cpu()
	return s, err
}

// metric is what the process publishes under this name.
func (p *process) metric(ctx context.Context, name string) (float64, error) {
	text, err := fetch(ctx, p.client, p.ops+"/metrics")
	if err != nil {
		return 0, fmt.Errorf("%s: %w", p.name, err)
	}
	return sumMetric(string(text), name)
}

// during is by how much a counter grows while f runs.
func (p *process) during(ctx context.Context, name string, f func() error) (float64, error) {
	before, err := p.metric(ctx, name)
	if err != nil {
		return 0, err
	}
	if err := f(); err != nil {
		return 0, err
	}
	after, err := p.metric(ctx, name)
	return after - before, err
}

// sumMetric adds up the samples of a metric, whatever their labels, or reads the
// one that the name has the labels of.
func sumMetric(text, name string) (sum float64, err error) {
	found := false
	for line := range strings.Lines(text) {
		rest, ok := strings.CutPrefix(line, name)
		at := strings.LastIndexByte(rest, ' ')
		if !ok || at < 0 || rest[0] != ' ' && rest[0] != '{' {
			continue
		}
		v, err := strconv.ParseFloat(strings.TrimSpace(rest[at+1:]), 64)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", name, err)
		}
		sum, found = sum+v, true
	}
	if !found {
		return 0, errors.New("no metric " + name)
	}
	return sum, nil
}

// contest lets contenders take turns, and returns the rounds of each. Who
// begins changes, so that neither has always the better time of the machine.
func (w *world) contest(ctx context.Context, rounds int, contenders ...contender) ([][]measurement, error) {
	results := make([][]measurement, len(contenders))
	for round := range rounds {
		for i := range contenders {
			at := (i + round) % len(contenders)
			m, err := w.measure(ctx, contenders[at], round)
			if err != nil {
				return nil, err
			}
			results[at] = append(results[at], m)
		}
	}
	return results, nil
}

// middle is the median of what f says of each round.
func middle[T ~int64 | ~float64](rounds []measurement, f func(measurement) T) T {
	values := make([]T, 0, len(rounds))
	for _, m := range rounds {
		values = append(values, f(m))
	}
	slices.Sort(values)
	return values[len(values)/2]
}

// ratio is the median over the rounds of how f of one compares with f of the other.
func ratio(of, to []measurement, f func(measurement) float64) float64 {
	values := make([]float64, len(of))
	for i := range of {
		values[i] = f(of[i]) / f(to[i])
	}
	slices.Sort(values)
	return values[len(values)/2]
}

// requests is how many were answered in all rounds.
func requests(rounds []measurement) float64 {
	n := 0
	for _, m := range rounds {
		n += m.requests
	}
	return float64(n)
}

func p50Of(m measurement) float64     { return m.p50.Seconds() * 1e3 } // milliseconds
func cpuOf(m measurement) float64     { return float64(m.cpu) }
func rateOf(m measurement) float64    { return m.rate }
func mallocsOf(m measurement) float64 { return m.mallocs }
