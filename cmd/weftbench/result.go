package main

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"
)

// result is what a case found.
type result struct {
	title  string
	rows   []row
	checks []check
	facts  []fact
}

// fact is a figure that no line is drawn for.
type fact struct {
	what  string
	value float64
	unit  string
}

func (f fact) String() string { return fmt.Sprintf("%s: %.1f %s", f.what, f.value, f.unit) }

// row is a program of a case.
type row struct {
	program string
	rounds  []measurement
}

// figures are the medians of its rounds, as they are shown.
func (r row) figures() []string {
	at := func(f func(measurement) time.Duration) string { return milliseconds(middle(r.rounds, f)) }
	return []string{
		r.program, fmt.Sprintf("%.0f", middle(r.rounds, rateOf)),
		at(func(m measurement) time.Duration { return m.p50 }), at(func(m measurement) time.Duration { return m.p99 }),
		fmt.Sprintf("%.0f", middle(r.rounds, cpuOf)/1e3), fmt.Sprintf("%.0f", middle(r.rounds, mallocsOf)),
	}
}

func figureNames() []string {
	return []string{"program", "requests/s", "p50, ms", "p99, ms", "CPU, µs a request", "allocations a request"}
}

func milliseconds(d time.Duration) string { return fmt.Sprintf("%.2f", d.Seconds()*1e3) }

// check is a line, and whether it was held.
type check struct {
	what, want, got string
	held            bool
}

// atMost and atLeast have a format for both figures.
func atMost(what, format string, got, limit float64) check {
	return check{what, "at most " + fmt.Sprintf(format, limit), fmt.Sprintf(format, got), got <= limit}
}

func atLeast(what, format string, got, limit float64) check {
	return check{what, "at least " + fmt.Sprintf(format, limit), fmt.Sprintf(format, got), got >= limit}
}

func (r result) print(out io.Writer) {
	fmt.Fprintf(out, "\n%s\n", r.title)
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	line := func(cells []string) {
		for _, c := range cells {
			fmt.Fprintf(t, "%s\t", c)
		}
		fmt.Fprintln(t)
	}
	if len(r.rows) > 0 {
		line(figureNames())
	}
	for _, row := range r.rows {
		line(row.figures())
	}
	_ = t.Flush() // of a stream that is standard output or memory
	for _, c := range r.checks {
		word := "held  "
		if !c.held {
			word = "MISSED"
		}
		fmt.Fprintf(out, "%s  %s: %s, want %s\n", word, c.what, c.got, c.want)
	}
	for _, f := range r.facts {
		fmt.Fprintln(out, f)
	}
}
