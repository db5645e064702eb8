package enrich

import (
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/weft-gateway/weft/cache"
	"github.com/weft-gateway/weft/upstream"
)

// kept is a document that was made of copies within their time, without what
// changes with the time. Memory has it for as long as it has those very copies.
// Of the parts' JSON it has no copies of its own.
type kept struct {
	e *Enricher // whose it is: another has other policies,
	t *Tenant   // and other tenants

	body
	rule    string
	tag     string
	reports [len(keptParts)]keptReport
}

// keptWeight is what a kept document weighs beside its ids' text, in bytes: itself (224),
// its ids (96) and its tag (32).
const keptWeight = 352

// keptParts are the names of a document's reports, in their order.
var keptParts = [...]string{string(PartConversation), string(PartMessages), string(PartContact), string(PartAccount), string(PartAttentionItems), "link"}

// keptReport is a report without reason: of a copy within its time, or of what is
// known not to be there without one.
type keptReport struct {
	asOf   int64 // in Unix nanoseconds; 0: none
	state  keptState
	source keptSource
}

type keptState byte

const (
	keptCached keptState = iota
	keptSkipped
	keptUnlinked
)

var keptStates = [...]State{keptCached: Cached, keptSkipped: Skipped, keptUnlinked: Unlinked}

type keptSource byte

const (
	keptNowhere keptSource = iota
	keptStore
	keptCRM
)

// pack makes the report small; false: it is not one that can be kept.
func (t *Tenant) pack(r Report) (p keptReport, ok bool) {
	state := slices.Index(keptStates[:], r.State)
	source := slices.Index([]string{keptNowhere: "", keptStore: t.StoreName, keptCRM: t.CRMName}, r.Source)
	if state < 0 || source < 0 || r.Reason != "" || r.RetryAfter != 0 {
		return p, false
	}
	p = keptReport{state: keptState(state), source: keptSource(source)}
	if r.Age-time.Since(r.AsOf) > time.Second { // the clock was set back: AsOf does not tell the age
		return p, false
	}
	if !r.AsOf.IsZero() {
		p.asOf = r.AsOf.UnixNano()
	}
	return p, true
}

// unpack returns the report as of now.
func (t *Tenant) unpack(p keptReport, now time.Time, took time.Duration) Report {
	r := Report{State: keptStates[p.state]}
	switch p.source {
	case keptStore:
		r.Source = t.StoreName
	case keptCRM:
		r.Source = t.CRMName
	}
	if p.asOf != 0 {
		r.AsOf = time.Unix(0, p.asOf)
	}
	if p.state == keptCached && p.asOf != 0 {
		r.Age = max(0, now.Sub(r.AsOf))
	}
	if p.state != keptSkipped {
		r.Took = took
	}
	return r
}

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
	if !ok || k.e != e || k.t != t || !allowed(r.Workspaces, k.ids.workspace) {
		return nil
	}
	return k.document(&e.spares.Get().(*spare).doc, start)
}

// document writes what is kept, with ages as of now.
func (k *kept) document(d *Document, start time.Time) *Document {
	now := time.Now()
	took := now.Sub(start)
	if cap(d.Parts) < len(k.reports) {
		d.Parts = make([]NamedReport, len(k.reports))
	}
	d.Parts = d.Parts[:len(k.reports)]
	for i, p := range k.reports {
		d.Parts[i] = NamedReport{keptParts[i], k.t.unpack(p, now, took)}
	}
	parts, link := d.Parts[:len(d.Parts)-1], d.Parts[len(d.Parts)-1]
	d.Body = appendReports(k.append(d.Body[:0]), true, k.rule, link.Report, parts)
	d.Body = append(d.Body, '}')
	for i := range parts {
		k.e.cfg.Observe(Part(parts[i].Name), parts[i].State, parts[i].Reason)
	}
	d.Tag, d.Shown, d.Took = k.tag, k.shown(), took
	return d
}

// keep keeps the document if all parts that were asked for are copies within
// their time, or are known not to be there without one.
func (j *join) keep(d *Document, b body) {
	if j.copies != nil && !cache.Current(j.copies) {
		return // memory has no room for them
	}
	var reports [len(keptParts)]keptReport
	for i := range d.Parts {
		var ok bool
		if reports[i], ok = j.t.pack(d.Parts[i].Report); !ok {
			return
		}
	}
	marks, ok := j.marks()
	if !ok {
		return
	}
	b.c, b.copied, b.ids, b.status = nil, j.copied, b.ids.clone(j.t), upstream.Status(strings.Clone(string(b.status)))
	size := keptWeight + b.ids.size()
	if j.listed == nil { // derived for this document
		size += b.items.size()
	}
	k := &kept{e: j.e, t: j.t, body: b, rule: j.side.rule, tag: d.Tag, reports: reports}
	key := cache.Key{Tenant: j.t.ID, Kind: j.e.variants[j.r.variant()], ID: j.r.ID}
	j.e.cfg.Cache.Keep(key, k, size, marks)
}

// size is how long the text of the ids is that clone makes, in bytes.
func (i *ids) size() int {
	return len(i.conversation[0]) + len(i.contact[0]) + len(i.account[0]) + len(i.workspace) + len(i.channel)
}

// clone returns ids that keep nothing else alive.
func (i *ids) clone(t *Tenant) *ids {
	own := *i
	own.tenant = t.ID
	together(&own.conversation[0], &own.contact[0], &own.account[0], &own.workspace, &own.channel)
	return &own
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
	switch a := j.anchor; {
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
	doc     Document
	builder builder
	max     int
	pool    *sync.Pool
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
		d.spare.builder.b = nil
		d.spare.pool.Put(d.spare)
	}
}
