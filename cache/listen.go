package cache

import (
	"context"
	"log/slog"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// recheckAfter is how long memory is believed without Redis: a copy that
	// was dropped elsewhere, unheard here, is shown no longer than that.
	recheckAfter = 30 * time.Second

	listenPing  = 5 * time.Second        // silence after which the connection is tried, and another until it is given up
	listenAgain = 100 * time.Millisecond // pause before a new try, doubled up to the longest
	listenLate  = 5 * time.Second        // the longest pause

	// missedMargin is added to the time of a gap, in which a notice may have
	// been lost on its way.
	missedMargin = time.Minute
)

// due reports whether Redis has to be asked before the item counts as fresh:
// it was not asked for long, or since notices were not to be heard. Without a
// Redis that answers and takes what is written, memory is all there is.
func (c *Cache) due(it *item, now time.Time) bool {
	if c.remote == nil {
		return false
	}
	checked := time.Duration(it.checked)
	if now.Sub(epoch)-checked < recheckAfter && int64(checked-c.born.Sub(epoch)) >= c.gap.Load() {
		return false
	}
	return !c.remote.reads.Tripped() && !c.remote.writes.Tripped()
}

// listener hears what other replicas drop and erase. It has a connection of
// its own, and is no business of the breakers.
type listener struct {
	cache *Cache
	alive time.Time // when the subscription last was; used by run alone
	deaf  bool      // said so in the log; used by run alone
}

func newListener(c *Cache) *listener { return &listener{cache: c, alive: c.born} }

// run listens until the cache is closed.
func (l *listener) run() {
	ctx := l.cache.closing
	for pause := listenAgain; ; pause = min(2*pause, listenLate) {
		before := l.alive
		err := l.session(ctx)
		if ctx.Err() != nil {
			return
		}
		if l.alive.After(before) {
			pause = listenAgain
		}
		l.cache.remote.counts.gaps.Add(1)
		if !l.deaf {
			l.deaf = true
			l.cache.log.Warn("what other replicas drop is not heard", "reason", reason(err))
		}
		select {
		case <-time.After(jitter(pause)):
		case <-ctx.Done():
			return
		}
	}
}

// session is one subscription. It ends with an error.
func (l *listener) session(ctx context.Context) error {
	sub := l.cache.remote.client.Subscribe(ctx, noticeChannel)
	defer sub.Close()                                      //nolint:errcheck // it is given up
	defer context.AfterFunc(ctx, func() { sub.Close() })() //nolint:errcheck,gosec // the same; ends a wait that ctx does not end
	for silent := false; ; {
		msg, err := sub.ReceiveTimeout(ctx, listenPing)
		switch {
		case err != nil && !silent && timedOut(err):
			silent = true
			if err := sub.Ping(ctx); err != nil {
				return err
			}
			continue
		case err != nil:
			return err
		}
		if err := l.hear(ctx, msg); err != nil {
			return err
		}
		silent, l.alive = false, time.Now()
	}
}

func (l *listener) hear(ctx context.Context, msg any) error {
	switch m := msg.(type) {
	case *redis.Subscription:
		return l.catchUp(ctx)
	case *redis.Message:
		return l.obey(ctx, m.Payload)
	}
	return nil
}

// catchUp learns, once notices are to be heard again, what was erased since
// they were not. What was dropped is found out record by record: all are due.
func (l *listener) catchUp(ctx context.Context) error {
	missed := time.Since(l.alive) + missedMargin
	if missed > erasuresKept {
		l.cache.clear()
	}
	payloads, err := l.cache.remote.missed(ctx, missed)
	if err != nil {
		return err
	}
	for _, p := range payloads {
		if err := l.obey(ctx, p); err != nil {
			return err
		}
	}
	l.cache.askAgain()
	l.cache.gap.Store(int64(time.Since(l.cache.born)))
	if l.deaf {
		l.deaf = false
		l.cache.log.Info("what other replicas drop is heard again")
	}
	return nil
}

// obey does what a notice says. Its own drops too: by now the record is gone
// from Redis, and what memory took from there in between is not wanted.
func (l *listener) obey(ctx context.Context, payload string) error {
	n, err := parseNotice(payload)
	if err != nil {
		l.cache.log.LogAttrs(ctx, slog.LevelWarn, "a notice of another replica cannot be read")
		return nil
	}
	l.cache.remote.counts.heard.Add(1)
	switch {
	case n.Drop != nil:
		if k := l.cache.kind(n.Drop.Kind); k != nil {
			k.forget(*n.Drop)
		}
	case n.From != l.cache.remote.name:
		if err := l.cache.eraseHeard(ctx, n.Erase); err != nil {
			return err
		}
		l.cache.askAgain() // it may have been asked for here, and failed
	}
	return nil
}

// clear forgets what memory has.
func (c *Cache) clear() {
	c.fence.Lock()
	defer c.fence.Unlock()
	c.drops++
	c.trails.clear()
	c.memory.items.InvalidateAll()
}
