package main

import (
	"context"
	"time"

	"github.com/weft-gateway/weft/cache"
	"github.com/weft-gateway/weft/gateway/ops"
)

// purgeFor bounds a purge: Redis may have many keys to look at.
const purgeFor = 30 * time.Second

// cacheView is the cache as the ops listener has it.
type cacheView struct{ s *system }

// Report implements [ops.Cache].
func (v cacheView) Report() ops.CacheReport {
	s := v.s.cache.Stats()
	r := ops.CacheReport{
		Kinds: []ops.CacheKind{},
		Memory: ops.CacheMemory{
			Entries: s.Memory.Entries, Bytes: s.Memory.Bytes, MaximumBytes: s.Memory.Maximum,
			Evictions: s.Memory.Evicted, EvictedBytes: s.Memory.EvictedBytes,
		},
	}
	for _, k := range s.Kinds {
		r.Kinds = append(r.Kinds, ops.CacheKind{
			Kind: k.Kind, Loaded: k.Loaded, Hit: k.Cached, Stale: k.Stale, Negative: k.Absent, Miss: k.Failed,
			Memory: ops.CacheTier(k.InMemory), Redis: ops.CacheTier(k.InRedis),
			Loads: k.Loads, LoadErrors: k.LoadErrors, Coalesced: k.Coalesced, Ages: agesOf(k.Ages),
		})
	}
	if v.s.redis != nil {
		c := s.Redis
		r.Redis = &ops.CacheShared{
			Reads: c.Reads, ReadErrors: c.ReadErrors, Bypassed: c.Bypassed, Corrupt: c.Corrupt,
			Writes: c.Writes, WriteErrors: c.WriteErrors, Dropped: c.Dropped, Told: c.Told, Heard: c.Heard, Gaps: c.Gaps,
		}
	}
	return r
}

func agesOf(counts []uint64) []ops.CacheAge {
	bounds := cache.AgeBounds()
	ages := make([]ops.CacheAge, len(counts))
	for i, n := range counts {
		ages[i].Count = n
		if i < len(bounds) {
			seconds := bounds[i].Seconds()
			ages[i].UpToSeconds = &seconds
		}
	}
	return ages
}

// Peek implements [ops.Cache].
func (v cacheView) Peek(ctx context.Context, about ops.Subject) (ops.CachePeek, error) {
	g := v.s.stage.enter()
	defer g.users.leave()
	t := g.tenant(about.Tenant)
	if t == nil {
		return ops.CachePeek{}, ops.ErrNoTenant
	}
	if about.Contact == "" && about.Account == "" {
		p := ops.CachePeek{Kinds: []ops.KindSize{}}
		for _, k := range v.s.cache.Sizes(t.ID) {
			p.Kinds = append(p.Kinds, ops.KindSize(k))
		}
		return p, nil
	}
	p := ops.CachePeek{Copies: []ops.RecordCopies{}}
	for _, i := range g.enricher.Inspect(ctx, t, about.Contact, about.Account) {
		p.Copies = append(p.Copies, ops.RecordCopies{Kind: i.Kind, Memory: copyView(i.Memory), Redis: copyView(i.Redis)})
	}
	return p, nil
}

func copyView(c *cache.Copy) *ops.RecordCopy {
	if c == nil {
		return nil
	}
	return &ops.RecordCopy{
		State: c.State.String(), StoredAt: c.StoredAt.UTC().Truncate(time.Millisecond),
		AgeSeconds: int(max(0, time.Since(c.StoredAt)).Seconds()), KeptSeconds: int(max(0, c.Keep).Seconds()), Bytes: c.Bytes,
	}
}

// Purge implements [ops.Cache]. What has begun is finished, also for a caller
// who is gone.
func (v cacheView) Purge(ctx context.Context, about ops.Subject) (done ops.Purged, err error) {
	g := v.s.stage.enter()
	defer g.users.leave()
	t := g.tenant(about.Tenant)
	if t == nil {
		return done, ops.ErrNoTenant
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), purgeFor)
	defer cancel()
	if about.Contact == "" && about.Account == "" {
		done.Records, err = g.enricher.PurgeTenant(ctx, t)
	} else {
		done.Records, err = g.enricher.Purge(ctx, t, about.Contact, about.Account)
	}
	done.Everywhere = err == nil && v.s.redis != nil
	return done, err
}
