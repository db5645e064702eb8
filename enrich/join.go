package enrich

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/weft-gateway/weft/cache"
	"github.com/weft-gateway/weft/upstream"
	"github.com/weft-gateway/weft/upstream/term"
)

// join is one document in the making: a slot for each part. What can be asked at
// once is begun first and then waited for, part by part.
type join struct {
	e     *Enricher
	t     *Tenant
	r     *Request
	start time.Time

	linkID string // under which the link is remembered that the store carries

	looked []cache.Key // of the CRM side, for which Redis was asked at the beginning
	trail  []cache.Key // where the conversation led when it was last made; nil: it is not known, or memory knows better
	astray bool        // this process knows nothing of where it leads

	copies []cache.Mark // all that the document is made of; nil: it is not made of copies alone

	messages  pending[*thread] // good where messages are wanted
	attention pending[*items]  // good where the store is asked for them

	copied       *conversation // as the cache has it
	conversation *upstream.Conversation
	anchor       anchor // of the conversation
	read         reading
	convReport   Report
	thread       *thread
	threadReport Report
	listed       *items // as the store has them
	items        *text
	itemsReport  Report
	side         side
}

// Conversation answers with one enriched conversation. The errors are those of
// request.go, or the store's [*upstream.Error].
func (e *Enricher) Conversation(ctx context.Context, t *Tenant, r Request) (*Document, error) {
	start := time.Now()
	ctx, own := e.bounded(ctx, start)
	defer own.Release()
	j := &join{e: e, t: t, r: &r, start: start, linkID: rememberedKey(r.ID)}
	r.ID = j.linkID[len(aboutConversation):] // what is kept goes by it: as it came, it is a piece of the request's line
	if err := j.run(ctx); err != nil {
		return nil, waited(err)
	}
	for _, p := range r.Require {
		rep := j.reportOf(p)
		if rep.State == Unavailable || rep.State == Forbidden {
			return nil, &PartError{Part: p, RetryAfter: rep.RetryAfter}
		}
	}
	d, b := j.document()
	j.keep(d, b)
	return d, nil
}

// bounded keeps the margin out of the request's time. It follows the caller of a
// term around it, which ends later and is released later.
func (e *Enricher) bounded(ctx context.Context, start time.Time) (context.Context, *term.Term) {
	deadline := start.Add(e.cfg.Request)
	if d, ok := ctx.Deadline(); ok && d.Before(deadline) {
		deadline = d
	}
	if around, ok := ctx.(*term.Term); ok && around.Err() == nil {
		ctx = around.Caller()
	}
	return term.Within(ctx, deadline.Add(-margin))
}

// run fills the slots. With a copy of the conversation at hand, everything is
// asked at once on the strength of the copy; without one, a store that proves
// ownership is asked for all of its parts at once, and any other has to prove
// the conversation first.
func (j *join) run(ctx context.Context) error {
	rows, kind := j.e.records.of(j.t)
	knew := prefetching(ctx, kind)
	ctx, release := j.prefetch(ctx)
	if watcherOf(ctx) == nil && j.held(ctx) { // whoever watches is to see each look-up
		release()
		j.tread()
		return nil
	}
	defer j.e.cfg.Cache.Gather()()
	defer release()
	ctx, cancel := brokenOff(ctx)
	defer cancel() // waits end with the request; the loads behind them go on
	known := rows.Peek(ctx, j.t.ID, []string{j.r.ID}, true)[0]
	knew(known.State == cache.Cached || known.State == cache.Stale)
	if known.State == cache.Absent {
		return upstream.NotFound
	}
	_, reader := j.t.proves()
	var ahead *guess
	seen := j.read.of(known.Value)
	early := (seen != nil || reader) && j.mayShow(seen)
	if early {
		j.ask(ctx, true)
		ahead = j.guess(ctx, seen)
	}
	res := j.e.loadConversation(ctx, j.t, j.r.ID, seen)
	j.convReport = report(j.start, j.t.StoreName, res)
	err := conversationError(res)
	if err == nil {
		err = j.adopt(res)
	}
	if err != nil {
		cancel() // nothing is said of parts without a conversation
		j.messages.leave()
		j.attention.leave()
		ahead.drop()
		if _, raw := errors.AsType[*upstream.Error](err); !raw && !reader && seen == nil {
			return boundHit(err)
		}
		return err
	}
	if !early {
		j.ask(ctx, false) // the proof took its time: Redis may know more by now
	}
	j.settle(ctx, ahead)
	j.take(ctx)
	if err := j.gone(ctx); err != nil {
		return err
	}
	j.tread() // it goes to Redis with what was loaded
	return nil
}

// brokenOff returns a context that the request can break its waits off with. Only
// where somebody watches do others than the caller wait.
func brokenOff(ctx context.Context) (context.Context, context.CancelFunc) {
	if watcherOf(ctx) == nil {
		return ctx, func() {}
	}
	return context.WithCancel(ctx)
}

// prefetch brings what Redis has of the conversation into memory in one visit,
// with the contact and the account if memory knows whose they are, and with it
// the right to load what is not there. What of that is not used is given back by
// release.
func (j *join) prefetch(ctx context.Context) (along context.Context, release func()) {
	if !j.e.cfg.Cache.Shared() {
		return ctx, func() {}
	}
	more, peeked := j.recalled()
	own := j.own()
	if _, ok := j.t.proves(); ok && j.trail == nil {
		peeked = append(peeked, cache.Key{Tenant: j.t.ID, Kind: kindLink, ID: j.linkID})
	}
	if j.looked = more[:len(more):len(more)]; len(peeked) > 0 {
		j.looked = append(j.looked, peeked...)
	}
	if j.trail != nil { // Redis has it all, as a rule: the right to load it is asked for when it has not
		return j.e.cfg.Cache.Prefetch(ctx, nil, append(own, j.looked...)...)
	}
	if !j.astray {
		return j.e.cfg.Cache.Prefetch(ctx, append(own, more...), peeked...)
	}
	along, release, trail := j.e.cfg.Cache.Follow(ctx, j.origin(), own, peeked...)
	if trail != nil {
		j.looked = append(j.looked, j.onTrail(slices.Clone(trail), j.want())...)
	}
	return along, release
}

// own are the records that need only the conversation's id.
func (j *join) own() []cache.Key {
	_, kind := j.e.records.of(j.t)
	keys := append(make([]cache.Key, 0, 6), cache.Key{Tenant: j.t.ID, Kind: kind, ID: j.r.ID})
	if j.r.wants(PartMessages) {
		keys = append(keys, cache.Key{Tenant: j.t.ID, Kind: kindThread, ID: j.t.threadKey(j.r.ID)})
	}
	if j.readsItems() {
		keys = append(keys, cache.Key{Tenant: j.t.ID, Kind: kindAttention, ID: j.r.ID})
	}
	return keys
}

// readsItems reports whether the store is asked for attention items.
func (j *join) readsItems() bool {
	_, ok := j.t.Store.(upstream.AttentionReader)
	return ok && j.r.wants(PartAttentionItems)
}

// ask begins the parts that need only the conversation's id; looked says that
// Redis was asked for them just now.
func (j *join) ask(ctx context.Context, looked bool) {
	if j.r.wants(PartMessages) {
		j.messages = j.e.thread(ctx, j.t, j.r.ID, looked)
	}
	if j.readsItems() {
		j.attention = j.e.attention(ctx, j.t, j.t.Store.(upstream.AttentionReader), j.r.ID, looked)
	}
}

// take fills the slots of the parts that ask has begun.
func (j *join) take(ctx context.Context) {
	j.threadReport, j.itemsReport = skipped(), skipped()
	if j.r.wants(PartMessages) {
		res, at := j.messages.wait(ctx)
		j.thread, j.threadReport = res.Value, report(j.start, j.t.StoreName, res)
		j.threadReport.Took = max(0, at.Sub(j.start))
	}
	if j.readsItems() {
		res, at := j.attention.wait(ctx)
		j.itemsReport, j.listed = report(j.start, j.t.StoreName, res), res.Value
		if res.Value != nil {
			j.items = &res.Value.text
		}
		j.itemsReport.Took = max(0, at.Sub(j.start))
	}
}

// mayShow reports whether the credential may see the workspace of a
// conversation. Of one that is not known nothing stands against it as yet.
func (j *join) mayShow(c *upstream.Conversation) bool {
	return c == nil || len(j.r.Workspaces) == 0 || len(j.t.visible([]upstream.Conversation{*c}, j.r.Workspaces)) > 0
}

// adopt takes the conversation that the document is about, if the credential
// may see its workspace.
func (j *join) adopt(res cache.Result[*conversation]) error {
	c := j.read.of(res.Value)
	if !j.mayShow(c) {
		return hidden(res)
	}
	j.hold(res.Value, c, j.t.anchor(c).cloned())
	return nil
}

// hold takes a conversation that may be shown, with its anchor. Records are shared and
// never changed: the document's own copy is.
func (j *join) hold(copied *conversation, c *upstream.Conversation, a anchor) {
	own := *c
	j.t.place(&own)
	j.copied, j.conversation, j.anchor = copied, &own, a
	j.convReport.Took = time.Since(j.start)
	if own.Linked && j.convReport.State == Fresh {
		j.e.records.links.Put(j.t.ID, j.linkID, &link{ContactID: a.contactID, AccountID: a.accountID})
	}
}

// hidden is what is said of a conversation in a workspace that the credential
// may not see: what would be said of an id that nobody knows. While the store
// cannot be asked, that is no 404, however old the copy that tells us better.
func hidden(res cache.Result[*conversation]) error {
	asked := errors.Is(res.Err, errUnlisted) || errors.Is(res.Err, cache.ErrRevalidating) || errors.Is(res.Err, cache.ErrBusy)
	if res.State == cache.Stale && res.Err != nil && !asked {
		return res.Err
	}
	return upstream.NotFound
}

// gone notices that a conversation known from a list has been deleted since:
// the store's documented not-found, for this request, about a row that it did
// not show just now.
func (j *join) gone(ctx context.Context) error {
	if _, ok := j.t.proves(); ok || j.threadReport.State != Missing || j.convReport.State == Fresh {
		return nil
	}
	j.e.forget(ctx, j.t, j.r.ID)
	return upstream.NotFound
}

// forget drops what proves that a conversation is the tenant's.
func (e *Enricher) forget(ctx context.Context, t *Tenant, id string) {
	e.records.rows.Drop(t.ID, id)
	if err := e.cfg.Cache.Index().Remove(ctx, t.ID, id); err != nil {
		e.log.Warn("index of known conversations cannot be written", "tenant", t.ID, "error", err)
	}
}

// conversationError is the error that a failed conversation ends the request
// with. A copy, however it came to be stale, is no failure.
func conversationError[V any](res cache.Result[V]) error {
	switch {
	case res.State == cache.Absent:
		return upstream.NotFound
	case res.State == cache.Failed && res.Err == nil:
		return errors.New("enrich: a failed load without a cause")
	case res.State == cache.Failed:
		return res.Err
	}
	return nil
}

func (j *join) want() wanted {
	return wanted{contact: j.r.wants(PartContact), account: j.r.wants(PartAccount)}
}

func (j *join) reportOf(p Part) Report {
	switch p {
	case PartConversation:
		return j.convReport
	case PartMessages:
		return j.threadReport
	case PartContact:
		return j.side.contact
	case PartAccount:
		return j.side.account
	}
	return j.itemsReport
}
