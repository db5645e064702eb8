package main

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/weft-gateway/weft/enrich"
	"github.com/weft-gateway/weft/gateway/ops"
	"github.com/weft-gateway/weft/upstream"
)

// explain answers a conversation as its tenant would get it, for the account of
// how that went. The document itself goes no further.
func (s *system) explain(ctx context.Context, tenant, conversation string) (ops.Explanation, bool) {
	g := s.stage.enter()
	defer g.users.leave()
	i := slices.IndexFunc(g.tenants, func(t *enrich.Tenant) bool { return t.ID == tenant })
	if i < 0 {
		return ops.Explanation{}, false
	}
	ctx, trace := enrich.Traced(ctx)
	at := time.Now()
	doc, err := g.enricher.Conversation(ctx, g.tenants[i], enrich.Request{
		ID:      conversation,
		Include: []enrich.Part{enrich.PartMessages, enrich.PartContact, enrich.PartAccount, enrich.PartAttentionItems},
	})
	x := ops.Explanation{
		Tenant: tenant, Conversation: conversation, At: at.UTC(), TookMs: millis(time.Since(at)),
		Outcome: "document", Parts: []ops.ExplainedPart{}, Steps: []ops.ExplainedStep{},
	}
	if err != nil {
		x.Outcome = failureOf(err)
	} else {
		describe(&x, doc)
	}
	for _, step := range trace.Steps() {
		x.Steps = append(x.Steps, explainedStep(step))
	}
	return x, true
}

func describe(x *ops.Explanation, doc *enrich.Document) {
	x.Complete = true
	for _, p := range doc.Parts {
		x.Complete = x.Complete && p.Whole()
		part := ops.ExplainedPart{
			Part: p.Name, State: string(p.State), Reason: string(p.Reason), Source: p.Source,
			AgeSeconds: p.Age.Seconds(), RetryAfterSeconds: p.RetryAfter.Seconds(), TookMs: millis(p.Took),
		}
		if !p.AsOf.IsZero() {
			asOf := p.AsOf.UTC()
			part.AsOf = &asOf
		}
		x.Parts = append(x.Parts, part)
	}
	if ids := doc.Shown.Contacts; len(ids) > 0 {
		x.ContactID = &ids[0]
	}
	if ids := doc.Shown.Accounts; len(ids) > 0 {
		x.AccountID = &ids[0]
	}
}

func explainedStep(s enrich.Step) ops.ExplainedStep {
	return ops.ExplainedStep{
		Kind: string(s.Kind), Name: s.Name, Source: s.Source, Records: s.Records, Outcome: s.Outcome, Reason: string(s.Reason),
		FromRedis: s.Shared, AgeSeconds: s.Age.Seconds(), RetryAfterSeconds: s.Retry.Seconds(),
		StartMs: millis(s.At), TookMs: millis(s.Took),
	}
}

// failureOf names why there is no document, in a word of a closed set.
func failureOf(err error) string {
	if _, ok := errors.AsType[*enrich.UnprovenError](err); ok {
		return "conversation_unproven"
	}
	return string(upstream.KindOf(err))
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
