package enrich

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/weft-gateway/weft/cache"
	"github.com/weft-gateway/weft/upstream"
)

// guess is the CRM side that is being fetched while the store is still being
// asked, on the strength of a copy of the conversation or of a remembered link.
type guess struct {
	anchor anchor
	cancel context.CancelFunc
	group  errgroup.Group // of one: it carries a panic to whoever waits
	side   side           // readable after the group's Wait
}

// guess starts fetching the CRM side ahead of the conversation, if anything
// says what to ask for. With the store's breaker open and no copy at hand the
// conversation cannot be built, and the CRM is left alone.
func (j *join) guess(ctx context.Context, known *upstream.Conversation) *guess {
	if want := j.want(); !want.contact && !want.account {
		return nil
	}
	a, ok := j.remembered(ctx, known)
	if !ok {
		return nil
	}
	ctx, cancel := context.WithCancel(ctx)
	g := &guess{anchor: a, cancel: cancel}
	g.group.Go(func() error {
		g.side = j.e.resolve(ctx, j.t, []anchor{a}, j.want(), j.start, j.looked...)[0]
		return nil
	})
	return g
}

func (j *join) remembered(ctx context.Context, known *upstream.Conversation) (anchor, bool) {
	if known != nil {
		return j.t.anchor(known).cloned(), true
	}
	if j.e.staleNow(j.t.Store, upstream.OpConversation).StaleNow {
		return anchor{}, false
	}
	res := j.e.records.links.Peek(ctx, j.t.ID, []string{j.linkID}, true)[0]
	if res.State != cache.Cached && res.State != cache.Stale {
		return j.trodden()
	}
	return anchor{rule: ruleStore, linked: true, contactID: res.Value.ContactID, accountID: res.Value.AccountID}, true
}

// settle fills the conversation's CRM side: with the one that was guessed, if the
// conversation turned out as it was guessed, else with its own.
func (j *join) settle(ctx context.Context, g *guess) {
	a := j.anchor
	var s side
	if g != nil && g.anchor == a {
		_ = g.group.Wait()
		g.cancel()
		s = g.side
	} else {
		s = j.e.resolve(ctx, j.t, []anchor{a}, j.want(), j.start, j.looked...)[0]
		g.drop()
	}
	took := time.Since(j.start)
	s.contact.Took, s.account.Took, s.link.Took = took, took, took
	j.side = s
	j.linkAsFresh(a)
}

// linkAsFresh makes the store's word on a link as fresh as the conversation.
func (j *join) linkAsFresh(a anchor) {
	if link := &j.side.link; a.linked && link.State == Fresh {
		link.State, link.Reason = j.convReport.State, j.convReport.Reason
	}
}

// drop ends the waits of a guess that is not needed, so that nothing of a
// request outlives it but the shared loads.
func (g *guess) drop() {
	if g != nil {
		g.cancel()
		_ = g.group.Wait()
	}
}
