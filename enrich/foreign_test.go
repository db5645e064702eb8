package enrich

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weft-gateway/weft/upstream"
)

// openStore answers reads of anybody's conversations, with all that links them.
type openStore struct{ *rowStore }

func (s *openStore) Thread(ctx context.Context, id string) (upstream.Thread, error) {
	th, err := s.rowStore.Thread(ctx, id)
	if err == nil && s.foreign[id] {
		ref, phone := "ref-of-somebody", "+15550000000"
		th.Hints = upstream.Hints{ExternalIdentifier: &ref, Customer: &upstream.Party{Phone: &phone}}
	}
	return th, err
}

// TestForeignTakesAsLongAsUnknown: a conversation of another customer and one
// that never was take the same time to the nanosecond, asked for the first time
// and again, whatever the read of it shows; and where the store proves what it
// answers, they cost the same calls.
func TestForeignTakesAsLongAsUnknown(t *testing.T) {
	const tries = 1000
	kinds := map[string]struct {
		tenant func(*world) *Tenant
		calls  bool // are to be the same: else what a read shows is looked up, beside what the answer waits for
	}{
		"proved by the read":                       {func(w *world) *Tenant { return w.read }, true},
		"proved by a list":                         {func(w *world) *Tenant { return w.row }, true},
		"proved by a list, foreign ones have keys": {func(w *world) *Tenant { w.row.Store = &openStore{w.rows}; return w.row }, false},
	}
	for name, kind := range kinds {
		t.Run(name, func(t *testing.T) {
			measure := func(foreign bool) (took []time.Duration, made map[upstream.Op]int) {
				synctest.Test(t, func(t *testing.T) {
					w := newWorld(t, 20)
					tenant := kind.tenant(w)
					w.reads.foreign = map[string]bool{}
					var ids []string
					for i := range tries / 2 {
						id := fmt.Sprintf("conv-%d", 5_000_000+i)
						ids = append(ids, id, id) // cold, and remembered
						w.rows.foreign[id], w.reads.foreign[id] = foreign, foreign
					}
					for _, id := range ids {
						began := time.Now()
						_, err := w.e.Conversation(t.Context(), tenant, Request{ID: id, Include: everything})
						if !errors.Is(err, upstream.NotFound) {
							t.Fatalf("%s: %v", id, err)
						}
						took = append(took, time.Since(began))
					}
					synctest.Wait()
					made = map[upstream.Op]int{}
					for _, c := range []*calls{&w.rows.calls, &w.reads.calls, &w.crm.calls} {
						for _, op := range []upstream.Op{upstream.OpList, upstream.OpConversation, upstream.OpThread, upstream.OpAttention, upstream.OpFind, upstream.OpContacts} {
							made[op] += c.count(op)
						}
					}
				})
				return took, made
			}
			unknown, callsUnknown := measure(false)
			foreign, callsForeign := measure(true)
			if !slices.Equal(unknown, foreign) {
				t.Errorf("unknown %v..., foreign %v...", unknown[:6], foreign[:6])
			}
			if kind.calls && !maps.Equal(callsUnknown, callsForeign) {
				t.Errorf("calls: unknown %v, foreign %v", callsUnknown, callsForeign)
			}
			if callsUnknown[upstream.OpThread] == 0 || slices.Max(unknown) == 0 {
				t.Error("nothing was asked")
			}
		})
	}
}
