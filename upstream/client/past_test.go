package client

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weft-gateway/weft/upstream"
	"github.com/weft-gateway/weft/upstream/breaker"
)

// mended is how long a source may be well again before its breaker knows, where
// nobody calls and calls take no time.
const mended = 7 * time.Second

// source answers each call with what is set, and remembers what was asked.
type source struct {
	mu     sync.Mutex
	answer roundTripper
	asked  []string // "token path?query"
}

func (s *source) set(rt roundTripper) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = rt
}

func (s *source) since() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	asked := s.asked
	s.asked = nil
	return asked
}

func (s *source) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	answer := s.answer
	s.asked = append(s.asked, strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")+" "+r.URL.RequestURI())
	s.mu.Unlock()
	return answer(r)
}

// trip makes calls that fail until the breaker opens.
func (s *source) trip(t *testing.T, h *Host, c *Client, call Call, wrong roundTripper) {
	t.Helper()
	s.set(wrong)
	for range 20 {
		if tripped, _ := h.Tripped(call.Op); tripped {
			break
		}
		_ = c.Get(t.Context(), call)
	}
	wantTripped(t, h, true)
	s.since()
}

func record(id string) Call {
	return Call{Op: upstream.OpContacts, Path: []string{"contacts", id}, Decode: Reply.Err}
}

// The breaker of a source that nobody asks closes when the source is well again.
// It is tried with a call that went well before, or that failed if none did.
func TestIdleSourceRecovers(t *testing.T) {
	tests := []struct {
		name  string
		calls []Call // that go well before the outage
		wrong roundTripper
		well  roundTripper // the recovery
		want  string       // what it is tried with
	}{
		{"with the last that went well", []Call{record("1"), record("2")}, always(500, ""), always(200, "{}"), "one /contacts/2"},
		{"with one that failed", nil, always(500, ""), always(200, "{}"), "one /contacts/bad"},
		{"what was there is gone", []Call{record("1")}, always(500, ""), always(404, `{"error":"none"}`), "one /contacts/1"},
		{"after answers that were slow", nil, after(900*time.Millisecond, always(200, "{}")), always(200, "{}"), "one /contacts/bad"},
		{"after calls that hung", []Call{record("1")}, hung, always(200, "{}"), "one /contacts/1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &source{answer: always(200, "{}")}
				h := faked(t, s.RoundTrip, nil)
				c := h.Client("one")
				for _, call := range tt.calls {
					wantKind(t, c.Get(t.Context(), call), "")
				}
				s.trip(t, h, c, record("bad"), tt.wrong)
				time.Sleep(10 * time.Minute)
				wantTripped(t, h, true)
				if n := len(s.since()); n < 60 || n > 150 {
					t.Errorf("%d calls in 10 minutes", n)
				}
				s.set(tt.well)
				time.Sleep(mended)
				wantTripped(t, h, false)
				for _, got := range s.since() {
					if got != tt.want {
						t.Errorf("tried with %q, want %q", got, tt.want)
					}
				}
				time.Sleep(time.Hour)
				if got := s.since(); got != nil {
					t.Errorf("%d calls of a source that is well", len(got))
				}
			})
		})
	}
}

// A record that always fails opens the breaker; a caller who asks for another
// one closes it, whatever the breaker itself tries.
func TestOneBadRecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{}
		h := faked(t, s.RoundTrip, nil)
		c := h.Client("one")
		s.trip(t, h, c, record("bad"), func(r *http.Request) (*http.Response, error) {
			if strings.HasSuffix(r.URL.Path, "/bad") {
				return answer(r, 500, ""), nil
			}
			return answer(r, 200, "{}"), nil
		})
		time.Sleep(time.Minute)
		wantTripped(t, h, true)
		for range 120 { // a caller now and then
			_ = c.Get(t.Context(), record("good"))
			time.Sleep(300 * time.Millisecond)
		}
		wantTripped(t, h, false)
	})
}

// A tenant whose quota is used up, whose token is refused, or that is no more,
// is not the one to try a source with.
func TestTriesOfATenant(t *testing.T) {
	setUp := func(t *testing.T) (*source, *Host, *Client) {
		s := &source{answer: always(200, "{}")}
		h := faked(t, s.RoundTrip, nil)
		c := h.Client("one")
		wantKind(t, c.Get(t.Context(), record("1")), "")
		s.trip(t, h, c, record("1"), always(500, ""))
		return s, h, c
	}
	t.Run("closed", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s, h, c := setUp(t)
			c.Close()
			s.set(always(200, "{}"))
			time.Sleep(time.Minute)
			if got := s.since(); got != nil {
				t.Errorf("%d calls with the token of a tenant that is no more", len(got))
			}
			wantTripped(t, h, true)
			other := h.Client("two")
			for range 3 {
				wantKind(t, other.Get(t.Context(), record("2")), "")
			}
			wantTripped(t, h, false)
		})
	})
	t.Run("closed while a call was out", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s, h, c := setUp(t)
			_, wait := h.Tripped(upstream.OpContacts)
			time.Sleep(wait + time.Millisecond)
			s.set(after(100*time.Millisecond, always(200, "{}")))
			go func() { _ = c.Get(context.Background(), record("1")) }()
			time.Sleep(50 * time.Millisecond)
			c.Close()
			time.Sleep(time.Second)
			s.since()
			time.Sleep(time.Minute)
			if got := s.since(); got != nil {
				t.Errorf("%d calls with the token of a tenant that is no more", len(got))
			}
			wantTripped(t, h, true)
		})
	})
	t.Run("another's token", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := &source{}
			h := faked(t, s.RoundTrip, nil)
			s.trip(t, h, h.Client("one"), record("1"), always(500, ""))
			_, wait := h.Tripped(upstream.OpContacts)
			time.Sleep(wait + time.Millisecond)
			s.set(always(401, ""))
			wantKind(t, h.Client("two").Get(t.Context(), record("2")), upstream.Denied)
			s.set(always(200, "{}"))
			time.Sleep(mended)
			wantTripped(t, h, false)
			for _, got := range s.since()[1:] {
				if got != "one /contacts/1" {
					t.Errorf("tried with %q", got)
				}
			}
		})
	})
	for name, refusal := range map[string]roundTripper{"quota": always(429, "", "Retry-After", "30"), "token": always(401, "")} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, h, _ := setUp(t)
				s.set(refusal)
				time.Sleep(time.Minute)
				if n := len(s.since()); n == 0 || n > 15 {
					t.Errorf("%d calls in a minute", n)
				}
				wantTripped(t, h, true)
				s.set(always(200, "{}"))
				time.Sleep(45 * time.Second) // the gate's 30 s, and the time between two tries
				wantTripped(t, h, false)
			})
		})
	}
}

// A try keeps to the cap on calls, and Close ends it.
func TestTriesKeepToTheCap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{}
		h := faked(t, s.RoundTrip, func(c *HostConfig) { c.InFlight = 1 })
		s.trip(t, h, h.Client("one"), record("1"), always(500, ""))
		s.set(hung)
		find := Call{Op: upstream.OpFind, Path: []string{"contacts"}}
		for range 4 { // another operation has the only place
			go func() { _ = h.ClientWithShare("two", 1).Get(context.Background(), find) }()
		}
		for range 10_000 {
			if h.InFlight() > 1 {
				t.Fatal("more calls at once than the cap")
			}
			time.Sleep(time.Millisecond)
		}
		h.Close()
		s.since()
		time.Sleep(time.Minute)
		if got := s.since(); got != nil {
			t.Errorf("%d calls after Close", len(got))
		}
	})
}

// What is remembered of a call is told nowhere.
func TestTriesAreNotLogged(t *testing.T) {
	var log bytes.Buffer
	synctest.Test(t, func(t *testing.T) {
		s := &source{}
		set := breaker.NewSet()
		h := faked(t, s.RoundTrip, func(c *HostConfig) {
			c.Breakers = set
			c.Logger = slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		})
		s.trip(t, h, h.Client(token), record(secretID), always(500, secretBody))
		time.Sleep(time.Minute)
		s.set(always(200, secretBody))
		time.Sleep(mended)
		wantTripped(t, h, false)
		synctest.Wait()
		for _, tr := range set.Transitions() {
			log.WriteString(tr.Cause)
		}
	})
	for _, secret := range []string{token, secretID, secretBody} {
		if strings.Contains(log.String(), secret) {
			t.Errorf("the log tells %q:\n%s", secret, log.String())
		}
	}
	if !strings.Contains(log.String(), "breaker changed state") {
		t.Error("nothing was logged")
	}
}
