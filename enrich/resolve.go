package enrich

import (
	"context"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/weft-gateway/weft/cache"
	"github.com/weft-gateway/weft/upstream"
)

// side is the CRM side of one conversation: the link, and what it led to.
type side struct {
	rule                 string
	contactID, accountID string
	accountKnown         bool   // accountID is known, be it as none
	noCRM                bool   // the ids lead nowhere: the tenant has no CRM
	remember             string // link key under which to remember the contact's account; "": known already

	link, contact, account Report
	via                    *link    // the remembered link that led there; nil: none did
	found                  *contact // nil: there is none to show
	owner                  *account // nil likewise
	contactText            *text
	accountText            *text
}

// wanted says which records of the CRM side are asked for.
type wanted struct{ contact, account bool }

// resolver works out the CRM side of any number of conversations of one
// tenant. One conversation is a batch of one.
type resolver struct {
	e     *Enricher
	t     *Tenant
	want  wanted
	start time.Time
	sides []side

	looked []cache.Key // for which Redis was asked just now

	one [1]side // room for it
}

// resolve costs at most one search per kind of look-up, one contact batch and
// one account batch, however many anchors there are. The exception: contacts
// whose remembered account turned out to be another cost a second account batch.
// Redis was asked for looked just now.
func (e *Enricher) resolve(ctx context.Context, t *Tenant, anchors []anchor, want wanted, start time.Time, looked ...cache.Key) []side {
	r := &resolver{e: e, t: t, want: want, start: start, looked: looked}
	if r.sides = r.one[:]; len(anchors) != 1 {
		r.sides = make([]side, len(anchors))
	}
	if !want.contact && !want.account {
		for i, a := range anchors {
			r.skip(i, a)
		}
		return r.sides
	}
	r.links(ctx, anchors)
	ctx, release := r.visit(ctx)
	defer release()
	if r.accountsKnown() && !r.bringsAccounts() {
		before := r.accountIDs()
		r.both(ctx, r.pick(before, nil))
		r.adoptAccounts()
		r.accounts(ctx, r.pick(r.accountIDs(), before), false)
	} else {
		r.contacts(ctx)
		r.adoptAccounts()
		r.accounts(ctx, r.pick(r.accountIDs(), nil), false)
	}
	r.dropUnwanted()
	return r.sides
}

// both settles contacts and accounts side by side. One of each is waited for here; of
// several, each kind is a batch that is waited for as a whole.
func (r *resolver) both(ctx context.Context, members []int) {
	if len(r.sides) == 1 {
		asked := r.askAccounts(ctx, members, true)
		r.contacts(ctx)
		r.takeAccounts(ctx, members, asked)
		return
	}
	var g errgroup.Group
	g.Go(func() error { r.accounts(ctx, members, true); return nil })
	r.contacts(ctx)
	_ = g.Wait() // it records its outcome and returns nil
}

// dropUnwanted hides what was fetched only because something else needed it.
func (r *resolver) dropUnwanted() {
	for i := range r.sides {
		s := &r.sides[i]
		if !r.want.contact {
			s.contact, s.contactText = skipped(), nil
		}
		if !r.want.account {
			s.account, s.accountText = skipped(), nil
		}
	}
}

// skip settles a side whose records nobody asked for. The ids that the store
// carries are shown all the same: they cost nothing.
func (r *resolver) skip(i int, a anchor) {
	s := &r.sides[i]
	s.link, s.contact, s.account = skipped(), skipped(), skipped()
	if a.linked {
		s.rule, s.link.State = ruleStore, Fresh
		s.contactID, s.accountID = a.contactID, a.accountID
	}
}

// links settles the link of each side.
func (r *resolver) links(ctx context.Context, anchors []anchor) {
	groups := map[upstream.Lookup][]int{}
	for i, a := range anchors {
		s := &r.sides[i]
		s.rule = a.rule
		switch {
		case a.linked:
			s.contactID, s.accountID, s.accountKnown = a.contactID, a.accountID, true
			s.link = Report{State: Fresh}
			s.noCRM = r.t.CRM == nil
		case a.rule == "" || a.value == "":
			s.link, s.accountKnown = Report{State: Unlinked}, true
		default:
			groups[a.by] = append(groups[a.by], i)
		}
	}
	r.linkGroups(ctx, anchors, groups)
}

// linkGroups settles the links that are found by the same look-up together, and
// those of several look-ups side by side.
func (r *resolver) linkGroups(ctx context.Context, anchors []anchor, groups map[upstream.Lookup][]int) {
	if len(groups) < 2 {
		for by, members := range groups {
			r.linkGroup(ctx, by, anchors, members)
		}
		return
	}
	var g errgroup.Group
	for by, members := range groups {
		g.Go(func() error { r.linkGroup(ctx, by, anchors, members); return nil })
	}
	_ = g.Wait() // outcomes are in the sides
}

func (r *resolver) linkGroup(ctx context.Context, by upstream.Lookup, anchors []anchor, members []int) {
	if by == upstream.ByID {
		r.linkByID(ctx, anchors, members)
		return
	}
	r.linkByFind(ctx, by, anchors, members)
}

// linkByID needs no search: the value is the contact's id. Only the account
// has to be remembered, so that both can be asked at once.
func (r *resolver) linkByID(ctx context.Context, anchors []anchor, members []int) {
	keys := keysOf(anchors, members)
	for n, res := range r.e.records.links.Peek(ctx, r.t.ID, keys, r.linksLooked(keys)) {
		s := &r.sides[members[n]]
		s.contactID = anchors[members[n]].value
		s.link, s.remember = Report{State: Fresh}, keys[n]
		if res.State == cache.Cached && res.Value.ContactID == s.contactID {
			s.link, s.remember, s.via = Report{State: Cached}, "", res.Value
			s.accountID, s.accountKnown = res.Value.AccountID, true
		}
	}
}

// linkByFind looks the values up that are not remembered, all in one search.
func (r *resolver) linkByFind(ctx context.Context, by upstream.Lookup, anchors []anchor, members []int) {
	keys, values := keysOf(anchors, members), map[string]string{}
	for n, i := range members {
		values[keys[n]] = anchors[i].value
	}
	find := func(ctx context.Context, keys []string) (map[string]*link, error) {
		return r.e.find(ctx, r.t, by, keys, values)
	}
	opt := r.e.staleNow(r.t.CRM, upstream.OpFind)
	opt.SkipRedis = r.linksLooked(keys)
	for n, res := range loaded(ctx, kindLink, origin{r.t.CRMName, upstream.OpFind}, r.e.records.links, r.t.ID, keys, opt, find) {
		s := &r.sides[members[n]]
		s.link, s.via = report(r.start, "", res), res.Value
		switch {
		case s.link.State == Missing:
			s.link, s.accountKnown = Report{State: Unlinked}, true
		case res.Value == nil: // failed
		case res.Value.Ambiguous:
			s.link, s.accountKnown = Report{State: Unlinked, Reason: Ambiguous}, true
		default:
			s.contactID, s.accountID, s.accountKnown = res.Value.ContactID, res.Value.AccountID, true
		}
	}
}

// find asks the CRM for the contacts that carry the values. What it answers
// are whole contacts, so they are kept and not asked for again. Beside a failure
// of any kind a single match is none: its twin may be what could not be read or
// did not come, or what a CRM that answers another question has left out.
func (e *Enricher) find(ctx context.Context, t *Tenant, by upstream.Lookup, keys []string, values map[string]string) (map[string]*link, error) {
	asked := make([]string, 0, len(keys))
	for _, k := range keys {
		asked = append(asked, values[k])
	}
	found, err := called(ctx, t.CRMName, upstream.OpFind, len(asked), func(ctx context.Context) (map[string][]upstream.Contact, error) {
		return t.CRM.FindContacts(ctx, by, asked)
	})
	links := make(map[string]*link, len(found))
	for _, k := range keys {
		switch contacts := found[values[k]]; len(contacts) {
		case 0:
		case 1:
			if err != nil {
				continue
			}
			c := contacts[0]
			links[k] = &link{ContactID: c.ID, AccountID: deref(c.AccountID)}
			together(&links[k].ContactID, &links[k].AccountID)
			if rec, encErr := newContact(c); encErr == nil {
				e.records.contacts.Put(t.ID, rec.id, rec)
				e.keepAccount(t, c)
			}
		default:
			links[k] = &link{Ambiguous: true}
		}
	}
	return links, err
}

// contacts settles the contact of each side. Redis was visited for all of them.
func (r *resolver) contacts(ctx context.Context) {
	var ids []string
	needed := func(s *side) bool {
		return s.contactID != "" && !s.noCRM && (r.want.contact || !s.accountKnown)
	}
	for i := range r.sides {
		if s := &r.sides[i]; needed(s) {
			ids = append(ids, s.contactID)
		}
	}
	asked := r.e.contacts(ctx, r.t, unique(ids), true)
	found := asked.wait(ctx)
	for i := range r.sides {
		s := &r.sides[i]
		switch {
		case s.contactID == "" || s.noCRM:
			s.contact = withoutID(s.link)
		case needed(s):
			res := found.of(s.contactID)
			s.contact = report(r.start, r.t.CRMName, res)
			if s.found = res.Value; s.found != nil {
				s.contactText = &s.found.text
			}
		}
	}
}

// adoptAccounts takes each account from the contact that was found, where the
// store does not say which it is, and remembers it.
func (r *resolver) adoptAccounts() {
	for i := range r.sides {
		s := &r.sides[i]
		if s.rule == ruleStore || s.found == nil {
			continue
		}
		s.accountID, s.accountKnown = s.found.accountID, true
		if s.remember != "" {
			r.e.records.links.Put(r.t.ID, s.remember, &link{ContactID: s.contactID, AccountID: s.accountID})
		}
	}
}

// accounts settles the account of the given sides; looked says that Redis was
// visited for all of them.
func (r *resolver) accounts(ctx context.Context, members []int, looked bool) {
	if len(members) > 0 {
		r.takeAccounts(ctx, members, r.askAccounts(ctx, members, looked))
	}
}

// askAccounts asks for the accounts of the given sides, and takeAccounts settles
// those with what that came to.
func (r *resolver) askAccounts(ctx context.Context, members []int, looked bool) some[*account] {
	var ids []string
	for _, i := range members {
		if s := &r.sides[i]; s.accountID != "" && !s.noCRM && r.want.account {
			ids = append(ids, s.accountID)
		}
	}
	return r.e.accounts(ctx, r.t, unique(ids), looked)
}

func (r *resolver) takeAccounts(ctx context.Context, members []int, asked some[*account]) {
	found := asked.wait(ctx)
	for _, i := range members {
		s := &r.sides[i]
		switch {
		case s.accountID != "" && !s.noCRM && r.want.account:
			res := found.of(s.accountID)
			s.account, s.accountText = report(r.start, r.t.CRMName, res), nil
			if s.owner = res.Value; s.owner != nil {
				s.accountText = &s.owner.text
			}
		case s.contactID == "":
			s.account, s.accountText = withoutID(s.link), nil
		case !s.accountKnown && !s.contact.Whole():
			s.account = s.contact // which account it is could not be learned
		default:
			s.account, s.accountText = withoutID(s.link), nil
		}
	}
}

// withoutID is the report of a record that no id leads to: as unlinked as the
// conversation, or as unavailable as the search that would have found it.
func withoutID(link Report) Report {
	if link.State == Unavailable || link.State == Forbidden {
		return link
	}
	return Report{State: Unlinked}
}

func (r *resolver) accountsKnown() bool {
	return !slices.ContainsFunc(r.sides, func(s side) bool { return !s.accountKnown && s.contactID != "" })
}

// bringsAccounts reports whether reading the contacts may be all that it takes.
func (r *resolver) bringsAccounts() bool {
	_, ok := r.t.CRM.(upstream.AccountBringer)
	return ok
}

func (r *resolver) accountIDs() []string {
	ids := make([]string, len(r.sides))
	for i := range r.sides {
		ids[i] = r.sides[i].accountID
	}
	return ids
}

// pick lists the sides whose account is not what it was; all of them when
// there is no before.
func (r *resolver) pick(now, before []string) []int {
	var members []int
	for i := range now {
		if before == nil || now[i] != before[i] {
			members = append(members, i)
		}
	}
	return members
}

func keysOf(anchors []anchor, members []int) []string {
	keys := make([]string, len(members))
	for n, i := range members {
		keys[n] = anchors[i].key()
	}
	return keys
}

func unique(ids []string) []string {
	slices.Sort(ids)
	return slices.Compact(ids)
}
