package cache

import (
	"context"
	"time"
)

// Held returns a copy within its time that nobody has to load again yet: what
// memory has, or what ctx carries of a [Cache.Prefetch]. Its mark is added to marks.
// It does not count as an answer until it is one, see [Count].
func Held[V any](ctx context.Context, l *Loader[V], tenant, id string, marks []Mark) (Result[V], []Mark, bool) {
	m := Mark{kind: l.kind, key: l.key(tenant, id)}
	m.item = l.kind.recall(ctx, m.key)
	if m.item == nil || !m.good(time.Now()) {
		return Result[V]{}, marks, false
	}
	return result[V](id, answer{item: m.item, state: Cached}), append(marks, m), true
}

// Count counts the marked copies as answers.
func Count(marks []Mark) {
	for i := range marks {
		marks[i].kind.counts.answered[Cached].Add(1)
	}
}
