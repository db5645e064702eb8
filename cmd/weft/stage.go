package main

import (
	"net/http"
	"sync"
	"sync/atomic"
)

// stage is the handler of the public listener: it hands each request to the
// generation of the moment, and keeps that alive until the answer is given.
type stage struct {
	current  atomic.Pointer[generation]
	draining atomic.Bool // the process is about to end
}

// ServeHTTP implements [http.Handler]. While the process is about to end, each
// connection is given up with its answer: what is idle is left open, since its
// next request may be on its way.
func (s *stage) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s.draining.Load() {
		w.Header().Set("Connection", "close")
	}
	g := s.enter()
	defer g.users.leave()
	g.server.ServeHTTP(w, r)
}

// enter returns the current generation, which does not go before it is left.
func (s *stage) enter() *generation {
	for {
		g := s.current.Load()
		g.users.n.Add(1)
		if s.current.Load() == g {
			return g
		}
		g.users.leave() // another was installed in between
	}
}

// users counts those who use something, and tells when the last one has gone.
type users struct {
	n    *atomic.Int64
	once *sync.Once
	gone chan struct{} // closed by the last leave
}

// newUsers begins with one.
func newUsers() users {
	u := users{n: new(atomic.Int64), once: new(sync.Once), gone: make(chan struct{})}
	u.n.Store(1)
	return u
}

func (u users) leave() {
	if u.n.Add(-1) == 0 {
		u.once.Do(func() { close(u.gone) })
	}
}
