package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// options are the command line of a run.
type options struct {
	cases    []string
	rounds   int
	duration time.Duration // of each program in each round
	conns    int
	ids      int // that are sent through a small memory tier
	tenants  int // of the case tenants
	procs    int
	weft     string
	out      string
}

func parseOptions(args []string, getenv func(string) string, stdout io.Writer) (o options, help bool, err error) {
	flags := flag.NewFlagSet("weftbench", flag.ContinueOnError)
	names := flags.String("cases", "", "only these `cases`, commas between; "+strings.Join(trialNames(), ", "))
	flags.IntVar(&o.rounds, "rounds", 5, "`number` of turns that each program has in a case")
	flags.DurationVar(&o.duration, "duration", 2*time.Second, "`time` of a turn, whole seconds")
	flags.IntVar(&o.conns, "connections", 16, "`number` of connections")
	flags.IntVar(&o.ids, "ids", 100_000, "`number` of distinct ids of the case bound, hundreds")
	flags.IntVar(&o.tenants, "tenants", 2000, "`number` of tenants of the case tenants")
	flags.IntVar(&o.procs, "procs", runtime.NumCPU(), "GOMAXPROCS of what is measured")
	flags.StringVar(&o.weft, "weft", getenv("WEFT"), "`program` to measure; none: it is built")
	flags.StringVar(&o.out, "out", "", "page whose `file` takes the results")
	if help, err = parse(flags, args, stdout); help || err != nil {
		return o, help, err
	}
	o.cases = trialNames()
	if *names != "" {
		o.cases = strings.Split(*names, ",")
	}
	for _, name := range o.cases {
		if !slices.Contains(trialNames(), name) {
			return o, false, fmt.Errorf("-cases: unknown case %q; want %s", name, strings.Join(trialNames(), ", "))
		}
	}
	switch {
	case o.out != "" && *names != "":
		err = errors.New("-out: the page has all cases or none; not with -cases")
	case min(o.rounds, o.conns, o.procs, o.tenants) < 1:
		err = errors.New("-rounds, -connections, -procs and -tenants: want at least 1")
	case o.ids < 1000:
		err = errors.New("-ids: want at least 1000")
	case o.duration < time.Second:
		err = errors.New("-duration: want at least 1s")
	case o.weft != "":
		o.weft, err = filepath.Abs(o.weft)
	}
	return o, false, err
}

// runBench runs the cases one after the other.
func runBench(ctx context.Context, args []string, getenv func(string) string, stdout io.Writer) error {
	o, help, err := parseOptions(args, getenv, stdout)
	if help || err != nil {
		return err
	}
	w, err := newWorld(ctx, o.weft, o.procs)
	if err != nil {
		return err
	}
	defer w.close()
	var results []result
	header := about(o) // before the load is ours
	for _, c := range trials() {
		if !slices.Contains(o.cases, c.name) {
			continue
		}
		r, err := c.run(ctx, w, o)
		w.stop()
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		r.print(stdout)
		results = append(results, r)
	}
	if o.out == "" {
		return nil
	}
	return publish(o.out, resultsBegin, section(results, header))
}
