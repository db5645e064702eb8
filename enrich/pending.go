package enrich

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/weft-gateway/weft/cache"
)

// pending is a record that has been asked for, and is waited for later. None of
// what it is asked for with may be nil.
type pending[V any] struct {
	record cache.Pending[V]
	apart  *watched[V] // nil: nobody watches the request
}

// watched is a look-up that is waited for by a goroutine of its own, so that
// whoever watches is told of its end when it ends.
type watched[V any] struct {
	group  errgroup.Group // of one: it carries a panic to whoever waits
	result cache.Result[V]
	at     time.Time
}

// begin is [cache.Loader.Begin], and tells what the breaker and the cache said.
func begin[V any](ctx context.Context, kind string, from origin, l *cache.Loader[V], tenant, id string, opt cache.Options, load cache.One[V]) pending[V] {
	w := watcherOf(ctx)
	if w == nil {
		return pending[V]{record: l.Begin(ctx, tenant, id, opt, load)}
	}
	s := new(watched[V])
	s.group.Go(func() error {
		along, said := lookup(ctx, w, kind, from, opt, 1)
		p := l.Begin(along, tenant, id, opt, load)
		s.result = p.Wait(along)
		s.at = p.At()
		said(lookupStep(kind, from.source, []cache.Result[V]{s.result}))
		return nil
	})
	return pending[V]{apart: s}
}

// wait returns what it came to, and when that was there.
func (p *pending[V]) wait(ctx context.Context) (cache.Result[V], time.Time) {
	if p.apart != nil {
		_ = p.apart.group.Wait()
		return p.apart.result, p.apart.at
	}
	return p.record.Wait(ctx), p.record.At()
}

// leave ends the wait for what is not needed, so that nothing of a request whose
// context has ended outlives it but the shared loads.
func (p *pending[V]) leave() {
	if p.apart != nil {
		_ = p.apart.group.Wait()
	}
}

// get is begin for who waits at once.
func get[V any](ctx context.Context, kind string, from origin, l *cache.Loader[V], tenant, id string, opt cache.Options, load cache.One[V]) cache.Result[V] {
	p := begin(ctx, kind, from, l, tenant, id, opt, load)
	res, _ := p.wait(ctx)
	return res
}

// some are records of one kind: one that has been asked for, or any number of
// them, of ascending ids, that are there.
type some[V any] struct {
	one     pending[V] // good where several is nil
	several []cache.Result[V]
}

func (s *some[V]) wait(ctx context.Context) byID[V] {
	if s.several == nil {
		res, _ := s.one.wait(ctx)
		s.several = []cache.Result[V]{res}
	}
	return s.several
}
