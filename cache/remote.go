package cache

import (
	"context"
	"crypto/rand"
	"errors"
	"net"
	"slices"
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

	deadline time.Duration // of one read
	prompt   bool          // the client returns when a call's context ends
	ring     *keyring      // nil: nothing is encrypted
	name     string        // of this process in notices
	longest  atomic.Int64  // longest time that any record is kept, in nanoseconds
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

// The bounds of a value that is read, made once.
var fromStart, toLimit any = 0, maxEnvelope

// ask is one key of a read.
type ask struct {
	key  Key
	turn time.Duration // for how long the turn to load it is wanted, if it is free; 0: it is not
}

// reply is what Redis said to one read.
type reply struct {
	turn      spoken
	answered  bool   // else the value is not known
	wrongType bool   // the key holds no string
	value     []byte // nil when there is no such key
}

// read asks for all keys in one pipeline, and for the turns that go with them.
// What it could not get is a reply that is not answered: never an error.
func (r *remote) read(ctx context.Context, asks []ask, names []string) []reply {
	replies, err := callBy(ctx, r.guardReads, func(ctx context.Context) ([]reply, error) {
		r.counts.reads.Add(1)
		pipe := r.client.Pipeline()
		gets, sets := make([]*redis.StringCmd, len(asks)), make([]*redis.StatusCmd, len(asks))
		for i, a := range asks {
			// GETRANGE rather than GET, so that a value of any size under
			// one of our keys costs at most maxEnvelope and a byte.
			gets[i] = redis.NewStringCmd(ctx, "getrange", names[i], fromStart, toLimit)
			_ = pipe.Process(ctx, gets[i]) // it is only queued
			if a.turn > 0 {
				sets[i] = redis.NewStatusCmd(ctx, "set", a.key.turnKey(), r.name, "px", max(a.turn.Milliseconds(), 1), "nx")
				_ = pipe.Process(ctx, sets[i])
			}
		}
		if _, err := submit(ctx, pipe); err != nil {
			return nil, err
		}
		replies, err := sift(ctx, gets)
		r.siftTurns(sets, replies)
		return replies, err
	})
	if err != nil || slices.ContainsFunc(replies, func(r reply) bool { return !r.answered }) {
		r.counts.readErrors.Add(1)
	}
	return replies
}

// siftTurns looks at who got which turn. A Redis that takes no writes answers
// reads all the same: its refusal is no failure of the read.
func (r *remote) siftTurns(sets []*redis.StatusCmd, replies []reply) {
	for i, set := range sets {
		if set == nil {
			continue
		}
		switch replies[i].turn = turnReply(set.Err()); replies[i].turn {
		case won:
			r.counts.turnsWon.Add(1)
		case unasked:
			r.counts.turnsRefused.Add(1)
		}
	}
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

// guard runs a function behind a breaker.
type guard func(context.Context, func(context.Context) error) error

// guardReads spares a read a goroutine of its own, if the client returns when
// the context ends.
func (r *remote) guardReads(ctx context.Context, fn func(context.Context) error) error {
	if r.prompt {
		return r.reads.DoInPlace(ctx, fn)
	}
	return r.reads.Do(ctx, fn)
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
	return callBy(ctx, b.Do, fn)
}

func callBy[T any](ctx context.Context, do guard, fn func(context.Context) (T, error)) (T, error) {
	out := make(chan T, 1)
	err := do(ctx, func(ctx context.Context) error {
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
