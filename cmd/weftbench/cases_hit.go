package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/redis/go-redis/v9"
)

// hot is a document of which everything is in memory and within its time,
// against a program that writes the same bytes.
func hot(ctx context.Context, w *world, o options) (r result, err error) {
	sources, err := w.sources(ctx, 0, 0)
	if err != nil {
		return r, err
	}
	gateway, err := w.gateway(ctx, sources, "", keeping)
	if err != nil {
		return r, err
	}
	var body []byte
	for range 2 { // the first answer says fresh, all others cached
		if body, err = gateway.document(ctx, document(0)); err != nil {
			return r, err
		}
	}
	file := filepath.Join(w.dir, "document.json")
	if err := os.WriteFile(file, body, 0o600); err != nil {
		return r, fmt.Errorf("the bytes: %w", err)
	}
	bare, err := w.own(ctx, "serve-a", "-body", file)
	if err != nil {
		return r, err
	}
	title := fmt.Sprintf("Hot: one document of %d bytes, all in memory and within its time", len(body))
	r, g, a, err := w.duel(ctx, o, title, contender{gateway, "weft", cycling(o, 1)}, contender{bare, "a: mux, the same bytes", cycling(o, 1)})
	if err != nil {
		return r, err
	}
	r.checks = []check{
		atMost("hot: CPU over that of a", "%.2f x", ratio(g, a, cpuOf), 1.6),
		atLeast("hot: requests/s over those of a", "%.2f x", ratio(g, a, rateOf), 0.7),
		atMost("hot: allocations more than a", "%.0f", middle(g, mallocsOf)-middle(a, mallocsOf), 12),
	}
	return r, nil
}

// redisDocuments is how many documents are asked for in turn where they are to
// be in Redis and not in memory.
const redisDocuments = 5000

// redisHits has a memory tier that is too small for anything, and documents
// that are all in Redis; against a program for which each is one value there.
func redisHits(ctx context.Context, w *world, o options) (r result, err error) {
	sources, gateway, address, err := w.behindRedis(ctx, 0, 0, onlyRedis)
	if err != nil {
		return r, err
	}
	client := redis.NewClient(&redis.Options{Addr: address})
	defer client.Close()
	err = each(ctx, redisDocuments, func(n int) error {
		body, err := gateway.document(ctx, document(n))
		if err == nil {
			err = client.Set(ctx, fmt.Sprintf("conv-%0*d", digits, n), body, 0).Err()
		}
		return err
	})
	if err != nil {
		return r, err
	}
	bare, err := w.own(ctx, "serve-b", "-redis", address)
	if err != nil {
		return r, err
	}
	calls, err := sources.callsDuring(ctx, func() (err error) {
		var g, b []measurement
		reads, err := gateway.during(ctx, redisReads, func() (err error) {
			r, g, b, err = w.duel(ctx, o, "Redis hits only: 5,000 documents in turn, memory for a few",
				contender{gateway, "weft", cycling(o, redisDocuments)}, contender{bare, "b: mux, one GET", cycling(o, redisDocuments)})
			return err
		})
		if err == nil {
			r.checks = []check{
				atMost("redis: CPU over that of b", "%.2f x", ratio(g, b, cpuOf), 1.6),
				atMost("redis, under load: Redis reads a document", "%.2f", reads/requests(g), 1),
			}
		}
		return err
	})
	if err != nil {
		return r, err
	}
	r.checks = append(r.checks, atMost("redis: calls of the sources a document", "%.3f", calls.sum()/requests(r.rows[0].rounds), 0.01))
	return r, nil
}
