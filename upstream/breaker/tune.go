package breaker

import (
	"fmt"
	"time"
)

// bounds are what a call is held to. They are replaced, never changed.
type bounds struct {
	deadline, slowAfter time.Duration
}

// Tune changes Config.Deadline and Config.SlowAfter for the calls that begin
// from now on. The state, and what was counted, stay.
func (b *Breaker) Tune(deadline, slowAfter time.Duration) error {
	cfg := b.cfg
	cfg.Deadline, cfg.SlowAfter = deadline, slowAfter
	if problem := cfg.problem(); problem != "" {
		return fmt.Errorf("breaker %s: %s", cfg.Name, problem)
	}
	b.bounds.Store(&bounds{deadline, slowAfter})
	return nil
}
