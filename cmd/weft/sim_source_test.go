package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weft-gateway/weft/upstream/sandbox"
)

// hole is where in a record its source puts the time at which it answers, so
// that what is shown tells how old it is.
const hole = "@@@@@@@@@@@@@@@@@@@"

// mark is what a record says of itself: whose and which it is, and the hole.
func mark(tenant, id string) string { return "mark " + tenant + " " + id + " " + hole }

// sources are the sandbox's services with a latency, stamped answers and counts.
type sources struct {
	box     *sandbox.Sandbox
	handler http.Handler
	latency func() time.Duration // guarded by mu

	mu      sync.Mutex
	bySec   map[string]map[int64]int // service -> second -> calls
	byPath  map[string]int           // service and path -> calls
	total   map[string]int           // service -> calls
	byToken map[string][]time.Time   // service and token -> when it called

	longest atomic.Int64 // bytes of the longest answer that was taken
}

func newSources(box *sandbox.Sandbox) *sources {
	s := &sources{box: box, handler: box.Handler(), latency: func() time.Duration { return 5*time.Millisecond + rand.N(20*time.Millisecond) }}
	s.reset()
	return s
}

// reset forgets what was counted.
func (s *sources) reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bySec, s.byPath = map[string]map[int64]int{}, map[string]int{}
	s.total, s.byToken = map[string]int{}, map[string][]time.Time{}
}

func (s *sources) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	service, path, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	took := s.count(service, token, path+"?"+r.URL.RawQuery)
	select {
	case <-time.After(took):
	case <-r.Context().Done():
		panic(http.ErrAbortHandler)
	}
	answer := &stamping{ResponseWriter: w}
	defer func() { s.longest.Store(max(s.longest.Load(), answer.taken)) }()
	s.handler.ServeHTTP(answer, r)
}

// count takes down a call and says how long it is to take.
func (s *sources) count(service, token, path string) time.Duration {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.bySec[service] == nil {
		s.bySec[service] = map[int64]int{}
	}
	s.bySec[service][now.Unix()]++
	s.byPath[service+" "+path]++
	s.total[service]++
	s.byToken[service+" "+token] = append(s.byToken[service+" "+token], now)
	return s.latency()
}

// pace changes how long the services take.
func (s *sources) pace(latency func() time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.latency = latency
}

// calls counts those of a service since the reset.
func (s *sources) calls(service string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.total[service]
}

// peak is the most calls of a service within so many seconds.
func (s *sources) peak(service string, within int64) (peak int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for first := range s.bySec[service] {
		n := 0
		for i := range within {
			n += s.bySec[service][first+i]
		}
		peak = max(peak, n)
	}
	return peak
}

// most is the largest number of calls for one path of a service that has text in it.
func (s *sources) most(service, text string) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for path, count := range s.byPath {
		if strings.HasPrefix(path, service+" ") && strings.Contains(path, text) {
			n = max(n, count)
		}
	}
	return n
}

// gap is the time between the first call with a token and the first that was
// made after its answer, and how many calls there were.
func (s *sources) gap(service, token string) (time.Duration, int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	calls := s.byToken[service+" "+token]
	for _, at := range calls {
		if d := at.Sub(calls[0]); d > 100*time.Millisecond {
			return d, len(calls)
		}
	}
	return time.Hour, len(calls)
}

// stamping fills the holes of what is written.
type stamping struct {
	http.ResponseWriter
	taken int64 // bytes
}

func (w *stamping) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *stamping) Write(b []byte) (int, error) {
	if bytes.Contains(b, []byte(hole)) {
		b = bytes.ReplaceAll(b, []byte(hole), fmt.Appendf(nil, "%0*d", len(hole), time.Now().UnixNano()))
	}
	n, err := w.ResponseWriter.Write(b)
	w.taken += int64(n)
	return n, err
}
