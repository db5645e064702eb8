package upstreamtest

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
)

// TestStoreReads holds a store to reading some fields of what its server answers
// and no others, as [TestCRMReads] does a CRM.
func TestStoreReads(t *testing.T, reads, names []string, open func(t testing.TB) StoreCase) {
	testReads(t, reads, names, func(t *testing.T, fault Fault) any {
		c := open(t)
		c.Faults.Set(fault)
		return c.all(t.Context())
	})
}

// TestCRMReads holds a CRM to reading some fields of what its server answers and
// no others. reads are the ways to them, dots for nesting and nothing for lists,
// as data.emails.value, and what is below is read with them. names are those of
// fields that the product has, besides ours and those of the server here.
//
// The server puts something else into every other field, and adds fields of all
// names to every object: what the CRM makes of its answers has to stay what it
// was. And each field that is said to be read has to make a difference, so that
// none is on the list that could pass unseen.
func TestCRMReads(t *testing.T, reads, names []string, open func(t testing.TB) CRMCase) {
	testReads(t, reads, names, func(t *testing.T, fault Fault) any {
		c := open(t)
		c.Faults.Set(fault)
		return c.all(t.Context())
	})
}

func testReads(t *testing.T, reads, names []string, read func(*testing.T, Fault) any) {
	server := &archive{answers: make(map[string]archived)}
	in := func(t *testing.T, change func(any) any) (got any) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) { got = read(t, server.rewrite(change)) })
		return got
	}
	want := in(t, nil)
	all := ways(reads)
	for added := range slices.Chunk(vocabulary(names), namesAtOnce) {
		for _, value := range canaries() {
			got := in(t, spoiler{all, added, value}.root)
			if raw, err := json.Marshal(got); err != nil || bytes.Contains(raw, []byte(canary)) || bytes.Contains(raw, []byte(canaryNumber)) {
				t.Errorf("something passed that is not read (%v): %s", err, raw)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("with %T in %v, and in all that is not read (-want +got):\n%s", value, added, diff)
			}
		}
	}
	testEachWay(t, reads, want, in)
}

// testEachWay puts something else into each field that is said to be read, and
// demands that it makes a difference: a field that is on the list and is not read
// would be free to pass one day.
func testEachWay(t *testing.T, reads []string, want any, in func(*testing.T, func(any) any) any) {
	values := append(canaries(), json.Number("1"), json.Number("1711324801"), "2026-03-25T11:42:00Z", "4711", "DE", false, nil)
	for _, way := range reads {
		differs := func(value any, lists bool) bool {
			return !cmp.Equal(want, in(t, func(v any) any { return plant(v, strings.Split(way, "."), value, lists) }))
		}
		if !slices.ContainsFunc(values, func(v any) bool { return differs(v, false) || differs(v, true) }) {
			t.Errorf("%s makes no difference: it is not read", way)
		}
	}
}

// plant puts a value at the end of a way, through all elements of lists. What is
// not there on the way is made, as objects or as lists of one.
func plant(v any, way []string, value any, lists bool) any {
	if len(way) == 0 {
		return value
	}
	switch v := v.(type) {
	case []any:
		if len(v) == 0 {
			return []any{plant(nil, way, value, lists)}
		}
		for i := range v {
			v[i] = plant(v[i], way, value, lists)
		}
		return v
	case map[string]any:
		v[way[0]] = plant(v[way[0]], way[1:], value, lists)
		return v
	}
	made := map[string]any{way[0]: plant(nil, way[1:], value, lists)}
	if lists {
		return []any{made}
	}
	return made
}
