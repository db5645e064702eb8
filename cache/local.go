package cache

import (
	"sync"
	"time"
)

// localStore stands in for Redis where leases and checkpoints are concerned.
// Their names are the configuration's, so that there are few.
type localStore struct {
	mu     sync.Mutex
	values map[string]localValue // guarded by mu
}

type localValue struct {
	value string
	until time.Time
}

func newLocalStore() *localStore { return &localStore{values: map[string]localValue{}} }

// live returns the value that has not run out, or ""; mu is held.
func (s *localStore) live(name string) string {
	if v := s.values[name]; time.Now().Before(v.until) {
		return v.value
	}
	return ""
}

func (s *localStore) get(name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.live(name)
}

func (s *localStore) set(name, value string, ttl time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.values[name] = localValue{value, time.Now().Add(ttl)}
}

// add sets a value where there is none, and reports whether it did.
func (s *localStore) add(name, value string, ttl time.Duration) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.live(name) != "" {
		return false
	}
	s.values[name] = localValue{value, time.Now().Add(ttl)}
	return true
}

// extend and remove change the value only if it is still the one given.
func (s *localStore) extend(name, value string, ttl time.Duration) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.live(name) != value {
		return false
	}
	s.values[name] = localValue{value, time.Now().Add(ttl)}
	return true
}

func (s *localStore) remove(name, value string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.live(name) == value {
		delete(s.values, name)
	}
}
