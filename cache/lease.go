package cache

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// Lease is the right to do something that only one replica should do at a
// time. It is a courtesy and no lock: a holder that was held up longer than
// the lease lasts does not notice until it asks.
type Lease struct {
	cache       *Cache
	name, token string
}

// Lease takes the lease of that name for ttl, or reports false if somebody
// has it. Without Redis it is among the users of this Cache only.
func (c *Cache) Lease(ctx context.Context, name string, ttl time.Duration) (*Lease, bool, error) {
	l := &Lease{cache: c, name: leaseKey(name), token: rand.Text()}
	if c.remote == nil {
		return l.taken(c.local.add(l.name, l.token, ttl), nil)
	}
	return l.taken(call(ctx, c.remote.writes, func(ctx context.Context) (bool, error) {
		err := c.remote.client.SetArgs(ctx, l.name, l.token, redis.SetArgs{Mode: "NX", TTL: ttl}).Err()
		if errors.Is(err, redis.Nil) {
			return false, nil
		}
		return err == nil, err
	}))
}

func (l *Lease) taken(ok bool, err error) (*Lease, bool, error) {
	if err != nil {
		return nil, false, fmt.Errorf("cache: lease: %w", err)
	}
	if !ok {
		return nil, false, nil
	}
	return l, true, nil
}

// Extend makes the lease last for ttl from now. It reports false if the lease
// ran out, even if nobody has it: the holder then has to stop.
func (l *Lease) Extend(ctx context.Context, ttl time.Duration) (bool, error) {
	if l.cache.remote == nil {
		return l.cache.local.extend(l.name, l.token, ttl), nil
	}
	ok, err := l.run(ctx, extendScript, ttl.Milliseconds())
	if err != nil {
		return false, fmt.Errorf("cache: lease: extend: %w", err)
	}
	return ok, nil
}

// Release gives the lease up, if it is still held.
func (l *Lease) Release(ctx context.Context) error {
	if l.cache.remote == nil {
		l.cache.local.remove(l.name, l.token)
		return nil
	}
	if _, err := l.run(ctx, releaseScript); err != nil {
		return fmt.Errorf("cache: lease: release: %w", err)
	}
	return nil
}

func (l *Lease) run(ctx context.Context, s *redis.Script, args ...any) (bool, error) {
	r := l.cache.remote
	return call(ctx, r.writes, func(ctx context.Context) (bool, error) {
		n, err := s.Run(ctx, r.client, []string{l.name}, append([]any{l.token}, args...)...).Int()
		return n == 1, err
	})
}

var (
	extendScript = redis.NewScript(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])`)

	releaseScript = redis.NewScript(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])`)
)
