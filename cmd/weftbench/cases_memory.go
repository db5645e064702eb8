package main

import (
	"context"
	"fmt"
	"strings"
	"time"
)

const (
	mebibyte = 1 << 20
	roomy    = "cache: {memory: 32MiB, conversation: {fresh: 1h, stale: 24h}, contact: {fresh: 1h}, account: {fresh: 1h}}\n"
)

// memoryDocuments is how many documents are hot at once.
const memoryDocuments = 5000

// memory is what a gateway holds with many hot documents and connections.
func memory(ctx context.Context, w *world, o options) (r result, err error) {
	const connections = 64
	sources, err := w.sources(ctx, 0, 0)
	if err != nil {
		return r, err
	}
	gateway, err := w.gateway(ctx, sources, "", roomy)
	if err != nil {
		return r, err
	}
	if err := fill(ctx, gateway, sources, memoryDocuments); err != nil {
		return r, err
	}
	o.conns = connections
	var rounds [][]measurement
	made, err := sources.callsDuring(ctx, func() (err error) {
		rounds, err = w.contest(ctx, o.rounds, contender{gateway, "weft", cycling(o, memoryDocuments)})
		return err
	})
	if err != nil {
		return r, err
	}
	now, peak, err := gateway.memory()
	if err != nil {
		return r, err
	}
	held, err := gateway.metric(ctx, "weft_cache_memory_bytes")
	if err != nil {
		return r, err
	}
	return result{
		title: "Memory: 5,000 documents in turn, 64 connections, a memory tier that has room for them",
		rows:  []row{{"weft", rounds[0]}},
		checks: []check{
			atMost("memory: resident", "%.0f MiB", float64(now)/mebibyte, 64),
			atMost("memory: resident at most", "%.0f MiB", float64(peak)/mebibyte, 64),
			atMost("memory: of it the weight of the memory tier", "%.0f MiB", held/mebibyte, 64),
			atMost("memory: calls of the sources a document", "%.3f", made.sum()/requests(rounds[0]), 0.01),
		},
	}, nil
}

// fill asks for documents until the gateway has all of them in memory, which takes a
// while where they have to be packed for that, or for as long as fillFor.
func fill(ctx context.Context, gateway, sources *process, documents int) error {
	for until := time.Now().Add(fillFor); ; {
		made, err := sources.callsDuring(ctx, func() error { return gateway.warm(ctx, documents) })
		if err != nil || made.sum() == 0 || time.Now().After(until) {
			return err
		}
	}
}

const fillFor = 90 * time.Second

// bound sends many distinct ids through a small memory tier: pages of a list
// of which every row is new, with a contact and an account of its own.
func bound(ctx context.Context, w *world, o options) (r result, err error) {
	sources, err := w.sources(ctx, 0, 0)
	if err != nil {
		return r, err
	}
	gateway, err := w.gateway(ctx, sources, "", "cache: {memory: 16MiB}\n")
	if err != nil {
		return r, err
	}
	began, tenth := time.Now(), o.ids/listRows/10
	var alive [10]float64 // after each tenth of the ids
	var half int64        // resident after half of them
	for i := range alive {
		err := each(ctx, tenth, func(n int) error {
			_, err := gateway.document(ctx, fmt.Sprintf("%snew-%0*d", listPath, digits, i*tenth+n))
			return err
		})
		if err == nil {
			alive[i], err = gateway.alive(ctx)
		}
		if err == nil && i == 4 {
			half, _, err = gateway.memory()
		}
		if err != nil {
			return r, err
		}
	}
	now, _, err := gateway.memory()
	if err != nil {
		return r, err
	}
	held, err := gateway.metric(ctx, "weft_cache_memory_bytes")
	if err != nil {
		return r, err
	}
	return result{
		title: fmt.Sprintf("Bound: %d distinct conversations, contacts and accounts, a memory tier of 16 MiB (%.0f s)",
			o.ids, time.Since(began).Seconds()),
		checks: []check{
			atMost("bound: weight of the memory tier", "%.1f MiB", held/mebibyte, 16),
			atMost("bound: resident", "%.0f MiB", float64(now)/mebibyte, 112), // as docs/caching.md has it
			atMost("bound: resident, over that after half of the ids", "%.2f x", float64(now)/float64(half), 1.25),
			atMost("bound: live heap", "%.1f MiB", alive[9]/mebibyte, 40),
			atMost("bound: live heap, over that after half of the ids", "%.2f x", alive[9]/alive[4], 1.25),
		},
	}, nil
}

// alive is the heap of a gateway after a garbage collection, in bytes.
func (p *process) alive(ctx context.Context) (float64, error) {
	for range 2 { // the second one finds what finalizers let go
		if _, err := fetch(ctx, p.client, p.ops+"/debug/pprof/heap?gc=1"); err != nil {
			return 0, err
		}
	}
	return p.metric(ctx, "go_memstats_heap_alloc_bytes")
}

// tenants is what tenants cost a gateway that has nothing to do: how much longer
// its start is, and how much more it holds and publishes, for each.
func tenants(ctx context.Context, w *world, o options) (r result, err error) {
	sources, err := w.sources(ctx, 0, 0)
	if err != nil {
		return r, err
	}
	start := func(n int, own bool) (held, published float64, took time.Duration, err error) {
		var text strings.Builder
		text.WriteString("tenants:\n")
		for i := range n {
			id, at := fmt.Sprint("t", i), sources.public
			if own { // an address of its own, of a source that nobody asks
				at += "/" + id
			}
			text.WriteString(tenant(id, id, at))
		}
		began := time.Now()
		gateway, err := w.configured(ctx, text.String())
		if err != nil {
			return 0, 0, 0, err
		}
		defer gateway.close()
		took = time.Since(began)
		if held, err = gateway.alive(ctx); err != nil {
			return 0, 0, 0, err
		}
		page, err := fetch(ctx, gateway.client, gateway.ops+"/metrics")
		return held, float64(len(page)), took, err
	}
	r.title = fmt.Sprintf("Tenants: a gateway with %d of them, and nothing to do", o.tenants)
	base, basePage, baseTook, err := start(1, false)
	if err != nil {
		return r, err
	}
	for _, own := range []bool{false, true} {
		name := "on shared hosts"
		if own {
			name = "with hosts of its own"
		}
		held, page, took, err := start(o.tenants, own)
		if err != nil {
			return r, err
		}
		n := float64(o.tenants)
		r.facts = append(r.facts,
			fact{"memory a tenant, " + name, (held - base) / n / 1024, "KiB"},
			fact{"metrics a tenant, " + name, (page - basePage) / n / 1024, "KiB"},
			fact{"start a thousand tenants, " + name, (took - baseTook).Seconds() / n * 1000, "s"})
	}
	return r, nil
}
