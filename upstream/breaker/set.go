package breaker

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
)

// history is how many transitions a Set remembers.
const history = 500

// Set is the breakers of a process, for those who watch them. Its methods may
// be called concurrently.
type Set struct {
	journal  journal
	mu       sync.Mutex
	breakers []*Breaker // ordered by name
}

// NewSet returns an empty Set.
func NewSet() *Set { return &Set{} }

// Add puts b into the set, whose history it joins from now on. A name that is
// taken is refused, and so is a breaker that belongs to a set already.
func (s *Set) Add(b *Breaker) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	i, taken := s.find(b.cfg.Name)
	if taken {
		return fmt.Errorf("breaker: two are named %q", b.cfg.Name)
	}
	if !b.journal.CompareAndSwap(nil, &s.journal) {
		return fmt.Errorf("breaker %s is in a set already", b.cfg.Name)
	}
	s.breakers = slices.Insert(s.breakers, i, b)
	return nil
}

// Remove takes b out of the set, which then has room for another of its name.
// What became of it stays in the history.
func (s *Set) Remove(b *Breaker) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.breakers = slices.DeleteFunc(s.breakers, func(o *Breaker) bool { return o == b })
	b.journal.CompareAndSwap(&s.journal, nil)
}

// Snapshots describes all breakers, ordered by name.
func (s *Set) Snapshots() []Snapshot {
	bs := s.list()
	snaps := make([]Snapshot, len(bs))
	for i, b := range bs {
		snaps[i] = b.Snapshot()
	}
	return snaps
}

// Transitions returns the last 500 changes of state, newest last.
func (s *Set) Transitions() []Transition { return s.journal.list() }

// Changed returns how many changes of state there have been so far.
func (s *Set) Changed() uint64 {
	s.journal.mu.Lock()
	defer s.journal.mu.Unlock()
	return s.journal.last
}

// Breaker returns the breaker of the name, nil if there is none.
func (s *Set) Breaker(name string) *Breaker {
	s.mu.Lock()
	defer s.mu.Unlock()
	i, found := s.find(name)
	if !found {
		return nil
	}
	return s.breakers[i]
}

// find returns where the name is or would be. The caller holds mu.
func (s *Set) find(name string) (int, bool) {
	return slices.BinarySearchFunc(s.breakers, name, func(o *Breaker, name string) int {
		return cmp.Compare(o.cfg.Name, name)
	})
}

// Close closes all breakers.
func (s *Set) Close() {
	for _, b := range s.list() {
		b.Close()
	}
}

func (s *Set) list() []*Breaker {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.breakers)
}

// journal is a ring of transitions. add is called under gobreaker's mutex, so
// nothing here may call a breaker.
type journal struct {
	mu   sync.Mutex
	last uint64
	ring []Transition // the one with ID n is at (n-1) % history
	outs map[chan Transition]bool
}

func (j *journal) add(t Transition) Transition {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.last++
	t.ID = j.last
	if len(j.ring) < history {
		j.ring = append(j.ring, t)
	} else {
		j.ring[(t.ID-1)%history] = t
	}
	j.tell(t)
	return t
}

func (j *journal) list() []Transition {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.listed()
}

// listed is list for who holds mu.
func (j *journal) listed() []Transition {
	if len(j.ring) < history {
		return slices.Clone(j.ring)
	}
	oldest := j.last % history
	return slices.Concat(j.ring[oldest:], j.ring[:oldest])
}
