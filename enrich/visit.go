package enrich

import (
	"context"
	"slices"

	"github.com/weft-gateway/weft/cache"
	"github.com/weft-gateway/weft/upstream"
)

// recalled are the records of the CRM side, as far as memory knows where it
// leads, be its copies past their time: those that will be loaded, and those that will
// only be looked at. So Redis can be asked for them along with the rest.
func (j *join) recalled() (keys, peeked []cache.Key) {
	want := j.want()
	if j.t.CRM == nil || !want.contact && !want.account {
		return nil, nil
	}
	loader, _ := j.e.records.of(j.t)
	links := j.e.records.links
	var a anchor
	if c, ok := loader.Recall(j.t.ID, j.r.ID); ok {
		a = j.t.anchor(j.read.of(c)).cloned()
	} else if l, ok := links.Recall(j.t.ID, j.linkID); ok {
		a = anchor{linked: true, contactID: l.ContactID, accountID: l.AccountID}
	}
	if a == (anchor{}) {
		return j.trodKeys(want), nil
	}
	if a.linked {
		return j.t.sideKeys(want, a.contactID, a.accountID), nil
	}
	if a.value == "" {
		return nil, nil
	}
	var to link
	l, known := links.Recall(j.t.ID, a.key())
	if known {
		to = *l
	}
	want.contact = want.contact || !known // it says which account it is
	key := []cache.Key{{Tenant: j.t.ID, Kind: kindLink, ID: a.key()}}
	if a.by == upstream.ByID {
		return j.t.sideKeys(want, a.value, to.AccountID), key
	}
	return append(key, j.t.sideKeys(want, to.ContactID, to.AccountID)...), nil
}

// trodKeys are those of the trail, as far as they are wanted.
func (j *join) trodKeys(want wanted) []cache.Key {
	trail, ok := j.e.cfg.Cache.Trail(j.origin())
	if !ok {
		j.astray = true
		return nil
	}
	return j.onTrail(trail, want)
}

// origin is where the conversation's trail begins.
func (j *join) origin() cache.Key {
	_, kind := j.e.records.of(j.t)
	return cache.Key{Tenant: j.t.ID, Kind: kind, ID: j.r.ID}
}

// onTrail takes the trail, which is the caller's to give away.
func (j *join) onTrail(trail []cache.Key, want wanted) []cache.Key {
	j.trail = slices.DeleteFunc(trail, func(k cache.Key) bool {
		return k.Kind == kindContact && !want.contact || k.Kind == kindAccount && !want.account
	})
	return j.trail
}

// tread remembers where the conversation led.
func (j *join) tread() {
	s := &j.side
	a := j.anchor
	if want := j.want(); j.t.CRM == nil || !want.contact || !want.account || s.contactID == "" {
		return
	}
	var room [3]cache.Key
	keys := room[:0]
	if !a.linked {
		keys = append(keys, cache.Key{Tenant: j.t.ID, Kind: kindLink, ID: a.key()})
	}
	j.e.cfg.Cache.SetTrail(j.origin(), j.t.appendSide(keys, j.want(), s.contactID, s.accountID))
}

// trodden is the anchor that the trail of a conversation leads to, whose store carries
// the link.
func (j *join) trodden() (a anchor, ok bool) {
	if want := j.want(); !want.contact || !want.account {
		return a, false // half of a trail leads elsewhere
	}
	for _, k := range j.trail {
		switch k.Kind {
		case kindContact:
			a.contactID = k.ID
		case kindAccount:
			a.accountID = k.ID
		}
	}
	a.rule, a.linked = ruleStore, true
	return a, a.contactID != ""
}

// sideKeys are those of a contact and its account that are wanted; "" is none.
func (t *Tenant) sideKeys(want wanted, contactID, accountID string) []cache.Key {
	return t.appendSide(nil, want, contactID, accountID)
}

func (t *Tenant) appendSide(keys []cache.Key, want wanted, contactID, accountID string) []cache.Key {
	if want.contact && contactID != "" {
		keys = append(keys, cache.Key{Tenant: t.ID, Kind: kindContact, ID: contactID})
	}
	if want.account && accountID != "" {
		keys = append(keys, cache.Key{Tenant: t.ID, Kind: kindAccount, ID: accountID})
	}
	return keys
}

// visit brings what Redis has of the contacts and accounts into memory, all in
// one visit, but for those that it was asked for already. See [join.prefetch].
func (r *resolver) visit(ctx context.Context) (along context.Context, release func()) {
	if !r.e.cfg.Cache.Shared() {
		return ctx, func() {}
	}
	var keys []cache.Key
	for i := range r.sides {
		if s := &r.sides[i]; !s.noCRM {
			want := r.want
			want.contact = want.contact || !s.accountKnown
			keys = append(keys, r.t.sideKeys(want, s.contactID, s.accountID)...)
		}
	}
	return r.e.cfg.Cache.Prefetch(ctx, slices.DeleteFunc(keys, r.wasLooked))
}

// wasLooked reports whether Redis was asked for a record just now.
func (r *resolver) wasLooked(key cache.Key) bool { return slices.Contains(r.looked, key) }

// linksLooked reports whether Redis was asked for all of the links just now.
func (r *resolver) linksLooked(ids []string) bool {
	return !slices.ContainsFunc(ids, func(id string) bool {
		return !r.wasLooked(cache.Key{Tenant: r.t.ID, Kind: kindLink, ID: id})
	})
}
