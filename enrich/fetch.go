package enrich

import (
	"context"
	"errors"
	"time"

	"github.com/weft-gateway/weft/cache"
	"github.com/weft-gateway/weft/upstream"
)

// report turns what the cache came to into what the document says. An answer
// that arrived since the request began is fresh, whoever asked for it.
func report[V any](start time.Time, source string, res cache.Result[V]) Report {
	r := Report{Source: source, AsOf: res.StoredAt}
	switch res.State {
	case cache.Loaded:
		r.State = Fresh
	case cache.Cached:
		r.State = Cached
		if !res.Shared && !res.StoredAt.Before(start) {
			r.State = Fresh
		}
	case cache.Stale:
		r.State, r.Reason, r.RetryAfter = Stale, reasonOf(waited(res.Err)), upstream.RetryAfter(res.Err)
	case cache.Absent:
		r.State = Missing
		if res.StoredAt.Before(start) {
			r.Age = time.Since(res.StoredAt)
		}
	default:
		r = failed(source, waited(res.Err))
	}
	if r.State == Cached || r.State == Stale {
		r.Age = max(0, time.Since(res.StoredAt))
	}
	return r
}

// waited names the end of a wait: the request's time was up before the call's.
func waited(err error) error {
	if _, ok := errors.AsType[*upstream.Error](err); ok {
		return err
	}
	switch {
	case errors.Is(err, context.Canceled):
		return upstream.Canceled
	case errors.Is(err, context.DeadlineExceeded):
		return upstream.Deadline
	}
	return err
}

// staleNow says to hand out a stale copy at once while the operation's breaker
// is not closed, or the tenant's quota is used up: the call would be refused,
// or be a probe that others wait for.
func (e *Enricher) staleNow(connector any, op upstream.Op) cache.Options {
	stale := func(kind upstream.Kind, retry time.Duration) cache.Options {
		return cache.Options{StaleNow: true, StaleErr: &upstream.Error{Kind: kind, Op: op, RetryAfter: retry}}
	}
	if g, ok := connector.(upstream.Guarded); ok {
		if tripped, retry := g.Tripped(op); tripped {
			return stale(upstream.BreakerOpen, retry)
		}
	}
	if m, ok := connector.(upstream.Metered); ok {
		if retry := m.Limited(); retry > 0 {
			return stale(upstream.RateLimited, retry)
		}
	}
	return cache.Options{}
}

// loadContacts reads contacts, from the cache or in one batch: id -> result.
func (e *Enricher) loadContacts(ctx context.Context, t *Tenant, ids []string) map[string]cache.Result[*contact] {
	load := func(ctx context.Context, ids []string) (map[string]*contact, error) {
		got, err := t.CRM.Contacts(ctx, ids)
		return convert(got, newContact, err)
	}
	return byID(e.records.contacts.Load(ctx, t.ID, ids, e.staleNow(t.CRM, upstream.OpContacts), load))
}

// loadAccounts reads accounts, from the cache or in one batch: id -> result.
func (e *Enricher) loadAccounts(ctx context.Context, t *Tenant, ids []string) map[string]cache.Result[*account] {
	load := func(ctx context.Context, ids []string) (map[string]*account, error) {
		got, err := t.CRM.Accounts(ctx, ids)
		return convert(got, newAccount, err)
	}
	return byID(e.records.accounts.Load(ctx, t.ID, ids, e.staleNow(t.CRM, upstream.OpAccounts), load))
}

// loadThread reads the messages of one conversation; looked says that Redis was
// asked for them just now.
func (e *Enricher) loadThread(ctx context.Context, t *Tenant, id string, looked bool) cache.Result[*thread] {
	load := func(ctx context.Context, _ []string) (map[string]*thread, error) {
		got, err := t.Store.Thread(ctx, id)
		if err != nil {
			return nil, err
		}
		th, err := newThread(got, t.hides(hideCalls))
		if err != nil {
			return nil, upstream.BadResponse
		}
		return map[string]*thread{t.threadKey(id): th}, nil
	}
	opt := e.staleNow(t.Store, upstream.OpThread)
	opt.SkipRedis = looked
	return e.records.threads.Load(ctx, t.ID, []string{t.threadKey(id)}, opt, load)[0]
}

// loadItems reads the attention items of one conversation; looked as above.
func (e *Enricher) loadItems(ctx context.Context, t *Tenant, store upstream.AttentionReader, id string, looked bool) cache.Result[*items] {
	load := func(ctx context.Context, _ []string) (map[string]*items, error) {
		got, err := store.AttentionItems(ctx, id)
		if err != nil {
			return nil, err
		}
		b, err := encodeJSON(got)
		if err != nil {
			return nil, upstream.BadResponse
		}
		return map[string]*items{id: {b}}, nil
	}
	opt := e.staleNow(t.Store, upstream.OpAttention)
	opt.SkipRedis = looked
	return e.records.attention.Load(ctx, t.ID, []string{id}, opt, load)[0]
}

// loadPage lists one page, and keeps each row: it proves ownership.
func (e *Enricher) loadPage(ctx context.Context, t *Tenant, q upstream.ListQuery) cache.Result[*upstream.Page] {
	key := pageKey(q)
	load := func(ctx context.Context, _ []string) (map[string]*upstream.Page, error) {
		page, err := e.list(ctx, t, q)
		if err != nil {
			return nil, err
		}
		if len(page.Next) > maxCursor || len(page.Prev) > maxCursor {
			return nil, upstream.BadResponse // a list that nobody could go on with
		}
		return map[string]*upstream.Page{key: &page}, nil
	}
	return e.records.lists.Load(ctx, t.ID, []string{key}, e.staleNow(t.Store, upstream.OpList), load)[0]
}

// list asks the store for one page and keeps its rows.
func (e *Enricher) list(ctx context.Context, t *Tenant, q upstream.ListQuery) (upstream.Page, error) {
	page, err := t.Store.List(ctx, q)
	if err != nil {
		return page, err
	}
	rows, _ := e.records.of(t)
	for i := range page.Rows {
		rows.Put(t.ID, page.Rows[i].ID, &page.Rows[i])
	}
	e.proofs.notePlace(t, q, page.Rows)
	return page, nil
}

// convert makes cache values of upstream records. A record that cannot be
// encoded is the source's fault and is left out.
func convert[R, V any](records map[string]R, encode func(R) (V, error), err error) (map[string]V, error) {
	out := make(map[string]V, len(records))
	for id, rec := range records {
		v, encErr := encode(rec)
		if encErr != nil {
			err = errors.Join(upstream.BadResponse, err)
			continue
		}
		out[id] = v
	}
	return out, err
}

func byID[V any](results []cache.Result[V]) map[string]cache.Result[V] {
	m := make(map[string]cache.Result[V], len(results))
	for _, res := range results {
		m[res.ID] = res
	}
	return m
}
