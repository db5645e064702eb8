package main

import (
	"cmp"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

// TestMain has a few scenarios run at a time: most of each is waiting.
func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "4"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	// A connection through toxiproxy that ends while a toxic holds its bytes
	// leaves the goroutine of that toxic behind.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2/toxics.(*ToxicStub).Run"))
}

// TestFaults breaks things around real processes, for some seconds each. The
// program does so, built without the race detector: with it the load would
// take most of the machine. What the gateways do under the race detector is
// for their own tests, and for make chaos.
func TestFaults(t *testing.T) {
	if testing.Short() {
		t.Skip("starts real processes")
	}
	lookAtSources(t)
	dir := t.TempDir()
	chaos, weft := filepath.Join(dir, "weftchaos"), cmp.Or(os.Getenv("WEFT"), filepath.Join(dir, "weft"))
	if err := build(t.Context(), chaos, "weftchaos", false); err != nil {
		t.Fatal(err)
	}
	if os.Getenv("WEFT") == "" {
		if err := build(t.Context(), weft, "weft", false); err != nil {
			t.Fatal(err)
		}
	}
	for _, s := range scenarios() {
		if !s.ci {
			continue
		}
		t.Run(s.row+"-"+s.name, func(t *testing.T) {
			t.Parallel()
			p, _, err := launch(t.Context(), "weftchaos", "^", nil, chaos, "-short", "-seed", "1", "-weft", weft, "-run", "^"+s.name+"$")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(p.close)
			if code, err := p.ended(t.Context()); code != 0 || err != nil {
				t.Errorf("has to hold: %s\n%v\n%s", s.line, err, p.said.text())
				return
			}
			t.Log(p.said.text())
		})
	}
}

// lookAtSources opens the directories of the module. The programs are nothing
// that this package imports: but for this, the go command would take the result
// of an earlier test for that of programs that have changed.
func lookAtSources(t *testing.T) {
	t.Helper()
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if name := d.Name(); err == nil && d.IsDir() && path != "../.." && (strings.HasPrefix(name, ".") || name == "dist" || name == "docs") {
			return fs.SkipDir
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Rows are named once, and every scenario says what it breaks and what holds.
func TestScenarios(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range scenarios() {
		if seen[s.row] || seen[s.name] || s.name == "" || strings.ContainsAny(s.name, " /") {
			t.Errorf("%s %q: named twice, not at all, or not as a test can be", s.row, s.name)
		}
		seen[s.row], seen[s.name] = true, true
		if s.fault == "" || s.line == "" || s.run == nil || rowNumber(s.row) == 0 {
			t.Errorf("%s %s: nothing said, or nothing done", s.row, s.name)
		}
	}
	for row := range strings.FieldsSeq("2 10 12 14 20 21 22 23 24 26 27 30 35 36 41 42 43 44 48 49 51 3+20 17+21 35+20 38+3 41+3") {
		if !seen[row] {
			t.Errorf("no scenario of row %s", row)
		}
	}
}
