package main

import (
	"fmt"
	"slices"
	"time"
)

// due has copies grow old quickly, so that the sources are asked all the time.
const due = `cache: {contact: {fresh: 500ms}, account: {fresh: 500ms}, link: {fresh: 500ms}, conversation: {fresh: 500ms}}`

// uncached has nothing but the sources answer, as long as they do.
const uncached = `cache: {contact: {fresh: 1ms, revalidate: 0s}, account: {fresh: 1ms, revalidate: 0s}, link: {fresh: 1ms, revalidate: 0s}, conversation: {fresh: 1ms}}`

// unhurried are deadlines that no healthy source misses, however busy the
// machine, where what is asked matters and not how long that takes.
const unhurried = "deadlines: {request: 15s, store: 10s, crm: 10s, redis: 2s}\n"

const nearlyAll = .999 // the share of requests that get a document

// failures are the calls that breakers of an upstream counted as failed.
func (t *trial) failures(upstream string) float64 {
	return t.metric("weft_breaker_calls_total", `breaker="`+upstream, `outcome="failure"`) // names that begin so
}

func (t *trial) openings(upstream string) float64 {
	return t.metric("weft_breaker_openings_total", `breaker="`+upstream)
}

// crmCalls are the calls of the CRM, second tries aside, and those that were answered.
func (t *trial) crmCalls() (all, good float64) {
	const calls = "weft_upstream_request_duration_seconds_count"
	return t.metric(calls, `upstream="rest"`), t.metric(calls, `upstream="rest"`, `outcome="ok"`)
}

// succeeded holds the calls since then to the share that was answered.
func (t *trial) succeeded(all, good, bound float64) {
	allNow, goodNow := t.crmCalls()
	t.share(fmt.Sprintf("of %s calls succeeded", number(allNow-all)), (goodNow-good)/max(1, allNow-all), bound)
}

// recovered waits until a document shows what was read after this moment.
func (t *trial) recovered() {
	mended := time.Now()
	newer := func(p part) bool {
		asOf, err := time.Parse(time.RFC3339, p.AsOf)
		return err == nil && asOf.After(mended)
	}
	bound := t.span(20*time.Second, 7*time.Second) // short runs share their machine with others
	took := t.until("read anew", bound, func() bool {
		_, d := t.ask(t.replica(0), t.warm[0], "")
		return newer(d.Enrichment.Contact) && newer(d.Enrichment.Conversation)
	})
	t.within("read anew after", took, bound)
}

// probes is how many calls the CRM's three breakers may make that fail: until
// they open, those under way included, and then three each time that they probe.
func probes(span time.Duration) float64 { return 3 * (20 + 3*(span.Seconds()/4+1)) }

// harmed warms the gateways up, harms something, and drives the load through it.
func (t *trial) harmed(span time.Duration, harm func()) *recorder {
	t.warmUp(t.all[:len(t.all)*3/4]) // the others are asked for cold
	harm()
	return t.drive(span, func(l *load) { l.targets = t.all })
}

// acme and globex are the conversations of one tenant.
func (t *trial) acme() []target   { return t.of("autocalls") }
func (t *trial) globex() []target { return t.of("native") }

func (t *trial) of(store string) (list []target) {
	for _, tenant := range tenants() {
		for _, of := range t.all {
			if tenant.Store == store && of.tenant == tenant.ID {
				list = append(list, of)
			}
		}
	}
	return list
}

// crmFaults are those of a CRM.
func crmFaults() []scenario {
	return slices.Concat(crmAway(), crmSlow(), crmErrors(), crmRefusals(), crmBodies())
}
