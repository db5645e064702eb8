package intercom

import (
	"context"
	"errors"
	"net/url"
	"strconv"
	"strings"

	"github.com/weft-gateway/weft/upstream"
	"github.com/weft-gateway/weft/upstream/client"
)

// Filters implements [upstream.Store]. The list of conversations has none.
func (s *Store) Filters() []upstream.Filter { return nil }

// List implements [upstream.Store], in Intercom's order.
func (s *Store) List(ctx context.Context, q upstream.ListQuery) (upstream.Page, error) {
	for f := range q.Filters { // leaving it out would list too much
		return upstream.Page{}, failed("no such filter: " + string(f))
	}
	t, ok := readTrail(q.Cursor)
	if !ok {
		return upstream.Page{}, failed("not a cursor of this list")
	}
	query := make(url.Values, 2)
	if q.PerPage > 0 {
		query.Set("per_page", strconv.Itoa(q.PerPage))
	}
	if last := t.last(); last != "" {
		query.Set("starting_after", last)
	}
	call := client.Call{Op: upstream.OpList, Path: []string{"conversations"}, Query: query}
	return client.Fetch(ctx, s.client, call, func(r client.Reply) (upstream.Page, error) {
		err := r.ErrIf("errors")
		if errors.Is(err, upstream.NotFound) { // a list that is not there is a wrong address
			err = upstream.BadResponse
		}
		if err != nil {
			return upstream.Page{}, err
		}
		return s.page(r.Body, t)
	})
}

// page decodes the answer to a call at the end of a trail. Rows that cannot be
// read are left out.
func (s *Store) page(body []byte, t trail) (upstream.Page, error) {
	f, err := object(body)
	if err != nil {
		return upstream.Page{}, err
	}
	records := f.List("conversations")
	if records == nil {
		return upstream.Page{}, errors.New("a list without conversations")
	}
	rows, left, err := upstream.Rows(records, s.conversation)
	if err != nil {
		return upstream.Page{}, err
	}
	if left > 0 && s.left != nil {
		s.left(left)
	}
	p := upstream.Page{Rows: rows, Prev: t.back(), Short: left > 0}
	next := f.Object("pages").Object("next").Text("starting_after")
	switch {
	case next == nil:
		return p, nil
	case *next == t.last():
		return upstream.Page{}, errors.New("a list that does not follow its cursor")
	case len(*next) > maxCursor || strings.ContainsFunc(*next, func(r rune) bool { return r <= ' ' || r == 0x7f }):
		return upstream.Page{}, errors.New("a cursor that cannot be kept")
	}
	p.Next = t.on(*next)
	return p, nil
}

func failed(text string) error {
	return &upstream.Error{Kind: upstream.UpstreamError, Source: Kind, Op: upstream.OpList, Err: errors.New(text)}
}
