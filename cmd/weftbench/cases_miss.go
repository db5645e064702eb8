package main

import (
	"context"
	"time"
)

// versusJoin runs the gateway against a program that does its calls by hand.
func (w *world) versusJoin(ctx context.Context, o options, title string, sources, gateway *process, next func(int) load) (r result, g, c []measurement, err error) {
	bare, err := w.own(ctx, "serve-c", "-sources", sources.public)
	if err != nil {
		return r, nil, nil, err
	}
	return w.duel(ctx, o, title, contender{gateway, "weft", next}, contender{bare, "c: by hand, in parallel", next})
}

// cold asks for each document once; the sources answer at once, and what they
// said goes to Redis.
func cold(ctx context.Context, w *world, o options) (r result, err error) {
	sources, gateway, _, err := w.behindRedis(ctx, 0, 0, "")
	if err != nil {
		return r, err
	}
	var g, c []measurement
	reads, err := gateway.during(ctx, redisReads, func() (err error) {
		r, g, c, err = w.versusJoin(ctx, o, "Cold: each document once, sources that answer at once, with a Redis", sources, gateway, renewing(o))
		return err
	})
	if err != nil {
		return r, err
	}
	r.checks = []check{
		atMost("cold: CPU over that of c", "%.2f x", ratio(g, c, cpuOf), 1.35),
		atMost("cold, under load: Redis reads a document", "%.2f", reads/requests(g), 1),
	}
	return r, nil
}

// coldMemory is cold without a Redis.
func coldMemory(ctx context.Context, w *world, o options) (r result, err error) {
	sources, err := w.sources(ctx, 0, 0)
	if err != nil {
		return r, err
	}
	gateway, err := w.gateway(ctx, sources, "", "")
	if err != nil {
		return r, err
	}
	r, g, c, err := w.versusJoin(ctx, o, "Cold: the same without a Redis", sources, gateway, renewing(o))
	if err != nil {
		return r, err
	}
	r.checks = []check{atMost("cold, no Redis: CPU over that of c", "%.2f x", ratio(g, c, cpuOf), 1.35)}
	return r, nil
}

// slow is cold with sources that take their time.
func slow(ctx context.Context, w *world, o options) (r result, err error) {
	sources, gateway, _, err := w.behindRedis(ctx, storeTime, crmTime, "")
	if err != nil {
		return r, err
	}
	r, g, c, err := w.versusJoin(ctx, o, "Cold: each document once, a store of 20 ms and a CRM of 50 ms, with a Redis", sources, gateway, renewing(o))
	if err != nil {
		return r, err
	}
	r.checks = []check{
		atMost("cold, 20 and 50 ms: median above that of c", "%.1f ms", middle(g, p50Of)-middle(c, p50Of), 2),
		atMost("cold, 20 and 50 ms: CPU over that of c", "%.2f x", ratio(g, c, cpuOf), 1.35),
	}
	return r, nil
}

// linked has documents that were seen before, of which everything is due: the
// CRM is asked while the store is.
func linked(ctx context.Context, w *world, o options) (r result, err error) {
	const documents = 500 // more than are asked for in the time that they are within theirs
	sources, gateway, _, err := w.behindRedis(ctx, storeTime, crmTime, due)
	if err != nil {
		return r, err
	}
	if err := gateway.warm(ctx, documents); err != nil {
		return r, err
	}
	r, g, c, err := w.versusJoin(ctx, o, "Links known: 500 documents in turn, all of them due, the same sources", sources, gateway, cycling(o, documents))
	if err != nil {
		return r, err
	}
	const allowed = 2 * time.Millisecond // as where links are not known
	r.checks = []check{
		atLeast("links known: median below that of c", "%.1f ms", middle(c, p50Of)-middle(g, p50Of), (storeTime-allowed).Seconds()*1e3),
		atMost("links known: CPU over that of c", "%.2f x", ratio(g, c, cpuOf), 1.35),
	}
	return r, nil
}
