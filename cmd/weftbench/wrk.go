package main

import (
	"context"
	_ "embed"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

//go:embed load.lua
var loadScript string

// load is what wrk is told.
type load struct {
	connections int
	duration    time.Duration
	path        string // before the number
	suffix      string // after it
	first, span int    // the numbers first to first+span-1, again and again
}

// loadResult is what wrk saw.
type loadResult struct {
	requests, errors int
	rate             float64       // a second
	p50, p99         time.Duration // of a request
}

// run asks as l says. script is a file with loadScript.
func (l load) run(ctx context.Context, script, root, key string) (loadResult, error) {
	seconds := max(1, int(l.duration.Round(time.Second)/time.Second))
	cmd := exec.CommandContext(ctx, "wrk", "-t1", "-c", strconv.Itoa(l.connections), "-d", strconv.Itoa(seconds)+"s", "--timeout", "10s", //nolint:gosec // of ours
		"-s", script, root, "--", l.path, l.suffix, strconv.Itoa(l.first), strconv.Itoa(l.span), key)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return loadResult{}, fmt.Errorf("wrk: %w\n%s", err, out)
	}
	return parseWrk(string(out))
}

// parseWrk reads the line that the script writes at the end: requests, errors,
// and microseconds of the run, of its median and of its 99th percentile.
func parseWrk(out string) (loadResult, error) {
	var r loadResult
	var took, p50, p99 float64
	_, line, found := strings.Cut(out, "weftbench: ")
	if !found {
		return r, fmt.Errorf("wrk said nothing of use:\n%s", out)
	}
	if _, err := fmt.Sscan(line, &r.requests, &r.errors, &took, &p50, &p99); err != nil {
		return r, fmt.Errorf("wrk: %w in %q", err, line)
	}
	if took <= 0 || r.requests == 0 {
		return r, fmt.Errorf("wrk got no answer:\n%s", out)
	}
	r.rate = float64(r.requests) / took * 1e6
	r.p50, r.p99 = time.Duration(p50)*time.Microsecond, time.Duration(p99)*time.Microsecond
	return r, nil
}
