package ops

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weft-gateway/weft/upstream/breaker"
)

// reader is a browser that reads a stream.
type reader struct {
	*httptest.ResponseRecorder
	cancel context.CancelFunc
	done   sync.WaitGroup

	mu    sync.Mutex
	text  strings.Builder
	stuck chan struct{} // nil: it reads what comes
}

func (r *reader) Write(b []byte) (int, error) {
	if r.stuck != nil {
		<-r.stuck
		return 0, errors.New("deadline exceeded")
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.Write(b)
}

func (r *reader) Flush() {}

// raw is all that came.
func (r *reader) raw() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.String()
}

// read returns the events so far, as "id event breaker from>to".
func (r *reader) read() (events []string) {
	synctest.Wait()
	for block := range strings.SplitSeq(r.raw(), "\n\n") {
		var id, event string
		for line := range strings.SplitSeq(block, "\n") {
			if v, ok := strings.CutPrefix(line, "id: "); ok {
				_, id, _ = strings.Cut(v, ".")
			}
			if v, ok := strings.CutPrefix(line, "event: "); ok {
				event = v
			}
			if strings.HasPrefix(line, ": ") {
				event = "beat"
			}
		}
		if event != "" {
			events = append(events, strings.TrimSpace(event+" "+id))
		}
	}
	return events
}

// stream connects a reader that has seen the event of that id; "": none.
func (d *desk) stream(seen string, stuck chan struct{}) *reader {
	d.t.Helper()
	ctx, cancel := context.WithCancel(d.t.Context())
	req := httptest.NewRequest("GET", "/breakers/events", nil).WithContext(ctx)
	req.Header.Set("Accept", "text/event-stream")
	if seen != "" {
		req.Header.Set("Last-Event-ID", seen)
	}
	r := &reader{ResponseRecorder: httptest.NewRecorder(), cancel: cancel, stuck: stuck}
	r.done.Go(func() { d.server.ServeHTTP(r, req) })
	synctest.Wait()
	return r
}

func (r *reader) close() { r.cancel(); r.done.Wait() }

// move makes transitions.
func (d *desk) move(n int) {
	b := d.set.Breaker("rest-contacts")
	for range n {
		if b.Tripped() {
			b.Reset("oncall", "x")
		} else {
			d.trip("rest-contacts")
		}
	}
}

func TestStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		d.move(2)
		r := d.stream("", nil)
		defer r.close()
		if got := r.Header().Get("Content-Type"); got != "text/event-stream" {
			t.Errorf("content type %q", got)
		}
		d.move(2)
		if diff := cmp.Diff([]string{"transition 3", "transition 4"}, r.read()); diff != "" {
			t.Errorf("from now on (-want +got):\n%s", diff)
		}
		data := `{"id":4,"breaker":"rest-contacts","from":"open","to":"closed","at":"2000-01-01T00:00:00Z","cause":"reset by oncall: x","by":"oncall"}`
		if !strings.Contains(r.raw(), "data: "+data+"\n\n") {
			t.Errorf("the data of the fourth is not there:\n%s", r.raw())
		}
		time.Sleep(heartbeat + time.Second)
		if got := r.read(); got[len(got)-1] != "beat" {
			t.Errorf("no heartbeat: %v", got)
		}
	})
}

func TestStreamResumes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		d.move(5)
		boot := d.server.boot()
		all := []string{"gap", "transition 1", "transition 2", "transition 3", "transition 4", "transition 5"}
		for seen, want := range map[string][]string{
			boot + ".3":              {"transition 4", "transition 5"},
			boot + ".5":              nil,
			boot + ".0":              all[1:],
			boot + ".6":              all, // never was
			"x.3":                    all, // of another process
			boot:                     all,
			"nonsense":               all,
			boot + ".-1":             all,
			strings.Repeat("9", 100): all,
		} {
			r := d.stream(seen, nil)
			if diff := cmp.Diff(want, r.read()); diff != "" {
				t.Errorf("%s (-want +got):\n%s", seen, diff)
			}
			r.close()
		}
		d.move(600)
		r := d.stream(boot+".3", nil)
		got := r.read()
		r.close()
		if len(got) != 501 || got[0] != "gap" || got[1] != "transition 106" || got[500] != "transition 605" {
			t.Errorf("%d events, from %v", len(got), got[:3])
		}
	})
}

func TestStreamsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		var readers []*reader
		for range maxStreams {
			readers = append(readers, d.stream("", nil))
		}
		got := d.ask("GET", "/breakers/events", "")
		if got.status != http.StatusServiceUnavailable || got.header.Get("Retry-After") == "" {
			t.Errorf("one too many: %d", got.status)
		}
		if got := d.ask("GET", "/breakers/events", "", "Accept", "application/json"); got.status != 200 {
			t.Errorf("the list: %d", got.status)
		}
		readers[0].close()
		readers = append(readers, d.stream("", nil))
		d.move(1)
		if got := readers[len(readers)-1].read(); len(got) != 1 {
			t.Errorf("in the place that became free: %v", got)
		}
		d.server.EndStreams()
		for _, r := range readers {
			r.done.Wait()
			r.cancel()
		}
	})
}

// A reader that takes nothing keeps nobody up, and is let go.
func TestSlowReaderIsDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		stuck := make(chan struct{})
		slow, quick := d.stream("", stuck), d.stream("", nil)
		defer quick.close()
		for range 4 * streamRoom {
			d.move(1)
			synctest.Wait()
		}
		if got := len(quick.read()); got != 4*streamRoom {
			t.Errorf("the quick one has %d events, want %d", got, 4*streamRoom)
		}
		close(stuck)
		slow.done.Wait()
		slow.cancel()
	})
}

// One whose connection takes what comes, but more slowly than it comes, is cut
// off when its room is used up.
func TestReaderThatFallsBehindIsCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		news := make(chan breaker.Transition)
		d.server.cfg.Events = cutOff{news}
		r := d.stream("", nil)
		close(news)
		r.done.Wait()
		r.cancel()
	})
}

// cutOff is a history that ends a watch.
type cutOff struct{ news chan breaker.Transition }

func (cutOff) Transitions() []breaker.Transition { return nil }
func (cutOff) Changed() uint64                   { return 0 }
func (c cutOff) Watch(int) ([]breaker.Transition, <-chan breaker.Transition, func()) {
	return nil, c.news, func() {}
}

func TestEventsAsList(t *testing.T) {
	d := newDesk(t)
	d.move(3)
	for accept, list := range map[string]bool{
		"application/json": true, "application/json, text/event-stream": false,
	} {
		ctx, cancel := context.WithCancel(t.Context())
		cancel() // a stream would end at once
		r := httptest.NewRequest("GET", "/breakers/events", nil).WithContext(ctx)
		r.Header.Set("Accept", accept)
		w := httptest.NewRecorder()
		d.server.ServeHTTP(w, r)
		if got := strings.HasPrefix(w.Body.String(), `{"events":[{"id":1,`); got != list {
			t.Errorf("%s: %s", accept, w.Body)
		}
	}
	var got struct{ Events []breaker.Transition }
	d.ask("GET", "/breakers/events", "", "Accept", "application/json").into(t, &got)
	if s := fmt.Sprint(len(got.Events)); s != "3" {
		t.Errorf("%s events", s)
	}
}
