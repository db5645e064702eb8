package main

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/weft-gateway/weft/gateway"
	"github.com/weft-gateway/weft/gateway/auth"
	"github.com/weft-gateway/weft/gateway/ops"
)

// A rate of requests is that of the last minute, which rolls in steps.
const (
	tallySteps = 6
	tallyStep  = 10 * time.Second
)

// tally counts what each tenant asks for and gets. It is for the ops listener:
// metrics have no tenants.
type tally struct {
	mu      sync.Mutex
	born    time.Time
	tenants map[string]*tenantTally // guarded by mu
}

type tenantTally struct {
	total, limited, failed uint64
	steps                  [tallySteps]tallyCount // the one of a moment is at its number modulo the count
	parts                  map[string]map[string]uint64
	quotas                 map[string]ops.TenantQuota // by key id, "" the tenant's
}

type tallyCount struct {
	number int64
	n      uint64
}

func newTally() *tally { return &tally{born: time.Now(), tenants: make(map[string]*tenantTally)} }

// of returns the tally of a tenant. The caller holds mu.
func (t *tally) of(tenant string) *tenantTally {
	if t.tenants[tenant] == nil {
		t.tenants[tenant] = &tenantTally{parts: make(map[string]map[string]uint64), quotas: make(map[string]ops.TenantQuota)}
	}
	return t.tenants[tenant]
}

// keep forgets the tenants that are gone.
func (t *tally) keep(known func(tenant string) bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	maps.DeleteFunc(t.tenants, func(id string, _ *tenantTally) bool { return !known(id) })
}

// request counts an answer.
func (t *tally) request(tenant string, code int) {
	number := int64(time.Since(t.born) / tallyStep)
	t.mu.Lock()
	defer t.mu.Unlock()
	c := t.of(tenant)
	c.total++
	switch {
	case code == http.StatusTooManyRequests:
		c.limited++
	case code >= http.StatusInternalServerError:
		c.failed++
	}
	step := &c.steps[number%tallySteps]
	if step.number != number {
		*step = tallyCount{number: number}
	}
	step.n++
}

// answer counts the parts of a document.
func (t *tally) answer(a ops.Answer) {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := t.of(a.Tenant)
	for _, p := range a.Parts {
		if c.parts[p.Part] == nil {
			c.parts[p.Part] = make(map[string]uint64)
		}
		c.parts[p.Part][p.State]++
	}
}

// limits is take, and remembers where the limits stood. Callers with a token
// are many: theirs are not remembered.
func (t *tally) limits(take func(context.Context, auth.Principal) ([]gateway.Quota, bool)) func(context.Context, auth.Principal) ([]gateway.Quota, bool) {
	return func(ctx context.Context, who auth.Principal) ([]gateway.Quota, bool) {
		quotas, ok := take(ctx, who)
		for _, q := range quotas {
			seen := ops.TenantQuota{Scope: q.Name, Burst: q.Burst, Left: q.Left, At: time.Now().UTC().Truncate(time.Millisecond)}
			if q.Name == scopeKey {
				seen.Key = &who.KeyID
			}
			if q.Name != scopeKey || !strings.HasPrefix(who.KeyID, "jwt:") {
				t.quota(who.TenantID, seen)
			}
		}
		return quotas, ok
	}
}

func (t *tally) quota(tenant string, q ops.TenantQuota) {
	t.mu.Lock()
	defer t.mu.Unlock()
	key := ""
	if q.Key != nil {
		key = *q.Key
	}
	t.of(tenant).quotas[key] = q
}

// report fills in what was counted of a tenant.
func (t *tally) report(out *ops.Tenant) {
	age := time.Since(t.born)
	number := int64(age / tallyStep)
	t.mu.Lock()
	defer t.mu.Unlock()
	out.Parts, out.Quotas = map[string]map[string]uint64{}, []ops.TenantQuota{}
	c := t.tenants[out.ID]
	if c == nil {
		return
	}
	var recent uint64
	for _, s := range c.steps {
		if s.number > number-tallySteps {
			recent += s.n
		}
	}
	span := min(age, (tallySteps-1)*tallyStep+age%tallyStep)
	out.Requests.Total, out.Requests.Limited, out.Requests.Failed = c.total, c.limited, c.failed
	out.Requests.PerSecond = float64(recent) / max(span.Seconds(), 1)
	for part, states := range c.parts {
		out.Parts[part] = maps.Clone(states)
	}
	for _, key := range slices.Sorted(maps.Keys(c.quotas)) { // the tenant's first
		out.Quotas = append(out.Quotas, c.quotas[key])
	}
}
