package autocalls

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/weft-gateway/weft/upstream"
	"github.com/weft-gateway/weft/upstream/client"
)

const (
	keepAssistants = 5 * time.Minute  // a pair that is known is good for so long
	missAssistant  = 30 * time.Second // an unknown uuid may be new: look again after so long
	loadAssistants = 10 * time.Second // for all pages together
	assistantPages = 50               // of 100 each; the rest is not looked at
)

// assistants knows the integers behind assistants' uuids: rows carry the one,
// the list filter takes the other.
type assistants struct {
	client *client.Client

	mu       sync.Mutex
	numbers  map[string]string // lower-case uuid -> integer; replaced, never written to
	loadedAt time.Time
	loading  *assistantLoad // nil while nobody loads
}

// assistantLoad is one load, on which any number of callers wait.
type assistantLoad struct {
	done    chan struct{} // closed at the end; the fields below may be read then
	numbers map[string]string
	err     error
}

func newAssistants(c *client.Client) *assistants { return &assistants{client: c} }

// number returns the integer of an assistant's uuid, and whether there is one.
// When the server cannot be asked, a pair that was known before still holds.
func (a *assistants) number(ctx context.Context, id string) (n string, ok bool, err error) {
	id = strings.ToLower(id)
	a.mu.Lock()
	n, ok = a.numbers[id]
	age := time.Since(a.loadedAt)
	if a.numbers != nil && (ok && age < keepAssistants || age < missAssistant) {
		a.mu.Unlock()
		return n, ok, nil
	}
	if a.loading == nil {
		a.loading = &assistantLoad{done: make(chan struct{})}
		go a.load(context.WithoutCancel(ctx), a.loading)
	}
	l := a.loading
	a.mu.Unlock()

	select {
	case <-l.done:
	case <-ctx.Done():
		return "", false, ended(ctx)
	}
	if l.err != nil && ok {
		return n, true, nil
	}
	n, ok = l.numbers[id]
	return n, ok, l.err
}

// load reads all pages. It runs on a context of its own, so that a caller who
// leaves takes nothing from the others.
func (a *assistants) load(ctx context.Context, l *assistantLoad) {
	ctx, cancel := context.WithTimeout(ctx, loadAssistants)
	defer cancel()
	l.numbers, l.err = a.read(ctx)
	a.mu.Lock()
	if l.err == nil {
		a.numbers, a.loadedAt = l.numbers, time.Now()
	}
	a.loading = nil
	a.mu.Unlock()
	close(l.done)
}

func (a *assistants) read(ctx context.Context) (map[string]string, error) {
	numbers := map[string]string{}
	for page := 1; page <= assistantPages; page++ {
		call := client.Call{
			Op:    upstream.OpAssistants,
			Path:  []string{"api", "user", "assistants", "get"},
			Query: url.Values{"per_page": {"100"}, "page": {strconv.Itoa(page)}},
		}
		got, err := client.Fetch(ctx, a.client, call, decodeAssistants)
		if err != nil {
			return nil, err
		}
		for _, one := range *got.Data {
			if one.ID != "" && one.UUID.s != nil {
				numbers[strings.ToLower(*one.UUID.s)] = one.ID.String()
			}
		}
		if page >= got.LastPage {
			break
		}
	}
	return numbers, nil
}

// assistantPage is a page of the account's assistants.
type assistantPage struct {
	Data *[]struct {
		ID   json.Number `json:"id"`
		UUID text        `json:"uuid"`
	} `json:"data"`
	LastPage int `json:"last_page"` // 0 where there is but one
}

func decodeAssistants(r client.Reply) (assistantPage, error) {
	if err := collectionErr(r); err != nil {
		return assistantPage{}, err
	}
	return decodeAssistantPage(r.Body)
}

func decodeAssistantPage(body []byte) (assistantPage, error) {
	var p assistantPage
	if err := client.Decode(body, &p); err != nil {
		return p, err
	}
	if p.Data == nil {
		return p, errors.New("a list without data")
	}
	for _, one := range *p.Data {
		if one.ID != "" && !isNumber(one.ID.String()) {
			return p, errors.New("an assistant's id is not a whole number")
		}
	}
	return p, nil
}

// ended is the error of a caller whose own context is over.
func ended(ctx context.Context) error {
	kind := upstream.Canceled
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		kind = upstream.Deadline
	}
	return &upstream.Error{Kind: kind, Source: Kind, Op: upstream.OpAssistants}
}
