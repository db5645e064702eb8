package ops

import (
	"bytes"
	"maps"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// Whoever reads now and then gets new figures each time. Those who together ask
// for more than that share some, which are never older than a change of a
// breaker's state or an order.
const (
	scrapeEvery = 2 * time.Second // for one scrape with new figures, in the long run: it costs some milliseconds
	readEvery   = time.Second     // the same for what is read as JSON
	shareBurst  = 16              // that are made beside, at most
	shareForms  = 4               // that are remembered
)

// shared remembers for a moment what was answered.
type shared struct {
	next    http.Handler
	every   time.Duration
	version func() uint64 // what is remembered of another one is worth nothing

	mu   sync.Mutex
	paid time.Time              // until when the answers that were made take up the time; guarded by mu
	kept map[shareForm]*written // guarded by mu
}

// shareForm is what the answer depends on, beside the figures: /metrics can be asked
// for some of its names.
type shareForm struct{ query, accept, encoding string }

// written is an answer. It is an [http.ResponseWriter] until it is kept.
type written struct {
	at      time.Time
	version uint64
	header  http.Header
	status  int
	body    bytes.Buffer
}

func share(next http.Handler, every time.Duration, version func() uint64) *shared {
	return &shared{next: next, every: every, version: version, kept: make(map[shareForm]*written)}
}

// ServeHTTP implements [http.Handler].
func (s *shared) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a := s.answer(r)
	maps.Copy(w.Header(), a.header)
	w.Header().Set("Content-Length", strconv.Itoa(a.body.Len()))
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body.Bytes()) // fails when the caller is gone
}

// answer makes one, or finds one that is good enough. Those who come while one
// is made wait for it: two would cost twice as much.
func (s *shared) answer(r *http.Request) *written {
	form := shareForm{r.URL.RawQuery, r.Header.Get("Accept"), r.Header.Get("Accept-Encoding")}
	s.mu.Lock()
	defer s.mu.Unlock()
	now, version := time.Now(), s.version()
	known := s.kept[form]
	if known != nil && known.version == version && now.Sub(known.at) < s.every && s.paid.Sub(now) > (shareBurst-1)*s.every {
		return known
	}
	if s.paid.Before(now) {
		s.paid = now
	}
	s.paid = s.paid.Add(s.every)
	if most := now.Add(shareBurst * s.every); s.paid.After(most) {
		s.paid = most // in forms that nobody had asked for, there may be more
	}
	made := &written{at: now, version: version, header: make(http.Header), status: http.StatusOK}
	s.next.ServeHTTP(made, r)
	if made.status == http.StatusOK {
		if len(s.kept) >= shareForms {
			clear(s.kept)
		}
		s.kept[form] = made
	}
	return made
}

// Header implements [http.ResponseWriter].
func (w *written) Header() http.Header { return w.header }

// WriteHeader implements [http.ResponseWriter].
func (w *written) WriteHeader(status int) { w.status = status }

// Write implements [http.ResponseWriter].
func (w *written) Write(p []byte) (int, error) { return w.body.Write(p) }
