package enrich

import (
	"context"
	"errors"
	"math"
	"slices"
	"time"

	"github.com/weft-gateway/weft/upstream"
)

// List answers with one page of enriched conversations. It costs one list
// call, at most one search per kind of look-up and one batch per kind of
// record. For a credential that is bound to workspaces it may cost some list
// calls more (scan.go). The document is to be released.
func (e *Enricher) List(ctx context.Context, t *Tenant, r ListRequest) (*Document, error) {
	start := time.Now()
	ctx, own := e.bounded(ctx, start)
	defer own.Release()
	at, err := checkList(t, &r)
	if err != nil {
		return nil, err
	}
	l := &listing{e: e, t: t, r: &r, start: start}
	if l.span, err = e.scan(ctx, t, &r, at, start); err != nil {
		if f, ok := errors.AsType[*upstream.FilterError](err); ok {
			return nil, &FieldError{Field: string(f.Filter)}
		}
		return nil, waited(err)
	}
	l.list.Took = time.Since(start)
	l.enrich(ctx)
	return l.document(), nil
}

// checkList refuses filters that the store cannot answer, and cursors of other
// lists. It narrows the filters to what the credential may see.
func checkList(t *Tenant, r *ListRequest) (position, error) {
	able := t.Store.Filters()
	for f := range r.Filters {
		if !slices.Contains(able, f) {
			return position{}, &FieldError{Field: string(f)}
		}
	}
	r.Filters = t.within(r.Filters, r.Workspaces)
	at, ok := openCursor(t.ID, r)
	if !ok {
		return position{}, &FieldError{Field: "cursor"}
	}
	return at, nil
}

// listing is one page in the making.
type listing struct {
	e     *Enricher
	t     *Tenant
	r     *ListRequest
	start time.Time
	span
	sides []side
}

// enrich resolves all rows in one go.
func (l *listing) enrich(ctx context.Context) {
	anchors := make([]anchor, len(l.rows))
	for i := range l.rows {
		anchors[i] = l.t.anchor(&l.rows[i]).cloned()
	}
	want := wanted{
		contact: slices.Contains(l.r.Include, PartContact),
		account: slices.Contains(l.r.Include, PartAccount),
	}
	l.sides = l.e.resolve(ctx, l.t, anchors, want, l.start)
	for i, a := range anchors {
		if s := &l.sides[i]; a.linked && s.link.State == Fresh {
			s.link.State, s.link.Reason = l.list.State, l.list.Reason
		}
	}
}

func (l *listing) document() *Document {
	spare := l.e.pages.Get().(*spare)
	d, w := &spare.doc, &spare.builder
	w.begin(d.Body)
	w.b = append(w.b, `{"data":[`...)
	whole := l.list.Whole() && !l.short
	for i := range l.rows {
		if i > 0 {
			w.b = append(w.b, ',')
		}
		whole = l.row(w, i) && whole
		if i == 0 { // the others are about as long
			w.b = slices.Grow(w.b, len(w.b)*len(l.rows)*9/8)
		}
	}
	b := appendInt(append(w.b, `],"perPage":`...), l.r.PerPage)
	b = appendID(append(b, `,"nextCursor":`...), sealCursor(l.t.ID, l.r, position{cursor: l.next}))
	b = appendID(append(b, `,"prevCursor":`...), sealCursor(l.t.ID, l.r, position{cursor: l.prev, back: true}))
	w.b = append(b, ',')
	w.settle()
	b = appendBool(append(w.b, `"enrichment":{"complete":`...), &whole)
	b = l.list.append(append(b, `,"list":`...))
	w.b = append(b, `}}`...)
	w.from = len(w.b)
	w.tag.Write(l.list.appendSettled(nil))
	if l.short {
		w.tag.Write([]byte("short"))
	}
	d.Body, d.Tag, d.Took, d.Shown = w.b, w.sum(), time.Since(l.start), l.shown()
	d.Parts = append(append(d.Parts[:0], NamedReport{"list", l.list}), l.worst()...)
	return d
}

// shown is what the page shows, each record once.
func (l *listing) shown() (s Shown) {
	contacts, accounts := make(map[string]bool, len(l.rows)), make(map[string]bool, len(l.rows))
	for i := range l.rows {
		of := &l.sides[i]
		s.Conversations = append(s.Conversations, l.rows[i].ID)
		if of.contactText != nil && !contacts[of.contactID] {
			contacts[of.contactID], s.Contacts = true, append(s.Contacts, of.contactID)
		}
		if of.accountText != nil && !accounts[of.accountID] {
			accounts[of.accountID], s.Accounts = true, append(s.Accounts, of.accountID)
		}
	}
	return s
}

// row writes one row and reports whether it is whole.
func (l *listing) row(w *builder, i int) bool {
	c, s := &l.rows[i], &l.sides[i]
	status := l.t.Store.Derive(c, nil).Status
	shown := newHead(l.t, c, s)
	shown.status, shown.count, shown.costs = status, int32(min(c.MessageCount, math.MaxInt32)), l.r.Costs
	w.b = append(shown.append(append(w.b, '{')), ',')
	parts := []NamedReport{
		{string(PartConversation), l.list}, {string(PartContact), s.contact}, {string(PartAccount), s.account},
	}
	whole := complete(s.link, parts)
	w.reports(whole, s.rule, s.link, parts)
	w.b = append(w.b, '}')
	for _, p := range parts {
		l.e.cfg.Observe(Part(p.Name), p.State, p.Reason)
	}
	return whole
}

// worst sums a page up for the headers: of each record's reports the least whole.
func (l *listing) worst() []NamedReport {
	if len(l.sides) == 0 {
		return nil
	}
	contact, account := l.sides[0].contact, l.sides[0].account
	took := time.Since(l.start)
	for _, s := range l.sides {
		if contact.Whole() && !s.contact.Whole() {
			contact = s.contact
		}
		if account.Whole() && !s.account.Whole() {
			account = s.account
		}
	}
	contact.Took, account.Took = took, took
	return []NamedReport{{string(PartContact), contact}, {string(PartAccount), account}}
}
