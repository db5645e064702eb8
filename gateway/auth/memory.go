package auth

import (
	"sync"
	"time"
)

const (
	rememberFor = time.Minute
	// maxRemembered bounds each half of the memory; an entry is some 400 bytes.
	maxRemembered = 8 << 10
)

// memory remembers verified tokens. It has two halves: when the young one is full
// the old one is forgotten, and what is asked for in the old one moves over, so
// that tokens in use outlast a flood of others.
type memory struct {
	mu         sync.Mutex
	young, old map[digest]remembered
}

type remembered struct {
	who        Principal
	until      time.Time // never past the token's own end
	source     *source
	generation uint64 // of the source's keys when the token was verified
}

// holds reports whether the token is still good: in time, and no key of its
// issuer withdrawn since.
func (r remembered) holds(now time.Time) bool {
	return now.Before(r.until) && r.source.current(r.generation)
}

func (m *memory) get(d digest, now time.Time) (Principal, bool) {
	m.mu.Lock()
	r, ok := m.young[d]
	if !ok {
		if r, ok = m.old[d]; ok {
			m.put(d, r)
		}
	}
	m.mu.Unlock()
	if !ok || !r.holds(now) {
		return Principal{}, false
	}
	return r.who, true
}

func (m *memory) add(d digest, r remembered) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.put(d, r)
}

func (m *memory) put(d digest, r remembered) {
	if m.young == nil || len(m.young) >= maxRemembered {
		m.old, m.young = m.young, make(map[digest]remembered)
	}
	m.young[d] = r
}
