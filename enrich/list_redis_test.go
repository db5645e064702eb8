package enrich

import (
	"encoding/json"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weft-gateway/weft/upstream"
)

// A page of which Redis has most people costs one visit of Redis for all of
// them, and one batch per kind for the others.
func TestListAndRedis(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, m := newWorld(t, 8), simulated(t)
		request := ListRequest{PerPage: 1, Include: []Part{PartContact, PartAccount}}
		first, _ := w.on(t, m)
		for range 5 { // a row at a time: the simulated connection takes no long pipelines
			d, err := first.List(t.Context(), w.read, request)
			if err != nil {
				t.Fatal(err)
			}
			var p page
			if err := json.Unmarshal(d.Body, &p); err != nil || p.NextCursor == nil {
				t.Fatalf("%v, cursor %v", err, p.NextCursor)
			}
			request.Cursor = *p.NextCursor
			time.Sleep(10 * time.Second) // it is in Redis by now
		}
		second, c := w.on(t, m)
		synctest.Wait()
		w.crm.reset()
		w.crm.batches = nil
		w.reads.reset()
		before := c.Stats().Redis.Reads
		d, err := second.List(t.Context(), w.read, ListRequest{PerPage: 8, Include: request.Include})
		if err != nil {
			t.Fatal(err)
		}
		if n := c.Stats().Redis.Reads - before; n != 2 {
			t.Errorf("%d visits of Redis, want one for the page and one for all people", n)
		}
		got := []int{w.reads.count(upstream.OpList), w.crm.count(upstream.OpContacts), w.crm.count(upstream.OpAccounts)}
		if want := []int{1, 1, 1}; !slices.Equal(got, want) {
			t.Errorf("list, contact and account calls %v, want %v", got, want)
		}
		if want := []int{3, 3}; !slices.Equal(w.crm.batches, want) {
			t.Errorf("batches of %v, want the 3 people that Redis has not", w.crm.batches)
		}
		if n := len(d.Shown.Contacts); n != 8 {
			t.Errorf("%d contacts shown", n)
		}
	})
}
