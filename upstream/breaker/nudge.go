package breaker

import (
	"context"
	"time"
)

// callersFirst is the part of the open time for which a probe that is due is
// left to callers: what they ask for is a better probe than anything of the
// past. Together with the open time it bounds how long a source that is well
// again goes unnoticed.
const callersFirst = 10

// nudge is the goroutine that lets Config.Nudge try the upstream where no
// caller does, until ctx ends. One call is out at a time.
func (b *Breaker) nudge(ctx context.Context) {
	wait := b.openFor / callersFirst
	for {
		select {
		case <-ctx.Done():
			return
		case <-b.tripped:
		}
		for b.probing() && sleep(ctx, b.RetryAfter()+wait) {
			if !b.unattended() {
				continue
			}
			before := b.successes.Load()
			b.cfg.Nudge(ctx)
			for b.mirror.Load().state == HalfOpen && b.successes.Load() > before && ctx.Err() == nil {
				before = b.successes.Load() // it went well: the next one at once
				b.cfg.Nudge(ctx)
			}
			if b.mirror.Load().state == HalfOpen && !sleep(ctx, b.openFor) {
				return // it said nothing, and the next one may not either
			}
		}
	}
}

// unattended reports whether a probe is due and nobody makes one.
func (b *Breaker) unattended() bool {
	s := b.mirror.Load()
	due := s.state == HalfOpen || s.state == Open && time.Now().After(s.nextProbe)
	return due && b.inFlight.Load() == 0
}
