package enrich

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// Each part says when it was there, and not when its turn came to be waited for.
func TestPartsSayWhenTheyWereThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 2)
		ask := func() map[string]time.Duration {
			t.Helper()
			d, err := w.e.Conversation(t.Context(), w.read, Request{ID: "conv-1", Include: everything})
			if err != nil {
				t.Fatal(err)
			}
			took := map[string]time.Duration{}
			for _, p := range d.Parts {
				took[p.Name] = p.Took
			}
			return took
		}
		const store, crm = 20 * time.Millisecond, 50 * time.Millisecond // of a call
		want := map[string]time.Duration{
			"conversation": store, "messages": store, "attentionItems": store, "contact": store + crm, "account": store + crm, "link": store + crm,
		}
		if diff := cmp.Diff(want, ask()); diff != "" {
			t.Errorf("cold (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(map[string]time.Duration{
			"conversation": 0, "messages": 0, "attentionItems": 0, "contact": 0, "account": 0, "link": 0,
		}, ask()); diff != "" {
			t.Errorf("within its time (-want +got):\n%s", diff)
		}
	})
}
