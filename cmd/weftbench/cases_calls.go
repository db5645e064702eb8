package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	redisReads = `weft_cache_redis_operations_total{operation="read"}`
	listPages  = 10 // whose calls are counted
	listPath   = "/api/conversations?per_page=100&external_identifier="
)

// tripDocuments is how many documents the round trips are counted over.
const tripDocuments = 300

// trips counts what a document costs Redis: cold ones, and then ones that only
// Redis has, read by a second gateway; one after the other, so that no two share
// a round trip. Redis counts how often it reads from a socket: with as little as
// there is in a pipeline, once for each.
func trips(ctx context.Context, w *world, _ options) (r result, err error) {
	sources, gateway, address, err := w.behindRedis(ctx, 0, 0, keeping)
	if err != nil {
		return r, err
	}
	client := redis.NewClient(&redis.Options{Addr: address})
	defer client.Close()
	cold, err := gateway.trips(ctx, client)
	if err != nil {
		return r, err
	}
	second, err := w.gateway(ctx, sources, address, keeping)
	if err != nil {
		return r, err
	}
	hits, err := second.trips(ctx, client)
	if err != nil {
		return r, err
	}
	const n = tripDocuments
	return result{
		title: fmt.Sprintf("What Redis has to do for %d documents, one after the other", n),
		checks: []check{
			atMost("cold: Redis reads a document", "%.2f", cold.reads/n, 1),
			atMost("cold: Redis writes a document", "%.2f", (cold.all-cold.reads)/n, 1),
			atMost("Redis hits: Redis reads a document", "%.2f", hits.reads/n, 1),
		},
		facts: []fact{
			{"Redis: CPU a cold document", cold.cpu / n * 1e6, "µs"},
			{"Redis: CPU a document that it has", hits.cpu / n * 1e6, "µs"},
			{"Redis: memory a document", cold.bytes / n / 1024, "KiB"},
		},
	}, nil
}

// redisWork is what Redis has done or holds.
type redisWork struct{ reads, all, cpu, bytes float64 }

// trips asks for documents one after the other, and says what that was for Redis.
func (p *process) trips(ctx context.Context, client *redis.Client) (redisWork, error) {
	if _, err := p.document(ctx, document(tripDocuments)); err != nil { // one more, so that connections are made
		return redisWork{}, err
	}
	time.Sleep(settle)
	before, err := p.redisWork(ctx, client)
	if err != nil {
		return before, err
	}
	for n := range tripDocuments {
		if _, err := p.document(ctx, document(n)); err != nil {
			return before, err
		}
	}
	time.Sleep(settle)
	after, err := p.redisWork(ctx, client)
	const questions = 1 // of INFO, between what it says the first time and the second
	return redisWork{
		reads: after.reads - before.reads, all: after.all - before.all - questions,
		cpu: after.cpu - before.cpu, bytes: after.bytes - before.bytes,
	}, err
}

func (p *process) redisWork(ctx context.Context, client *redis.Client) (w redisWork, err error) {
	info, err := client.Info(ctx, "stats", "cpu", "memory").Result()
	if err != nil {
		return w, fmt.Errorf("redis: info: %w", err)
	}
	var user, system float64
	for name, to := range map[string]*float64{
		"total_reads_processed": &w.all, "used_memory": &w.bytes, "used_cpu_user": &user, "used_cpu_sys": &system,
	} {
		_, rest, _ := strings.Cut(info, "\r\n"+name+":")
		line, _, _ := strings.Cut(rest, "\r\n")
		if *to, err = strconv.ParseFloat(line, 64); err != nil {
			return w, fmt.Errorf("redis: info: %s: %w", name, err)
		}
	}
	w.cpu = user + system
	w.reads, err = p.metric(ctx, redisReads)
	return w, err
}

// pages asks for pages, no two the same, two at once, so that none waits for the
// processor.
func pages(o options) func(int) load {
	return func(round int) load {
		return load{connections: 2, duration: o.duration, path: listPath + "row-", first: (round + 1) * 100_000, span: 100_000}
	}
}

// lists asks for pages of 100 rows, no two the same, of which 70 have people
// that are known; against a program that makes the same calls.
func lists(ctx context.Context, w *world, o options) (r result, err error) {
	sources, gateway, _, err := w.behindRedis(ctx, storeTime, crmTime, "")
	if err != nil {
		return r, err
	}
	next := pages(o)
	if _, err := next(-1).run(ctx, w.script, gateway.public, gatewayKey); err != nil { // the 70 are known from now on
		return r, err
	}
	made, err := sources.callsDuring(ctx, func() error {
		for n := range listPages {
			if _, err := gateway.document(ctx, fmt.Sprintf("%srow-%0*d", listPath, digits, 50_000_000+n)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return r, err
	}
	r, g, c, err := w.versusJoin(ctx, o, "Lists: pages of 100 rows, 70 of people that are known, a store of 20 ms and a CRM of 50 ms", sources, gateway, next)
	if err != nil {
		return r, err
	}
	r.checks = []check{
		atMost("list: median above that of the same calls by hand", "%.1f ms", middle(g, p50Of)-middle(c, p50Of), 3),
		atMost("list: list calls a page", "%.2f", made["list"]/listPages, 1),
		atMost("list: contact calls a page", "%.2f", (made["contacts"]+made["contact"])/listPages, 1),
		atMost("list: account calls a page", "%.2f", (made["accounts"]+made["account"])/listPages, 1),
	}
	return r, nil
}
