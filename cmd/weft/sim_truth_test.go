package main

import (
	"time"
)

// simDocument is a document, in part.
type simDocument struct {
	ID, TenantID string
	Variables    struct{ Mark string }
	Contact      *struct{ ID, LastName string }
	Account      *struct{ ID, Name string }
	Messages     []struct{ Content string }
	Enrichment   struct {
		Complete                                                       bool
		Link, Conversation, Messages, Contact, Account, AttentionItems part
	}
}

// shownPart is a part with the record that is shown for it.
type shownPart struct {
	part
	name   string
	record string // with its mark; "": null
	want   string // id that the record has to have
	policy Policy
}

// judge holds a document to what the sources answered, and when.
func (rec *record) judge(q query, d *simDocument, began, now time.Time) {
	c := &rec.sim.cfg.Cache
	parts := []shownPart{
		{part: d.Enrichment.Conversation, name: "conversation", record: d.Variables.Mark, want: q.doc.id, policy: c.Conversation},
		{part: d.Enrichment.Messages, name: "messages", want: q.doc.id, policy: c.Conversation},
		{part: d.Enrichment.Contact, name: "contact", policy: c.Contact},
		{part: d.Enrichment.Account, name: "account", policy: c.Account},
		{part: d.Enrichment.Link, name: "link"}, {part: d.Enrichment.AttentionItems, name: "attentionItems"},
	}
	if len(d.Messages) > 0 {
		parts[1].record = d.Messages[0].Content
	}
	if d.Contact != nil {
		parts[2].record, parts[2].want = d.Contact.LastName, d.Contact.ID
	}
	if d.Account != nil {
		parts[3].record, parts[3].want = d.Account.Name, d.Account.ID
	}
	complete := true
	for _, p := range parts {
		what := p.name + " " + p.State
		if p.Reason != "" {
			what += "/" + p.Reason
		}
		rec.parts[what]++
		switch p.State {
		case "stale", "unavailable", "forbidden":
			complete = false
			if p.Reason == "" {
				rec.lie("%s: no reason", what)
			}
			if p.Reason != "revalidating" {
				rec.faulty = later(rec.faulty, began)
			}
		}
		if p.policy != (Policy{}) { // the others are no records with a mark
			rec.judgePart(p, what, began, now)
		}
	}
	if complete != d.Enrichment.Complete {
		rec.lie("complete is %v, but %+v", d.Enrichment.Complete, d.Enrichment)
	}
}

// judgePart holds the state of a part to when its record left the source.
func (rec *record) judgePart(p shownPart, what string, began, now time.Time) {
	shows := p.State == "fresh" || p.State == "cached" || p.State == "stale"
	id, at, ok := stamped(p.record)
	if shows != ok {
		rec.lie("%s, and the record is %q", what, p.record)
	}
	if !ok {
		return
	}
	if id != p.want {
		rec.foreign++
	}
	age := now.Sub(at)
	if age < 0 && age >= -rec.sim.ahead {
		at, age = now, 0
	}
	rec.oldest[p.name] = max(rec.oldest[p.name], age)
	slack := rec.sim.cfg.Deadlines.Request + time.Second // from when it was answered until it is shown
	switch {
	case age < 0:
		rec.lie("%s, of the future: %v", what, age)
	case p.State == "fresh" && at.Before(began):
		rec.lie("%s, but the source answered %v before the request", what, began.Sub(at))
	case p.State == "cached" && age > p.policy.Fresh+slack:
		rec.lie("%s, but %v old", what, age)
	case p.State == "stale" && age > p.policy.Stale+slack:
		rec.lie("%s, but %v old", what, age)
	}
	rec.judgeAge(p, what, at, began, now)
}

// judgeAge holds the times that a document tells to when the source answered.
func (rec *record) judgeAge(p shownPart, what string, at, began, now time.Time) {
	asOf, err := time.Parse(time.RFC3339, p.AsOf)
	slack := rec.sim.cfg.Deadlines.Request + time.Second
	if asOf.After(now) && asOf.Before(now.Add(rec.sim.ahead)) {
		asOf = now
	}
	switch {
	case err != nil:
		rec.lie("%s: as of %q", what, p.AsOf)
		return
	case at.Sub(asOf).Abs() > slack && rec.sim.ahead == 0:
		rec.lie("%s: as of %v, but answered at %v", what, asOf, at)
	}
	if p.State == "fresh" {
		return
	}
	if p.AgeSeconds == nil {
		rec.lie("%s: no age", what)
		return
	}
	age := time.Duration(*p.AgeSeconds) * time.Second
	if age > now.Sub(asOf) || age < began.Sub(asOf)-time.Second-time.Millisecond {
		rec.lie("%s: said to be %v old, as of %v, shown at %v", what, age, asOf, now)
	}
}
