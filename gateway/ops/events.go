package ops

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/weft-gateway/weft/upstream/breaker"
)

// Events is the history of the breakers. It may be called concurrently.
type Events interface {
	// Transitions returns the last changes of state, newest last.
	Transitions() []breaker.Transition

	// Changed returns how many there have been so far.
	Changed() uint64

	// Watch returns the same, and then each that follows. The channel has room
	// for so many; it is closed when one finds no room, or by stop.
	Watch(room int) (past []breaker.Transition, news <-chan breaker.Transition, stop func())
}

// The bounds of streams.
const (
	maxStreams   = 32               // at once
	streamRoom   = 64               // changes that wait for a reader
	heartbeat    = 15 * time.Second // of silence
	writeTimeout = 10 * time.Second // for a reader to take what is sent
)

// events answers the history as a list, or as a stream that goes on.
func (s *Server) events(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Vary", "Accept")
	if accept := r.Header.Get("Accept"); strings.Contains(accept, "application/json") && !strings.Contains(accept, "text/event-stream") {
		past := append([]breaker.Transition{}, s.cfg.Events.Transitions()...)
		send(w, http.StatusOK, map[string][]breaker.Transition{"events": past})
		return
	}
	select {
	case s.streams <- struct{}{}:
		defer func() { <-s.streams }()
	default:
		refuse(w, tooManyStreams)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no") // else a proxy may keep it to itself
	if r.Method == http.MethodHead {
		return
	}
	past, news, stop := s.cfg.Events.Watch(streamRoom)
	defer stop()
	st := &stream{w: w, rc: http.NewResponseController(w), boot: s.boot()}
	if st.resume(past, r.Header.Get("Last-Event-ID")) == nil {
		s.follow(r, st, news)
	}
}

// follow sends what comes until the reader, or the process, goes away.
func (s *Server) follow(r *http.Request, st *stream, news <-chan breaker.Transition) {
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	for {
		var err error
		select {
		case <-r.Context().Done():
			return
		case <-s.ending:
			return
		case t, ok := <-news:
			if !ok {
				return // it did not keep up
			}
			err = st.send(t)
		case <-beat.C:
			err = st.write(": still here\n\n")
		}
		if err != nil {
			return
		}
	}
}

// EndStreams ends what would go on for ever. It is for the listener's end.
func (s *Server) EndStreams() { s.ended.Do(func() { close(s.ending) }) }

// boot tells this process from an earlier one in the ids of events.
func (s *Server) boot() string { return strconv.FormatInt(s.cfg.Started.UnixMilli(), 36) }

// stream is one reader's.
type stream struct {
	w    http.ResponseWriter
	rc   *http.ResponseController
	boot string
}

// resume sends what the reader has missed since the event that it saw last, or
// says that this is not known any more. A reader that has seen none begins now.
func (st *stream) resume(past []breaker.Transition, seen string) error {
	if seen == "" {
		return st.write("retry: 2000\n\n")
	}
	boot, number, _ := strings.Cut(seen, ".")
	last, err := strconv.ParseUint(number, 10, 64)
	known := err == nil && boot == st.boot
	if known && len(past) > 0 {
		known = last+1 >= past[0].ID && last <= past[len(past)-1].ID
	}
	if !known {
		last = 0
		if err := st.write("event: gap\ndata: {}\n\n"); err != nil {
			return err
		}
	}
	for _, t := range past {
		if t.ID <= last {
			continue
		}
		if err := st.send(t); err != nil {
			return err
		}
	}
	return st.write("retry: 2000\n\n")
}

func (st *stream) send(t breaker.Transition) error {
	data, err := json.Marshal(t)
	if err != nil {
		return err
	}
	return st.write(fmt.Sprintf("id: %s.%d\nevent: transition\ndata: %s\n\n", st.boot, t.ID, data))
}

func (st *stream) write(text string) error {
	_ = st.rc.SetWriteDeadline(time.Now().Add(writeTimeout)) // not every writer has one
	if _, err := st.w.Write([]byte(text)); err != nil {
		return err
	}
	return st.rc.Flush()
}
