package main

import (
	"context"
	"errors"

	"github.com/weft-gateway/weft/enrich"
	"github.com/weft-gateway/weft/gateway/ops"
	"github.com/weft-gateway/weft/upstream"
)

// watched is an Enricher whose answers are told to those who run the gateway.
type watched struct {
	*enrich.Enricher
	activity *ops.Activity
	tally    *tally
	sources  map[string]map[string]string // tenant id -> role -> name of its host
}

// watch makes the enricher of a generation tell what it answers.
func (g *generation) watch(s *system) *watched {
	w := &watched{Enricher: g.enricher, activity: s.activity, tally: s.tally, sources: make(map[string]map[string]string)}
	for _, t := range g.cfg.Tenants {
		names := map[string]string{roleStore: g.upstreams.hosts[hostKey{t.Store.Kind, t.Store.URL}].name}
		if t.CRM != nil {
			names[roleCRM] = g.upstreams.hosts[hostKey{t.CRM.Kind, t.CRM.URL}].name
		}
		w.sources[t.ID] = names
	}
	return w
}

// Conversation is that of the [enrich.Enricher].
func (w *watched) Conversation(ctx context.Context, t *enrich.Tenant, r enrich.Request) (*enrich.Document, error) {
	doc, err := w.Enricher.Conversation(ctx, t, r)
	w.tell(t, doc, err)
	return doc, err
}

// Kept is that of the [enrich.Enricher].
func (w *watched) Kept(t *enrich.Tenant, r enrich.Request) *enrich.Document {
	doc := w.Enricher.Kept(t, r)
	if doc != nil {
		w.tell(t, doc, nil)
	}
	return doc
}

// List is that of the [enrich.Enricher].
func (w *watched) List(ctx context.Context, t *enrich.Tenant, r enrich.ListRequest) (*enrich.Document, error) {
	doc, err := w.Enricher.List(ctx, t, r)
	w.tell(t, doc, err)
	return doc, err
}

// tell passes on what an answer came to. What callers get wrong, and those who
// hang up, say nothing of the sources.
func (w *watched) tell(t *enrich.Tenant, doc *enrich.Document, err error) {
	names := w.sources[t.ID]
	if err != nil {
		if part, reason := blame(err); part != "" {
			w.activity.Add(ops.Answer{Tenant: t.ID, Failed: true, Parts: []ops.AnswerPart{{
				Part: string(part), State: string(enrich.Unavailable), Reason: string(reason), Upstream: names[roleOf(string(part))],
			}}})
		}
		return
	}
	var room [6]ops.AnswerPart // as many as a document has; most answers cost no allocation
	parts := room[:0]
	for _, p := range doc.Parts {
		part := ops.AnswerPart{
			Part: p.Name, State: string(p.State), Reason: string(p.Reason), Upstream: names[roleOf(p.Name)],
			// A copy that is shown while its source is asked is nobody's failure.
			Whole: p.Whole() || p.Reason == enrich.Revalidating, Took: p.Took,
		}
		parts = append(parts, part)
	}
	answer := ops.Answer{Tenant: t.ID, Parts: parts}
	w.activity.Add(answer)
	w.tally.answer(answer)
}

// roleOf says which source a part comes from.
func roleOf(part string) string {
	switch part {
	case string(enrich.PartContact), string(enrich.PartAccount), "link":
		return roleCRM
	}
	return roleStore
}

// blame says which part of the document failed it, and why; "" where nobody
// behind the gateway did.
func blame(err error) (enrich.Part, upstream.Kind) {
	if e, ok := errors.AsType[*enrich.PartError](err); ok {
		return e.Part, ""
	}
	e, ok := errors.AsType[*upstream.Error](err)
	if !ok || e.Kind == upstream.NotFound || e.Kind == upstream.Canceled {
		return "", ""
	}
	return enrich.PartConversation, e.Kind
}
