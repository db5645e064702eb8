package enrich

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"github.com/weft-gateway/weft/cache"
	"github.com/weft-gateway/weft/upstream"
)

// The kinds of record in the cache.
const (
	kindConversation = "conversation" // proved by the store's own answer
	kindRow          = "row"          // a conversation proved by a list
	kindThread       = "messages"
	kindAttention    = "attention"
	kindContact      = "contact"
	kindAccount      = "account"
	kindLink         = "link"
	kindList         = "list"
	kindPlace        = "place" // where in the list a row is that has no key of its own
)

const (
	// unknownFor is how long an id is remembered as not found. A conversation
	// that was asked for before it existed must be readable within 2 s.
	unknownFor = time.Second

	// provenFor is how long a row proves ownership after it was last used.
	provenFor = 30 * 24 * time.Hour

	// listStale is how long a page may stand in for a store that is down.
	listStale = time.Hour

	// slack lets what bounds a call end before the load around it does, so that
	// the reason is the call's.
	slack = 100 * time.Millisecond
)

// thread is the messages part as it is kept: the array as it is spliced, and
// of each message what Derive looks at.
type thread struct {
	text
	briefs atomic.Pointer[[]brief] // nil: they are to be read of the text
}

// items is the attention items part: a JSON array.
type items struct{ text }

// contact and account are records as they are spliced, with their join keys.
type contact struct {
	text
	id, accountID string
}

type account struct{ text }

// link is what a look-up in the CRM came to, or what the store last said.
type link struct {
	ContactID string `json:"contactId"`
	AccountID string `json:"accountId,omitempty"`
	Ambiguous bool   `json:"ambiguous,omitempty"`
}

// records are the loaders, one a kind.
type records struct {
	conversations *cache.Loader[*conversation]
	rows          *cache.Loader[*conversation]
	threads       *cache.Loader[*thread]
	attention     *cache.Loader[*items]
	contacts      *cache.Loader[*contact]
	accounts      *cache.Loader[*account]
	links         *cache.Loader[*link]
	lists         *cache.Loader[*upstream.Page]
	places        *cache.Loader[*string] // cursors
}

func newRecords(cfg Config) (records, error) {
	var r records
	store, crm := loadTime(cfg.Store), loadTime(cfg.CRM)
	part, row := cfg.Conversation, cfg.Conversation
	part.Missing, row.Missing = unknownFor, unknownFor
	row.Stale = max(row.Stale, provenFor)
	// An old page proves nothing of now: who asks for one waits.
	list := cache.Policy{Fresh: cfg.Conversation.Fresh, Stale: min(cfg.Conversation.Stale, listStale), Missing: unknownFor}
	errs := make([]error, 9)
	who := newAbout(cfg.Tenants)
	r.conversations, errs[0] = newLoader(cfg, kindConversation, part, store, encodeKept, decodeKept, ownConversation, who.conversation)
	forever := cache.Policy{Fresh: provenFor, Stale: provenFor, Missing: unknownFor}
	r.places, errs[8] = newLoader(cfg, kindPlace, forever, store, encodeJSON[*string], decodeJSON[string], ownConversation, nil)
	// Proving a conversation may take several calls: its bound is the request's.
	r.rows, errs[7] = newLoader(cfg, kindRow, row, cfg.Request-margin, encodeKept, decodeKept, ownConversation, who.conversation)
	r.threads, errs[1] = newLoader(cfg, kindThread, part, store, func(t *thread) ([]byte, error) { return t.json(), nil }, decodeThread, ownConversation, nil)
	r.attention, errs[2] = newLoader(cfg, kindAttention, part, store, func(i *items) ([]byte, error) { return i.json(), nil }, decodeItems, ownConversation, nil)
	r.contacts, errs[3] = newLoader(cfg, kindContact, cfg.Contact, crm, func(c *contact) ([]byte, error) { return c.json(), nil }, decodeContact, ownContact, nil)
	r.accounts, errs[4] = newLoader(cfg, kindAccount, cfg.Account, crm, func(a *account) ([]byte, error) { return a.json(), nil }, decodeAccount, nil, nil)
	r.links, errs[5] = newLoader(cfg, kindLink, cfg.Link, crm, encodeLink, decodeLink, ownLink, who.link)
	r.lists, errs[6] = newLoader(cfg, kindList, list, store, encodePage, decodeJSON[upstream.Page], nil, who.page)
	return r, errors.Join(errs...)
}

// loadTime is how long a load of one call may take: the call may wait as long
// again for its place among the source's.
func loadTime(call time.Duration) time.Duration { return 2*call + slack }

// of returns the loader of the tenant's conversations, and the kind it keeps.
func (r *records) of(t *Tenant) (*cache.Loader[*conversation], string) {
	if _, ok := t.proves(); ok {
		return r.conversations, kindConversation
	}
	return r.rows, kindRow
}

func newLoader[V any](cfg Config, kind string, p cache.Policy, deadline time.Duration,
	encode func(V) ([]byte, error), decode func([]byte) (V, error),
	own func(id string) string, about func(tenant, id string, v V) []string) (*cache.Loader[V], error) {
	return cache.NewLoader(cfg.Cache, cache.LoaderConfig[V]{
		Kind: kind, Policy: p, Deadline: deadline, Encode: encode, Decode: decode,
		Absent:  func(err error) bool { return errors.Is(err, upstream.NotFound) },
		Unasked: unasked,
		Own:     own, About: about,
	})
}

// unasked reports whether the source was left alone: the breaker or the quota
// gate, which know best when to try again, refused the call.
func unasked(err error) bool {
	kind := upstream.KindOf(err)
	return kind == upstream.BreakerOpen || kind == upstream.RateLimited
}

// encodeJSON leaves <, > and & as they are: the answer is no HTML.
func encodeJSON[V any](v V) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return slices.Clone(bytes.TrimSuffix(b.Bytes(), []byte("\n"))), nil // of its very length
}

func decodeJSON[V any](b []byte) (*V, error) {
	v := new(V)
	return v, json.Unmarshal(b, v)
}

// newThread makes the messages part of what the store answered.
func newThread(t upstream.Thread, hideCalls bool) (*thread, error) {
	out, briefs := new(thread), make([]brief, len(t.Messages))
	out.briefs.Store(&briefs)
	size := len("[]")
	for i := range t.Messages {
		m := &t.Messages[i]
		if !writable(m.CreatedAt) {
			return nil, errYear
		}
		briefs[i] = newBrief(m.Role, m.CreatedAt)
		size += messageOverhead + len(m.Content)
		for j := range m.FunctionCalls {
			size += len(m.FunctionCalls[j].Name) + len(m.FunctionCalls[j].Arguments) + len(m.FunctionCalls[j].Result) + callOverhead
		}
	}
	if size <= shortThread {
		out.set(slices.Clone(appendMessages(make([]byte, 0, shortThread), t.Messages, hideCalls)))
		return out, nil
	}
	out.set(fitted(appendMessages(make([]byte, 0, size), t.Messages, hideCalls)))
	return out, nil
}

// shortThread is how long messages may be that are written on the stack first, in bytes.
const shortThread = 8 << 10

func appendMessages(b []byte, messages []upstream.Message, hideCalls bool) []byte {
	b = append(b, '[')
	for i := range messages {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendMessage(b, &messages[i], hideCalls)
	}
	return append(b, ']')
}

func newContact(c upstream.Contact) (*contact, error) {
	b, err := encodeContact(&c)
	out := with(&contact{id: c.ID, accountID: deref(c.AccountID)}, b)
	together(&out.id, &out.accountID)
	return out, err
}

func newAccount(a upstream.Account) (*account, error) {
	b, err := encodeAccount(&a)
	return with(new(account), b), err
}
