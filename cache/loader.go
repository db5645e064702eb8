package cache

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
)

// ErrMiss is the error of a [Loader.Peek] that found nothing.
var ErrMiss = errors.New("cache: no copy")

// LoaderConfig describes the records of one kind. V is treated as immutable:
// all callers of a process share one value.
type LoaderConfig[V any] struct {
	Kind     string                  // name in keys, metrics and logs: a-z, 0-9, hyphen, 32 at most
	Policy   Policy                  // how long a record may be used
	Deadline time.Duration           // of one load, on a context of its own; must be set, and is less than 44 s
	Encode   func(V) ([]byte, error) // to compact JSON; nil: encoding/json
	Decode   func([]byte) (V, error) // from what Encode made, which it may keep; it refuses what is not JSON; nil: encoding/json
	Absent   func(error) bool        // whether a load's error says that the ids it did not answer do not exist; nil: none does
	Unasked  func(error) bool        // whether it says that the source was not asked, so that no back-off is called for; nil: none does

	// What the records are about, in words of the caller's, for [Cache.Erase].
	Own   func(id string) string                // the subject that the id itself names, "" for none; nil: none
	About func(tenant, id string, v V) []string // the subjects that only the record names; nil: none
}

// Load asks the source for ids. The values it returns are good even when the
// error is not nil: the error says why the others are not there. A nil error
// means that the source has none of the others.
type Load[V any] func(ctx context.Context, ids []string) (map[string]V, error)

// Result is what a [Loader] has for one id.
type Result[V any] struct {
	ID       string
	Value    V // set when Loaded, Cached or Stale
	State    State
	StoredAt time.Time // when the source was asked, also for an absence; zero when Failed
	Shared   bool      // it came from Redis: StoredAt may be another replica's time
	Err      error     // why it is Stale or Failed

	item *item // nil when Failed
}

// Age is how long before a moment the source was asked: not less, however clocks
// have been set since. See StoredAt.
func (r *Result[V]) Age(now time.Time) time.Duration {
	if r.item == nil {
		return 0
	}
	return r.item.age(now)
}

// Options change one [Loader.Load].
type Options struct {
	SkipRedis bool  // Redis was asked just now, by [Cache.Prefetch]
	StaleNow  bool  // the source is known not to answer: a stale copy is returned at once, and the load goes on behind it
	StaleErr  error // Err of a result that StaleNow made stale
}

// Loader finds records of one kind. It may be used concurrently.
type Loader[V any] struct {
	kind   *kind
	encode func(V) ([]byte, error)
}

// NewLoader returns the loader of a kind. It takes the place of an earlier one
// with the same records: that may still be used, and the two join each other's
// loads; but what comes from Redis or other replicas is for the later one.
func NewLoader[V any](c *Cache, cfg LoaderConfig[V]) (*Loader[V], error) {
	policy, err := cfg.Policy.check()
	switch {
	case !validKind(cfg.Kind), cfg.Kind == trailKind:
		return nil, fmt.Errorf("cache: kind %q is not of a-z, 0-9 and hyphen, or has another use", cfg.Kind)
	case err != nil:
		return nil, fmt.Errorf("cache: policy of %s: %w", cfg.Kind, err)
	case cfg.Deadline <= 0:
		return nil, fmt.Errorf("cache: kind %s has no deadline", cfg.Kind)
	case cfg.Deadline+abandonAfter >= banFor:
		return nil, fmt.Errorf("cache: a load of kind %s could bring back what was erased %v ago", cfg.Kind, banFor)
	}
	if cfg.Encode == nil {
		cfg.Encode = func(v V) ([]byte, error) { return json.Marshal(v) }
	}
	if cfg.Decode == nil {
		cfg.Decode = func(b []byte) (v V, err error) {
			err = json.Unmarshal(b, &v)
			return v, err
		}
	}
	if cfg.Absent == nil {
		cfg.Absent = func(error) bool { return false }
	}
	if cfg.Unasked == nil {
		cfg.Unasked = func(error) bool { return false }
	}
	k := &kind{
		cache: c, name: cfg.Kind, policy: policy, deadline: cfg.Deadline,
		decode: func(b []byte) (any, error) { return cfg.Decode(b) },
		absent: cfg.Absent, unasked: cfg.Unasked, own: cfg.Own,
	}
	k.deadlines.kind = k
	if cfg.About != nil {
		k.about = func(tenant, id string, value any) []string {
			v, ok := value.(V)
			if !ok {
				return nil
			}
			return cfg.About(tenant, id, v)
		}
	}
	c.register(k)
	return &Loader[V]{kind: k, encode: cfg.Encode}, nil
}

// Load returns a result for each id, in their order; an id may occur twice.
// What memory cannot answer is loaded by one call of load, with those ids that
// no other caller is loading already. It returns when all ids are answered, or
// when ctx ends: then with what is known, and the load goes on.
//
// load may be called behind the caller's back, so it must not depend on the
// call of Load that it came with. A copy that is about to be no longer fresh is
// loaded again, as is one within [Policy].Revalidate. After a load that failed
// the copy answers with its error for a while, without another.
func (l *Loader[V]) Load(ctx context.Context, tenant string, ids []string, opt Options, load Load[V]) []Result[V] {
	results := make([]Result[V], len(ids))
	want, ripe := l.fromMemory(ctx, tenant, ids, results, &opt)
	if ripe && !opt.StaleNow {
		l.kind.refresh(ctx, tenant, ids, l.source(load))
	}
	if len(want) > 0 {
		answers := l.kind.load(ctx, tenant, want, opt, l.source(load))
		next := 0 // want is in the order of ids
		for i, id := range ids {
			at := next
			if at == len(want) || want[at] != id { // answered by memory, or there before
				at = slices.Index(want, id)
			} else {
				next++
			}
			if at >= 0 {
				results[i] = result[V](id, answers[at])
			}
		}
	}
	return l.counted(results)
}

// Peek is Load without the source: what has no copy is Failed with [ErrMiss],
// and a stale copy comes without an error.
func (l *Loader[V]) Peek(ctx context.Context, tenant string, ids []string, skipRedis bool) []Result[V] {
	results := make([]Result[V], len(ids))
	want, _ := l.fromMemory(ctx, tenant, ids, results, nil)
	if !skipRedis {
		l.fromRedis(ctx, tenant, want, results)
	}
	for i := range results {
		if results[i].State == Failed {
			results[i].Err = ErrMiss
		}
	}
	return l.counted(results)
}

// Recall returns what memory has of the id, of whatever age. It is good for
// guessing what will be asked for next, and counts nowhere.
func (l *Loader[V]) Recall(tenant, id string) (v V, ok bool) {
	if it := l.kind.cache.memory.get(l.key(tenant, id)); it != nil && !it.absent {
		v, ok = it.value.(V)
	}
	return v, ok
}

// Put keeps a record that was obtained otherwise, as of now. id becomes a key: if it is a
// piece of an answer, that is kept alive with it.
func (l *Loader[V]) Put(tenant, id string, v V) {
	r := l.record(v, time.Now())
	if key := l.key(tenant, id); r.data != nil && !l.kind.store(key, r.item, r.data, nil) {
		l.kind.cache.follow(key)
	}
}

// Note is Put for a record that comes by again and again, as a row of a list:
// Redis is not told of it again while it has it so, for some minutes. Records that
// are fresh for long are Put all the same.
func (l *Loader[V]) Note(tenant, id string, v V) {
	r, key := l.record(v, time.Now()), l.key(tenant, id)
	r.item.steady = true
	if r.data != nil && !l.kind.store(key, r.item, r.data, nil) {
		l.kind.cache.follow(key)
	}
}

// PutAbsent remembers that the source has no such record, in the place of any
// copy.
func (l *Loader[V]) PutAbsent(tenant, id string) {
	l.kind.store(l.key(tenant, id), l.kind.newAbsence(time.Now()), nil, nil)
}

// Drop removes the record from both tiers, and keeps a load that is under way
// from bringing it back. Other replicas are told; one that does not hear it
// finds out when it next asks Redis, which is within [recheckAfter].
func (l *Loader[V]) Drop(tenant, id string) {
	key := l.key(tenant, id)
	l.kind.forget(key)
	if r := l.kind.cache.remote; r != nil {
		r.enqueue(write{key: key, remove: true, tell: true})
	}
}

func (l *Loader[V]) key(tenant, id string) Key { return Key{tenant, l.kind.name, id} }

// fromMemory answers what memory can, and returns the ids, each once, that
// have no fresh copy, and whether a fresh one is ripe. With options, a copy
// that is to be left alone for a while is an answer too.
func (l *Loader[V]) fromMemory(ctx context.Context, tenant string, ids []string, results []Result[V], opt *Options) (want []string, ripe bool) {
	now := time.Now()
	var seen map[string]bool // made only when something of several is wanted
	for i, id := range ids {
		it := l.kind.recall(ctx, l.key(tenant, id))
		a := answer{item: it, state: l.kind.judge(it, now)}
		l.kind.counts.inMemory.add(a.state)
		paused := opt != nil && a.state == Stale && l.kind.paused(&a, now, opt)
		results[i] = result[V](id, a)
		if a.state == Cached {
			ripe = ripe || it.ripe(now)
		}
		if a.state.fresh() || paused || seen[id] {
			continue
		}
		if len(ids) == 1 {
			return ids, ripe
		}
		if seen == nil {
			seen = make(map[string]bool, len(ids)-i)
		}
		seen[id] = true
		want = append(want, id)
	}
	return want, ripe
}

// fromRedis betters results by what Redis has for want.
func (l *Loader[V]) fromRedis(ctx context.Context, tenant string, want []string, results []Result[V]) {
	asks := make([]ask, len(want))
	for i, id := range want {
		asks[i].key = l.key(tenant, id)
	}
	read := l.kind.cache.fetch(ctx, asks)
	now := time.Now()
	for i, r := range results {
		it := read.of(l.key(tenant, r.ID)).item
		if it != nil && (r.State == Failed || !it.storedAt().Before(r.StoredAt)) { // as old means that it was due
			results[i] = result[V](r.ID, answer{item: it, state: l.kind.judge(it, now)})
		}
	}
}

// source gives load's values the form that the tiers need.
func (l *Loader[V]) source(load Load[V]) source {
	return func(ctx context.Context, ids []string, records []record) error {
		begun := time.Now()
		values, err := load(ctx, ids)
		for i, id := range ids {
			if v, ok := values[id]; ok {
				records[i] = l.record(v, begun)
			}
		}
		return err
	}
}

// record encodes v. What cannot be encoded is shown but not kept.
func (l *Loader[V]) record(v V, storedAt time.Time) record {
	data, err := l.encode(v)
	if err != nil || len(data) == 0 {
		l.kind.counts.unencodable.Add(1)
		data = nil
	}
	return record{item: l.kind.newItem(v, data, storedAt), data: data}
}

func (l *Loader[V]) counted(results []Result[V]) []Result[V] {
	for i := range results {
		l.count(&results[i])
	}
	return results
}

func (l *Loader[V]) count(r *Result[V]) {
	l.kind.counts.answered[r.State].Add(1)
	if r.State == Cached || r.State == Stale {
		l.kind.counts.ages.add(r.Age(time.Now()))
	}
}

func result[V any](id string, a answer) Result[V] {
	if a.state == Failed {
		return Result[V]{ID: id, Err: a.err}
	}
	r := Result[V]{ID: id, State: a.state, StoredAt: a.item.storedAt(), Shared: a.item.shared, Err: a.err, item: a.item}
	r.Value, _ = a.item.value.(V) // nil in an absence
	return r
}
