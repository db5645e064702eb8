package main

import (
	"log/slog"
	"reflect"
	"strings"
	"time"
)

// maxDrain bounds each time of the drain.
const maxDrain = 10 * time.Minute

// When a changed file is taken over.
const (
	reloadOff    = "off"    // by a restart
	reloadSignal = "signal" // on SIGHUP
	reloadWatch  = "watch"  // on SIGHUP, and when the file changes
)

// maxSampled is of how many answers one can be logged.
const maxSampled = 1_000_000

// Log says what is logged.
type Log struct {
	Level  string `yaml:"level"`            // the least that is: debug, info, warn, error
	Access int    `yaml:"access,omitempty"` // of so many answers to tenants that are no errors, one; 0: none
}

func (l Log) level() (level slog.Level) {
	_ = level.UnmarshalText([]byte(l.Level)) // one of the four words
	return level
}

// Drain is how the process ends.
type Drain struct {
	Delay   time.Duration `yaml:"delay"`   // for which it goes on although it is not ready any more; 0: none
	Timeout time.Duration `yaml:"timeout"` // then, for requests under way; more is cut off
}

// fixed are the keys that a running process cannot change, with their values:
// what they made is bound to an address, shared by everything, or in Redis.
func (c *Config) fixed() []fixedKey {
	return []fixedKey{
		{"listen", c.Listen},
		{"ops.listen", c.Ops.Listen},
		{"redis.url", c.Redis.URL},
		{"deadlines.redis", c.Deadlines.Redis},
		{"cache.memory", c.Cache.Memory},
		{"cache.encryption", c.Cache.Encryption},
		{"audit.file", c.Audit.File},
		{"audit.hash", c.Audit.Hash},
	}
}

type fixedKey struct {
	path  string
	value any
}

// restarts says, as a comment of YAML, what a running gateway does not take over.
func (c *Config) restarts() string {
	if c.Reload == reloadOff {
		return "# reload is off: every change needs a restart"
	}
	var paths []string
	for _, key := range c.fixed() {
		paths = append(paths, key.path)
	}
	return "# these need a restart, the rest does not: " + strings.Join(paths, ", ")
}

// changeable reports the changes from old that need a restart.
func (c *Config) changeable(r *report, old *Config) {
	before := old.fixed()
	for i, key := range c.fixed() {
		if !reflect.DeepEqual(key.value, before[i].value) {
			r.fail(key.path, "cannot be changed while the gateway runs; restart it")
		}
	}
}
