package gateway

import (
	"cmp"
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	gocmp "github.com/google/go-cmp/cmp"

	"github.com/weft-gateway/weft/upstream"
)

func TestRoutesAreTheOperations(t *testing.T) {
	h := newHarness(t, nil)
	var want []Route
	for path, item := range h.contract.doc.Paths.Map() {
		for method, op := range item.Operations() {
			want = append(want, Route{method, path, policyOfOperation(op)})
		}
	}
	got := h.server.Routes()
	order := func(a, b Route) int { return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Method, b.Method)) }
	slices.SortFunc(got, order)
	slices.SortFunc(want, order)
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("operations and routes (-contract +routes):\n%s", diff)
	}
}

// policyOfOperation reads who may use an operation: without a key, or with the
// scope that the contract names for it.
func policyOfOperation(op *openapi3.Operation) Policy {
	if op.Security == nil || len(*op.Security) == 0 {
		return Public
	}
	return Policy(strings.Join((*op.Security)[0]["bearer"], " "))
}

func TestErrorTableIsTheContract(t *testing.T) {
	h := newHarness(t, nil)
	schema := h.contract.doc.Components.Schemas["Error"].Value
	texts := make(map[code]string) // code -> the contract's text
	for _, e := range schema.Examples {
		e := e.(map[string]any)
		texts[code(e["code"].(string))] = e["error"].(string)
	}
	statuses := make(map[code]int) // code -> the contract's status, from the table in its prose
	for line := range strings.Lines(schema.Description) {
		cells := strings.Split(line, "|")
		if len(cells) < 4 {
			continue
		}
		if status, err := strconv.Atoi(strings.TrimSpace(cells[2])); err == nil {
			statuses[code(strings.Trim(cells[1], " `"))] = status
		}
	}
	var codes []code
	for _, row := range h.server.faults {
		codes = append(codes, row.code)
		if got, want := row.text, texts[row.code]; got != want {
			t.Errorf("%s: text %q, the contract has %q", row.code, got, want)
		}
		if got, want := row.status, statuses[row.code]; got != want {
			t.Errorf("%s: status %d, the contract has %d", row.code, got, want)
		}
	}
	var want []code
	for _, v := range h.contract.doc.Components.Schemas["ErrorCode"].Value.Enum {
		want = append(want, code(v.(string)))
	}
	slices.Sort(want)
	slices.Sort(codes)
	if diff := gocmp.Diff(want, codes); diff != "" {
		t.Errorf("codes (-contract +table):\n%s", diff)
	}
}

// TestEveryKindHasARow reads the kinds from the source, so that a new one is
// missed here and not by a caller.
func TestEveryKindHasARow(t *testing.T) {
	f, err := parser.ParseFile(token.NewFileSet(), "../upstream/errors.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var kinds []upstream.Kind
	ast.Inspect(f, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if id, ok := spec.Type.(*ast.Ident); ok && id.Name == "Kind" {
			word, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			kinds = append(kinds, upstream.Kind(word))
		}
		return true
	})
	if !slices.Contains(kinds, upstream.Overloaded) {
		t.Fatalf("kinds found: %v", kinds)
	}
	table := newFaults()
	for _, k := range kinds {
		if _, ok := table.ofKind(k); !ok {
			t.Errorf("kind %q is in no row", k)
		}
	}
}
