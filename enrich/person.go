package enrich

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/weft-gateway/weft/cache"
	"github.com/weft-gateway/weft/upstream"
)

// What the cache holds of a person goes by these subjects:
//
//   - "contact:ID": the contact record; links that lead to it, by value or by
//     conversation; conversations whose store says that they are its own.
//   - the id of a link, as "phone:" and a digest: that link; rows of a store
//     without links whose first rule leads there.
//   - "conversation:ID": the conversation or row, its messages, its attention
//     items, its remembered link, its place in the list.
//   - "lists": all pages of lists. They last an hour at most.
//
// An account is a company's record and stays, as do the digests of ids that
// prove ownership.
const (
	aboutContact      = "contact:"
	aboutConversation = "conversation:" // also begins the id of a link by conversation
	aboutLists        = "lists"
)

// untoldRetry is when an erasure that Redis was not told of is worth another try.
const untoldRetry = 2 * time.Second

// UntoldError: the person may be forgotten by this process, but not all others
// could be told, or the CRM could not say by what else the person is known. It
// has to be asked for again.
type UntoldError struct {
	RetryAfter time.Duration
	Err        error
}

// Error implements error.
func (e *UntoldError) Error() string { return fmt.Sprintf("enrich: erase: %v", e.Err) }

// Unwrap returns the cause.
func (e *UntoldError) Unwrap() error { return e.Err }

// Erase removes a person from the cache: from this process, from Redis and from
// the other replicas. Whether anything was there is not told. What has begun is
// finished, also for a caller who is gone. An error is an [UntoldError].
func (e *Enricher) Erase(ctx context.Context, t *Tenant, contactID string) error {
	ctx, own := e.bounded(context.WithoutCancel(ctx), time.Now())
	defer own.Release()
	subjects := []string{aboutContact + contactID, aboutLists, anchor{by: upstream.ByID, value: contactID}.key()}
	keys, unasked := e.knownBy(ctx, t, contactID)
	subjects = append(subjects, keys...)
	err := e.cfg.Cache.Erase(ctx, t.ID, subjects, func(subject string) []cache.Key { return namedBy(t.ID, subject) })
	if err == nil {
		err = unasked
	}
	if err != nil {
		return &UntoldError{RetryAfter: untoldRetry, Err: err}
	}
	return nil
}

// knownBy returns the ids of the links by which a contact can be found. Where
// the contact is not cached, the CRM is asked: else rows that nobody has read
// yet, which have its number but no link, would stay. One that the CRM does not
// have is known by nothing.
func (e *Enricher) knownBy(ctx context.Context, t *Tenant, contactID string) ([]string, error) {
	if res := e.records.contacts.Peek(ctx, t.ID, []string{contactID}, false)[0]; res.Value != nil {
		return t.keysOf(res.Value), nil
	}
	if t.CRM == nil {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, e.cfg.CRM)
	defer cancel()
	got, err := t.CRM.Contacts(ctx, []string{contactID})
	if full, ok := got[contactID]; ok {
		c, err := newContact(full)
		if err != nil {
			return nil, fmt.Errorf("contact %w", upstream.BadResponse)
		}
		return t.keysOf(c), nil
	}
	switch upstream.KindOf(err) {
	case upstream.NotFound, upstream.WrongRecord: // it has none of this id
		return nil, nil
	}
	return nil, err
}

// keysOf are the ids of the links by which a contact can be found.
func (t *Tenant) keysOf(c *contact) []string {
	full, err := decodeJSON[upstream.Contact](c.json())
	if err != nil {
		return nil
	}
	values := map[upstream.Lookup][]string{
		upstream.ByExternalRef: {deref(full.ExternalRef)},
		upstream.ByEmail:       {deref(full.Email)},
		upstream.ByPhone:       {deref(full.Phone)},
	}
	for _, m := range full.Emails {
		values[upstream.ByEmail] = append(values[upstream.ByEmail], m.Value)
	}
	for _, p := range full.Phones {
		values[upstream.ByPhone] = append(values[upstream.ByPhone], p.Value, deref(p.Raw))
	}
	var keys []string
	for by, all := range values {
		for _, v := range all {
			if n := t.normal(by, strings.TrimSpace(v)); n != "" {
				keys = append(keys, anchor{by: by, value: n}.key())
			}
		}
	}
	return keys
}

// namedBy returns the records whose ids name the subject.
func namedBy(tenant, subject string) []cache.Key {
	if id, ok := strings.CutPrefix(subject, aboutContact); ok {
		return []cache.Key{{Tenant: tenant, Kind: kindContact, ID: id}}
	}
	id, ok := strings.CutPrefix(subject, aboutConversation)
	switch {
	case ok:
		return []cache.Key{
			{Tenant: tenant, Kind: kindConversation, ID: id}, {Tenant: tenant, Kind: kindRow, ID: id},
			{Tenant: tenant, Kind: kindThread, ID: id}, {Tenant: tenant, Kind: kindThread, ID: id + withoutCalls},
			{Tenant: tenant, Kind: kindAttention, ID: id}, {Tenant: tenant, Kind: kindLink, ID: rememberedKey(id)},
			{Tenant: tenant, Kind: kindPlace, ID: id},
		}
	case subject == aboutLists:
		return nil // their ids are digests of queries; each is noted as it is kept
	}
	return []cache.Key{{Tenant: tenant, Kind: kindLink, ID: subject}}
}

// The subjects that a record's id names.

func ownContact(id string) string { return aboutContact + id }

func ownConversation(id string) string {
	return aboutConversation + strings.TrimSuffix(id, withoutCalls)
}

func ownLink(id string) string { return id }

// about is what the values of records are about.
type about struct{ tenants map[string]*Tenant }

func newAbout(tenants []*Tenant) about {
	a := about{make(map[string]*Tenant, len(tenants))}
	for _, t := range tenants {
		a.tenants[t.ID] = t
	}
	return a
}

// conversation is about the contact that its store names, or about whoever its
// link leads to.
func (a about) conversation(tenant, _ string, kept *conversation) []string {
	c, t := kept.record(), a.tenants[tenant]
	if c == nil || t == nil {
		return nil
	}
	switch at := t.anchor(c); {
	case at.linked && at.contactID != "":
		return []string{aboutContact + at.contactID}
	case at.value != "":
		return []string{at.key()}
	}
	return nil
}

func (about) link(_, _ string, l *link) []string {
	if l == nil || l.ContactID == "" {
		return nil
	}
	return []string{aboutContact + l.ContactID}
}

func (about) page(string, string, *upstream.Page) []string { return []string{aboutLists} }
