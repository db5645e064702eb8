package enrich

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/weft-gateway/weft/cache"
	"github.com/weft-gateway/weft/upstream"
)

// report turns what the cache came to into what the document says. An answer
// that arrived since the request began is fresh, whoever asked for it.
func report[V any](start time.Time, source string, res cache.Result[V]) Report {
	r := Report{Source: source, AsOf: res.StoredAt}
	now := time.Now()
	age := res.Age(now)
	before := age > now.Sub(start) // by the clock that does not step
	switch res.State {
	case cache.Loaded:
		r.State = Fresh
	case cache.Cached:
		r.State = Cached
		if !res.Shared && !before {
			r.State = Fresh
		}
	case cache.Stale:
		r.State, r.Reason, r.RetryAfter = Stale, reasonOf(waited(res.Err)), upstream.RetryAfter(res.Err)
	case cache.Absent:
		r.State = Missing
		if before {
			r.Age = age
		}
	default:
		r = failed(source, waited(res.Err))
	}
	if r.State == Cached || r.State == Stale {
		r.Age = age
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

// contacts asks for contacts, of the cache or in one batch, and waits unless it
// is one. The ids are in ascending order; looked says that Redis was asked for them
// just now.
func (e *Enricher) contacts(ctx context.Context, t *Tenant, ids []string, looked bool) some[*contact] {
	read := func(ctx context.Context, ids []string) (map[string]upstream.Contact, error) {
		got, err := called(ctx, t.CRMName, upstream.OpContacts, len(ids), func(ctx context.Context) (map[string]upstream.Contact, error) { return t.CRM.Contacts(ctx, ids) })
		for _, c := range got {
			e.keepAccount(t, c)
		}
		return got, err
	}
	return ask(ctx, e.staleNow(t.CRM, upstream.OpContacts), looked, kindContact, origin{t.CRMName, upstream.OpContacts}, e.records.contacts, t.ID, ids, read, newContact)
}

// ask asks for records of one kind. See [Enricher.contacts].
func ask[R, V any](ctx context.Context, opt cache.Options, looked bool, kind string, from origin, l *cache.Loader[V], tenant string, ids []string,
	read func(ctx context.Context, ids []string) (map[string]R, error), encode func(R) (V, error)) some[V] {
	opt.SkipRedis = looked
	if len(ids) == 1 {
		return some[V]{one: begin(ctx, kind, from, l, tenant, ids[0], opt, func(ctx context.Context) (V, bool, error) {
			got, err := read(ctx, ids)
			return convertOne(got, ids[0], encode, err)
		})}
	}
	return some[V]{several: loaded(ctx, kind, from, l, tenant, ids, opt, func(ctx context.Context, ids []string) (map[string]V, error) {
		got, err := read(ctx, ids)
		return convert(got, encode, err)
	})}
}

// keepAccount keeps the account that a contact brought along, so that it is not
// asked for.
func (e *Enricher) keepAccount(t *Tenant, c upstream.Contact) {
	if c.Account == nil || c.Account.ID != deref(c.AccountID) {
		return
	}
	if rec, err := newAccount(*c.Account); err == nil {
		e.records.accounts.Put(t.ID, strings.Clone(c.Account.ID), rec)
	}
}

// accounts asks for accounts, as contacts does for contacts.
func (e *Enricher) accounts(ctx context.Context, t *Tenant, ids []string, looked bool) some[*account] {
	read := func(ctx context.Context, ids []string) (map[string]upstream.Account, error) {
		return called(ctx, t.CRMName, upstream.OpAccounts, len(ids), func(ctx context.Context) (map[string]upstream.Account, error) { return t.CRM.Accounts(ctx, ids) })
	}
	return ask(ctx, e.staleNow(t.CRM, upstream.OpAccounts), looked, kindAccount, origin{t.CRMName, upstream.OpAccounts}, e.records.accounts, t.ID, ids, read, newAccount)
}

// thread asks for the messages of one conversation; looked says that Redis was
// asked for them just now.
func (e *Enricher) thread(ctx context.Context, t *Tenant, id string, looked bool) pending[*thread] {
	opt := e.staleNow(t.Store, upstream.OpThread)
	opt.SkipRedis = looked
	return begin(ctx, kindThread, origin{t.StoreName, upstream.OpThread}, e.records.threads, t.ID, t.threadKey(id), opt, func(ctx context.Context) (*thread, bool, error) {
		got, err := called(ctx, t.StoreName, upstream.OpThread, 1, func(ctx context.Context) (upstream.Thread, error) { return t.Store.Thread(ctx, id) })
		if err != nil {
			return nil, false, err
		}
		th, err := newThread(got, t.hides(hideCalls))
		if err != nil {
			return nil, false, upstream.BadResponse
		}
		if !t.derives() {
			th.briefs.Store(nil)
		}
		return th, true, nil
	})
}

// attention asks for the attention items of one conversation; looked as above.
func (e *Enricher) attention(ctx context.Context, t *Tenant, store upstream.AttentionReader, id string, looked bool) pending[*items] {
	opt := e.staleNow(t.Store, upstream.OpAttention)
	opt.SkipRedis = looked
	return begin(ctx, kindAttention, origin{t.StoreName, upstream.OpAttention}, e.records.attention, t.ID, id, opt, func(ctx context.Context) (*items, bool, error) {
		got, err := called(ctx, t.StoreName, upstream.OpAttention, 1, func(ctx context.Context) ([]upstream.AttentionItem, error) { return store.AttentionItems(ctx, id) })
		if err != nil {
			return nil, false, err
		}
		b, err := encodeItems(got)
		if err != nil {
			return nil, false, upstream.BadResponse
		}
		return with(new(items), b), true, nil
	})
}

// loadPage lists one page, and keeps each row: it proves ownership.
func (e *Enricher) loadPage(ctx context.Context, t *Tenant, q upstream.ListQuery) cache.Result[*upstream.Page] {
	key := pageKey(q)
	load := func(ctx context.Context) (*upstream.Page, bool, error) {
		page, err := e.list(ctx, t, q)
		if err != nil {
			return nil, false, err
		}
		if len(page.Next) > maxCursor || len(page.Prev) > maxCursor {
			return nil, false, upstream.BadResponse // a list that nobody could go on with
		}
		return &page, true, nil
	}
	return get(ctx, kindList, origin{t.StoreName, upstream.OpList}, e.records.lists, t.ID, key, e.staleNow(t.Store, upstream.OpList), load)
}

// list asks the store for one page and keeps its rows.
func (e *Enricher) list(ctx context.Context, t *Tenant, q upstream.ListQuery) (upstream.Page, error) {
	page, err := called(ctx, t.StoreName, upstream.OpList, 1, func(ctx context.Context) (upstream.Page, error) { return t.Store.List(ctx, q) })
	if err != nil {
		return page, err
	}
	rows, _ := e.records.of(t)
	for _, row := range page.Rows { // a copy: what points into the page keeps all of it alive
		rows.Note(t.ID, strings.Clone(row.ID), keepConversation(&row))
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

// convertOne is convert for the record of one id.
func convertOne[R, V any](records map[string]R, id string, encode func(R) (V, error), err error) (v V, ok bool, _ error) {
	rec, ok := records[id]
	if !ok {
		return v, false, err
	}
	v, encErr := encode(rec)
	if encErr != nil {
		return v, false, errors.Join(upstream.BadResponse, err)
	}
	return v, true, err
}

// byID are the results of ids in ascending order.
type byID[V any] []cache.Result[V]

// of returns the result of an id, which was asked for.
func (r byID[V]) of(id string) cache.Result[V] {
	i, _ := slices.BinarySearchFunc(r, id, func(res cache.Result[V], id string) int { return strings.Compare(res.ID, id) })
	return r[i]
}
