package cache

import "context"

// doubt is why a mark must not be believed.
type doubt struct {
	event uint64 // number of the latest cause
	walk  bool   // an Add failed, so that the walk under way may have missed an id
}

// Withdraw takes the mark of completeness away: an id of the tenant is known
// to be missing. What the index has stays, and a walk under way may bring the
// mark back. A Redis that cannot be told now is told when the tenant's index
// is next used, and until then this process knows better.
func (x *Index) Withdraw(ctx context.Context, tenant string) {
	if x.local != nil {
		x.local.withdraw(tenant)
		return
	}
	x.distrust(ctx, tenant, false)
}

// distrust notes that the marks of the tenant, also that of the walk if walk
// is set, have to go.
func (x *Index) distrust(ctx context.Context, tenant string, walk bool) {
	x.mu.Lock()
	x.events++
	x.doubts[tenant] = doubt{event: x.events, walk: walk || x.doubts[tenant].walk}
	x.mu.Unlock()
	x.settle(ctx, tenant)
}

// settle reports whether the tenant's index was in doubt and whether it still
// is. In between it tries to take the marks away, for all replicas. What casts
// doubt meanwhile keeps it alive.
func (x *Index) settle(ctx context.Context, tenant string) (was, is bool) {
	x.mu.Lock()
	d, was := x.doubts[tenant]
	x.mu.Unlock()
	if !was {
		return false, false
	}
	fields := []string{fieldComplete}
	if d.walk {
		fields = append(fields, fieldWalk)
	}
	_, err := call(context.WithoutCancel(ctx), x.remote.writes, func(ctx context.Context) (int64, error) {
		return x.remote.client.HDel(ctx, indexKey(tenant), fields...).Result()
	})
	x.mu.Lock()
	defer x.mu.Unlock()
	if err == nil && x.doubts[tenant].event == d.event {
		delete(x.doubts, tenant)
	}
	_, is = x.doubts[tenant]
	return true, is
}
