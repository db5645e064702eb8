package cache

import (
	"context"
	"crypto/rand"
	"errors"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/weft-gateway/weft/upstream/breaker"
)

const (
	defaultRedisDeadline = 50 * time.Millisecond
	readsOpenFor         = time.Second     // between two PINGs of a Redis that does not answer reads
	writesOpenFor        = 5 * time.Second // between two tries of a Redis that refuses writes
	redisTrip            = 3               // failures in a row that open either breaker

	// writePatience is how many read deadlines a batch of writes may take:
	// nobody waits for it, and it is larger than a read.
	writePatience = 4
)

// remote is the tier in Redis. Reads and writes have a breaker each, because
// a Redis that is full or a read-only replica still answers reads; but nothing
// is written while reads fail. Once it does not answer, the breaker of reads
// is probed by a PING in the background and no request waits for a trial.
// That of writes is probed by a write, since a PING says nothing of it, and
// nobody waits for writes.
type remote struct {
	client redis.UniversalClient
	reads  *breaker.Breaker
	writes *breaker.Breaker
	queue  *queue
	counts redisCounters

	deadline  time.Duration // of one read
	prompt    bool          // the client returns when a call's context ends
	ring      *keyring      // nil: nothing is encrypted
	name      string        // of this process in notices
	pipelines sync.Pool     // [redis.Pipeliner]: one that has been sent is empty, and as good as new
	parcels   sync.Pool     // *parcel
	trailsOff atomic.Int64  // until when no trail is followed, in Unix nanoseconds
	longest   atomic.Int64  // longest time that any record is kept, in nanoseconds
}

func newRemote(cfg Config, ring *keyring) (*remote, error) {
	deadline := cfg.redisDeadline()
	r := &remote{client: cfg.Redis, prompt: prompt(cfg.Redis), deadline: deadline, ring: ring, name: rand.Text()}
	var err error
	r.reads, err = breaker.New(breaker.Config{
		Name: "redis", Upstream: "redis", Operation: "read",
		Deadline: deadline, ConsecutiveFailures: redisTrip, OpenFor: readsOpenFor,
		Classify: classify, Reason: reason, Logger: cfg.logger(),
		Probe: func(ctx context.Context) error { return r.client.Ping(ctx).Err() },
	})
	if err != nil {
		return nil, err
	}
	r.writes, err = breaker.New(breaker.Config{
		Name: "redis-writes", Upstream: "redis", Operation: "write",
		Deadline: writePatience * deadline, ConsecutiveFailures: redisTrip, OpenFor: writesOpenFor, Probes: 1,
		Classify: classify, Reason: reason, Logger: cfg.logger(),
	})
	if err == nil && cfg.Breakers != nil {
		err = errors.Join(cfg.Breakers.Add(r.reads), cfg.Breakers.Add(r.writes))
	}
	if err != nil {
		r.reads.Close()
		return nil, err
	}
	r.queue = newQueue(r.send)
	return r, nil
}

// classify leaves out of the breaker's count what says nothing of Redis: all
// our connections are busy, or a key holds what somebody else put there.
func classify(err error) breaker.Outcome {
	if errors.Is(err, redis.ErrPoolTimeout) || wrongType(err) {
		return breaker.Ignored
	}
	return breaker.Failure
}

func wrongType(err error) bool { return redis.HasErrorPrefix(err, "WRONGTYPE") }

// reason names a failure of Redis in the words that the sources' failures have.
func reason(err error) string {
	_, replied := errors.AsType[redis.Error](err)
	switch {
	case errors.Is(err, context.DeadlineExceeded), timedOut(err):
		return "timeout"
	case redis.IsAuthError(err), redis.IsPermissionError(err):
		return "denied"
	case replied:
		return "upstream_error"
	}
	return "refused"
}

func timedOut(err error) bool {
	e, ok := errors.AsType[net.Error](err)
	return ok && e.Timeout()
}

// ready reports whether reads are sent at all, and counts those that are not.
func (r *remote) ready() bool {
	if r.reads.Tripped() {
		r.counts.bypassed.Add(1)
		return false
	}
	return true
}

// read asks for all keys in one pipeline, and for the turns that go with them.
// What it could not get is a reply that is not answered: never an error.
func (r *remote) read(ctx context.Context, asks []ask) []reply {
	replies, _ := r.readAlong(ctx, asks, nil)
	return replies
}

// answers are what Redis said to a read.
type answers struct {
	replies []reply // for each that was asked for
	led     []led   // for each trail
}

// readAlong is read, and follows the trails from records.
func (r *remote) readAlong(ctx context.Context, asks []ask, from []Key) ([]reply, []led) {
	got, err := callReads(ctx, r, func(ctx context.Context) (got answers, err error) {
		r.counts.reads.Add(1)
		pipe := r.pipeline()
		cmds, gets := r.commands(ctx, asks)
		_ = pipe.BatchProcess(ctx, cmds...) // they are only queued
		follows := make([]following, len(from))
		for i := range from {
			follows[i].set(ctx, from[i])
			_ = pipe.Process(ctx, &follows[i].StringSliceCmd)
		}
		_, err = submit(ctx, pipe)
		if r.pipelines.Put(pipe); err != nil {
			return got, err
		}
		got.replies, err = sift(ctx, gets)
		r.siftTurns(asks, cmds, got.replies)
		if err == nil && len(from) > 0 {
			got.led = r.siftTrails(ctx, follows)
		}
		return got, err
	})
	if err != nil || slices.ContainsFunc(got.replies, func(r reply) bool { return !r.answered }) {
		r.counts.readErrors.Add(1)
	}
	return got.replies, got.led
}

func (r *remote) pipeline() redis.Pipeliner {
	if pipe, ok := r.pipelines.Get().(redis.Pipeliner); ok {
		return pipe
	}
	return r.client.Pipeline()
}

// submit sends a pipeline. Its error means that no command was answered, and is
// on none of them: go-redis keeps to itself what a server says to the greeting
// of a new connection, such as that the password has changed, and the commands
// would look like keys that are not there. Other errors are on the commands.
func submit(ctx context.Context, pipe redis.Pipeliner) ([]redis.Cmder, error) {
	cmds, err := pipe.Exec(ctx)
	if err != nil && !slices.ContainsFunc(cmds, func(c redis.Cmder) bool { return c.Err() != nil }) {
		return nil, err
	}
	return cmds, nil
}

// siftTurns looks at who got which turn. A Redis that takes no writes answers
// reads all the same: its refusal is no failure of the read.
func (r *remote) siftTurns(asks []ask, cmds []redis.Cmder, replies []reply) {
	for i, a := range asks {
		cmds = cmds[1:] // that of the value
		if a.turn == 0 {
			continue
		}
		switch replies[i].turn = turnReply(cmds[0].Err()); replies[i].turn {
		case won:
			r.counts.turnsWon.Add(1)
		case unasked:
			r.counts.turnsRefused.Add(1)
		}
		cmds = cmds[1:]
	}
}

// sift looks at each command's own error. The call as a whole failed if Redis
// took all its time, or answered nothing.
func sift(ctx context.Context, cmds []*redis.StringCmd) ([]reply, error) {
	replies := make([]reply, len(cmds))
	var failed error
	answered := 0
	for i, cmd := range cmds {
		value, err := cmd.Bytes()
		switch {
		case err == nil, errors.Is(err, redis.Nil):
			replies[i] = reply{answered: true, value: value}
		case wrongType(err):
			replies[i] = reply{answered: true, wrongType: true}
		case failed == nil:
			failed = err
		}
		if replies[i].answered {
			answered++
		}
	}
	if failed != nil && (answered == 0 || ctx.Err() != nil) {
		return replies, failed
	}
	return replies, nil
}

// callReads makes a call behind the breaker of reads. It spares it a goroutine of
// its own, if the client returns when the context ends.
func callReads[T any](ctx context.Context, r *remote, fn func(context.Context) (T, error)) (v T, err error) {
	if !r.prompt {
		return call(ctx, r.reads, fn)
	}
	err = r.reads.DoInPlace(ctx, func(ctx context.Context) error {
		var err error
		v, err = fn(ctx)
		return err
	})
	return v, err
}

// prompt reports whether a client heeds the end of a context while it waits for
// Redis, as one of [RedisClient] does.
func prompt(client redis.UniversalClient) bool {
	switch c := client.(type) {
	case *redis.Client:
		return c.Options().ContextTimeoutEnabled
	case *redis.ClusterClient:
		return c.Options().ContextTimeoutEnabled
	}
	return false
}

// call runs fn behind a breaker and hands its value over. When that gives a call up,
// fn may still be running: its value is then lost, and touches nothing of ours.
func call[T any](ctx context.Context, b *breaker.Breaker, fn func(context.Context) (T, error)) (T, error) {
	out := make(chan T, 1)
	err := b.Do(ctx, func(ctx context.Context) error {
		v, err := fn(ctx)
		out <- v
		return err
	})
	select {
	case v := <-out:
		return v, err
	default:
		var none T
		return none, err
	}
}

// close sends what is queued, within a bound, and stops the probes.
func (r *remote) close() {
	r.queue.close()
	r.reads.Close()
	r.writes.Close()
}
