// Package upstreamtest is the conformance suite of connectors: what every
// [upstream.Store] and every [upstream.CRM] has to do, whatever product is
// behind it, while the product works and while it does not.
//
// A connector's test opens it on a server that holds known records, with
// [Faults] as the transport of its host:
//
//	func TestConformance(t *testing.T) {
//		upstreamtest.TestStore(t, func(t testing.TB) upstreamtest.StoreCase { ... })
//	}
//
// Each check opens a case of its own, so that no breaker carries over, and runs
// in a bubble of testing/synctest, so that no deadline passes while the machine
// is merely slow. The server is best called in the process, by [Handler]; one on
// a network has to be started outside of open. The host's limit of a body has to
// be below 32 MiB.
package upstreamtest

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weft-gateway/weft/upstream"
)

// canary is in the body of every answer that is wrong; no error may quote it.
const canary = "canary-6d1f"

// repeats is more failures in a row than any breaker takes.
const repeats = 20

// operation is one call of a connector.
type operation struct {
	name string
	op   upstream.Op
	call func(context.Context) error
}

// fault is a way for a call to go wrong.
type fault struct {
	name  string
	fault Fault
	want  upstream.Kind
	trips bool // whether the source is at fault, so that its breaker opens
}

func faults() []fault {
	page := "<html><body>" + canary + "</body></html>"
	return []fault{
		{"401", Answer(http.StatusUnauthorized, `{"message":"`+canary+`"}`), upstream.Denied, false},
		{"403", Answer(http.StatusForbidden, page), upstream.Denied, false},
		{"429", Answer(http.StatusTooManyRequests, `{}`, "Retry-After", "7"), upstream.RateLimited, false},
		{"400", Answer(http.StatusBadRequest, `{"error":"`+canary+`"}`), upstream.UpstreamError, false},
		{"500", Answer(http.StatusInternalServerError, `{"error":"`+canary+`"}`), upstream.UpstreamError, true},
		{"503 HTML", Answer(http.StatusServiceUnavailable, page), upstream.UpstreamError, true},
		{"redirect", Answer(http.StatusFound, "", "Location", "http://127.0.0.1:1/"+canary), upstream.BadResponse, true},
		{"404 HTML", Answer(http.StatusNotFound, page), upstream.BadResponse, true},
		{"HTML", Answer(http.StatusOK, page, "Content-Type", "text/html"), upstream.BadResponse, true},
		{"empty", Answer(http.StatusOK, ""), upstream.BadResponse, true},
		{"null", Answer(http.StatusOK, "null"), upstream.BadResponse, true},
		{"other JSON", Answer(http.StatusOK, `{"unexpected":"`+canary+`"}`), upstream.BadResponse, true},
		{"two values", Answer(http.StatusOK, `{"data":[]}{"data":[]}`), upstream.BadResponse, true},
		{"deep", Answer(http.StatusOK, strings.Repeat(`{"data":`, 9000)+strings.Repeat("}", 9000)), upstream.BadResponse, true},
		{"cut", Cut, upstream.BadResponse, true},
		{"too large", TooLarge, upstream.BadResponse, true},
		{"hang-up", HangUp, upstream.UpstreamError, true},
		{"refused", Refuse, upstream.Refused, true},
	}
}

// opened is what the checks of stores and CRMs have in common.
type opened struct {
	connector  any
	faults     *Faults
	operations []operation
}

// tripped reports whether the breaker of an operation is not closed.
func (o opened) tripped(t *testing.T, op upstream.Op) bool {
	t.Helper()
	g, ok := o.connector.(upstream.Guarded)
	if !ok {
		t.Fatal("the connector is not upstream.Guarded")
	}
	tripped, _ := g.Tripped(op)
	return tripped
}

// testFaults holds every operation to every fault. open has to answer the same
// operations each time.
func testFaults(t *testing.T, open func(t *testing.T) opened) {
	var operations []operation // their calls belong to a case that is gone
	synctest.Test(t, func(t *testing.T) { operations = open(t).operations })
	for i, o := range operations {
		check := func(name string, f func(t *testing.T, c opened, o operation)) {
			t.Run(o.name+"/"+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					c := open(t)
					f(t, c, c.operations[i])
				})
			})
		}
		for _, f := range faults() {
			check(f.name, func(t *testing.T, c opened, o operation) { testFault(t, c, o, f) })
		}
		check("hang", func(t *testing.T, c opened, o operation) {
			c.faults.Set(Hang(nil))
			checkError(t, o.call(t.Context()), upstream.Timeout)
		})
		check("caller gone", testCanceled)
		check("quota used up", testQuota)
	}
}

func testFault(t *testing.T, c opened, o operation, f fault) {
	c.faults.Set(f.fault)
	checkError(t, o.call(t.Context()), f.want)
	for n := 1; n < repeats && !c.tripped(t, o.op); n++ {
		_ = o.call(t.Context())
	}
	// One thread that has grown too large must not take the others away.
	want := f.trips && (o.op != upstream.OpThread || f.name != "too large")
	if got := c.tripped(t, o.op); got != want {
		t.Errorf("breaker open after %d calls: %v, want %v", repeats, got, want)
	}
}

// testQuota lets the source refuse a call, and demands that the connector knows
// for how long, and asks no more.
func testQuota(t *testing.T, c opened, o operation) {
	m, ok := c.connector.(upstream.Metered)
	if !ok {
		t.Fatal("the connector is not upstream.Metered")
	}
	if got := m.Limited(); got != 0 {
		t.Errorf("limited for %v before any call", got)
	}
	c.faults.Set(Answer(http.StatusTooManyRequests, `{"error":"`+canary+`"}`, "Retry-After", "7"))
	checkError(t, o.call(t.Context()), upstream.RateLimited)
	c.faults.Calls()
	checkError(t, o.call(t.Context()), upstream.RateLimited)
	if got, calls := m.Limited(), len(c.faults.Calls()); got != 7*time.Second || calls != 0 {
		t.Errorf("limited for %v and %d more calls, want 7 s and none", got, calls)
	}
}

// testCanceled lets the caller go before and in the middle of calls.
func testCanceled(t *testing.T, c opened, o operation) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	checkError(t, o.call(ctx), upstream.Canceled)

	entered := make(chan struct{})
	c.faults.Set(Hang(entered))
	for range repeats {
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- o.call(ctx) }()
		select {
		case <-entered:
			cancel()
			checkError(t, <-done, upstream.Canceled)
		case err := <-done:
			cancel()
			t.Fatalf("no call was made; error %v", err)
		}
	}
	if c.tripped(t, o.op) {
		t.Error("callers who went away opened the breaker")
	}
}

// checkError holds err to its kind, and to the form that all errors have.
func checkError(t *testing.T, err error, want upstream.Kind) {
	t.Helper()
	if got := upstream.KindOf(err); got != want {
		t.Errorf("error %v: kind %q, want %q", err, got, want)
	}
	e, ok := errors.AsType[*upstream.Error](err)
	switch {
	case err == nil:
	case !ok:
		t.Errorf("error %v is not an *upstream.Error", err)
	case e.Source == "" || e.Op == "":
		t.Errorf("error %v names no source or no operation", err)
	case strings.Contains(err.Error(), canary):
		t.Errorf("error %v quotes the answer", err)
	}
}

// checkJSON holds a record to being writable as JSON.
func checkJSON(t *testing.T, record any) {
	t.Helper()
	b, err := json.Marshal(record)
	if err != nil || !json.Valid(b) {
		t.Errorf("a record that is no JSON: %v", err)
	}
}

// oddIDs are ids that no source has, and that must not lead anywhere.
func oddIDs() []string {
	return []string{"", ".", "..", "../x", "a/b", "a?b=c", "a#b", "a%2fb", "a b", "a\x00b", strings.Repeat("a", 5000)}
}
