package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestParseStat(t *testing.T) {
	stat := "12 (a) weft) S 1 2 3 4 5 6 7 8 9 10 250 50 13 14 15 16"
	got, err := parseStat(stat)
	if err != nil || got != 3*time.Second {
		t.Errorf("parseStat = %v, %v; want 3s", got, err)
	}
	for _, bad := range []string{"", "12 (weft) S 1 2", "12 (weft) S 1 2 3 4 5 6 7 8 9 10 x 50 13"} {
		if got, err := parseStat(bad); err == nil {
			t.Errorf("parseStat(%q) = %v, want an error", bad, got)
		}
	}
}

func TestKibibytes(t *testing.T) {
	status := "Name:\tweft\nVmHWM:\t  2048 kB\nVmRSS:\t    1024 kB\nThreads:\t7\n"
	if got := kibibytes(status, "VmRSS"); got != 1<<20 {
		t.Errorf("VmRSS = %d, want a MiB", got)
	}
	if got := kibibytes(status, "VmSwap"); got != 0 {
		t.Errorf("VmSwap = %d, want 0", got)
	}
}

func TestParseWrk(t *testing.T) {
	got, err := parseWrk("Running 2s test\nweftbench: 3000 2 2000000 500 4000\n")
	want := loadResult{requests: 3000, errors: 2, rate: 1500, p50: 500 * time.Microsecond, p99: 4 * time.Millisecond}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(loadResult{})); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	for _, bad := range []string{"", "unable to connect", "weftbench: 3000 2", "weftbench: 0 0 2000000 0 0", "weftbench: x"} {
		if got, err := parseWrk(bad); err == nil {
			t.Errorf("parseWrk(%q) = %+v, want an error", bad, got)
		}
	}
}

func TestSumMetric(t *testing.T) {
	text := "# HELP calls_total Calls.\ncalls_total{op=\"read\"} 2\ncalls_total{op=\"write\"} 3e1\ncalls_total_more 7\nheap 1.5e+06\n"
	tests := []struct {
		name string
		want float64
		ok   bool
	}{
		{"calls_total", 32, true},
		{`calls_total{op="write"}`, 30, true},
		{"heap", 1.5e6, true},
		{"calls", 0, false},
		{"calls_tot", 0, false},
	}
	for _, tt := range tests {
		got, err := sumMetric(text, tt.name)
		if got != tt.want || (err == nil) != tt.ok {
			t.Errorf("sumMetric(%s) = %v, %v; want %v", tt.name, got, err, tt.want)
		}
	}
}

func rounds(values ...float64) []measurement {
	var all []measurement
	for _, v := range values {
		all = append(all, measurement{cpu: time.Duration(v), loadResult: loadResult{requests: 1}})
	}
	return all
}

// The ratio is that of rounds, so that a slow moment of the machine counts on
// both sides of it.
func TestRatio(t *testing.T) {
	if got := ratio(rounds(20, 400, 60), rounds(10, 100, 30), cpuOf); got != 2 {
		t.Errorf("ratio = %v, want 2", got)
	}
	if got := middle(rounds(5, 1, 9), cpuOf); got != 5 {
		t.Errorf("middle = %v, want 5", got)
	}
	if got := requests(rounds(1, 2)); got != 2 {
		t.Errorf("requests = %v, want 2", got)
	}
}

func TestChecks(t *testing.T) {
	if c := atMost("x", "%.1f", 2, 2); !c.held || c.want != "at most 2.0" {
		t.Errorf("atMost at its limit: %+v", c)
	}
	if c := atMost("x", "%.1f", 2.1, 2); c.held {
		t.Errorf("atMost above its limit: %+v", c)
	}
	if c := atLeast("x", "%.1f", 1.9, 2); c.held {
		t.Errorf("atLeast below its limit: %+v", c)
	}
}

func TestPage(t *testing.T) {
	r := []result{{
		title: "Hot", rows: []row{{"weft", rounds(7)}}, facts: []fact{{"weight", 2, "KiB"}},
		checks: []check{{"CPU", "at most 1", "2", false}, {"calls", "at most 1", "1", true}},
	}}
	one := string(insert([]byte("# Page\n\nBy hand.\n"), resultsBegin, section(r, "today")))
	for _, want := range []string{"# Page", "today: 1 of 2 held", "| CPU | at most 1 | 2 | **missed** |", "| calls | at most 1 | 1 | held |", "- weight: 2.0 KiB", "| weft |"} {
		if !strings.Contains(one, want) {
			t.Errorf("no %q in\n%s", want, one)
		}
	}
	two := string(insert([]byte(one+"\nBelow.\n"), resultsBegin, section(r, "tomorrow")))
	if strings.Contains(two, "today") || !strings.Contains(two, "tomorrow") || strings.Count(two, resultsBegin) != 1 || !strings.HasSuffix(two, "Below.\n") {
		t.Errorf("the second time:\n%s", two)
	}
}
