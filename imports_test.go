package weft_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/weft-gateway/weft"

// imports says which packages of ours a package may import: package -> packages.
// A package that is not here fails the test: its place has to be decided first.
func imports() map[string][]string {
	connector := []string{"upstream", "upstream/client"}
	return map[string][]string{
		"": {},

		"gateway":      {"enrich", "upstream", "upstream/term", "gateway/auth"},
		"gateway/auth": {},
		"gateway/ops":  {"upstream/breaker"},

		"gateway/ops/console": {},

		"enrich": {"upstream", "upstream/term", "cache"},
		"cache":  {"upstream/breaker"},

		"cache/cachetest": {},

		"tracing": {"enrich", "upstream"},

		"upstream":         {},
		"upstream/breaker": {"upstream/term"},
		"upstream/term":    {},
		"upstream/client":  {"upstream", "upstream/breaker"},

		"upstream/autocalls":  connector,
		"upstream/hubspot":    connector,
		"upstream/oauth":      connector,
		"upstream/salesforce": connector,
		"upstream/chatwoot":   connector,
		"upstream/intercom":   connector,
		"upstream/native":     connector,
		"upstream/rest":       connector,
		"upstream/pipedrive":  connector,
		"upstream/twenty":     connector,

		// The fake speaks wire formats and nothing else, so that it is a check
		// of the connectors that does not share their mistakes.
		"upstream/sandbox":      {},
		"upstream/upstreamtest": {"upstream", "upstream/sandbox"},
	}
}

// only says which packages may import a module that the rest of the program is
// not to know: module -> packages.
func only() map[string][]string {
	return map[string][]string{
		"github.com/Shopify/toxiproxy/v2": {"cmd/weftchaos"},
		"github.com/go-jose/go-jose/v4":   {"gateway/auth"},
		"github.com/gorilla/mux":          {"gateway", "cmd/weftbench"},
		"github.com/swaggest/swgui":       {"gateway"},
		"go.opentelemetry.io":             {"tracing"},
		"google.golang.org/protobuf":      {"tracing"},
		"github.com/maypok86/otter/v2":    {"cache"},
		"github.com/redis/go-redis/v9":    {"cache", "cmd/weft", "cmd/weftbench", "cmd/weftchaos"},
		"github.com/sony/gobreaker/v2":    {"upstream/breaker"},
	}
}

// pkg is what go list says of a package.
type pkg struct {
	ImportPath string
	Imports    []string // of the package itself, not of its tests
}

// name is the import path within the module.
func (p pkg) name() string {
	return strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")
}

// packages asks the go command for all packages of the module.
func packages(t *testing.T) []pkg {
	t.Helper()
	var list []pkg
	dec := json.NewDecoder(bytes.NewReader(goCommand(t, "list", "-json=ImportPath,Imports", "./...")))
	for {
		var p pkg
		err := dec.Decode(&p)
		if errors.Is(err, io.EOF) {
			return list
		}
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, p)
	}
}

func goCommand(t *testing.T, args ...string) []byte {
	t.Helper()
	var stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, &stderr)
	}
	return out
}

func TestImports(t *testing.T) {
	rule := imports()
	for _, p := range packages(t) {
		name := p.name()
		program := strings.HasPrefix(name, "cmd/")
		allowed, known := rule[name]
		if !known && !program {
			t.Errorf("package %s is in no rule", name)
		}
		for _, path := range p.Imports {
			imported, ours := strings.CutPrefix(path, module)
			imported = strings.TrimPrefix(imported, "/")
			switch {
			case !ours:
			case isTest(imported) && !isTest(name):
				t.Errorf("%s imports %s outside its tests", name, imported)
			case !program && !slices.Contains(allowed, imported):
				t.Errorf("%s imports %s", name, imported)
			}
		}
	}
}

func TestForeignImports(t *testing.T) {
	for _, p := range packages(t) {
		for _, path := range p.Imports {
			if (path == "testing" || strings.HasPrefix(path, "testing/")) && !isTest(p.name()) {
				t.Errorf("%s imports %s outside its tests", p.name(), path)
			}
			for mod, packages := range only() {
				within := path == mod || strings.HasPrefix(path, mod+"/")
				if within && !slices.Contains(packages, p.name()) {
					t.Errorf("%s imports %s, which is for %s", p.name(), path, strings.Join(packages, ", "))
				}
			}
		}
	}
}

// isTest reports whether a package is there for the tests of others.
func isTest(name string) bool { return strings.HasSuffix(name, "test") }

// TestProgramIsSmall keeps out of the program what makes it larger by half.
// Templates call methods by names that are known only when they run. If anything
// that is linked does so, the linker has to keep every exported method of every
// type, used or not: 15 MB, of which several are resident (decision 7). The trace
// pages that come along with gRPC are such a template.
func TestProgramIsSmall(t *testing.T) {
	banned := []string{"text/template", "html/template", "google.golang.org/grpc", "golang.org/x/net/trace"}
	for path := range strings.FieldsSeq(string(goCommand(t, "list", "-deps", "./cmd/weft"))) {
		for _, b := range banned {
			if path == b || strings.HasPrefix(path, b+"/") {
				t.Errorf("cmd/weft has %s; to see who brings it: go list -deps -f '{{.ImportPath}}: {{.Imports}}' ./cmd/weft", path)
			}
		}
	}
}

// TestDependenciesAreDecided demands a reason for each module that go.mod
// requires directly.
func TestDependenciesAreDecided(t *testing.T) {
	var mod struct {
		Require []struct {
			Path     string
			Indirect bool
		}
	}
	if err := json.Unmarshal(goCommand(t, "mod", "edit", "-json"), &mod); err != nil {
		t.Fatal(err)
	}
	pages, err := filepath.Glob("docs/decisions/*.md")
	if err != nil {
		t.Fatal(err)
	}
	var decided []byte
	for _, page := range pages {
		b, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		decided = append(decided, b...)
	}
	for _, r := range mod.Require {
		if !r.Indirect && !bytes.Contains(decided, []byte("`"+r.Path+"`")) {
			t.Errorf("%s is required, but no page in docs/decisions says why", r.Path)
		}
	}
}
