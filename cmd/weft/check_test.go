package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCheck(t *testing.T) {
	var out bytes.Buffer
	if err := runCheck(t.Context(), []string{"-config", filepath.Join("testdata", "full.yaml")}, secrets, &out); err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(filepath.Join("testdata", "full.golden"))
	if err != nil {
		t.Fatal(err)
	}
	rest := "# these need a restart, the rest does not: listen, ops.listen, redis.url, deadlines.redis, " +
		"cache.memory, cache.encryption, audit.file, audit.hash\n"
	if diff := cmp.Diff(string(want)+rest, out.String()); diff != "" {
		t.Errorf("output (-want +got):\n%s", diff)
	}
}

func TestCheckRefuses(t *testing.T) {
	var out bytes.Buffer
	err := runCheck(t.Context(), []string{"-config", filepath.Join("testdata", "full.yaml")}, noEnv, &out)
	if _, ok := errors.AsType[*configError](err); !ok {
		t.Fatalf("got %T %v, want a configError", err, err)
	}
	if got := strings.Count(err.Error(), "is not set"); got != 10 || out.Len() != 0 {
		t.Errorf("%d variables are reported, want 10; output %q, want none\n%v", got, out.String(), err)
	}
}
