package cache

import (
	"cmp"
	"context"
	"slices"
	"time"
)

// Copy says what a tier has of a record, but not what is in it.
type Copy struct {
	State    State     // Cached, Stale or Absent
	StoredAt time.Time // when the source was asked
	Keep     time.Duration
	Bytes    int // that it takes: of its JSON, in memory perhaps packed
}

// Inspection is what the tiers have of one record.
type Inspection struct {
	Kind          string
	Memory, Redis *Copy // nil: nothing of use
}

// Inspect says what both tiers have of the records. It does not count as use.
func (c *Cache) Inspect(ctx context.Context, keys []Key) []Inspection {
	now := time.Now()
	out := make([]Inspection, len(keys))
	asks := make([]ask, len(keys))
	for i, key := range keys {
		asks[i].key, out[i].Kind = key, key.Kind
		if e, ok := c.memory.items.GetEntryQuietly(key); ok {
			out[i].Memory = c.copyOf(key, e.Value, now)
		}
	}
	if c.remote == nil || c.remote.reads.Tripped() {
		return out
	}
	replies := c.remote.read(ctx, asks)
	for i, key := range keys[:min(len(keys), len(replies))] {
		k := c.kind(key.Kind)
		if k == nil || !replies[i].answered {
			continue
		}
		if it, err := k.unpack(key, replies[i].value, now); err == nil {
			out[i].Redis = c.copyOf(key, it, now)
		}
	}
	return out
}

// copyOf describes an item that is of use; nil: there is none.
func (c *Cache) copyOf(key Key, it *item, now time.Time) *Copy {
	k := c.kind(key.Kind)
	if k == nil || it == nil {
		return nil
	}
	state := k.judge(it, now)
	if state == Failed {
		return nil
	}
	return &Copy{State: state, StoredAt: it.storedAt(), Keep: it.keep - it.age(now), Bytes: int(it.size.Load())}
}

// KindSize is how much of one kind there is.
type KindSize struct {
	Kind    string
	Records int
	Bytes   int // that they take
}

// Sizes says what memory has of a tenant, by kind. It looks at all that memory
// has, so it is not for requests.
func (c *Cache) Sizes(tenant string) []KindSize {
	var sizes []KindSize
	for key, it := range c.memory.items.All() {
		if key.Tenant != tenant {
			continue
		}
		i := slices.IndexFunc(sizes, func(s KindSize) bool { return s.Kind == key.Kind })
		if i < 0 {
			i = len(sizes)
			sizes = append(sizes, KindSize{Kind: key.Kind})
		}
		sizes[i].Records++
		sizes[i].Bytes += int(it.size.Load())
	}
	slices.SortFunc(sizes, func(a, b KindSize) int { return cmp.Compare(a.Kind, b.Kind) })
	return sizes
}
