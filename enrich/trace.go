package enrich

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/weft-gateway/weft/cache"
	"github.com/weft-gateway/weft/upstream"
)

// Watcher is told of what is done for a request. It is told names, counts and
// times, and nothing of a record. Its method may be called concurrently, and
// after the request has been answered.
type Watcher interface {
	// Begin is told of a step as far as it is known when it begins. It returns
	// the context to take it in, and what to call with the whole of it when it is over.
	Begin(ctx context.Context, s Step) (along context.Context, end func(Step))
}

// Watched returns a context whose request w is told of.
func Watched(ctx context.Context, w Watcher) context.Context {
	return context.WithValue(ctx, watcherKey{}, w)
}

type watcherKey struct{}

// watcherOf returns the request's Watcher, nil for almost all.
func watcherOf(ctx context.Context) Watcher {
	w, _ := ctx.Value(watcherKey{}).(Watcher)
	return w
}

// Trace is the account of one request: which copies were looked up, which calls
// a breaker let through or kept back, which were made, and how long each took.
// Its methods may be called concurrently.
type Trace struct {
	start time.Time
	mu    sync.Mutex
	steps []Step
}

// StepKind says what was done in a step.
type StepKind string

// The kinds of step.
const (
	StepPrefetch StepKind = "prefetch" // Redis was asked for all that may be needed, in one visit
	StepLookup   StepKind = "lookup"   // records were asked of the cache, and through it of their source
	StepBreaker  StepKind = "breaker"  // it was asked whether the source may be called
	StepCall     StepKind = "call"     // the source was called
	StepWalk     StepKind = "walk"     // the tenant's list was searched for the conversation
)

// Step is one thing that was done for a request.
type Step struct {
	Kind    StepKind
	Name    string        // the kind of record, or the operation
	Source  string        // connector kind; "" where none is involved
	Records int           // how many were asked for
	Outcome string        // a word of a closed set, by the Kind
	Reason  upstream.Kind // why a copy is stale, or there is nothing
	Shared  bool          // the copy had come from Redis
	Age     time.Duration // of the oldest copy that was used
	Retry   time.Duration // until the source may be called again; 0: not known
	At      time.Duration // since the start of the request
	Took    time.Duration
}

// maxSteps bounds a Trace: a page of a hundred rows has fewer.
const maxSteps = 200

// Traced returns a context whose request keeps an account of itself.
func Traced(ctx context.Context) (context.Context, *Trace) {
	t := &Trace{start: time.Now()}
	return Watched(ctx, t), t
}

// Begin implements [Watcher].
func (t *Trace) Begin(ctx context.Context, _ Step) (along context.Context, end func(Step)) {
	began := time.Now()
	return ctx, func(s Step) { t.add(began, s) }
}

// Steps returns what was done so far, in the order in which it began. What
// goes on behind the answer may still be added.
func (t *Trace) Steps() []Step {
	t.mu.Lock()
	defer t.mu.Unlock()
	steps := slices.Clone(t.steps)
	// What began together is told from the longest on: the whole before what it is made of.
	slices.SortStableFunc(steps, func(a, b Step) int { return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(b.Took, a.Took)) })
	return steps
}

// add notes a step that began at a moment and is over now.
func (t *Trace) add(began time.Time, s Step) {
	s.At, s.Took = began.Sub(t.start), time.Since(began)
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.steps) < maxSteps {
		t.steps = append(t.steps, s)
	}
}

// called makes a call of a source, and tells of it.
func called[T any](ctx context.Context, source string, op upstream.Op, records int, call func(context.Context) (T, error)) (T, error) {
	w := watcherOf(ctx)
	if w == nil {
		return call(ctx)
	}
	step := Step{Kind: StepCall, Name: string(op), Source: source, Records: records}
	along, end := w.Begin(ctx, step)
	v, err := call(along)
	step.Outcome = "ok"
	if err != nil {
		step.Outcome, step.Retry = string(upstream.KindOf(err)), upstream.RetryAfter(err)
	}
	end(step)
	return v, err
}

// origin is where the records of a look-up come from.
type origin struct {
	source string
	op     upstream.Op
}

// loaded is [cache.Loader.Load], and tells what the breaker and the cache said.
func loaded[V any](ctx context.Context, kind string, from origin, l *cache.Loader[V], tenant string, ids []string, opt cache.Options, load cache.Load[V]) []cache.Result[V] {
	w := watcherOf(ctx)
	if w == nil || len(ids) == 0 {
		return l.Load(ctx, tenant, ids, opt, load)
	}
	along, end := lookup(ctx, w, kind, from, opt, len(ids))
	results := l.Load(along, tenant, ids, opt, load)
	end(lookupStep(kind, from.source, results))
	return results
}

// lookup tells that records are asked of the cache, and what the breaker of their source says.
func lookup(ctx context.Context, w Watcher, kind string, from origin, opt cache.Options, records int) (along context.Context, end func(Step)) {
	along, end = w.Begin(ctx, Step{Kind: StepLookup, Name: kind, Source: from.source, Records: records})
	asked := breakerStep(from, opt)
	_, said := w.Begin(along, asked)
	said(asked)
	return along, end
}

func breakerStep(from origin, opt cache.Options) Step {
	s := Step{Kind: StepBreaker, Name: string(from.op), Source: from.source, Outcome: "closed"}
	if opt.StaleNow {
		s.Outcome, s.Retry = string(upstream.KindOf(opt.StaleErr)), upstream.RetryAfter(opt.StaleErr)
	}
	return s
}

// lookupStep sums the results up by the least whole of them.
func lookupStep[V any](kind, source string, results []cache.Result[V]) Step {
	s := Step{Kind: StepLookup, Name: kind, Source: source, Records: len(results)}
	worst := -1
	for _, r := range results {
		if n := slices.Index([]cache.State{cache.Absent, cache.Loaded, cache.Cached, cache.Stale, cache.Failed}, r.State); n > worst {
			worst, s.Outcome, s.Reason = n, r.State.String(), ""
			if r.Err != nil {
				s.Reason = reasonOf(waited(r.Err))
			}
		}
		s.Shared = s.Shared || r.Shared
		if r.State == cache.Cached || r.State == cache.Stale {
			s.Age = max(s.Age, r.Age(time.Now()))
		}
	}
	return s
}

// searched searches the list for a conversation, and tells whether it showed it.
func searched(ctx context.Context, source string, search func(context.Context) sighting) sighting {
	w := watcherOf(ctx)
	if w == nil {
		return search(ctx)
	}
	step := Step{Kind: StepWalk, Name: string(upstream.OpList), Source: source, Records: 1, Outcome: "not_found"}
	along, end := w.Begin(ctx, step)
	s := search(along)
	switch {
	case s.row != nil:
		step.Outcome = "found"
	case s.err != nil:
		step.Outcome, step.Reason = "failed", reasonOf(waited(s.err))
	}
	end(step)
	return s
}

// prefetching tells that Redis is asked for what it has of a conversation, and
// with what it returns whether there is a copy of that to begin with.
func prefetching(ctx context.Context, kind string) (knew func(copied bool)) {
	w := watcherOf(ctx)
	if w == nil {
		return func(bool) {}
	}
	step := Step{Kind: StepPrefetch, Name: kind, Records: 1, Outcome: "miss"}
	_, end := w.Begin(ctx, step) // not to go on with: what was prefetched goes along with all the rest
	return func(copied bool) {
		if copied {
			step.Outcome = "copy"
		}
		end(step)
	}
}
