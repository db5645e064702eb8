package autocalls

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/weft-gateway/weft/upstream"
	"github.com/weft-gateway/weft/upstream/client"
)

// pagePrefix marks a cursor that we make for servers that count pages. Their
// successors' cursors are base64 and hold no colon.
const pagePrefix = "page:"

// Filters implements [upstream.Store].
func (s *Store) Filters() []upstream.Filter {
	return []upstream.Filter{
		upstream.FilterType, upstream.FilterAssistant, upstream.FilterCustomerPhone,
		upstream.FilterWhatsappSender, upstream.FilterExternalIdentifier,
	}
}

// List implements [upstream.Store]. A row's status is coarse, as it knows no
// messages. An assistant's uuid is translated into the integer that the
// server's filter takes; a uuid that the account does not have has no rows.
func (s *Store) List(ctx context.Context, q upstream.ListQuery) (upstream.Page, error) {
	query, err := s.query(q)
	if err != nil {
		return upstream.Page{}, err
	}
	if a := q.Filters[upstream.FilterAssistant]; a != "" && !isNumber(a) {
		n, ok, err := s.assistants.number(ctx, a)
		if err != nil || !ok {
			return upstream.Page{}, err
		}
		query.Set(string(upstream.FilterAssistant), n)
	}
	call := client.Call{Op: upstream.OpList, Path: []string{"api", "user", "conversations"}, Query: query}
	return client.Fetch(ctx, s.client, call, func(r client.Reply) (upstream.Page, error) {
		if err := collectionErr(r); err != nil {
			return upstream.Page{}, err
		}
		return s.page(r.Body, q.Cursor)
	})
}

// types are the kinds of conversation that the server knows; it answers 422 to others.
func types() []string { return []string{"test", "widget", "whatsapp", "api"} }

// query writes q in the server's words. The filters go along with a cursor,
// which does not hold them.
func (s *Store) query(q upstream.ListQuery) (url.Values, error) {
	known := s.Filters()
	query := make(url.Values, len(q.Filters)+2)
	for f, v := range q.Filters {
		if !slices.Contains(known, f) { // leaving it out would list too much
			return nil, &upstream.Error{
				Kind: upstream.UpstreamError, Source: Kind, Op: upstream.OpList,
				Err: errors.New("no such filter: " + string(f)),
			}
		}
		if f == upstream.FilterType && !slices.Contains(types(), v) {
			return nil, &upstream.FilterError{Filter: f}
		}
		query.Set(string(f), v)
	}
	if q.PerPage > 0 {
		query.Set("per_page", strconv.Itoa(q.PerPage))
	}
	if n, ok := pageOf(q.Cursor); ok {
		query.Set("page", strconv.Itoa(n))
	} else if q.Cursor != "" {
		query.Set("cursor", q.Cursor)
	}
	return query, nil
}

// envelope is a list answer: with cursors, or with page numbers on older servers.
type envelope struct {
	Data        *[]row          `json:"data"`
	NextCursor  json.RawMessage `json:"next_cursor"` // raw, to tell null from absent
	PrevCursor  json.RawMessage `json:"prev_cursor"`
	CurrentPage *int            `json:"current_page"`
	LastPage    *int            `json:"last_page"`
	Total       int             `json:"total"` // with page numbers
}

// page decodes the answer to a call that was made with cursor.
func (s *Store) page(body []byte, cursor string) (upstream.Page, error) {
	var e envelope
	if err := client.Decode(body, &e); err != nil {
		return upstream.Page{}, err
	}
	if e.Data == nil {
		return upstream.Page{}, errors.New("a list without data")
	}
	p, err := e.cursors(cursor)
	if err != nil {
		return upstream.Page{}, err
	}
	p.Rows = make([]upstream.Conversation, len(*e.Data))
	for i := range *e.Data {
		if p.Rows[i], err = s.conversation(&(*e.Data)[i]); err != nil {
			return upstream.Page{}, err
		}
	}
	return p, nil
}

// cursors returns a page with its cursors alone. A server that was replaced by
// its other generation in the middle of a walk, ignored what it was asked or
// leads in a circle is caught: its end of the list would be no end.
func (e *envelope) cursors(asked string) (p upstream.Page, err error) {
	number, byNumber := pageOf(asked)
	switch {
	case e.NextCursor != nil || e.PrevCursor != nil:
		var next, prev text
		if next.UnmarshalJSON(orNull(e.NextCursor)) != nil || prev.UnmarshalJSON(orNull(e.PrevCursor)) != nil {
			return p, errors.New("a cursor is not a string")
		}
		p.Next, p.Prev = next.String(), prev.String()
		if byNumber || asked != "" && p.Next == asked {
			return p, errors.New("a list that does not follow its cursor")
		}
	case e.CurrentPage != nil && e.LastPage != nil:
		current, last := *e.CurrentPage, *e.LastPage
		p.Numbered, p.Total = true, e.Total
		if current < 1 || !byNumber && asked != "" || current != max(number, 1) {
			return p, errors.New("a list that is not at the page asked for")
		}
		if current < last {
			p.Next = pagePrefix + strconv.Itoa(current+1)
		}
		if current > 1 {
			p.Prev = pagePrefix + strconv.Itoa(current-1)
		}
	default:
		return p, errors.New("a list that does not say where it ends")
	}
	return p, nil
}

// orNull returns raw, or null for nothing.
func orNull(raw json.RawMessage) json.RawMessage {
	if raw == nil {
		return json.RawMessage("null")
	}
	return raw
}

// pageOf returns the page number in a cursor of ours.
func pageOf(cursor string) (int, bool) {
	digits, ok := strings.CutPrefix(cursor, pagePrefix)
	if !ok {
		return 0, false
	}
	n, err := strconv.Atoi(digits)
	return n, err == nil && n > 0
}

func isNumber(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }
