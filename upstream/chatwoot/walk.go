package chatwoot

import (
	"context"
	"slices"

	"github.com/weft-gateway/weft/upstream"
)

const (
	usualPage = 25 // rows of a page of the server's, unless its operator says otherwise
	maxSheets = 16 // calls for one page of ours
)

// list is one page of ours in the making: a run of the server's pages, and a
// stretch of it.
type list struct {
	store  *Store
	per    int
	state  string
	wanted func(upstream.Status) bool

	short bool  // some could not be read
	rows  []row // in the list's order, each once
	start int   // the server's page that the rows begin with
	next  int   // the one that is to be read next
	size  int   // rows of a full page, as far as is known
	ended bool  // no page follows
	calls int
}

// begin forgets what was read. A run is only ever read downwards: what comes
// while it is read then shows twice, which can be seen, and hides nothing.
func (l *list) begin(page int) {
	l.rows, l.start, l.next, l.ended = nil, page, page, false
}

// read reads the next page. It is false where the calls are used up.
func (l *list) read(ctx context.Context) (bool, error) {
	if l.calls++; l.calls > maxSheets {
		return false, nil
	}
	got, err := l.store.sheet(ctx, l.state, l.next)
	if err != nil {
		return false, err
	}
	l.size = max(l.size, got.count)
	l.short = l.short || got.count > len(got.rows)
	l.ended = got.count == 0 || got.total != nil && (l.next-1)*l.size+got.count >= *got.total
	for _, r := range got.rows {
		if !slices.ContainsFunc(l.rows, func(have row) bool { return have.ID == r.ID }) {
			l.rows = append(l.rows, r)
		}
	}
	l.next++
	return true, nil
}

// locate reads on, and back if need be, until the rows hold the edge, and
// returns the index of the first row after its place, and whether the row that
// it names is there.
func (l *list) locate(ctx context.Context, e edge) (after int, there bool, err error) {
	for {
		if ok, err := l.read(ctx); err != nil || !ok {
			return 0, false, changed(err)
		}
		if i := slices.IndexFunc(l.rows, func(r row) bool { return r.ID == e.id && r.at == e.at }); i >= 0 {
			return i + 1, true, nil
		}
		switch i := slices.IndexFunc(l.rows, func(r row) bool { return r.at < e.at }); {
		case (i == 0 || len(l.rows) == 0) && l.start > 1: // all are beyond it: what was before is not known
			l.begin(l.start - 1)
		case i >= 0 || l.ended:
			return l.firstUpTo(e.at), false, nil
		}
	}
}

// firstUpTo returns the index of the first row that is not newer than at.
func (l *list) firstUpTo(at int64) int {
	if i := slices.IndexFunc(l.rows, func(r row) bool { return r.at <= at }); i >= 0 {
		return i
	}
	return len(l.rows)
}

// changed is err, or why there is no answer without one.
func changed(err error) error {
	if err != nil {
		return err
	}
	return failed(upstream.UpstreamError, "the list has changed too much to go on in it")
}

func (l *list) first(ctx context.Context) (upstream.Page, error) {
	l.begin(1)
	if ok, err := l.read(ctx); err != nil || !ok {
		return upstream.Page{}, changed(err)
	}
	return l.down(ctx, 0, edge{})
}

// at reads the page at an edge; nil: the first.
func (l *list) at(ctx context.Context, e *edge) (upstream.Page, error) {
	switch {
	case e == nil:
		return l.first(ctx)
	case e.back:
		return l.before(ctx, *e)
	}
	return l.after(ctx, *e)
}

func (l *list) after(ctx context.Context, e edge) (upstream.Page, error) {
	l.begin(e.page)
	l.size = e.size
	from, _, err := l.locate(ctx, e)
	if err != nil {
		return upstream.Page{}, err
	}
	return l.down(ctx, from, e)
}

// down takes rows from an index on, and reads as many pages as that needs.
func (l *list) down(ctx context.Context, from int, e edge) (upstream.Page, error) {
	var p upstream.Page
	i := from
	for len(p.Rows) < l.per {
		if i == len(l.rows) {
			if l.ended {
				break
			}
			if ok, err := l.read(ctx); err != nil {
				return upstream.Page{}, err
			} else if !ok {
				break
			}
			continue
		}
		if r := l.rows[i]; l.wanted(r.Status) {
			p.Rows = append(p.Rows, r.Conversation)
		}
		i++
	}
	if i == from && !l.ended {
		return upstream.Page{}, changed(nil)
	}
	if i > from && (i < len(l.rows) || !l.ended) {
		p.Next = l.edge(i-1, false)
	}
	switch {
	case i > from && (from > 0 || l.start > 1):
		p.Prev = l.edge(from, true)
	case i == from && e.at > 0: // nothing is left here; all that was before still is
		p.Prev = edge{back: true, page: e.page, size: max(l.size, 1), at: e.at - 1, id: e.id}.String()
	}
	return p, nil
}

// before takes the rows in front of an edge.
func (l *list) before(ctx context.Context, e edge) (upstream.Page, error) {
	l.begin(max(1, e.page-(l.per+e.size-1)/e.size))
	l.size = e.size
	to, there, err := l.locate(ctx, e)
	if err != nil {
		return upstream.Page{}, err
	}
	if to--; !there { // none of its second is left out
		to = l.firstUpTo(e.at - 1)
	}
	var p upstream.Page
	i := to
	for ; i > 0 && len(p.Rows) < l.per; i-- {
		if r := l.rows[i-1]; l.wanted(r.Status) {
			p.Rows = append(p.Rows, r.Conversation)
		}
	}
	slices.Reverse(p.Rows)
	if i < to && (i > 0 || l.start > 1) {
		p.Prev = l.edge(i, true)
	}
	if i < to && (to < len(l.rows) || !l.ended) {
		p.Next = l.edge(to-1, false)
	}
	return p, nil
}

// edge names the place after or before a row.
func (l *list) edge(i int, back bool) string {
	r := l.rows[i]
	return edge{back: back, page: r.page, size: max(l.size, 1), at: r.at, id: r.ID}.String()
}
