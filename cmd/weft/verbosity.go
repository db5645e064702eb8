package main

import (
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/weft-gateway/weft/upstream/breaker"
)

// verbosity is how much is logged: what is configured, or for a while what
// somebody ordered.
type verbosity struct {
	configured *slog.LevelVar
	order      atomic.Pointer[verbosityOrder] // nil: none was given
}

type verbosityOrder struct {
	level slog.Level
	order breaker.Order
}

// Level implements [slog.Leveler].
func (v *verbosity) Level() slog.Level {
	if o := v.held(); o != nil {
		return o.level
	}
	return v.configured.Level()
}

// held returns the order that holds; nil: none does.
func (v *verbosity) held() *verbosityOrder {
	o := v.order.Load()
	if o == nil || !time.Now().Before(o.order.Until) {
		return nil
	}
	return o
}

// Levels implements the ops listener's Level.
func (v *verbosity) Levels() (now, configured slog.Level, order *breaker.Order) {
	if o := v.held(); o != nil {
		held := o.order
		return o.level, v.configured.Level(), &held
	}
	return v.configured.Level(), v.configured.Level(), nil
}

// Order implements the ops listener's Level.
func (v *verbosity) Order(level slog.Level, o breaker.Order) {
	v.order.Store(&verbosityOrder{level, o})
}
