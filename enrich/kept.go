package enrich

import (
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/weft-gateway/weft/cache"
)

// kept is a document that was made of copies within their time, without what
// changes with the time. Memory has it for as long as it has those very copies.
// Of the parts' JSON it has no copies of its own.
type kept struct {
	e         *Enricher // whose it is: another has other policies,
	t         *Tenant   // and other tenants
	workspace string

	body     body
	complete bool
	rule     string
	tag      string
	parts    []NamedReport // their ages are out of date; the last is the link's
	shown    Shown
}

// keptWeight is what a kept document weighs beside its head, in bytes: six
// reports, and the lists of what is shown.
const keptWeight = 1024

// variant numbers what is asked for of a conversation.
func (r *Request) variant() int {
	n := 0
	for i, p := range [...]Part{PartMessages, PartContact, PartAccount, PartAttentionItems} {
		if r.wants(p) {
			n |= 1 << i
		}
	}
	if r.Costs {
		n |= 1 << 4
	}
	return n
}

// newVariants returns the kinds of all variants.
func newVariants() (kinds [32]string) {
	for n := range kinds {
		kinds[n] = "document-" + strconv.Itoa(n)
	}
	return kinds
}

// Kept returns the document of a conversation if all that it is made of is in
// memory, within its time, and was there before: it asks nobody, and waits for
// nothing. nil: [Enricher.Conversation] has to make it. It is to be released.
func (e *Enricher) Kept(t *Tenant, r Request) *Document {
	start := time.Now()
	k, ok := e.cfg.Cache.Kept(cache.Key{Tenant: t.ID, Kind: e.variants[r.variant()], ID: r.ID}).(*kept)
	if !ok || k.e != e || k.t != t || !allowed(r.Workspaces, k.workspace) {
		return nil
	}
	return k.document(&e.spares.Get().(*spare).doc, start)
}

// document writes what is kept, with ages as of now.
func (k *kept) document(d *Document, start time.Time) *Document {
	d.Parts = append(d.Parts[:0], k.parts...)
	took := time.Since(start)
	for i := range d.Parts {
		p := &d.Parts[i]
		if p.State == Cached && !p.AsOf.IsZero() {
			p.Age = max(0, time.Since(p.AsOf))
		}
		if p.State != Skipped {
			p.Took = took
		}
	}
	parts, link := d.Parts[:len(d.Parts)-1], d.Parts[len(d.Parts)-1]
	d.Body = appendReports(k.body.append(d.Body[:0]), k.complete, k.rule, link.Report, parts)
	d.Body = append(d.Body, '}')
	for i := range parts {
		k.e.cfg.Observe(Part(parts[i].Name), parts[i].State, parts[i].Reason)
	}
	d.Tag, d.Shown, d.Took = k.tag, k.shown, took
	return d
}

// keep keeps the document if all parts that were asked for are copies within
// their time, or are known not to be there without one.
func (j *join) keep(d *Document, b *body) {
	parts := slices.Clone(d.Parts)
	for i := range parts {
		if s := parts[i].State; s != Cached && s != Skipped && s != Unlinked || parts[i].Reason != "" {
			return
		}
	}
	marks, ok := j.marks()
	if !ok {
		return
	}
	k := &kept{
		e: j.e, t: j.t, workspace: j.conversation.WorkspaceID, body: *b, tag: d.Tag, parts: parts, shown: d.Shown,
		complete: complete(j.side.link, parts), rule: j.side.rule,
	}
	k.body.head = slices.Clone(b.head)
	key := cache.Key{Tenant: j.t.ID, Kind: j.e.variants[j.r.variant()], ID: j.r.ID}
	j.e.cfg.Cache.Keep(key, k, keptWeight+len(b.head)+len(j.r.ID), marks)
}

// marks are those of all copies that the document was made of.
func (j *join) marks() (marks []cache.Mark, ok bool) {
	if j.copies != nil {
		return j.copies, true
	}
	marks, ok = make([]cache.Mark, 0, 6), true
	rows, _ := j.e.records.of(j.t)
	marks, ok = mark(marks, ok, rows, j.t.ID, j.r.ID, j.copied)
	marks, ok = mark(marks, ok, j.e.records.threads, j.t.ID, j.t.threadKey(j.r.ID), j.thread)
	marks, ok = mark(marks, ok, j.e.records.attention, j.t.ID, j.r.ID, j.listed)
	marks, ok = mark(marks, ok, j.e.records.contacts, j.t.ID, j.side.contactID, j.side.found)
	marks, ok = mark(marks, ok, j.e.records.accounts, j.t.ID, j.side.accountID, j.side.owner)
	switch a := j.t.anchor(j.conversation); {
	case a.linked || a.value == "" || j.side.link.State == Skipped: // nothing was looked up
	case j.side.via == nil:
		return nil, false
	default:
		marks, ok = mark(marks, ok, j.e.records.links, j.t.ID, a.key(), j.side.via)
	}
	return marks, ok
}

// mark adds the mark of a copy, where there is one.
func mark[V any](marks []cache.Mark, ok bool, l *cache.Loader[*V], tenant, id string, v *V) ([]cache.Mark, bool) {
	if !ok || v == nil {
		return marks, ok
	}
	m, ok := cache.MarkOf(l, tenant, id, v)
	return append(marks, m), ok
}

// The largest bodies that are kept to be written over, in bytes.
const (
	maxSpare = 64 << 10
	maxPage  = 512 << 10 // of a page of a list
)

// spare is a document that is made anew again and again.
type spare struct {
	doc  Document
	max  int
	pool *sync.Pool
}

func newSpares(max int) *sync.Pool {
	p := new(sync.Pool)
	p.New = func() any {
		s := &spare{pool: p, max: max}
		s.doc.spare, s.doc.Body = s, make([]byte, 0, 8<<10)
		return s
	}
	return p
}

// Release says that nobody looks at the document's body or parts any more.
func (d *Document) Release() {
	if d.spare != nil && cap(d.Body) <= d.spare.max {
		d.spare.pool.Put(d.spare)
	}
}
