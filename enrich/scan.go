package enrich

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/weft-gateway/weft/upstream"
)

// A credential that is bound to workspaces sees a list with holes. The list is
// narrowed as far as the store can narrow it; what passes is checked here, row
// by row, whatever the store was asked for. Where that leaves a page short,
// more pages of the store are read, whole ones only: a cursor of ours is always
// one of the store's own, so that nothing is lost or repeated between two pages
// of ours. A page of the store that would take ours past its size is left for
// the next one. So a page may be short, or empty, and only a null cursor is the
// end of the list.

// scanPages is how many pages of the store one page of ours may cost.
const scanPages = 5

// span is a run of the store's pages, without the rows that the credential may
// not see.
type span struct {
	rows       []upstream.Conversation // the document's own copies, in the store's order
	next, prev string                  // the store's cursors at either end
	list       Report                  // of the least whole, else the oldest page
	short      bool                    // rows that could not be read are not there
}

// scan reads pages from a position on until ours is full.
func (e *Enricher) scan(ctx context.Context, t *Tenant, r *ListRequest, at position, start time.Time) (span, error) {
	if r.Filters == nil && len(r.Workspaces) > 0 { // nothing can match
		return span{list: Report{State: Fresh, Source: t.StoreName, AsOf: start}}, nil
	}
	var s span
	q := upstream.ListQuery{Filters: r.Filters, PerPage: r.PerPage, Cursor: at.cursor}
	for n := range scanPages {
		res := e.loadPage(ctx, t, q)
		if err := conversationError(res); err != nil {
			if n > 0 {
				break // what was found is an answer, and its cursor leads to the rest
			}
			return s, err
		}
		rows := t.visible(res.Value.Rows, r.Workspaces)
		if n > 0 && len(s.rows)+len(rows) > r.PerPage {
			break
		}
		s.take(n, at.back, rows, res.Value, report(start, t.StoreName, res))
		q.Cursor = s.next
		if at.back {
			q.Cursor = s.prev
		}
		if len(r.Workspaces) == 0 || q.Cursor == "" || len(s.rows) >= r.PerPage || late(ctx, start) {
			break
		}
	}
	return s, nil
}

// take adds page n of the scan at the end that it is at.
func (s *span) take(n int, back bool, rows []upstream.Conversation, page *upstream.Page, list Report) {
	switch {
	case n == 0:
		*s = span{rows, page.Next, page.Prev, list, page.Short}
		return
	case back:
		s.rows, s.prev = append(rows, s.rows...), page.Prev
	default:
		s.rows, s.next = append(s.rows, rows...), page.Next
	}
	s.short = s.short || page.Short
	if worse := s.list.Whole() && !list.Whole(); worse || s.list.Whole() == list.Whole() && list.AsOf.Before(s.list.AsOf) {
		s.list = list
	}
}

// late reports whether less of the request's time is left than has gone by:
// the rest is for the contacts and accounts of what was found.
func late(ctx context.Context, start time.Time) bool {
	d, ok := ctx.Deadline()
	return ok && time.Until(d) < time.Since(start)
}

// visible returns copies of the rows that a credential may see. Records are
// shared and never changed.
func (t *Tenant) visible(rows []upstream.Conversation, workspaces []string) []upstream.Conversation {
	seen := make([]upstream.Conversation, 0, len(rows))
	for _, c := range rows {
		if t.place(&c); allowed(workspaces, c.WorkspaceID) {
			seen = append(seen, c)
		}
	}
	return seen
}

// within adds to the filters what all conversations of a credential's
// workspaces have in common, if the store can filter by it. Without a list of
// workspaces that is nothing. The result is nil where no conversation has both
// that and what the filters ask for.
func (t *Tenant) within(filters map[upstream.Filter]string, workspaces []string) map[upstream.Filter]string {
	if len(workspaces) == 0 {
		return filters
	}
	able := t.Store.Filters()
	narrowed := map[upstream.Filter]string{}
	maps.Copy(narrowed, filters)
	if slices.Contains(able, upstream.FilterWorkspace) {
		switch asked := filters[upstream.FilterWorkspace]; {
		case asked != "" && !slices.Contains(workspaces, asked):
			return nil
		case asked == "" && len(workspaces) == 1:
			narrowed[upstream.FilterWorkspace] = workspaces[0]
		}
		return narrowed
	}
	f, v := t.common(workspaces)
	if v == "" || !slices.Contains(able, f) {
		return narrowed
	}
	switch asked := filters[f]; {
	case asked == "":
		narrowed[f] = v
	case asked != v && f == upstream.FilterType:
		return nil
	} // a number can be written in several ways: which rows have it is for the store to say
	return narrowed
}

// common returns the one type or the one sender that all conversations of the
// workspaces have, by the tenant's mapping; "" if there is no such thing. The
// default workspace has conversations of any kind.
func (t *Tenant) common(workspaces []string) (f upstream.Filter, value string) {
	var types, senders []string
	for _, p := range t.Places.Workspaces {
		if slices.Contains(workspaces, p.ID) {
			types, senders = append(types, p.Type), append(senders, p.Sender)
		}
	}
	if slices.Contains(workspaces, t.defaultWorkspace()) {
		return "", ""
	}
	if v := single(types); v != "" {
		return upstream.FilterType, v
	}
	return upstream.FilterWhatsappSender, single(senders)
}

// single returns the value that all of the values are; "" if there is none.
func single(values []string) string {
	if values = slices.Compact(values); len(values) == 1 {
		return values[0]
	}
	return ""
}
