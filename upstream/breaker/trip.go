package breaker

import (
	"fmt"
	"time"
)

// Rule is what made a breaker open.
type Rule string

// The rules.
const (
	RuleConsecutive Rule = "consecutive" // failures in a row
	RuleRatio       Rule = "ratio"       // the share of failures in the window
	RuleProbe       Rule = "probe"       // it was half-open, and a probe failed
)

// Trip is the evidence on which a breaker opened.
type Trip struct {
	At                  time.Time `json:"at"` // UTC
	Rule                Rule      `json:"rule"`
	Successes           int       `json:"successes"` // in the window
	Failures            int       `json:"failures"`  // in the window; of a probe, itself
	ConsecutiveFailures int       `json:"consecutiveFailures"`
	Kind                string    `json:"kind"` // of the last failure

	window time.Duration
}

func (t Trip) text() string {
	switch t.Rule {
	case RuleConsecutive:
		return fmt.Sprintf("%d failures in a row, last %s", t.ConsecutiveFailures, t.Kind)
	case RuleRatio:
		return fmt.Sprintf("%d of %d calls failed in %v, last %s", t.Failures, t.Successes+t.Failures, t.window, t.Kind)
	}
	return "a probe failed: " + t.Kind
}
