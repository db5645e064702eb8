package cache

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// Checkpoint returns what [Cache.SetCheckpoint] last noted under name, or ""
// when that is gone or cannot be read.
func (c *Cache) Checkpoint(ctx context.Context, name string) (string, error) {
	if c.remote == nil {
		return c.local.get(checkpointKey(name)), nil
	}
	value, err := call(ctx, c.remote.reads, func(ctx context.Context) (string, error) {
		value, err := c.remote.client.Get(ctx, checkpointKey(name)).Result()
		if errors.Is(err, redis.Nil) {
			return "", nil
		}
		return value, err
	})
	if err != nil {
		return "", fmt.Errorf("cache: checkpoint: %w", err)
	}
	return c.ring.unhide(name, value), nil
}

// SetCheckpoint notes value for ttl, so that another replica can go on. It is
// encrypted like a record: what a caller's cursor is made of is not known here.
func (c *Cache) SetCheckpoint(ctx context.Context, name, value string, ttl time.Duration) error {
	if c.remote == nil {
		c.local.set(checkpointKey(name), value, ttl)
		return nil
	}
	value, err := c.ring.hide(name, value)
	if err != nil {
		return fmt.Errorf("cache: checkpoint: %w", err)
	}
	_, err = call(ctx, c.remote.writes, func(ctx context.Context) (string, error) {
		return c.remote.client.Set(ctx, checkpointKey(name), value, ttl).Result()
	})
	if err != nil {
		return fmt.Errorf("cache: checkpoint: set: %w", err)
	}
	return nil
}

// asCheckpoint is what a checkpoint is bound to when it is encrypted.
func asCheckpoint(name string) Key { return Key{Kind: "checkpoint", ID: name} }

func (r *keyring) hide(name, value string) (string, error) {
	if r == nil {
		return value, nil
	}
	b, err := r.encrypt(asCheckpoint(name), []byte(value))
	return string(b), err
}

// unhide returns "" for what it cannot read: whoever asks begins anew.
func (r *keyring) unhide(name, value string) string {
	if r == nil && !encrypted([]byte(value)) {
		return value
	}
	plain, err := r.decrypt(asCheckpoint(name), []byte(value))
	if err != nil {
		return ""
	}
	return string(plain)
}
