package enrich

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/weft-gateway/weft/cache"
	"github.com/weft-gateway/weft/upstream"
)

// weather is a world in which anything may happen at any time.
type weather struct {
	*world
	t    *testing.T
	e    *Enricher
	rnd  *rand.Rand
	kept int // documents that were
	turn int
}

// A kept document is to the byte the one that is assembled at that moment,
// whatever happened before. Assembling asks nobody then: not even time passes.
func TestKeptIsAssembled(t *testing.T) {
	for _, shared := range []bool{false, true} {
		for seed := range uint64(3) {
			t.Run(fmt.Sprintf("redis=%v/%d", shared, seed), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w := &weather{world: newWorld(t, 2), t: t, rnd: rand.New(rand.NewPCG(seed, 1))}
					w.e = w.world.e
					if shared {
						w.e, _ = w.on(t, simulated(t))
					}
					w.replace()
					for w.turn = range 300 {
						w.happen()
						w.compare()
					}
					synctest.Wait()
					if w.kept < 100 {
						t.Errorf("only %d documents were kept", w.kept)
					}
				})
			})
		}
	}
}

func (w *weather) tenant() *Tenant { return []*Tenant{w.row, w.read}[w.rnd.IntN(2)] }

func (w *weather) id() string { return fmt.Sprintf("conv-%d", 1+w.rnd.IntN(2)) }

// requests are the ways in which a conversation is asked for.
func (w *weather) requests(id string) []Request {
	ours := []string{"elsewhere", w.row.defaultWorkspace(), w.read.defaultWorkspace()}
	return []Request{
		{ID: id, Include: everything},
		{ID: id, Include: everything, Costs: true, Workspaces: ours},
		{ID: id, Include: everything, Workspaces: ours[:1]},
		{ID: id, Include: []Part{PartAccount, PartAttentionItems}},
		{ID: id, Include: []Part{PartMessages}, Require: []Part{PartContact}},
		{ID: id, Include: []Part{PartMessages}},
	}
}

// happen is one event. Reading is the most likely one.
func (w *weather) happen() {
	n := 1 + w.rnd.IntN(2)
	con, acc := fmt.Sprintf("con-%d", n), fmt.Sprintf("acc-%d", n)
	t, id := w.tenant(), w.id()
	store := map[*Tenant]*rowStore{w.row: w.rows, w.read: &w.reads.rowStore}[t]
	switch w.rnd.IntN(40) {
	case 0:
		w.change(con, acc)
	case 1:
		store.change(id, func(c *upstream.Conversation) { c.Summary = optional(fmt.Sprintf("as of turn %d", w.turn)) })
	case 2:
		w.records(t).Drop(t.ID, id)
	case 3:
		w.e.records.contacts.PutAbsent(t.ID, con)
	case 4:
		if w.rnd.IntN(4) > 0 { // nothing is kept of a person for a while after
			return
		}
		_ = w.e.Erase(w.t.Context(), t, con) // what the CRM cannot say is not the point
		w.forgotten(t, con)
	case 5:
		w.trouble(&w.crm.calls, upstream.OpContacts)
	case 6:
		w.trouble(&store.calls, upstream.OpThread)
	case 7:
		w.replace()
	case 8:
		w.e.records.threads.Drop(t.ID, t.threadKey(id))
	case 9:
		w.e.records.links.Drop(t.ID, w.linkOf(n))
	case 10:
		w.e.records.links.PutAbsent(t.ID, w.linkOf(n))
	case 11, 12:
		time.Sleep(time.Duration(w.rnd.IntN(4000)) * time.Millisecond)
	case 13:
		time.Sleep(time.Duration(w.rnd.IntN(400)) * time.Second)
	case 14, 15, 16:
		w.squeeze(t, id, con, acc)
	default:
		all := w.requests(id)
		_, _ = w.e.Conversation(w.t.Context(), t, all[w.rnd.IntN(len(all))]) // failing is part of it
		time.Sleep(time.Duration(w.rnd.IntN(300)) * time.Millisecond)
	}
}

// squeeze packs, or unpacks, some of what memory has.
func (w *weather) squeeze(t *Tenant, id, con, acc string) {
	var all []cache.Packer
	all = recalled(all, w.records(t), t.ID, id)
	all = recalled(all, w.e.records.threads, t.ID, t.threadKey(id))
	all = recalled(all, w.e.records.attention, t.ID, id)
	all = recalled(all, w.e.records.contacts, t.ID, con)
	all = recalled(all, w.e.records.accounts, t.ID, acc)
	for _, p := range all {
		if w.rnd.IntN(4) > 0 {
			p.Pack()
		} else {
			p.Unpack()
		}
	}
}

func recalled[V cache.Packer](all []cache.Packer, l *cache.Loader[V], tenant, id string) []cache.Packer {
	if v, ok := l.Recall(tenant, id); ok {
		return append(all, v)
	}
	return all
}

// linkOf is the key by which conversation n is linked, where the store does not say it.
func (w *weather) linkOf(n int) string {
	c := conv(n)
	return w.row.anchor(&c).key()
}

func (w *weather) records(t *Tenant) *cache.Loader[*conversation] {
	l, _ := w.e.records.of(t)
	return l
}

// change changes what the CRM has.
func (w *weather) change(con, acc string) {
	w.crm.mu.Lock()
	defer w.crm.mu.Unlock()
	c, a := w.crm.contacts[con], w.crm.accounts[acc]
	c.FirstName, a.Name = optional(fmt.Sprintf("turn %d", w.turn)), optional(fmt.Sprintf("turn %d", w.turn))
	w.crm.contacts[con], w.crm.accounts[acc] = c, a
}

// trouble makes an operation fail, its breaker open, or all well again.
func (w *weather) trouble(of *calls, op upstream.Op) {
	var err error
	state := w.rnd.IntN(4)
	if state == 0 {
		err = &upstream.Error{Kind: upstream.Refused, Op: op}
	}
	of.failing(op, err)
	of.tripped(op, state == 1)
}

// replace puts another configuration in the place of the one before.
func (w *weather) replace() {
	cfg := w.e.cfg
	cfg.Replaces = w.e
	cfg.Contact.Fresh = time.Duration(1+w.rnd.IntN(9)) * time.Minute
	cfg.Conversation.Fresh = time.Duration(1+w.rnd.IntN(60)) * time.Second
	e, err := New(cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	w.e = e
}

// forgotten finds nothing kept of a person that was erased.
func (w *weather) forgotten(t *Tenant, con string) {
	for _, id := range []string{"conv-1", "conv-2"} {
		for _, r := range w.requests(id) {
			if d := w.e.Kept(t, r); d != nil && strings.Contains(string(d.Body), con+`"`) {
				w.t.Fatalf("turn %d: %s is still kept after it was erased", w.turn, con)
			}
		}
	}
}

// compare holds what is kept against what is assembled.
func (w *weather) compare() {
	for _, t := range []*Tenant{w.row, w.read} {
		for _, id := range []string{"conv-1", "conv-2"} {
			for _, r := range w.requests(id) {
				w.hold(t, r)
			}
		}
	}
}

func (w *weather) hold(t *Tenant, r Request) {
	kept := w.e.Kept(t, r)
	if kept == nil {
		return
	}
	w.kept++
	defer kept.Release()
	began := time.Now()
	made, err := w.e.Conversation(w.t.Context(), t, r)
	if err != nil || !time.Now().Equal(began) {
		w.t.Fatalf("turn %d: %s was kept; making it took %v: %v", w.turn, r.ID, time.Since(began), err)
	}
	if !bytes.Equal(kept.Body, made.Body) {
		w.t.Fatalf("turn %d: %s", w.turn, cmp.Diff(string(made.Body), string(kept.Body)))
	}
	if diff := cmp.Diff(made, kept, cmpopts.IgnoreUnexported(Document{})); diff != "" {
		w.t.Fatalf("turn %d: (-assembled +kept)\n%s", w.turn, diff)
	}
}

// A document is kept from the second time on that it is all within its time,
// for its own tenant, by what was asked for, and for whoever may see it.
func TestKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		all := Request{ID: "conv-1", Include: everything}
		for range 2 {
			if w.e.Kept(w.read, all) != nil {
				t.Fatal("kept before it was within its time")
			}
			w.ask(t, w.read, "conv-1")
			time.Sleep(100 * time.Millisecond)
		}
		for _, tt := range []struct {
			name   string
			tenant *Tenant
			r      Request
			want   bool
		}{
			{"as it was asked for", w.read, all, true},
			{"required", w.read, Request{ID: "conv-1", Include: everything, Require: []Part{PartContact}}, true},
			{"of its workspace", w.read, Request{ID: "conv-1", Include: everything, Workspaces: []string{w.read.defaultWorkspace()}}, true},
			{"of another workspace", w.read, Request{ID: "conv-1", Include: everything, Workspaces: []string{"other"}}, false},
			{"with costs", w.read, Request{ID: "conv-1", Include: everything, Costs: true}, false},
			{"less of it", w.read, Request{ID: "conv-1", Include: everything[1:]}, false},
			{"another tenant's", w.row, all, false},
		} {
			d := w.e.Kept(tt.tenant, tt.r)
			if (d != nil) != tt.want {
				t.Errorf("%s: kept %v, want %v", tt.name, d != nil, tt.want)
			}
			if d != nil {
				d.Release()
			}
		}
		time.Sleep(2 * time.Second)
		if w.e.Kept(w.read, all) != nil {
			t.Error("kept past the conversation's time")
		}
	})
}

// That a conversation is linked to nobody is no longer true when the search that
// found nobody has to be made again.
func TestUnlinkedIsNotKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		w.ask(t, w.row, "conv-1")
		c := conv(1)
		w.e.records.links.PutAbsent(w.row.ID, w.row.anchor(&c).key())
		for range 3 {
			time.Sleep(100 * time.Millisecond)
			if d := w.ask(t, w.row, "conv-1"); d.Enrichment.Link.State != "unlinked" {
				t.Fatalf("link %v", d.Enrichment.Link)
			}
		}
		if w.e.Kept(w.row, Request{ID: "conv-1", Include: everything}) != nil {
			t.Error("kept")
		}
	})
}

// What is kept costs no memory to show.
func TestKeptAllocates(t *testing.T) {
	w := newWorld(t, 1)
	w.reads.latency, w.crm.latency = 0, 0
	cfg := w.e.cfg
	cfg.Conversation.Fresh = time.Hour
	var err error
	if w.e, err = New(cfg); err != nil {
		t.Fatal(err)
	}
	r := Request{ID: "conv-1", Include: everything}
	for range 3 {
		if _, err := w.e.Conversation(context.Background(), w.read, r); err != nil {
			t.Fatal(err)
		}
	}
	got := testing.AllocsPerRun(500, func() {
		d := w.e.Kept(w.read, r)
		if d == nil {
			t.Fatal("not kept")
		}
		d.Release()
	})
	if got >= 1 {
		t.Errorf("%v allocations, want none", got)
	}
}
