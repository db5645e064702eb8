package main

import (
	"context"

	"github.com/weft-gateway/weft/cache"
	"github.com/weft-gateway/weft/gateway"
	"github.com/weft-gateway/weft/gateway/auth"
)

// The scopes of rate limits, as headers and metrics name them.
const (
	scopeTenant = "tenant"
	scopeKey    = "key"
)

// limits knows which rates hold for whom, and has the limiter count.
type limits struct {
	limiter *cache.Limiter
	tenants map[string]cache.Rate
	keys    map[tenantKey]cache.Rate
	others  cache.Rate // of callers with a token, each
	count   func(scope string, passed bool)
}

type tenantKey struct{ tenant, key string }

func newLimits(cfg Config, limiter *cache.Limiter, count func(scope string, passed bool)) *limits {
	l := &limits{
		limiter: limiter, count: count,
		tenants: make(map[string]cache.Rate), keys: make(map[tenantKey]cache.Rate),
		others: cfg.Limits.Key.rate(),
	}
	for _, t := range cfg.Tenants {
		l.tenants[t.ID] = t.Limits.rate()
		for _, k := range t.Keys {
			l.keys[tenantKey{t.ID, k.ID}] = k.Limits.rate()
		}
	}
	return l
}

// rate is the limit as the limiter has it; the zero one is none there, too.
func (l RateLimit) rate() cache.Rate {
	return cache.Rate{Count: l.Requests.Count, Per: l.Requests.Per, Burst: l.Burst}
}

// take counts a request against the limits of whoever asks.
func (l *limits) take(ctx context.Context, who auth.Principal) ([]gateway.Quota, bool) {
	own, ok := l.keys[tenantKey{who.TenantID, who.KeyID}]
	if !ok {
		own = l.others
	}
	var scopes []string
	var buckets []cache.Bucket
	if r := l.tenants[who.TenantID]; !r.Unlimited() {
		scopes, buckets = append(scopes, scopeTenant), append(buckets, cache.Bucket{Name: scopeTenant, Rate: r})
	}
	if !own.Unlimited() {
		scopes, buckets = append(scopes, scopeKey), append(buckets, cache.Bucket{Name: scopeKey + ":" + who.KeyID, Rate: own})
	}
	levels, passed := l.limiter.Take(ctx, who.TenantID, buckets)
	quotas := make([]gateway.Quota, len(levels))
	for i, level := range levels {
		r := buckets[i].Rate
		quotas[i] = gateway.Quota{
			Name: scopes[i], Burst: r.Burst, Window: r.Window(),
			Left: level.Left, Reset: level.Full, Wait: level.Wait,
		}
		if passed || level.Wait > 0 {
			l.count(scopes[i], passed)
		}
	}
	return quotas, passed
}
