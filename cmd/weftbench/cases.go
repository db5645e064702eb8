package main

import (
	"context"
	"fmt"
	"time"
)

// trial is a question that is put to the programs.
type trial struct {
	name string
	run  func(context.Context, *world, options) (result, error)
}

func trials() []trial {
	return []trial{
		{"hot", hot},
		{"redis", redisHits},
		{"cold", cold},
		{"cold-memory", coldMemory},
		{"slow", slow},
		{"linked", linked},
		{"trips", trips},
		{"list", lists},
		{"memory", memory},
		{"bound", bound},
		{"tenants", tenants},
	}
}

func trialNames() []string {
	var names []string
	for _, t := range trials() {
		names = append(names, t.name)
	}
	return names
}

const (
	documentPath = "/api/conversations/conv-"

	// Times of the sources where they take any.
	storeTime, crmTime = 20 * time.Millisecond, 50 * time.Millisecond

	// Configurations: what is cached stays so, it stays so in Redis alone, and it
	// is due at once.
	keeping   = "cache: {conversation: {fresh: 1h, stale: 24h}, contact: {fresh: 1h}, account: {fresh: 1h}}\n"
	onlyRedis = "cache: {memory: 1MiB, conversation: {fresh: 1h, stale: 24h}, contact: {fresh: 1h}, account: {fresh: 1h}}\n"
	due       = "cache: {conversation: {fresh: 1ms, stale: 24h}, contact: {fresh: 1ms, missing: 1ms, revalidate: 0}, account: {fresh: 1ms, missing: 1ms, revalidate: 0}}\n"
)

func document(n int) string { return fmt.Sprintf("%s%0*d", documentPath, digits, n) }

// cycling asks for so many documents in turn.
func cycling(o options, span int) func(int) load {
	return func(int) load {
		return load{connections: o.conns, duration: o.duration, path: documentPath, span: span}
	}
}

// renewing asks for each document once. The rounds are further apart than any
// program answers in one.
func renewing(o options) func(int) load {
	const apart = 1_000_000
	return func(round int) load {
		return load{connections: o.conns, duration: o.duration, path: documentPath, first: (round + 1) * apart, span: apart}
	}
}

// duel runs the gateway against a baseline.
func (w *world) duel(ctx context.Context, o options, title string, gateway, baseline contender) (r result, g, b []measurement, err error) {
	rounds, err := w.contest(ctx, o.rounds, gateway, baseline)
	if err != nil {
		return r, nil, nil, err
	}
	g, b = rounds[0], rounds[1]
	return result{title: title, rows: []row{{gateway.name, g}, {baseline.name, b}}}, g, b, nil
}
