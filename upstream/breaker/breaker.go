// Package breaker is the circuit breaker in front of everything that can fail
// slowly: the operations of the connectors, and Redis.
//
// The state machine is gobreaker's. Around it are the parts without which it
// does not open when it should, or never closes again:
//
//   - the call's deadline is kept here, so that no result is older than the
//     window it is counted in and no hung probe keeps its place;
//   - failures in a row are counted here, because a rolling window forgets them;
//   - the state is mirrored, because asking gobreaker for it changes it;
//   - a call whose caller went away counts nowhere.
package breaker

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weft-gateway/weft/upstream/term"
)

// Breaker guards one operation of one upstream. Its methods may be called
// concurrently.
type Breaker struct {
	cfg      Config
	log      *slog.Logger
	machine  atomic.Pointer[machine]
	openFor  time.Duration // Config.OpenFor with this process's jitter
	bounds   atomic.Pointer[bounds]
	mirror   atomic.Pointer[status]
	journal  atomic.Pointer[journal] // of the Set; nil outside one
	outbox   outbox
	lastErr  atomic.Pointer[LastError]
	lastTrip atomic.Pointer[Trip]
	inFlight atomic.Int64
	recent   recent

	successes, failures, ignored, rejected, openings atomic.Uint64

	// turning is held by who replaces mirror or machine. It is taken under
	// gobreaker's mutex: who holds it never calls a machine.
	turning sync.Mutex
	changes map[Change]uint64 // so far; guarded by turning
	kept    time.Duration     // that calls were kept back before the present state; guarded by turning
	expiry  *time.Timer       // of the order that holds; nil: none ever did

	tripped chan struct{} // wakes the prober
	stop    context.CancelFunc
	prober  sync.WaitGroup
}

// New returns a closed breaker. With Config.Probe or Config.Nudge it runs a
// goroutine, which Close ends.
func New(cfg Config) (*Breaker, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	b := &Breaker{
		cfg:     cfg,
		log:     cfg.Logger,
		openFor: jitter(cfg.OpenFor),
		tripped: make(chan struct{}, 1),
		changes: make(map[Change]uint64),
	}
	b.bounds.Store(&bounds{cfg.Deadline, cfg.SlowAfter})
	b.mirror.Store(&status{state: Closed, since: time.Now()})
	b.recent = newRecent(cfg.Window)
	b.machine.Store(newMachine(b))
	ctx, cancel := context.WithCancel(context.Background())
	b.stop = cancel
	switch {
	case cfg.Probe != nil:
		b.prober.Go(func() { b.probe(ctx) })
	case cfg.Nudge != nil:
		b.prober.Go(func() { b.nudge(ctx) })
	}
	return b, nil
}

// Do calls fn, unless the breaker refuses, which is an [*OpenError].
//
// fn gets a context that ends after Config.Deadline, or when ctx ends: ctx itself
// where that is the earlier of the two. Do returns then even if fn does not; what fn yields later is dropped, so fn
// must not write to anything that its caller reads after an error. The
// breaker's own deadline is a [*DeadlineError] and a failure. A panic in fn is
// a [*PanicError] and a failure. When ctx ended, nothing is counted.
func (b *Breaker) Do(ctx context.Context, fn func(context.Context) error) error {
	return b.guard(ctx, fn, runApart)
}

// DoInPlace is Do for an fn that is known to return soon after its context ends:
// that alone bounds it, and it is spared a goroutine of its own.
func (b *Breaker) DoInPlace(ctx context.Context, fn func(context.Context) error) error {
	return b.guard(ctx, fn, runInPlace)
}

func (b *Breaker) guard(ctx context.Context, fn func(context.Context) error, run runner) error {
	if b.cfg.Probe != nil && b.Tripped() {
		return b.refuse()
	}
	return b.admit(ctx, fn, run)
}

// admit asks the machine, which moves it from open to half-open when it is time.
func (b *Breaker) admit(ctx context.Context, fn func(context.Context) error, run runner) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	switch b.mirror.Load().state {
	case ForcedOpen:
		return b.refuse()
	case ForcedClosed:
		return b.call(ctx, fn, run, func(error) {})
	}
	done, err := b.machine.Load().Allow()
	b.deliver()
	if err != nil {
		return b.refuse()
	}
	return b.call(ctx, fn, run, done)
}

// call runs fn and reports its outcome exactly once, come what may: a lost
// report would keep a half-open place for ever.
func (b *Breaker) call(ctx context.Context, fn func(context.Context) error, run runner, done func(error)) error {
	v := verdict{outcome: Failure, kind: kindUnknown}
	b.inFlight.Add(1)
	defer func() {
		b.inFlight.Add(-1)
		b.record(v, done)
		b.deliver()
	}()

	held, start := *b.bounds.Load(), time.Now()
	bounded, own := bound(ctx, start.Add(held.deadline))
	defer own.Release()
	a := attempt{caller: ctx, bounded: bounded, ample: ample(ctx, start, held.deadline), held: held}
	a.returned, a.err = run(bounded, b.log, fn)
	a.took = time.Since(start)
	v = b.judge(a)
	return v.err
}

// bound returns ctx if it ends by then at the latest, and else a term, which has
// to be released when the call is over. A connection knows deadlines itself, so that
// over one that watches the term's caller no timer is needed.
func bound(ctx context.Context, end time.Time) (context.Context, *term.Term) {
	if its, ok := ctx.Deadline(); ok && !its.After(end) {
		return ctx, nil
	}
	return term.Within(ctx, end)
}

// record counts a verdict and tells the machine.
func (b *Breaker) record(v verdict, done func(error)) {
	b.recent.add(v.outcome)
	switch v.outcome {
	case Success:
		b.successes.Add(1)
		done(nil)
	case Ignored:
		b.ignored.Add(1)
		done(errIgnored)
	default:
		b.failures.Add(1)
		b.lastErr.Store(&LastError{Kind: v.kind, At: stamp(time.Now())})
		done(failure(v.kind))
	}
}

// refuse counts a refusal and says when to come back.
func (b *Breaker) refuse() error {
	b.rejected.Add(1)
	b.recent.add(refused)
	wait := b.bounds.Load().deadline // half-open: the probes' results are in by then
	if s := b.mirror.Load(); s.state == Open || s.state == ForcedOpen {
		wait = max(s.retryAfter(), time.Millisecond)
	}
	return &OpenError{Name: b.cfg.Name, RetryAfter: wait}
}

// Tripped reports whether the breaker keeps calls back: it is neither closed
// nor forced so. It takes no lock and changes nothing.
func (b *Breaker) Tripped() bool {
	return b.mirror.Load().state.keepsBack()
}

// RetryAfter returns how long it is until the next probe: 0 if one is due or
// being made, or if the breaker is closed; at most a minute where it is forced
// open. It takes no lock and changes nothing.
func (b *Breaker) RetryAfter() time.Duration { return b.mirror.Load().retryAfter() }

// FailuresInARow returns how many calls have failed since the last that did
// not. It takes no lock and changes nothing.
func (b *Breaker) FailuresInARow() int { return int(b.machine.Load().streak.Load()) }

// Close ends the background prober, if there is one, and waits for it.
func (b *Breaker) Close() {
	b.turning.Lock()
	if b.expiry != nil {
		b.expiry.Stop()
	}
	b.turning.Unlock()
	b.stop()
	b.prober.Wait()
}
