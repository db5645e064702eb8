package autocalls

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weft-gateway/weft/upstream"
)

// bots is a server with two pages of assistants, one of them without a uuid,
// and a list that says which filter it got.
type bots struct {
	loads  atomic.Int32
	broken atomic.Bool
	slow   time.Duration
}

func (b *bots) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/api/user/conversations" {
		fmt.Fprintf(w, `{"data":[{"id":"got-%s",%s}],"next_cursor":null,"prev_cursor":null}`, r.URL.Query().Get("assistant_id"), base[len(`"id":"c1",`):])
		return
	}
	time.Sleep(b.slow)
	if b.broken.Load() {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	switch r.URL.Query().Get("page") {
	case "1":
		b.loads.Add(1)
		fmt.Fprint(w, `{"current_page":1,"last_page":2,"data":[{"id":1},{"id":41,"uuid":"AAAA-1"}]}`)
	default:
		fmt.Fprint(w, `{"current_page":2,"last_page":2,"data":[{"id":"9007199254740993","uuid":"bbbb-2"}]}`)
	}
}

func by(assistant string) upstream.ListQuery {
	return upstream.ListQuery{Filters: map[upstream.Filter]string{upstream.FilterAssistant: assistant}}
}

func TestAssistantFilter(t *testing.T) {
	tests := []struct {
		name, assistant string
		want            []string
		calls           int
	}{
		{"integer", "77", []string{"got-77"}, 1},
		{"uuid", "aaaa-1", []string{"got-41"}, 3},
		{"uuid in capitals", "BBBB-2", []string{"got-9007199254740993"}, 3},
		{"unknown uuid", "cccc-3", nil, 2},
	}
	for _, tt := range tests {
		s, faults := open(t, &bots{})
		if diff := cmp.Diff(tt.want, ids(t, s, by(tt.assistant))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
		if n := len(faults.Calls()); n != tt.calls {
			t.Errorf("%s: %d calls, want %d", tt.name, n, tt.calls)
		}
	}
}

func TestAssistantsAreRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bots{}
		s, _ := open(t, b)
		step := func(name string, wait time.Duration, assistant string, want int32) {
			time.Sleep(wait)
			_ = ids(t, s, by(assistant))
			if got := b.loads.Load(); got != want {
				t.Errorf("%s: %d loads, want %d", name, got, want)
			}
		}
		step("first", 0, "aaaa-1", 1)
		step("again", time.Minute, "bbbb-2", 1)
		step("a new one", 0, "cccc-3", 2)
		step("the new one again", missAssistant-1, "cccc-3", 2)
		step("the new one later", 1, "cccc-3", 3)
		step("still known", keepAssistants-1, "aaaa-1", 3)
		step("too old", 1, "aaaa-1", 4)

		b.broken.Store(true)
		time.Sleep(keepAssistants)
		if diff := cmp.Diff([]string{"got-41"}, ids(t, s, by("aaaa-1"))); diff != "" {
			t.Errorf("known from before (-want +got):\n%s", diff)
		}
		if _, err := s.List(t.Context(), by("cccc-3")); upstream.KindOf(err) != upstream.UpstreamError {
			t.Errorf("unknown while the server is broken: %v", err)
		}
	})
}

func TestAssistantsAreLoadedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bots{slow: 50 * time.Millisecond}
		s, _ := open(t, b)
		first, leave := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := s.List(first, by("aaaa-1")); upstream.KindOf(err) != upstream.Canceled {
				t.Errorf("the caller who left: %v, want canceled", err)
			}
		})
		synctest.Wait() // it is the one for whom the load began
		wg.Go(func() {
			short, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
			defer cancel()
			if _, err := s.List(short, by("aaaa-1")); upstream.KindOf(err) != upstream.Deadline {
				t.Errorf("the caller without time: %v, want deadline", err)
			}
		})
		for range 30 {
			wg.Go(func() {
				if p, err := s.List(t.Context(), by("aaaa-1")); err != nil || len(p.Rows) != 1 {
					t.Errorf("%d rows, error %v", len(p.Rows), err)
				}
			})
		}
		synctest.Wait()
		leave()
		wg.Wait()
		if got := b.loads.Load(); got != 1 {
			t.Errorf("%d loads, want 1", got)
		}
	})
}

func TestAssistantShapes(t *testing.T) {
	for _, body := range []string{`[]`, `{}`, `{"data":null}`, `{"data":[{"id":1.5,"uuid":"x"}]}`, `{"data":[{"id":{}}]}`, `<html>`} {
		s, _ := open(t, say(200, body))
		if _, err := s.List(t.Context(), by("x")); upstream.KindOf(err) != upstream.BadResponse {
			t.Errorf("%s: %v, want bad_response", body, err)
		}
	}
	s, _ := open(t, say(404, `{"message":"no such route"}`))
	if _, err := s.List(t.Context(), by("x")); upstream.KindOf(err) != upstream.BadResponse {
		t.Errorf("assistants not found: %v, want bad_response", err)
	}
}

func FuzzAssistants(f *testing.F) {
	f.Add([]byte(`{"data":[{"id":1,"uuid":"x"}],"last_page":2}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		p, err := decodeAssistantPage(body)
		if err != nil {
			return
		}
		for _, one := range *p.Data {
			if one.ID != "" && !isNumber(one.ID.String()) {
				t.Errorf("id %q", one.ID)
			}
		}
	})
}
