package enrich

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weft-gateway/weft/upstream"
)

// outcome is how a request for a conversation ended.
func (w *world) outcome(t *testing.T, id string) string {
	_, err := w.e.Conversation(t.Context(), w.row, Request{ID: id, Include: everything})
	switch {
	case err == nil:
		return "shown"
	case errors.Is(err, upstream.NotFound):
		return "not found"
	}
	if _, ok := errors.AsType[*UnprovenError](err); ok {
		return "unproven"
	}
	return string(upstream.KindOf(err))
}

func TestOwnershipIsProved(t *testing.T) {
	const foreign, never = "conv-9999999", "conv-8888888"
	tests := []struct {
		name    string
		rows    int
		prepare func(w *world)
		id      string
		want    string
	}{
		{"own, at the head", 3, nil, "conv-1", "shown"},
		{"own, by its reference, deeper than a walk", 600, nil, "conv-1", "shown"},
		{"own, without a key, within a walk", 3, func(w *world) { w.rows.rows[1] = widget(2) }, "conv-2", "shown"},
		{"own, without a key, deeper than a walk", 600, func(w *world) { w.rows.rows[599] = widget(1) }, "conv-1", "unproven"},
		{"foreign, whole list seen", 3, nil, foreign, "not found"},
		{"never existed, whole list seen", 3, nil, never, "not found"},
		{"foreign, list too long", 600, nil, foreign, "unproven"},
		{"never existed, list too long", 600, nil, never, "unproven"},
		{"empty list", 0, nil, foreign, "not found"},
		{"list fails", 3, func(w *world) { w.rows.failing(upstream.OpList, &upstream.Error{Kind: upstream.Denied}) }, "conv-1", "denied"},
		{"read fails, row in the list", 3, func(w *world) { w.rows.failing(upstream.OpThread, &upstream.Error{Kind: upstream.Timeout}) }, "conv-1", "shown"},
		{"read fails, no such row", 3, func(w *world) { w.rows.failing(upstream.OpThread, &upstream.Error{Kind: upstream.Timeout}) }, never, "not found"},
		{"read fails, list too long", 600, func(w *world) { w.rows.failing(upstream.OpThread, &upstream.Error{Kind: upstream.Timeout}) }, "conv-1", "unproven"},
		{"read is odd, list too long", 600, func(w *world) { w.rows.failing(upstream.OpThread, upstream.BadResponse) }, foreign, "unproven"},
		{"walk too slow", 600, func(w *world) { w.rows.latency = 700 * time.Millisecond }, never, "unproven"},
		{"pages by number, whole list seen", 300, func(w *world) { w.rows.numbered = true }, never, "not found"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, tt.rows)
				if tt.prepare != nil {
					tt.prepare(w)
				}
				if got := w.outcome(t, tt.id); got != tt.want {
					t.Errorf("got %s, want %s", got, tt.want)
				}
				if n := w.crm.count(upstream.OpFind); tt.want != "shown" && n > 0 {
					t.Errorf("the CRM was asked %d times for a conversation that was not proved", n)
				}
				time.Sleep(5 * time.Second) // a walk that nobody waits for any more ends
			})
		})
	}
}

// Nothing of a conversation that was not proved is kept under the tenant.
func TestUnprovenIsNotKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3)
		if got := w.outcome(t, "conv-9999999"); got != "not found" {
			t.Fatalf("got %s", got)
		}
		if res := w.e.records.threads.Peek(t.Context(), w.row.ID, []string{"conv-9999999"}, false)[0]; res.Value != nil {
			t.Errorf("the foreign messages are in the cache: %s", res.Value.json())
		}
	})
}

// A conversation that was asked for before it existed is readable within 2 s.
func TestNewConversation(t *testing.T) {
	for _, after := range []time.Duration{0, 10 * time.Millisecond, 500 * time.Millisecond, 999 * time.Millisecond} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, 600)
			w.e.Backfiller([]*Tenant{w.row}) // its index is not complete: the walk has to do
			w.rows.rows = w.rows.rows[:300]
			if got := w.outcome(t, "conv-777"); got != "not found" {
				t.Fatalf("before it exists: %s", got)
			}
			time.Sleep(after)
			w.rows.add(widget(777))
			born := time.Now()
			for w.outcome(t, "conv-777") != "shown" {
				time.Sleep(50 * time.Millisecond)
			}
			if took := time.Since(born); took > 2*time.Second {
				t.Errorf("created %v after it was asked for: readable after %v", after, took)
			}
		})
	}
}

// However many ids are asked for, walks are a second apart.
func TestWalksAreSpaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 600)
		done := make(chan struct{})
		for i := range 50 {
			go func() {
				time.Sleep(time.Duration(i) * 100 * time.Millisecond)
				w.outcome(t, fmt.Sprintf("conv-%d", 1_000_000+i))
				done <- struct{}{}
			}()
		}
		for range 50 {
			<-done
		}
		// 5 s of questions and the walk after the last: at most 7 walks of 5 pages.
		if got := w.rows.count(upstream.OpList); got > 7*walkPages {
			t.Errorf("%d list calls for 50 unknown ids in 5 s", got)
		}
	})
}

func TestBackfill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 0)
		for i := range 1200 {
			w.rows.add(widget(i + 1))
		}
		b, stop := w.backfill(t, w.row, w.read)
		defer stop()

		if got := w.outcome(t, "conv-1"); got != "unproven" {
			t.Errorf("before the backfill: %s", got)
		}
		time.Sleep(20 * time.Second) // 12 pages down, 1 of the head, a second each
		if p := b.Progress(); len(p) != 1 || !p[0].Complete || p[0].Pages != 13 {
			t.Fatalf("progress %+v", p)
		}
		for id, want := range map[string]string{"conv-1": "shown", "conv-600": "shown", "conv-5000": "not found", "conv-9999999": "not found"} {
			if got := w.outcome(t, id); got != want {
				t.Errorf("%s: %s, want %s", id, got, want)
			}
		}
		// New rows connect to the index as long as a walk reaches it.
		for i := range 250 {
			w.rows.add(widget(1201 + i))
		}
		time.Sleep(2 * time.Second)
		if got := w.outcome(t, "conv-5000"); got != "not found" {
			t.Errorf("after 250 new rows: %s", got)
		}
		// More new rows than a walk reaches leave a gap: nothing is claimed until it is closed.
		for i := range 700 {
			w.rows.add(widget(1451 + i))
		}
		time.Sleep(2 * time.Second)
		if got := w.outcome(t, "conv-5000"); got != "unproven" {
			t.Errorf("after 700 new rows: %s", got)
		}
		time.Sleep(15 * time.Second)
		for id, want := range map[string]string{"conv-1460": "shown", "conv-5000": "not found"} {
			if got := w.outcome(t, id); got != want {
				t.Errorf("gap closed, %s: %s, want %s", id, got, want)
			}
		}
		if p := b.Progress(); p[0].Pages > 13+10 {
			t.Errorf("the gap of 700 rows cost %d pages", p[0].Pages-13)
		}
	})
}

// A row that the index knows but that was lost is listed again.
func TestLostRow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 0)
		for i := range 700 {
			w.rows.add(widget(i + 1))
		}
		_, stop := w.backfill(t, w.row)
		defer stop()
		time.Sleep(15 * time.Second)
		w.e.records.rows.Drop(w.row.ID, "conv-1")
		if got := w.outcome(t, "conv-1"); got != "unproven" {
			t.Errorf("a lost row: %s, want unproven", got)
		}
		time.Sleep(15 * time.Second)
		if got := w.outcome(t, "conv-1"); got != "shown" {
			t.Errorf("after the list was walked again: %s", got)
		}
	})
}

// A documented not-found removes the row that was known.
func TestDeletedConversation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3)
		w.ask(t, w.row, "conv-2")
		w.rows.rows = append(w.rows.rows[:1], w.rows.rows[2:]...)
		time.Sleep(3 * time.Second)
		for range 2 {
			if got := w.outcome(t, "conv-2"); got != "not found" {
				t.Errorf("a deleted conversation: %s", got)
			}
			time.Sleep(2 * time.Second)
		}
	})
}

// A row without a key of its own is listed again by the page that it was on,
// however many rows have come since. One of the first page can be pushed off it.
func TestRowsWithoutAKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 0)
		for i := range 150 {
			w.rows.add(widget(i + 1))
		}
		w.ask(t, w.row, "conv-1")
		w.ask(t, w.row, "conv-120")
		for i := range 200 {
			w.rows.add(widget(1000 + i))
		}
		time.Sleep(time.Minute)
		off := false
		w.rows.change("conv-1", func(c *upstream.Conversation) { c.AIEnabled = &off })
		w.rows.reset()
		d := w.ask(t, w.row, "conv-1")
		if got := d.Enrichment.Conversation.State; got != "fresh" || w.rows.count(upstream.OpList) != 1 || !strings.Contains(d.body, `"aiEnabled":false`) {
			t.Errorf("of a later page: %s after %d list calls", got, w.rows.count(upstream.OpList))
		}
		d = w.ask(t, w.row, "conv-120")
		c := d.Enrichment.Conversation
		if c.State != "stale" || c.Reason != "revalidating" || c.AgeSeconds == nil || *c.AgeSeconds < 59 || d.Enrichment.Complete {
			t.Errorf("pushed off the first page: %+v, complete %v", c, d.Enrichment.Complete)
		}
		if d := w.ask(t, w.row, "conv-1199"); d.Enrichment.Conversation.State != "fresh" {
			t.Errorf("of the first page: %v", d.states())
		}
	})
}

// A conversation whose reference was edited is found by the new one.
func TestEditedReference(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 700)
		w.ask(t, w.row, "conv-1")
		ref := "another"
		w.rows.change("conv-1", func(c *upstream.Conversation) { c.ExternalIdentifier = &ref })
		for range 5 {
			time.Sleep(700 * time.Millisecond)
			if got := w.outcome(t, "conv-1"); got != "shown" {
				t.Errorf("%s", got)
			}
		}
	})
}

// A deleted conversation stays not found, and costs no new backfill.
func TestDeletedAfterBackfill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 0)
		for i := range 300 {
			w.rows.add(widget(i + 1))
		}
		b, stop := w.backfill(t, w.row)
		defer stop()
		time.Sleep(10 * time.Second)
		w.ask(t, w.row, "conv-2")
		w.rows.mu.Lock()
		w.rows.rows = slices.DeleteFunc(w.rows.rows, func(c upstream.Conversation) bool { return c.ID == "conv-2" })
		w.rows.mu.Unlock()
		pages := b.Progress()[0].Pages
		for range 5 {
			time.Sleep(time.Minute)
			if got := w.outcome(t, "conv-2"); got != "not found" {
				t.Errorf("%s", got)
			}
		}
		if got := b.Progress()[0]; !got.Complete || got.Pages != pages {
			t.Errorf("%+v after %d pages", got, pages)
		}
	})
}

// Where pages are numbered, a list that changes on the way proves nothing.
func TestNumberedPages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 0)
		for i := range 250 {
			w.rows.add(widget(i + 1))
		}
		w.rows.numbered = true
		b, stop := w.backfill(t, w.row)
		defer stop()
		time.Sleep(time.Minute)
		if p := b.Progress()[0]; p.Complete || p.Rows < 250 {
			t.Errorf("%+v, want all rows listed and nothing claimed", p)
		}
		go func() {
			time.Sleep(30 * time.Millisecond) // between the first page and the second
			w.rows.mu.Lock()
			defer w.rows.mu.Unlock()
			w.rows.rows = w.rows.rows[1:]
		}()
		if got := w.outcome(t, "conv-9999999"); got != "unproven" {
			t.Errorf("a row was deleted during the walk: %s, want unproven", got)
		}
	})
}

func TestStoreDownWithARow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3)
		w.ask(t, w.row, "conv-2")
		time.Sleep(time.Hour)
		down := &upstream.Error{Kind: upstream.Refused}
		w.rows.failing(upstream.OpThread, down)
		w.rows.failing(upstream.OpList, down)
		d := w.ask(t, w.row, "conv-2")
		if e := d.Enrichment; e.Conversation.State != "stale" || e.Messages.State != "stale" || e.Messages.Reason != "refused" || e.Contact.State != "fresh" {
			t.Errorf("states %v", d.states())
		}
		w.crm.reset()
		if got := w.outcome(t, "conv-77"); got != "refused" {
			t.Errorf("an unknown row: %s", got)
		}
		time.Sleep(48 * time.Hour)
		d = w.ask(t, w.row, "conv-2")
		if e := d.Enrichment; e.Conversation.State != "stale" || e.Messages.State != "unavailable" || d.Messages != nil {
			t.Errorf("two days later: %v, messages %v", d.states(), d.Messages)
		}
	})
}
