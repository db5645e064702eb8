package enrich

import (
	"runtime"
	"testing"
	"testing/synctest"
	"unsafe"
	"weak"
)

// TestNothingHoldsTheRequest: an id is a piece of the request's line, which may be long, and
// what is kept goes by that id.
func TestNothingHoldsTheRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 2)
		line := make([]byte, 16<<10)
		n := copy(line, "conv-1")
		of := weak.Make(&line[0])
		r := Request{ID: unsafe.String(&line[0], n), Include: everything} //nolint:gosec // as package net/http has it
		for range 2 {
			d, err := w.e.Conversation(t.Context(), w.read, r)
			if err != nil {
				t.Fatal(err)
			}
			d.Release()
		}
		line, r = nil, Request{}
		synctest.Wait()
		runtime.GC()
		runtime.GC()
		if of.Value() != nil {
			t.Error("the line is still there")
		}
		if w.e.Kept(w.read, Request{ID: "conv-1", Include: everything}) == nil {
			t.Error("nothing is kept")
		}
	})
}
