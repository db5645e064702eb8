package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// The bounds of limits. A rate has to leave microseconds between two requests.
const (
	maxRate     = 10_000
	maxBurst    = 100_000
	maxRefill   = 24 * time.Hour
	maxInFlight = 1024

	minRequests = 16
	maxRequests = 1 << 16
)

// Limits are that of the listener, and those of tenants and keys that say
// nothing else.
type Limits struct {
	InFlight int `yaml:"in_flight"` // requests below /api at once, of all; half of them at most wait for sources

	Tenant TenantLimits `yaml:"tenant,flow"`
	Key    RateLimit    `yaml:"key,flow,omitempty"`
}

// TenantLimits bound what one tenant asks of the gateway.
type TenantLimits struct {
	RateLimit `yaml:",inline"`
	InFlight  int `yaml:"in_flight"` // requests at once
}

// RateLimit bounds how often something is asked. The zero RateLimit is none.
type RateLimit struct {
	Requests rate `yaml:"requests,omitempty"`
	Burst    int  `yaml:"burst,omitempty"` // requests that may come at once
}

// rate is so many requests in a second, a minute or an hour.
type rate struct {
	Count int           // 0: no limit
	Per   time.Duration // 0: nothing was said
}

func (r rate) limited() bool { return r.Count > 0 }

// String writes the rate as the file has it.
func (r rate) String() string {
	for _, u := range rateUnits() {
		if r.limited() && u.per == r.Per {
			return strconv.Itoa(r.Count) + "/" + u.name
		}
	}
	return "unlimited"
}

// MarshalYAML implements [yaml.Marshaler].
func (r rate) MarshalYAML() (any, error) { return r.String(), nil }

// IsZero implements [yaml.IsZeroer]: what was not said is not shown.
func (r rate) IsZero() bool { return r == rate{} }

type rateUnit struct {
	name string
	per  time.Duration
}

func rateUnits() []rateUnit {
	return []rateUnit{{"s", time.Second}, {"m", time.Minute}, {"h", time.Hour}}
}

// frequency is a rate such as 200/s, or unlimited.
func frequency(dst *rate) scalar {
	return func(s string) error {
		if s == "unlimited" {
			*dst = rate{Per: time.Second}
			return nil
		}
		count, unit, _ := strings.Cut(s, "/")
		for _, u := range rateUnits() {
			if n, err := strconv.ParseUint(count, 10, 32); err == nil && n >= 1 && n <= maxRate && unit == u.name {
				*dst = rate{int(n), u.per}
				return nil
			}
		}
		return fmt.Errorf("want a rate from 1/h to %d/s, per s, m or h, or unlimited", maxRate)
	}
}

func (l *TenantLimits) shape() fields {
	f := l.RateLimit.shape()
	f["in_flight"] = between(&l.InFlight, 1, maxInFlight)
	return f
}

func (l *RateLimit) shape() fields {
	return fields{"requests": frequency(&l.Requests), "burst": between(&l.Burst, 1, maxBurst)}
}

// complete takes over what is not said. A burst belongs to its rate: one that
// goes with another rate is not taken over.
func (l *RateLimit) complete(d RateLimit) {
	if l.Requests.IsZero() {
		l.Requests = d.Requests
		if l.Burst == 0 && d.Requests.limited() {
			l.Burst = d.Burst
		}
	}
	if l.Burst == 0 {
		l.Burst = l.Requests.Count
	}
}

// completeLimits fills in the limits of tenants and keys.
func (c *Config) completeLimits() {
	c.Limits.Tenant.complete(RateLimit{})
	c.Limits.Key.complete(RateLimit{})
	for i := range c.Tenants {
		t := &c.Tenants[i]
		t.Limits.complete(c.Limits.Tenant.RateLimit)
		if t.Limits.InFlight == 0 {
			t.Limits.InFlight = c.Limits.Tenant.InFlight
		}
		for j := range t.Keys {
			t.Keys[j].Limits.complete(c.Limits.Key)
		}
	}
}

func (l RateLimit) validate(r *report, path string) {
	if err := l.check(); err != nil {
		r.fail(join(path, "burst"), "%v", err)
	}
}

func (l RateLimit) check() error {
	switch {
	case !l.Requests.limited() && l.Burst > 0:
		return errors.New("has no effect without requests")
	case l.Requests.limited() && time.Duration(l.Burst)*l.Requests.Per/time.Duration(l.Requests.Count) > maxRefill:
		return errors.New("takes more than a day to come back")
	}
	return nil
}

func (c *Config) validateLimits(r *report) {
	c.Limits.Tenant.validate(r, "limits.tenant")
	c.Limits.Key.validate(r, "limits.key")
	for i, t := range c.Tenants {
		path := index("tenants", i)
		t.Limits.validate(r, join(path, "limits"))
		for j, k := range t.Keys {
			k.Limits.validate(r, join(index(join(path, "keys"), j), "limits"))
		}
	}
}

// rated reports whether anybody has a rate limit.
func (c *Config) rated() bool {
	if c.Limits.Key.Requests.limited() { // of callers without an API key too
		return true
	}
	for _, t := range c.Tenants {
		if t.Limits.Requests.limited() {
			return true
		}
		for _, k := range t.Keys {
			if k.Limits.Requests.limited() {
				return true
			}
		}
	}
	return false
}
