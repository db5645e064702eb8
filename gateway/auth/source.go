package auth

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// MaxLoad bounds how long fetching the keys of an issuer may take.
const MaxLoad = 2 * time.Second

const (
	// loadPause is between the beginnings of two loads, whatever they are for:
	// a caller can make up as many names of keys as it likes.
	loadPause = 30 * time.Second
	maxKeySet = 256 << 10 // bytes

	// refreshURL is how long a key is used after its issuer has withdrawn it.
	// A file costs nothing to read, so it is read at every opportunity.
	refreshURL  = time.Hour
	refreshFile = loadPause

	// maxKeysAge is how long an issuer may be away. Without an end, whoever can
	// keep the gateway from an issuer could keep a withdrawn key alive.
	maxKeysAge = 24 * time.Hour

	// A name that the issuer does not know causes no load for a while.
	unknownFor = time.Minute
	maxUnknown = 1024
)

// source keeps the keys of one issuer.
type source struct {
	issuer string
	allow  []string // algorithms
	every  time.Duration
	read   func(context.Context) ([]byte, error)
	log    *slog.Logger

	ctx  context.Context // of the loads, which outlive those who wait for them
	stop context.CancelFunc
	idle func() // closes connections that are not used
	wg   sync.WaitGroup
	set  atomic.Pointer[keySet] // nil: none yet

	mu      sync.Mutex
	users   int                  // Tokens that have the source and are not closed
	flight  *flight              // nil: none under way
	began   time.Time            // the latest load
	failing bool                 // the latest load failed
	unknown map[string]time.Time // name of a key -> until when it is not asked for
}

// newSource returns the source of an issuer's keys. One that is a file has to be
// there; a URL is not fetched yet.
func newSource(i Issuer, transport http.RoundTripper, log *slog.Logger) (*source, error) {
	s := &source{issuer: i.Name, allow: i.Algorithms, log: log, users: 1, unknown: make(map[string]time.Time), idle: func() {}}
	s.ctx, s.stop = context.WithCancel(context.Background())
	if i.JWKSURL != "" {
		s.read, s.every = fetching(transport, i.JWKSURL), refreshURL
		if t, ok := transport.(interface{ CloseIdleConnections() }); ok {
			s.idle = t.CloseIdleConnections
		}
		return s, nil
	}
	s.read, s.every = reading(i.JWKSFile), refreshFile
	err := s.load()
	if err != nil {
		s.stop()
	}
	return s, err
}

// share lets further Tokens use the source. It is false once it is closed.
func (s *source) share() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.users <= 0 {
		return false
	}
	s.users++
	return true
}

// close ends the load that is under way, and lets none begin, once nobody else
// uses the source.
func (s *source) close() {
	s.mu.Lock()
	s.users--
	last := s.users == 0
	if last {
		s.stop()
	}
	s.mu.Unlock()
	if last {
		s.wg.Wait()
		s.idle()
	}
}

// key returns the named key, and the generation of the set that it is from. For
// one that is unknown the keys are loaded again, if that may be.
func (s *source) key(name keyName) (publicKey, uint64, bool) {
	key, generation, ok := s.lookup(name)
	if !ok && s.await(name) {
		key, generation, ok = s.lookup(name)
	}
	return key, generation, ok
}

func (s *source) lookup(name keyName) (publicKey, uint64, bool) {
	set := s.set.Load()
	if set == nil || time.Since(set.loaded) > maxKeysAge {
		return nil, 0, false
	}
	key, ok := set.keys[name]
	return key, set.generation, ok
}

// age is how long ago the keys were loaded. It is false where they never were.
func (s *source) age() (time.Duration, bool) {
	set := s.set.Load()
	if set == nil {
		return 0, false
	}
	return time.Since(set.loaded), true
}

// current reports whether no key was withdrawn since the generation.
func (s *source) current(generation uint64) bool {
	set := s.set.Load()
	return set != nil && set.generation == generation
}

// await waits for the load that may bring the named key. It is false where none
// is to be expected. All who wait, wait for the same load.
func (s *source) await(name keyName) bool {
	s.mu.Lock()
	var f *flight
	if !time.Now().Before(s.unknown[name.kid]) {
		f = s.begin()
	}
	s.mu.Unlock()
	if f == nil || !f.wait(s.ctx) {
		return false
	}
	if _, _, ok := s.lookup(name); !ok && f.err == nil {
		s.forgo(name.kid)
	}
	return true
}

// forgo remembers that the issuer does not know a key. When there are too many
// of those, the pause between loads has to do.
func (s *source) forgo(kid string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if len(s.unknown) >= maxUnknown {
		for k, until := range s.unknown {
			if !now.Before(until) {
				delete(s.unknown, k)
			}
		}
	}
	if len(s.unknown) < maxUnknown {
		s.unknown[kid] = now.Add(unknownFor)
	}
}
