package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func verdicts() []verdict {
	a, b := &trial{}, &trial{}
	a.most("failed", 0, 0)
	a.share("answered", .99951, .999)
	b.most("calls", 3, 1)
	b.must(errors.New("a | b"))
	return []verdict{
		{scenario: scenario{row: "20", name: "redis-killed", fault: "Redis | SIGKILL", line: "0 failed", ci: true}, checks: a.checks},
		{scenario: scenario{row: "3+20", name: "pair", fault: "both", line: "1 call"}, checks: b.checks, err: b.err},
	}
}

func TestReport(t *testing.T) {
	v := verdicts()
	if !v[0].passed() || v[1].passed() {
		t.Fatalf("passed: %v and %v", v[0].passed(), v[1].passed())
	}
	if got := v[0].report(); !strings.HasPrefix(got, "pass 20") || !strings.Contains(got, "failed 0 (at most 0); answered 99.951 % (at least 99.9)") {
		t.Error(got)
	}
	if got := v[1].report(); !strings.HasPrefix(got, "FAIL 3+20") || !strings.Contains(got, "MISSED: calls 3 (at most 1); ERROR: a | b") {
		t.Error(got)
	}
}

// The table takes the place of the last one, and nothing else of the page changes.
func TestPublish(t *testing.T) {
	for name, page := range map[string]string{
		"no page":      "",
		"a page":       "# Reliability\n\nWords.\n",
		"an old table": "# Reliability\n\n" + tableBegins + "\nold\n" + tableEnds + "\n\n## More\n",
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "page.md")
			if page != "" {
				if err := os.WriteFile(file, []byte(page), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			var first []byte
			for range 2 {
				if err := publish(file, verdicts(), options{seed: 7}); err != nil {
					t.Fatal(err)
				}
				got, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				for _, want := range []string{"| 20 * | Redis \\| SIGKILL |", "1 of 2", "seed 7", "a \\| b"} {
					if bytes.Count(got, []byte(want)) != 1 {
						t.Errorf("%q is not there once:\n%s", want, got)
					}
				}
				head, _, _ := strings.Cut(page, tableBegins)
				if !bytes.HasPrefix(got, []byte(strings.TrimSpace(head))) || strings.Contains(page, "## More") != bytes.Contains(got, []byte("\n\n## More\n")) || bytes.Contains(got, []byte("\nold\n")) {
					t.Errorf("%s", got)
				}
				if first != nil && !bytes.Equal(first, got) {
					t.Errorf("written again, it is another:\n%s\n%s", first, got)
				}
				first = got
			}
		})
	}
}
