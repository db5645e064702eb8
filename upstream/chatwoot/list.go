package chatwoot

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strconv"

	"github.com/weft-gateway/weft/upstream"
	"github.com/weft-gateway/weft/upstream/client"
)

// row is a conversation, and where in the list it was found.
type row struct {
	upstream.Conversation
	page int   // the server's, from 1
	at   int64 // what the list is sorted by, descending: last activity, in unix seconds
}

// sheet is one page of the server's list.
type sheet struct {
	rows  []row
	count int  // of them, with those that could not be read
	total *int // rows of the whole list; nil: not said
}

// Filters implements [upstream.Store].
func (s *Store) Filters() []upstream.Filter { return []upstream.Filter{upstream.FilterStatus} }

// List implements [upstream.Store]: latest activity first. The server counts
// pages; see [edge] for what that becomes. With a filter a page can be short, or
// empty, before the end of the list.
func (s *Store) List(ctx context.Context, q upstream.ListQuery) (upstream.Page, error) {
	l := &list{store: s, per: q.PerPage, state: "all", wanted: func(upstream.Status) bool { return true }}
	if l.per <= 0 {
		l.per = usualPage
	}
	for f, v := range q.Filters {
		if f != upstream.FilterStatus { // leaving it out would list too much
			return upstream.Page{}, failed(upstream.UpstreamError, "no such filter: "+string(f))
		}
		asked := upstream.Status(v)
		if !slices.Contains(statuses(), asked) {
			return upstream.Page{}, &upstream.FilterError{Filter: f}
		}
		l.state, l.wanted = state(asked), func(s upstream.Status) bool { return s == asked }
	}
	at, ok := readEdge(q.Cursor)
	if !ok {
		return upstream.Page{}, failed(upstream.UpstreamError, "not a cursor of this list")
	}
	p, err := l.at(ctx, at)
	p.Short = l.short
	return p, err
}

func statuses() []upstream.Status {
	return []upstream.Status{
		upstream.StatusNew, upstream.StatusActive, upstream.StatusHumanManaged,
		upstream.StatusWaiting, upstream.StatusResolved,
	}
}

// sheet asks for one page. What is asked for is always all that the token's user
// may see: without a status the server would list open conversations alone.
func (s *Store) sheet(ctx context.Context, state string, page int) (sheet, error) {
	call := client.Call{Op: upstream.OpList, Path: s.path(), Query: url.Values{
		"status": {state}, "assignee_type": {"all"}, "page": {strconv.Itoa(page)},
	}}
	return client.Fetch(ctx, s.client, call, func(r client.Reply) (sheet, error) {
		err := r.Err()
		if errors.Is(err, upstream.NotFound) { // an account that is not there is a wrong address
			err = upstream.BadResponse
		}
		if err != nil {
			return sheet{}, err
		}
		return s.decodeSheet(r.Body, page)
	})
}

// decodeSheet reads a page of the server's. Rows that cannot be read are left out.
func (s *Store) decodeSheet(body []byte, page int) (sheet, error) {
	f, err := object(body)
	if err != nil {
		return sheet{}, err
	}
	data := f.Object("data")
	records := data.List("payload")
	if records == nil {
		return sheet{}, errors.New("a list without a payload")
	}
	rows, left, err := upstream.Rows(records, func(f upstream.Fields) (row, error) {
		c, err := s.conversation(f)
		if err != nil {
			return row{}, err
		}
		return row{c, page, f.Unix("last_activity_at").Unix()}, nil
	})
	if err != nil && page > 1 && len(records) == 1 && !errors.Is(err, upstream.WrongRecord) { // the list's last, by itself
		rows, left, err = nil, 1, nil
	}
	if err != nil {
		return sheet{}, err
	}
	if left > 0 && s.left != nil {
		s.left(left)
	}
	return sheet{rows: rows, count: len(records), total: data.Object("meta").Count("all_count")}, nil
}

func failed(kind upstream.Kind, text string) error {
	return &upstream.Error{Kind: kind, Source: Kind, Op: upstream.OpList, Err: errors.New(text)}
}
