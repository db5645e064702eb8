package upstreamtest

import (
	"context"
	"maps"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/weft-gateway/weft/upstream"
)

// StoreCase is a store that holds known conversations. They must not change
// while a check runs.
type StoreCase struct {
	Store     upstream.Store
	Faults    *Faults                       // the transport under Store
	IDs       []string                      // every conversation, in the list's order; at least 4
	Threads   map[string][]upstream.Message // id -> messages, for some; an empty message ID matches any
	Attention map[string][]string           // id -> ids of its items, for some; for an AttentionReader
	Unknown   string                        // a well-formed id that the store does not have
	Unused    []upstream.Filter             // filters for which no conversation has a value
}

// TestStore holds the stores that open answers to the contract of [upstream.Store].
func TestStore(t *testing.T, open func(t testing.TB) StoreCase) {
	check := func(name string, f func(*testing.T, StoreCase)) {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := open(t)
				if len(c.IDs) < 4 || len(c.Threads) == 0 || c.Unknown == "" || c.Faults == nil {
					t.Fatal("the case lacks conversations, a thread, an unknown id or faults")
				}
				f(t, c)
			})
		})
	}
	check("list", testList)
	check("filters", testFilters)
	check("filter encoding", testFilterEncoding)
	check("thread", testThread)
	check("conversation", testConversation)
	check("attention", testAttention)
	check("not found", testNotFound)
	check("derive", testDerive)
	t.Run("faults", func(t *testing.T) {
		testFaults(t, func(t *testing.T) opened { return open(t).opened() })
	})
	check("wrong record", testWrongConversation)
}

// opened returns the case as the checks of faults take it.
func (c StoreCase) opened() opened {
	id := slices.Sorted(maps.Keys(c.Threads))[0]
	o := opened{connector: c.Store, faults: c.Faults, operations: []operation{
		{"list", upstream.OpList, func(ctx context.Context) error {
			_, err := c.Store.List(ctx, upstream.ListQuery{PerPage: 2})
			return err
		}},
	}}
	for _, r := range c.reads() {
		o.operations = append(o.operations, operation{r.name, r.op, func(ctx context.Context) error { return r.call(ctx, id) }})
	}
	return o
}

// all is what the store says, by every read that there is.
func (c StoreCase) all(ctx context.Context) (all []any) {
	note := func(v any, err error) { all = append(all, v, upstream.KindOf(err)) }
	first, err := c.Store.List(ctx, upstream.ListQuery{PerPage: 3})
	note(first, err)
	if first.Next != "" {
		second, err := c.Store.List(ctx, upstream.ListQuery{PerPage: 3, Cursor: first.Next})
		note(second, err)
	}
	for _, id := range c.IDs[:3] {
		thread, err := c.Store.Thread(ctx, id)
		note(thread, err)
		if s, ok := c.Store.(upstream.Reader); ok {
			conversation, err := s.Conversation(ctx, id)
			note(conversation, err)
			note(c.Store.Derive(&conversation, &thread), nil)
		}
		if s, ok := c.Store.(upstream.AttentionReader); ok {
			items, err := s.AttentionItems(ctx, id)
			note(items, err)
		}
	}
	return all
}

// readByID is a read of something of one conversation.
type readByID struct {
	name string
	op   upstream.Op
	call func(ctx context.Context, id string) error
}

// reads returns what the store can read by id.
func (c StoreCase) reads() []readByID {
	reads := []readByID{{"thread", upstream.OpThread, func(ctx context.Context, id string) error {
		_, err := c.Store.Thread(ctx, id)
		return err
	}}}
	if s, ok := c.Store.(upstream.Reader); ok {
		reads = append(reads, readByID{"conversation", upstream.OpConversation, func(ctx context.Context, id string) error {
			_, err := s.Conversation(ctx, id)
			return err
		}})
	}
	if s, ok := c.Store.(upstream.AttentionReader); ok {
		reads = append(reads, readByID{"attention", upstream.OpAttention, func(ctx context.Context, id string) error {
			_, err := s.AttentionItems(ctx, id)
			return err
		}})
	}
	return reads
}

func testThread(t *testing.T, c StoreCase) {
	for id, want := range c.Threads {
		got, err := c.Store.Thread(t.Context(), id)
		if err != nil {
			t.Errorf("%s: %v", id, err)
			continue
		}
		if len(got.Messages) != len(want) {
			t.Errorf("%s: %d messages, want %d", id, len(got.Messages), len(want))
			continue
		}
		seen := map[string]bool{}
		for i, m := range got.Messages {
			if m.ID == "" || seen[m.ID] || m.FunctionCalls == nil {
				t.Errorf("%s: message %d has no id of its own, or nil calls", id, i)
			}
			seen[m.ID] = true
			if w := want[i]; w.ID == "" {
				m.ID = ""
			}
			if diff := cmp.Diff(want[i], m); diff != "" {
				t.Errorf("%s: message %d (-want +got):\n%s", id, i, diff)
			}
			checkJSON(t, m)
		}
		again, err := c.Store.Thread(t.Context(), id)
		if diff := cmp.Diff(got, again); err != nil || diff != "" {
			t.Errorf("%s: read again: %v\n%s", id, err, diff)
		}
	}
}

// testConversation holds a read of one conversation to its row in the list.
func testConversation(t *testing.T, c StoreCase) {
	s, ok := c.Store.(upstream.Reader)
	if !ok {
		t.Skip("not an upstream.Reader")
	}
	for _, row := range walk(t, c.Store, upstream.ListQuery{PerPage: 100}) {
		got, err := s.Conversation(t.Context(), row.ID)
		if diff := cmp.Diff(row, got); err != nil || diff != "" {
			t.Errorf("%s: %v (-row +read):\n%s", row.ID, err, diff)
		}
	}
}

func testAttention(t *testing.T, c StoreCase) {
	s, ok := c.Store.(upstream.AttentionReader)
	if !ok {
		t.Skip("not an upstream.AttentionReader")
	}
	if len(c.Attention) == 0 {
		t.Fatal("the case has no attention items")
	}
	for id, want := range c.Attention {
		items, err := s.AttentionItems(t.Context(), id)
		if err != nil || items == nil {
			t.Errorf("%s: %v, error %v", id, items, err)
		}
		var got []string
		for _, a := range items {
			got = append(got, a.ID)
			if a.ConversationID != id {
				t.Errorf("%s: an item of %s", id, a.ConversationID)
			}
			checkJSON(t, a)
		}
		if diff := cmp.Diff(want, got); diff != "" && len(want)+len(got) > 0 {
			t.Errorf("%s: items (-want +got):\n%s", id, diff)
		}
	}
}

// testNotFound asks for what is not there, which is nobody's failure.
func testNotFound(t *testing.T, c StoreCase) {
	for _, r := range c.reads() {
		for range repeats {
			checkError(t, r.call(t.Context(), c.Unknown), upstream.NotFound)
		}
		if c.opened().tripped(t, r.op) {
			t.Errorf("%s: unknown ids opened the breaker", r.name)
		}
		c.Faults.Calls()
		for _, id := range oddIDs() {
			checkError(t, r.call(t.Context(), id), upstream.NotFound)
		}
		if calls := c.Faults.Calls(); len(calls) > 0 {
			t.Errorf("%s: odd ids reached the store: %v", r.name, calls)
		}
	}
}

// testDerive holds Derive to being pure, and to answers that can be shown.
func testDerive(t *testing.T, c StoreCase) {
	for _, row := range walk(t, c.Store, upstream.ListQuery{PerPage: 100}) {
		thread, err := c.Store.Thread(t.Context(), row.ID)
		if err != nil {
			t.Fatalf("%s: %v", row.ID, err)
		}
		for _, th := range []*upstream.Thread{nil, &thread} {
			before := row
			d := c.Store.Derive(&row, th)
			if !slices.Contains(statuses(), d.Status) || d.AttentionItems == nil {
				t.Errorf("%s: derived %+v", row.ID, d)
			}
			for _, a := range d.AttentionItems {
				if a.ID == "" || a.ConversationID != row.ID || a.TenantID != row.TenantID {
					t.Errorf("%s: derived item %+v", row.ID, a)
				}
			}
			if diff := cmp.Diff(d, c.Store.Derive(&row, th)) + cmp.Diff(before, row); diff != "" {
				t.Errorf("%s: Derive is not pure:\n%s", row.ID, diff)
			}
		}
	}
}

// testWrongConversation lets the store answer with another conversation.
func testWrongConversation(t *testing.T, c StoreCase) {
	s, ok := c.Store.(upstream.Reader)
	if !ok {
		t.Skip("not an upstream.Reader")
	}
	c.Faults.Set(Swap(c.IDs[0], c.IDs[1]))
	_, err := s.Conversation(t.Context(), c.IDs[0])
	checkError(t, err, upstream.WrongRecord)
}

func statuses() []upstream.Status {
	return []upstream.Status{
		upstream.StatusNew, upstream.StatusActive, upstream.StatusHumanManaged,
		upstream.StatusWaiting, upstream.StatusResolved,
	}
}
