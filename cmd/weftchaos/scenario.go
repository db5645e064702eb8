package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// scenario is a fault that is brought about between real processes, and what
// callers may notice of it.
type scenario struct {
	row   string // of the catalogue; pairs as "3+20"
	name  string
	fault string // what is broken, and how
	line  string // the pass line
	ci    bool   // it is part of the tests, in its short form
	setup setup
	run   func(*trial)
}

// scenarios are all of them, in the order of the catalogue.
func scenarios() []scenario {
	all := slices.Concat(crmFaults(), storeFaults(), redisFaults(), cacheFaults(), callerFaults(), fleetFaults(), hostFaults(), pairedFaults())
	slices.SortStableFunc(all, func(a, b scenario) int { return rowNumber(a.row) - rowNumber(b.row) })
	return all
}

// rowNumber sorts single faults by number, and pairs behind them.
func rowNumber(row string) int {
	var n, m int
	if strings.Contains(row, "+") {
		_, _ = fmt.Sscanf(row, "%d+%d", &n, &m) // our own constant
		return 1000 + n
	}
	_, _ = fmt.Sscanf(row, "%d", &n)
	return n
}

// verdict is what came of a scenario.
type verdict struct {
	scenario
	checks []check
	err    error
	took   time.Duration
	detail string // of a failure: what was seen, and what the processes said
}

// passed reports whether every pass line was held.
func (v verdict) passed() bool {
	return v.err == nil && !slices.ContainsFunc(v.checks, func(c check) bool { return !c.ok })
}

// measured are the figures in one line; those that missed their line stand out.
func (v verdict) measured() string {
	var parts []string
	for _, c := range v.checks {
		if !c.ok {
			c.text = "MISSED: " + c.text
		}
		parts = append(parts, c.text)
	}
	if v.err != nil {
		parts = append(parts, "ERROR: "+v.err.Error())
	}
	return strings.Join(parts, "; ")
}

// try runs a scenario in a world of its own.
func (s scenario) try(ctx context.Context, weft string, full bool, seed uint64) (v verdict) {
	began := time.Now()
	v.scenario = s
	defer func() { v.took = time.Since(began) }()
	w, err := newWorld(ctx, s.setup, weft)
	if err != nil {
		v.err = err
		return v
	}
	defer w.close()
	t := &trial{world: w, ctx: ctx, full: full, seed: seed}
	t.all, t.err = w.targets(ctx)
	if t.err == nil {
		s.run(t)
		t.alive()
	}
	v.checks, v.err = t.checks, t.err
	if !v.passed() {
		v.detail = t.detail()
	}
	return v
}

// alive checks what has to be so at the end of any scenario.
func (t *trial) alive() {
	for _, p := range t.processes() {
		if trouble := p.said.troubles(); len(trouble) > 0 {
			t.holds(false, "%s said: %s", p.name, strings.Join(trouble, " / "))
		}
	}
}

// detail is what whoever looks into a failure wants to know.
func (t *trial) detail() string {
	var b strings.Builder
	for _, seen := range t.seen {
		fmt.Fprintf(&b, "callers saw:\n%s", seen)
	}
	for _, p := range t.processes() {
		text := p.said.text()
		const most = 8 << 10
		if len(text) > most {
			text = "...\n" + text[len(text)-most:]
		}
		fmt.Fprintf(&b, "%s said:\n%s\n", p.name, text)
	}
	return b.String()
}

func decode(text []byte, into any) error { return json.Unmarshal(text, into) }
