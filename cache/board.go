package cache

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/weft-gateway/weft/upstream/breaker"
)

const (
	boardNames = 64        // names that are read, the latest first
	boardKept  = time.Hour // for which a name is kept that nothing is posted under; its note ends before
)

// Board is a place in Redis where replicas leave notes for each other, in JSON.
// They are enveloped and encrypted as records are. It is no business of the
// breaker's, but asks nothing while that is not closed.
type Board struct{ remote *remote }

// Board returns the cache's board; nil without Redis.
func (c *Cache) Board() *Board {
	if c.remote == nil {
		return nil
	}
	return &Board{c.remote}
}

// Post leaves a note under a name for so long.
func (b *Board) Post(ctx context.Context, name string, note []byte, ttl time.Duration) error {
	now := time.Now()
	sealed, err := b.remote.ring.seal(noteKey(name), entry{data: note, storedAt: now})
	if err != nil {
		return err
	}
	return b.visit(ctx, func(ctx context.Context) error {
		pipe := b.remote.client.Pipeline()
		pipe.Set(ctx, boardKey(name), sealed, ttl)
		pipe.ZAdd(ctx, boardNamesKey, redis.Z{Score: float64(now.UnixMilli()), Member: encodeID(name)})
		pipe.ZRemRangeByScore(ctx, boardNamesKey, "-inf", strconv.FormatInt(now.Add(-boardKept).UnixMilli(), 10))
		pipe.PExpire(ctx, boardNamesKey, boardKept)
		_, err := pipe.Exec(ctx)
		return err
	})
}

// Notes returns all notes that have not ended, by name.
func (b *Board) Notes(ctx context.Context) (notes map[string][]byte, err error) {
	err = b.visit(ctx, func(ctx context.Context) error {
		names, err := b.remote.client.ZRevRange(ctx, boardNamesKey, 0, boardNames-1).Result()
		if err != nil {
			return err
		}
		notes, err = b.read(ctx, names)
		return err
	})
	return notes, err
}

// read returns the notes under names, which are as they are in Redis.
func (b *Board) read(ctx context.Context, names []string) (map[string][]byte, error) {
	pipe := b.remote.client.Pipeline()
	gets := make(map[string]*redis.StringCmd, len(names))
	for _, encoded := range names {
		if name, ok := decodeID(encoded); ok {
			gets[name] = pipe.GetRange(ctx, boardKey(name), 0, maxEnvelope)
		}
	}
	if len(gets) == 0 {
		return nil, nil
	}
	if _, err := submit(ctx, pipe); err != nil {
		return nil, err
	}
	notes := make(map[string][]byte, len(gets))
	for name, get := range gets {
		sealed, err := get.Bytes()
		switch {
		case err != nil && !errors.Is(err, redis.Nil) && !wrongType(err):
			return nil, err
		case len(sealed) > 0:
			if e, err := b.remote.ring.open(noteKey(name), sealed, time.Now()); err == nil {
				notes[name] = e.data
			} // else it is of another version, or of a replica with other keys
		}
	}
	return notes, nil
}

// visit bounds a visit like one of writes, which nobody waits for either.
func (b *Board) visit(ctx context.Context, fn func(context.Context) error) error {
	if b.remote.reads.Tripped() {
		return &breaker.OpenError{Name: b.remote.reads.Name(), RetryAfter: max(b.remote.reads.RetryAfter(), time.Millisecond)}
	}
	ctx, cancel := context.WithTimeout(ctx, writePatience*b.remote.deadline)
	defer cancel()
	if err := fn(ctx); err != nil {
		return fmt.Errorf("cache: board: %w", err)
	}
	return nil
}
