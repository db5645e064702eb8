package enrich

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weft-gateway/weft/cache"
	"github.com/weft-gateway/weft/upstream"
)

// swiftly makes the world's policies those under which contacts, accounts and
// links past their time are shown at once.
func (w *world) swiftly(t *testing.T) {
	t.Helper()
	cfg := w.e.cfg
	cfg.Contact.Revalidate, cfg.Account.Revalidate, cfg.Link.Revalidate = time.Hour, time.Hour, time.Hour
	var err error
	if w.e, err = New(cfg); err != nil {
		t.Fatal(err)
	}
}

// While a part is revalidated its copy is shown at once, the document says so,
// and the next one has what came of it.
func TestRevalidatingParts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		w.swiftly(t)
		for _, tenant := range []*Tenant{w.read, w.row} {
			w.crm.reset()
			first := w.ask(t, tenant, "conv-1")
			time.Sleep(30 * time.Minute)
			d := w.ask(t, tenant, "conv-1")
			e := d.Enrichment
			if e.Contact.State != "stale" || e.Contact.Reason != "revalidating" || e.Account.Reason != "revalidating" || e.Complete {
				t.Errorf("%s: contact %+v, account %+v, complete %v", tenant.StoreName, e.Contact, e.Account, e.Complete)
			}
			if age := e.Contact.AgeSeconds; age == nil || *age != 1800 {
				t.Errorf("%s: age %v, want 1800", tenant.StoreName, age)
			}
			if tenant == w.row && (e.Link.State != "stale" || e.Link.Reason != "revalidating") {
				t.Errorf("link %+v", e.Link)
			}
			if !slices.Equal(d.Contact, first.Contact) || d.took > 25*time.Millisecond {
				t.Errorf("%s: same contact %v, took %v; want the store's 20 ms", tenant.StoreName, slices.Equal(d.Contact, first.Contact), d.took)
			}
			time.Sleep(time.Second)
			if d := w.ask(t, tenant, "conv-1"); !d.Enrichment.Complete || d.Enrichment.Contact.State != "cached" {
				t.Errorf("%s: a second later %v", tenant.StoreName, d.states())
			}
			if n := w.crm.count(upstream.OpAccounts); n != 2 {
				t.Errorf("%s: %d account calls, want 2", tenant.StoreName, n)
			}
		}
	})
}

// What is known of the source is a better reason.
func TestRevalidatingKnowsBetter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		w.swiftly(t)
		w.ask(t, w.read, "conv-1")
		time.Sleep(30 * time.Minute)
		w.crm.tripped(upstream.OpContacts, true)
		w.crm.failing(upstream.OpContacts, &upstream.Error{Kind: upstream.BreakerOpen, RetryAfter: 7 * time.Second})
		w.crm.failing(upstream.OpAccounts, &upstream.Error{Kind: upstream.Refused})
		reasons := func() []string {
			e := w.ask(t, w.read, "conv-1").Enrichment
			return []string{e.Contact.Reason, e.Account.Reason}
		}
		if got, want := reasons(), []string{"breaker_open", "revalidating"}; !slices.Equal(got, want) {
			t.Errorf("reasons %v, want %v", got, want)
		}
		time.Sleep(500 * time.Millisecond)
		if got, want := reasons(), []string{"breaker_open", "refused"}; !slices.Equal(got, want) {
			t.Errorf("once it has failed %v, want %v", got, want)
		}
		w.crm.tripped(upstream.OpContacts, false)
		w.crm.failing(upstream.OpContacts, nil)
		w.crm.failing(upstream.OpAccounts, nil)
		for begun := time.Now(); !w.ask(t, w.read, "conv-1").Enrichment.Complete; time.Sleep(100 * time.Millisecond) {
			if time.Since(begun) > 7*time.Second {
				t.Fatal("not whole 7 s after the recovery")
			}
		}
	})
}

// TestPanicInOnePart: the part is unavailable, the others are not, and the log
// says where it was, once, without what it was about.
func TestPanicInOnePart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var logged bytes.Buffer
		w := newWorld(t, 1)
		cfg := w.e.cfg
		var err error
		if cfg.Cache, err = cache.New(cache.Config{Logger: slog.New(slog.NewTextHandler(&logged, nil))}); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(cfg.Cache.Close)
		if w.e, err = New(cfg); err != nil {
			t.Fatal(err)
		}
		w.read.CRM = panickyCRM{w.crm}
		d := w.ask(t, w.read, "conv-1")
		if got, want := d.states(), []string{"fresh", "fresh", "fresh", "unavailable", "fresh", "fresh"}; !slices.Equal(got, want) {
			t.Errorf("states %v, want %v", got, want)
		}
		if d.Enrichment.Contact.Reason != "upstream_error" {
			t.Errorf("reason %q", d.Enrichment.Contact.Reason)
		}
		text := logged.String()
		if strings.Count(text, "level=ERROR") != 1 || !strings.Contains(text, "panickyCRM") || strings.Contains(text, "con-1") {
			t.Errorf("logged %s", text)
		}
		w.read.CRM = w.crm
		if d := w.ask(t, w.read, "conv-1"); !d.Enrichment.Complete {
			t.Errorf("afterwards %v", d.states())
		}
	})
}

type panickyCRM struct{ *fakeCRM }

func (panickyCRM) Contacts(_ context.Context, ids []string) (map[string]upstream.Contact, error) {
	panic("no such thing as " + ids[0])
}

// A conversation that the credential may not see stays unknown while its copy
// is revalidated.
func TestHiddenWhileRevalidated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		cfg := w.e.cfg
		cfg.Conversation.Revalidate = time.Hour
		var err error
		if w.e, err = New(cfg); err != nil {
			t.Fatal(err)
		}
		for _, tenant := range []*Tenant{w.read, w.row} {
			w.ask(t, tenant, "conv-1")
			time.Sleep(time.Minute)
			r := Request{ID: "conv-1", Include: everything, Workspaces: []string{"elsewhere"}}
			if _, err := w.e.Conversation(t.Context(), tenant, r); !errors.Is(err, upstream.NotFound) {
				t.Errorf("%s: %v, want not found", tenant.StoreName, err)
			}
			time.Sleep(time.Minute)
		}
	})
}
