package enrich

import (
	"context"
	"time"

	"github.com/weft-gateway/weft/cache"
	"github.com/weft-gateway/weft/upstream"
)

// holder makes a document of copies alone, on the goroutine of the caller: most
// documents that are not kept are in Redis, as whole as they were, and have been
// fetched from there by now.
type holder struct {
	j     *join
	ctx   context.Context //nolint:containedctx // of one call
	marks []cache.Mark
}

// held fills the slots, if there is a copy within its time of each part that
// is asked for. Otherwise nothing has happened.
func (j *join) held(ctx context.Context) bool {
	h := &holder{j: j, ctx: ctx, marks: make([]cache.Mark, 0, 6)}
	rows, _ := j.e.records.of(j.t)
	res, ok := take(h, rows, j.r.ID)
	if !ok {
		return false
	}
	c := j.read.of(res.Value)
	if !j.mayShow(c) {
		return false
	}
	a := j.t.anchor(c).cloned()
	side, ok := h.side(a)
	if !ok || !h.thread() || !h.items() {
		return false
	}
	j.convReport = report(j.start, j.t.StoreName, res)
	j.hold(res.Value, c, a)
	j.side = side
	j.linkAsFresh(a)
	j.copies = h.marks
	cache.Count(h.marks)
	return true
}

// take returns a copy that is held.
func take[V any](h *holder, l *cache.Loader[V], id string) (res cache.Result[V], ok bool) {
	res, h.marks, ok = cache.Held(h.ctx, l, h.j.t.ID, id, h.marks)
	return res, ok
}

func (h *holder) thread() bool {
	j := h.j
	j.threadReport = skipped()
	if !j.r.wants(PartMessages) {
		return true
	}
	res, ok := take(h, j.e.records.threads, j.t.threadKey(j.r.ID))
	j.thread, j.threadReport = res.Value, report(j.start, j.t.StoreName, res)
	j.threadReport.Took = time.Since(j.start)
	return ok
}

func (h *holder) items() bool {
	j := h.j
	j.itemsReport = skipped()
	if !j.readsItems() {
		return true
	}
	res, ok := take(h, j.e.records.attention, j.r.ID)
	if !ok {
		return false
	}
	j.listed, j.items, j.itemsReport = res.Value, &res.Value.text, report(j.start, j.t.StoreName, res)
	j.itemsReport.Took = time.Since(j.start)
	return true
}

// side is what [Enricher.resolve] would come to by copies alone.
func (h *holder) side(a anchor) (s side, ok bool) {
	j := h.j
	r := &resolver{e: j.e, t: j.t, want: j.want(), start: j.start}
	r.sides = r.one[:]
	if !r.want.contact && !r.want.account {
		r.skip(0, a)
		return r.sides[0], true
	}
	s.rule = a.rule
	if !h.link(a, &s) {
		return s, false
	}
	s.contact, s.account = withoutID(s.link), withoutID(s.link)
	if s.contactID != "" && !s.noCRM && (r.want.contact || !s.accountKnown) {
		res, ok := take(h, j.e.records.contacts, s.contactID)
		if !ok {
			return s, false
		}
		s.contact, s.found, s.contactText = report(j.start, j.t.CRMName, res), res.Value, &res.Value.text
		if !a.linked {
			s.accountID = res.Value.accountID
		}
	}
	if s.accountID != "" && !s.noCRM && r.want.account {
		res, ok := take(h, j.e.records.accounts, s.accountID)
		if !ok {
			return s, false
		}
		s.account, s.owner, s.accountText = report(j.start, j.t.CRMName, res), res.Value, &res.Value.text
	}
	r.sides[0] = s
	r.dropUnwanted()
	s = r.sides[0]
	took := time.Since(j.start)
	s.contact.Took, s.account.Took, s.link.Took = took, took, took
	return s, true
}

// link finds out where the anchor leads, without a look-up.
func (h *holder) link(a anchor, s *side) bool {
	switch {
	case a.linked:
		s.contactID, s.accountID, s.accountKnown = a.contactID, a.accountID, true
		s.link, s.noCRM = Report{State: Fresh}, h.j.t.CRM == nil
		return true
	case a.rule == "" || a.value == "":
		s.link, s.accountKnown = Report{State: Unlinked}, true
		return true
	}
	res, ok := take(h, h.j.e.records.links, a.key())
	if !ok || res.Value.Ambiguous || res.Value.ContactID == "" {
		return false
	}
	s.link, s.via = report(h.j.start, "", res), res.Value
	s.contactID, s.accountID, s.accountKnown = res.Value.ContactID, res.Value.AccountID, true
	if a.by == upstream.ByID {
		s.link = Report{State: Cached}
		return s.contactID == a.value
	}
	return true
}
