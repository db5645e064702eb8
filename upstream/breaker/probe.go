package breaker

import (
	"context"
	"time"
)

// probe is the goroutine that tries the upstream while the breaker is not
// closed, until ctx ends.
func (b *Breaker) probe(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-b.tripped:
		}
		for b.probing() && ctx.Err() == nil {
			b.probeOnce(ctx)
		}
	}
}

// probeOnce waits for its time and makes one probe. In half-open the next one
// follows at once after a success; after anything else the wait is the full one.
func (b *Breaker) probeOnce(ctx context.Context) {
	s := b.mirror.Load()
	if s.state == Open {
		// gobreaker wants its time to be over, not just up.
		if !sleep(ctx, time.Until(s.nextProbe)+time.Millisecond) {
			return
		}
	}
	err := b.admit(ctx, b.cfg.Probe, runApart)
	if err != nil && b.mirror.Load().state == HalfOpen {
		sleep(ctx, b.openFor)
	}
}

// probing reports whether probes decide what becomes of the breaker. It is
// false while an operator has decided.
func (b *Breaker) probing() bool {
	s := b.mirror.Load().state
	return s == Open || s == HalfOpen
}

// sleep waits for d and reports whether ctx is still alive.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
