package enrich

import (
	"context"
	"errors"
	"maps"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/weft-gateway/weft/cache"
	"github.com/weft-gateway/weft/upstream"
)

// proofs finds the conversations of stores that do not prove ownership
// themselves: knowing an id proves nothing there, being shown it in a list
// made with the tenant's own key does.
//
// A row is kept whenever a list shows it. An id without a row is looked for in
// two ways at once:
//
//   - The conversation is read, and the list is asked by what the read shows:
//     its reference, or its phone numbers. This can only ever prove that the
//     id is the tenant's, so that the answer never depends on whether the read
//     found something.
//   - The head of the list is walked (walk.go). The walk proves that the id is
//     not the tenant's if it saw the whole list, or all of the list that the
//     index of known ids (backfill.go) does not cover.
type proofs struct {
	e     *Enricher
	mu    sync.Mutex
	walks map[string]*walker // tenant id -> its walker

	again singleflight.Group // of pages that are listed although they are cached, by tenant and query

	since map[string]time.Time // tenant id -> when the last walk of an earlier Enricher began
}

func newProofs(e *Enricher) *proofs {
	return &proofs{e: e, walks: map[string]*walker{}, since: map[string]time.Time{}}
}

func (p *proofs) walker(t *Tenant) *walker {
	p.mu.Lock()
	defer p.mu.Unlock()
	w, ok := p.walks[t.ID]
	if !ok {
		w = &walker{e: p.e, t: t, wake: make(chan struct{}, 1), started: p.since[t.ID]}
		p.walks[t.ID] = w
	}
	return w
}

// follow keeps the spacing of walks that others have begun.
func (p *proofs) follow(old *proofs) {
	old.mu.Lock()
	defer old.mu.Unlock()
	p.since = maps.Clone(old.since)
	for id, w := range old.walks {
		w.mu.Lock()
		p.since[id] = w.started
		w.mu.Unlock()
	}
	maps.DeleteFunc(p.since, func(_ string, began time.Time) bool { return time.Since(began) >= walkSpacing })
}

// loadConversation reads one conversation, or its row. A known copy is what
// the cache holds, nil for none.
func (e *Enricher) loadConversation(ctx context.Context, t *Tenant, id string, known *upstream.Conversation) cache.Result[*conversation] {
	reader, proves := t.proves()
	op := upstream.OpList
	if proves {
		op = upstream.OpConversation
	}
	load := func(ctx context.Context) (*conversation, bool, error) {
		if proves {
			c, err := called(ctx, t.StoreName, op, 1, func(ctx context.Context) (upstream.Conversation, error) { return reader.Conversation(ctx, id) })
			return keepConversation(&c), err == nil, err
		}
		prove := func() (map[string]*upstream.Conversation, error) { return e.proofs.prove(ctx, t, id, false) }
		if known != nil {
			prove = func() (map[string]*upstream.Conversation, error) { return e.proofs.refresh(ctx, t, known) }
		}
		rows, err := prove()
		return keepConversation(rows[id]), rows[id] != nil, err
	}
	opt := e.staleNow(t.Store, op)
	opt.SkipRedis = true // the request began by asking it
	loader, kind := e.records.of(t)
	return get(ctx, kind, origin{t.StoreName, op}, loader, t.ID, id, opt, load)
}

func one(id string, c *upstream.Conversation) map[string]*upstream.Conversation {
	return map[string]*upstream.Conversation{id: c}
}

// errUnlisted says that a row could not be listed again in one call. It is as
// good as it was, and its time says when that was.
var errUnlisted = errors.New("enrich: the row is not on the page that was listed")

// refresh lists a known row again, in one call that documents of the same
// customer share.
func (p *proofs) refresh(ctx context.Context, t *Tenant, known *upstream.Conversation) (map[string]*upstream.Conversation, error) {
	narrowed := true
	q, ok := narrow(known.ExternalIdentifier, known.Customer, known.WhatsappSender)
	if !ok {
		q, narrowed = p.placeOf(ctx, t, known), false
	}
	page, err := p.page(ctx, t, q)
	if err != nil {
		return nil, err
	}
	if row := rowOf(page, known.ID); row != nil {
		return one(known.ID, row), nil
	}
	if narrowed && page.Next == "" {
		return p.prove(ctx, t, known.ID, true) // its keys may have changed, or it is gone
	}
	return nil, errUnlisted
}

// placeOf asks for the page on which a row without a key of its own was listed.
// A page that begins at a cursor holds the same rows however many are added at
// the head.
func (p *proofs) placeOf(ctx context.Context, t *Tenant, known *upstream.Conversation) upstream.ListQuery {
	if res := p.e.records.places.Peek(ctx, t.ID, []string{known.ID}, false)[0]; res.State == cache.Cached {
		return upstream.ListQuery{PerPage: upstream.MaxBatch, Cursor: *res.Value}
	}
	q := upstream.ListQuery{PerPage: upstream.MaxBatch}
	if known.Type != nil {
		q.Filters = map[upstream.Filter]string{upstream.FilterType: *known.Type}
	}
	return q
}

// notePlace remembers the page of rows that cannot be listed by a key.
func (p *proofs) notePlace(t *Tenant, q upstream.ListQuery, rows []upstream.Conversation) {
	if _, proves := t.proves(); proves || q.Cursor == "" || len(q.Filters) > 0 || q.PerPage != upstream.MaxBatch {
		return
	}
	for i := range rows {
		if _, ok := narrow(rows[i].ExternalIdentifier, rows[i].Customer, rows[i].WhatsappSender); !ok {
			p.e.records.places.Put(t.ID, strings.Clone(rows[i].ID), &q.Cursor)
		}
	}
}

// narrow makes the query that lists a conversation by its own keys.
func narrow(ref *string, customer, sender *upstream.Party) (upstream.ListQuery, bool) {
	f := map[upstream.Filter]string{}
	if v := deref(ref); v != "" {
		f[upstream.FilterExternalIdentifier] = v
	} else {
		if customer != nil && deref(customer.Phone) != "" {
			f[upstream.FilterCustomerPhone] = *customer.Phone
		}
		if sender != nil && deref(sender.Phone) != "" {
			f[upstream.FilterWhatsappSender] = *sender.Phone
		}
	}
	return upstream.ListQuery{Filters: f, PerPage: upstream.MaxBatch}, len(f) > 0
}

// page lists one page, in one call for all who want it at once. One that is
// cached is within its time, but older than the question: a row of it would be
// taken for fresh.
func (p *proofs) page(ctx context.Context, t *Tenant, q upstream.ListQuery) (*upstream.Page, error) {
	asked := time.Now()
	res := p.e.loadPage(ctx, t, q)
	now := time.Now()
	switch {
	case res.State == cache.Stale:
		return nil, res.Err // an old page proves nothing of now
	case res.State == cache.Cached && (res.Shared || res.Age(now) > now.Sub(asked)):
		page, err, _ := p.again.Do(t.ID+" "+pageKey(q), func() (any, error) {
			page, err := p.e.list(ctx, t, q)
			return &page, err
		})
		return page.(*upstream.Page), err
	}
	return res.Value, conversationError(res)
}

func rowOf(page *upstream.Page, id string) *upstream.Conversation {
	for i := range page.Rows {
		if page.Rows[i].ID == id {
			return &page.Rows[i]
		}
	}
	return nil
}

// sighting is what one of the two ways of looking came to.
type sighting struct {
	row *upstream.Conversation // nil: not seen
	err error                  // why it is not known whether it is there
}

// prove looks for a conversation; held says that a row is known which the list
// no longer shows as it was. A nil map without an error says that it is not the
// tenant's.
func (p *proofs) prove(ctx context.Context, t *Tenant, id string, held bool) (map[string]*upstream.Conversation, error) {
	began := time.Now()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	read := make(chan struct{}) // closed when the read has been answered
	shown, walked := make(chan sighting, 1), make(chan sighting, 1)
	var th upstream.Thread
	var readErr error
	guarded := func(out chan<- sighting, f func() sighting) {
		defer func() { // a panic is this way's failure, and the other goes on
			if r := recover(); r != nil {
				out <- sighting{err: upstream.BadResponse}
			}
		}()
		out <- f()
	}
	go guarded(shown, func() sighting {
		func() {
			defer close(read)
			ctx, cancel := context.WithTimeout(ctx, loadTime(p.e.cfg.Store))
			defer cancel()
			readErr = upstream.BadResponse // stays if the call panics
			th, readErr = called(ctx, t.StoreName, upstream.OpThread, 1, func(ctx context.Context) (upstream.Thread, error) { return t.Store.Thread(ctx, id) })
		}()
		return p.byHints(ctx, t, id, th.Hints, readErr)
	})
	go guarded(walked, func() sighting {
		return searched(ctx, t.StoreName, func(ctx context.Context) sighting { return p.walker(t).find(ctx, id, began, held) })
	})

	row, err := first(ctx, shown, walked)
	if row == nil {
		return nil, err
	}
	select { // the messages were read already: one call, not two
	case <-read:
		if rec, encErr := newThread(th, t.hides(hideCalls)); readErr == nil && encErr == nil {
			p.e.records.threads.Put(t.ID, t.threadKey(id), rec)
		}
	case <-ctx.Done():
	}
	return one(id, row), nil
}

// first waits for a proof. That the id is not the tenant's is for the walk to
// say, and so is why it cannot be said: what the read came to would tell a
// stranger whether the id exists.
func first(ctx context.Context, shown, walked <-chan sighting) (*upstream.Conversation, error) {
	var hinted, walk sighting
	for range 2 {
		select {
		case hinted = <-shown:
			shown = nil
		case walk = <-walked:
			walked = nil
			if walk.row == nil && walk.err == nil {
				return nil, nil
			}
		case <-ctx.Done():
			return nil, boundHit(ctx.Err())
		}
		if hinted.row != nil {
			return hinted.row, nil
		}
		if walk.row != nil {
			return walk.row, nil
		}
	}
	return nil, walk.err
}

// boundHit is how a search ends that ran out of time.
func boundHit(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return &UnprovenError{RetryAfter: walkSpacing}
	}
	return waited(err)
}

// byHints asks the list by what the read shows. A read that found nothing and
// a list that does not hold the id say the same: nothing.
func (p *proofs) byHints(ctx context.Context, t *Tenant, id string, h upstream.Hints, readErr error) sighting {
	if readErr != nil {
		if upstream.KindOf(readErr) == upstream.NotFound {
			readErr = nil
		}
		return sighting{err: readErr}
	}
	q, ok := narrow(h.ExternalIdentifier, h.Customer, h.WhatsappSender)
	if !ok {
		return sighting{}
	}
	page, err := p.e.list(ctx, t, q)
	if err != nil {
		return sighting{err: err}
	}
	return sighting{row: rowOf(&page, id)}
}
